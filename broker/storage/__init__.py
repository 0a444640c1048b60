"""Adapter: the store (SQLite or PostgreSQL), the content of outputs, the system clock. No rules of the trade."""
