"""Expressions by dialect: each checked syntax node to a scalar, or a refusal with the form to write."""
