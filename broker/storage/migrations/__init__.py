"""Alembic's environment of the store. A revision is frozen once it has run anywhere."""
