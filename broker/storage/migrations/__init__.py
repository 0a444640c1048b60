"""Alembic's environment of the store: each revision is frozen once it has run anywhere."""
