"""Defects planted on purpose, as deliveries have them: duplicates, empty keys, untidy codes. Each has one function."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from broker.synth.draws import Array, Rng


def duplicates(rng: Rng, n: int, share: float) -> Array:
    """Rows that appear a second time, no row twice."""
    return np.sort(rng.permutation(n)[: max(1, round(n * share)) if n else 0])


def record_status(rng: Rng, n: int, duplicated: Array) -> Array:
    """For `n` rows and then their duplicates: 0 for a row on its own, 1-20 main record, 101-120 duplicate."""
    kind = rng.integers(1, 21, len(duplicated))
    status = np.zeros(n + len(duplicated), dtype=np.int32)
    status[duplicated] = kind
    status[n:] = 100 + kind
    return status


def blank_keys(rng: Rng, keys: pa.Array, share: float) -> pa.Array:
    """A share of the keys lost: half of them NULL, half empty text."""
    draw = rng.random(len(keys))
    emptied = pc.if_else(pa.array(draw < share / 2), "", keys)
    return pc.if_else(pa.array((draw >= share / 2) & (draw < share)), pa.scalar(None, pa.string()), emptied)


def untidy(rng: Rng, column: pa.Array, share: float = 0.003) -> pa.Array:
    """A share of the codes in lower case with a blank behind: the code list still says what they mean."""
    codes = column.dictionary.to_pylist()
    positions = column.indices.to_numpy(zero_copy_only=False)
    gone = np.isnan(positions) if positions.dtype.kind == "f" else np.zeros(len(positions), dtype=bool)
    places = np.where(gone, 0, positions).astype(np.int32)
    places[rng.random(len(places)) < share] += len(codes)
    both = pa.array(codes + [f"{code.lower()} " for code in codes], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=gone), both)
