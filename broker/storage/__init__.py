"""Adapters: the store (SQLite or PostgreSQL), the content of outputs, the system clock. No business rules."""
