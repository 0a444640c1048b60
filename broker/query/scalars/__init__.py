"""What an expression means, by dialect: each checked node to a scalar. No relations."""
