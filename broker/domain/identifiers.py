"""Identifiers: random UUIDs (version 4), which show no time and no order; lists by age are ordered by stored times."""

import uuid


def new_ident() -> str:
    """A UUIDv4 string. An id that carried a time would tell everybody who reads it when a job came to its end."""
    return str(uuid.uuid4())
