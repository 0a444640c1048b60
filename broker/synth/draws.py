"""Random draws of the generator: one stream for each purpose and year, vectorised. Independent of the NPD."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]
Rng = np.random.Generator


def stream(seed: int, purpose: str, year: int = 0) -> Rng:
    """A separate stream for each purpose and year, so that neither threads nor other tables change its values."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), year])))


def pick(rng: Rng, shares: Sequence[float] | Array, n: int) -> Array:
    """`n` positions, each drawn with the probability of its share."""
    edges = np.cumsum(np.asarray(shares, dtype=float))
    found = np.searchsorted(edges / edges[-1], rng.random(n), side="right")
    return np.asarray(found.clip(0, len(edges) - 1), dtype=np.int16)


def pick_by_group(rng: Rng, shares: Array, group: Array) -> Array:
    """One position for each element, drawn with the shares in its group's row."""
    edges = np.cumsum(shares, axis=1)
    # Row n covers n to n + 1: one search finds the position in any row.
    edges = edges / edges[:, -1:] + np.arange(len(shares))[:, None]
    edges[:, -1] = np.arange(1, len(shares) + 1)
    found = np.searchsorted(edges.ravel(), group + rng.random(len(group)), side="right")
    inside = found - group.astype(np.int64) * shares.shape[1]
    return np.asarray(inside.clip(0, shares.shape[1] - 1), dtype=np.int16)


def ranks(values: Array) -> Array:
    """Uniform ranks strictly between 0 and 1."""
    out = np.empty(len(values))
    out[np.argsort(values, kind="stable")] = (np.arange(len(values)) + 0.5) / max(len(values), 1)
    return out


def standardised(values: Array) -> Array:
    """Scale to mean 0 and standard deviation 1."""
    spread = float(values.std()) if len(values) else 1.0
    return (values - (values.mean() if len(values) else 0.0)) / (spread or 1.0)


def flat_text(letters: Array) -> pa.Array:
    """A matrix of character codes, one row for each value, as text without a Python object for each value."""
    n, width = letters.shape
    offsets = np.arange(n + 1, dtype=np.int32) * width
    data = np.ascontiguousarray(letters, dtype=np.uint8)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data.tobytes()))


_BASE32 = np.frombuffer(b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789", dtype=np.uint8)
_CAPITALS = np.frombuffer(b"ABCDEFGHJKLMNPQRTUVWXYZ", dtype=np.uint8)
_DIGITS = np.frombuffer(b"0123456789", dtype=np.uint8)


def opaque(rng: Rng, n: int, width: int) -> pa.Array:
    """Meaningless references: practically unique from 14 characters on."""
    return flat_text(_BASE32[rng.integers(0, 32, (n, width))])


def patterned(rng: Rng, n: int, pattern: str) -> pa.Array:
    """Text from a pattern: `A` is a capital, `9` a digit, anything else itself."""
    letters = np.empty((n, len(pattern)), dtype=np.uint8)
    for place, mark in enumerate(pattern):
        if mark == "A":
            letters[:, place] = _CAPITALS[rng.integers(0, len(_CAPITALS), n)]
        elif mark == "9":
            letters[:, place] = _DIGITS[rng.integers(0, 10, n)]
        else:
            letters[:, place] = ord(mark)
    return flat_text(letters)
