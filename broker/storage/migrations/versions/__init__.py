"""Revisions of the schema, oldest first. One that has run anywhere is never edited; none is undone: a store that
keeps what was decided does not drop it (go back by a back-up)."""
