"""The search for decoders, small every day and at size in a proof (PROOF_DECODERS_TEXTS, PROOF_DECODERS_END_TO_END): no
row, hole, state or figure beyond a rounding edge depends on one child; and what the grammar can spell."""

import math

import pytest

from tests.attacks.decoders import ranges
from tests.generative.query.proof_size import seed, size, tell

SEED = 1
"""Of the everyday texts; a proof adds its own."""
IN_PROCESS, END_TO_END = size("DECODERS_TEXTS", 16), size("DECODERS_END_TO_END", 2)
EACH = {"in process": 500, "end to end": 50}
AT_MOST_RIGHT = 0.6


def searched(level: str, texts: int) -> ranges.Told:
    first = SEED if texts < EACH[level] else seed()
    return ranges.run_ranges(level, texts, first, EACH[level], ranges.processes())


@pytest.mark.parametrize(("level", "texts"), [("in process", IN_PROCESS), ("end to end", END_TO_END)])
def test_what_leaves_does_not_depend_on_one_child(level: str, texts: int) -> None:
    """Texts that leave by themselves and that the child touches. Figures that move are at a rounding edge: at most one
    in the base of those that the child is in, and with other pads the secret is guessed right no more often."""
    told = searched(level, texts)
    tell(f"decoders_{level.replace(' ', '_')}", told)
    assert told["texts"] == texts
    assert len(told["ways"]) >= (4 if texts > 100 else 2)
    assert told["findings"] == []
    at_edges = 1 / told["base"]
    assert told["moved"] <= told["figures"] * at_edges + 3 * math.sqrt(told["figures"] * at_edges * (1 - at_edges))
    if told["padded"] >= 100:
        sure = 3 * math.sqrt(at_edges * (1 - at_edges) / told["padded"]) / 2
        assert ranges.right(told) <= AT_MOST_RIGHT + sure
