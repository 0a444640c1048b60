"""The noisy answer of a job as bytes on the shelf, and back: what was drawn, for which keys, and public rows. It holds
nothing exact about persons: keys that did not leave are not in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from broker.domain.errors import Breach
from broker.domain.stored_values import value_from_json, value_to_json
from broker.privacy.design import Design
from broker.privacy.noise.client import Drawn
from broker.privacy.noise.described import to_text
from broker.workflow.private.ports import ExactAnswers, Keys


@dataclass(frozen=True, slots=True)
class NoisyAnswer:
    """`observed`: by table and grouping set the keys that left, in order; None where the list is public."""

    drawn: tuple[Drawn, ...]
    observed: tuple[tuple[tuple[Keys, ...] | None, ...], ...]
    public: tuple[tuple[tuple[Keys, ...], ...], ...]


def answered(made: Design, drawn: Sequence[Drawn], exact: ExactAnswers) -> NoisyAnswer:
    """What may be kept. Keys are numbered anew, by those that left."""
    left = {(p.table, p.set): tuple(d.keys or ()) for p, d in zip(made.parts, drawn, strict=True) if p.block is None}
    kept = tuple(Drawn(tuple(d.values), None if d.keys is None else tuple(range(len(d.keys)))) for d in drawn)
    observed = tuple(
        tuple(None if keys is None else tuple(tuple(keys[k]) for k in left[t, s]) for s, keys in enumerate(sets))
        for t, sets in enumerate(exact.observed)
    )
    public = tuple(tuple(tuple(tuple(row) for row in rows) for rows in relations) for relations in exact.public)
    return NoisyAnswer(kept, observed, public)


def to_bytes(made: Design, answer: NoisyAnswer) -> bytes:
    document = {
        "design": to_text(made.bundle),
        "drawn": [[list(d.values), None if d.keys is None else len(d.keys)] for d in answer.drawn],
        "observed": [[None if keys is None else [_row(k) for k in keys] for keys in sets] for sets in answer.observed],
        "public": [[[_row(r) for r in rows] for rows in relations] for relations in answer.public],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def from_bytes(made: Design, content: bytes) -> NoisyAnswer:
    """Breach where it is the answer of another design."""
    document: dict[str, Any] = json.loads(content)
    if document["design"] != to_text(made.bundle):
        raise Breach("The stored answer is that of another design.")
    return NoisyAnswer(
        tuple(Drawn(tuple(values), None if n is None else tuple(range(n))) for values, n in document["drawn"]),
        tuple(tuple(None if ks is None else tuple(map(_keys, ks)) for ks in sets) for sets in document["observed"]),
        tuple(tuple(tuple(map(_keys, rows)) for rows in relations) for relations in document["public"]),
    )


def _row(values: Sequence[Any]) -> list[Any]:
    return [value_to_json(v) for v in values]


def _keys(values: Sequence[Any]) -> Keys:
    return tuple(value_from_json(v) for v in values)
