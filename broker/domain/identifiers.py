"""Identifiers: random UUIDs (version 4), which reveal no time and no order. Lists by age are ordered by stored
times."""

import uuid


def new_ident() -> str:
    """A UUIDv4 string. An id that contained a time would show its readers when a job ended."""
    return str(uuid.uuid4())
