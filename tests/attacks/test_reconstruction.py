"""Attack 11: many large counts, each safe by every rule and in every pair, name nearly everybody. The cap stops it.

200 pupils, of whom a quarter or so are flagged; each count is of the flagged pupils in a random half. The attacker
knows who is in which half, and looks for the flags that fit all counts best (a linear program). Measured over 30 towns,
with the counts that the fraction allows: of the pupils named with more than 0.95, how many are flagged; by chance 23 %.
(Of 400 counts to the nearest 5, which is a fraction of 2, all are named and nobody else.)

    fraction    0.05   0.1   0.15   0.2   0.25   0.3   0.5
    exact       28 %   36 %   40 %  49 %   58 %  69 %  100 %
    to 5        29 %   35 %   41 %  45 %   54 %  64 %   88 %

So 0.1: of three pupils whom the attacker is sure of two are wrong, rounded or not; from 0.2 on it is a coin's toss.
"""

from pathlib import Path

import numpy as np

from broker.disclosure.differencing.caps import beyond, splits
from broker.disclosure.differencing.compare import compare
from broker.disclosure.differencing.members import members_of
from broker.disclosure.repair.programs import Program
from broker.policy.files import load_policies
from tests.attacks.remembered_town import table
from tests.generative.disclosure.memory_size import tell

PUPILS, COUNTS, BASE, T, SHARE = 200, 400, 5, 10, 0.23
STATED = load_policies(Path(__file__).parents[2] / "policies").memory.fraction
"""The fraction that the memory's policy names."""


def town(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Who is flagged, and who is in which random half."""
    chance = np.random.default_rng(seed)
    return chance.random(PUPILS) < SHARE, chance.random((COUNTS, PUPILS)) < 0.5


def named(halves: np.ndarray, counts: np.ndarray, slack: float) -> np.ndarray:
    """For each pupil how flagged, from 0 to 1, where the counts fit best."""
    told, pupils = halves.shape
    rows = [
        ([*np.flatnonzero(half).tolist(), pupils + 2 * n, pupils + 2 * n + 1], [*[1.0] * int(half.sum()), 1.0, -1.0], c)
        for n, (half, c) in enumerate(zip(halves, counts.tolist(), strict=True))
    ]
    program = Program([0.0] * (pupils + 2 * told), [1.0] * pupils + [slack] * (2 * told), rows)
    program.set_costs(np.array([0.0] * pupils + [1.0] * (2 * told)))
    found = program.answer()
    assert found is not None
    return found[:pupils]


def released(flagged: np.ndarray, halves: np.ndarray, fraction: float) -> list[int]:
    """The counts that the broker lets go, one job after the other: rules, differencing against all before, cap."""
    references = members_of(1, np.arange(PUPILS), np.zeros(PUPILS))
    memory, gone, used = [], [], (0,)
    for number, half in enumerate(halves):
        new = table(number, {"all": np.flatnonzero(half & flagged).tolist()}, t=T)
        more = splits(new, references)
        if new.members.sizes()[0] < T or beyond(used, more, (PUPILS,), fraction):
            continue
        if len(memory) < 20 and not all(compare(new, old).is_clean for old in memory):
            continue
        memory.append(new)
        gone.append(number)
        used = (used[0] + more[0],)
    return gone


def sure(flagged: np.ndarray, halves: np.ndarray, gone: list[int]) -> tuple[int, int]:
    """Pupils of whom the attacker is sure: how many rightly, and how many not."""
    counts = BASE * np.round((halves & flagged).sum(axis=1) / BASE)
    found = named(halves[gone], counts[gone], BASE / 2) > 0.95
    return int((found & flagged).sum()), int((found & ~flagged).sum())


def test_11_without_the_cap_many_counts_name_nearly_everybody() -> None:
    flagged, halves = town(11)
    gone = released(flagged, halves, fraction=2 * COUNTS / PUPILS)
    assert len(gone) > 0.9 * COUNTS, "every count is large, and far from every other"
    counts = BASE * np.round((halves & flagged).sum(axis=1) / BASE)
    found = named(halves[gone], counts[gone], BASE / 2) > 0.5
    right, wrong = int((found & flagged).sum()), int((found & ~flagged).sum())
    tell("reconstruction", {"counts": len(gone), "flagged": int(flagged.sum()), "named": right, "wrongly": wrong})
    assert (found & flagged).sum() >= 0.9 * flagged.sum()
    assert (found & ~flagged).sum() <= 2


def test_11_the_cap_leaves_the_attacker_with_names_that_are_mostly_wrong() -> None:
    right = wrong = 0
    for seed in range(5):
        flagged, halves = town(seed)
        gone = released(flagged, halves, STATED)
        assert len(gone) == STATED * PUPILS, "then it is differential privacy only"
        more = sure(flagged, halves, gone)
        right, wrong = right + more[0], wrong + more[1]
    told = {"fraction": STATED, "counts": round(STATED * PUPILS), "towns": 5, "named": right, "wrongly": wrong}
    tell("reconstruction_capped", told)
    assert right < 0.45 * (right + wrong)
