"""Expressions by dialect: binds each checked syntax node to a scalar, or refuses it and names the form to write."""
