"""Identifiers: time-ordered UUIDs (version 7), made from a given time and the system's randomness."""

import secrets
import uuid
from datetime import datetime


def new_ident(now: datetime) -> str:
    """A UUIDv7 string (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    rand = secrets.randbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (rand >> 62) << 64 | 0b10 << 62 | rand & ((1 << 62) - 1)
    return str(uuid.UUID(int=value))
