"""Revisions of the schema, oldest first. A revision that has run anywhere is never edited."""
