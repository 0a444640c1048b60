"""Adapter: the store (SQLite or PostgreSQL), the shelf of outputs' bytes, the system clock. No rules of the trade."""
