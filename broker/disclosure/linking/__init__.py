"""Linked tables of a job: their joint cells, and one suppression pattern for all of them. Imports no engine."""
