"""Revisions of the schema since the one that new stores are made with, oldest first. One that has run anywhere is never
edited; none is undone: go back by a back-up."""
