"""Attacks 11 and A6: many large counts, each safe by every rule and in every pair, name nearly everybody. The cap stops
the attack, and lets ordinary tables go (A7).

A school of 210 pupils, of whom 50 are flagged; each count is of the flagged pupils in a random half. The attacker knows
who is in which half, and looks for the flags that fit all counts best, by a linear program and by least squares.
Measured over 20 schools, counts to the nearest 5: of the pupils named with more than 0.95 by the program, and of the 50
of whom least squares are surest, how many are flagged; by chance 24 %.

    counts     5      10     15     21     50     100    200
    program    25 %   26 %   30 %   32 %   51 %   87 %   100 %
    squares    31 %   36 %   38 %   40 %   52 %   69 %   88 %

So a twentieth, which is ten counts of such a school: whom the program names is flagged as anybody.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from broker.disclosure.differencing.exposure import Exposure
from broker.disclosure.differencing.figure_cap import FigureCharge, charges_by_group, figure_charges, figures_beyond_cap
from broker.disclosure.suppression.linear_programs import LinearProgram
from broker.evidence.member_tables import Members, MemberTable, members_of
from broker.policy.files import load_policies
from tests.attacks.history_town import table
from tests.proof_size import report_figures, size

SCHOOL, FLAGGED, BASE, T = 210, 50, 5, 10
PUPILS = 4200
"""In the town: 20 schools."""

pytestmark = pytest.mark.long
COUNTRY = 10 * PUPILS
COUNTS, SCHOOLS = size("RECONSTRUCTION", 26), size("RECONSTRUCTION_SCHOOLS", 20)
RULES = load_policies(Path(__file__).parents[2] / "policies").memory
Mask = np.ndarray


class Town:
    """Numbers are random as those of the vault are: the school's pupils are anywhere."""

    def __init__(self, seed: int, pupils: int = PUPILS) -> None:
        chance = np.random.default_rng(seed)
        self.pupils, everybody = pupils, chance.permutation(pupils)
        self.school, self.others = everybody[:SCHOOL], everybody[SCHOOL:]
        self.flagged = np.zeros(pupils, bool)
        self.flagged[chance.choice(self.school, FLAGGED, replace=False)] = True
        self.flagged[self.others] = chance.random(len(self.others)) < FLAGGED / SCHOOL
        self.month, self.group = chance.integers(0, 12, pupils), chance.integers(0, 8, pupils)
        self.sex, self.need = chance.integers(0, 2, pupils), chance.integers(0, 3, pupils)
        self.halves = chance.random((COUNTS, SCHOOL)) < 0.5
        self.pads = chance.random((COUNTS, 12)) < 0.5
        self.schools = np.zeros(pupils, np.int64)
        self.schools[self.others] = 1 + np.arange(len(self.others)) % (pupils // SCHOOL - 1)
        self.references = members_of(pupils // SCHOOL, np.arange(pupils), self.schools)
        self.sizes = [SCHOOL] * (pupils // SCHOOL)

    def half(self, number: int) -> Mask:
        found = np.zeros(PUPILS, bool)
        found[self.school[self.halves[number]]] = True
        return found & self.flagged

    def others_flagged(self) -> Mask:
        found = np.zeros(PUPILS, bool)
        found[self.others] = True
        return found & self.flagged


def released_table(number: int, *cells: Mask) -> MemberTable:
    return table(number, {str(n): np.flatnonzero(cell).tolist() for n, cell in enumerate(cells)}, t=T)


def by(number: int, *keys: Mask) -> MemberTable:
    code = np.ravel_multi_index(keys, [key.max() + 1 for key in keys])
    return released_table(number, *(code == value for value in np.unique(code)))


def plain(town: Town, number: int) -> Mask:
    return town.half(number)


def pad_of_one(town: Town, number: int) -> Mask:
    """The same others each time, whose number nobody knows: two counts tell it."""
    return town.half(number) | (town.others_flagged() & (town.schools > 10))


def pads_of_many(town: Town, number: int) -> Mask:
    """Half of twelve pads that are never told: no two counts are near each other, and thirteen tell all of them."""
    pads = np.flatnonzero(town.pads[number])
    return town.half(number) | (town.others_flagged() & (town.schools > 10) & np.isin(town.month, pads))


def pads_of_two_tables(town: Town, number: int) -> Mask:
    """Cells of two tables that were released before."""
    one = (town.schools > 14) & (town.month == number % 12)
    other = (town.schools <= 14) & (town.group == number % 8)
    return town.half(number) | (town.others_flagged() & (one | other))


def complement(town: Town, number: int) -> Mask:
    """Everybody but the half: what is left is known from how many pupils there are."""
    return ~town.half(number)


def released_before(town: Town) -> list[MemberTable]:
    everybody, flagged = np.ones(PUPILS, bool), town.others_flagged()
    one = (flagged & (town.schools > 14) & (town.month == k) for k in range(12))
    other = (flagged & (town.schools <= 14) & (town.group == k) for k in range(8))
    return [released_table(-1, everybody), by(-2, town.schools), released_table(-3, *one), released_table(-4, *other)]


def parts(new: MemberTable, known: Sequence[MemberTable], references: Members) -> list[FigureCharge]:
    exposure = Exposure(new, [lambda table=table: table for table in known], len(references.cells))
    return list(figure_charges(exposure.of(references, RULES.part), new.entry.t))


def leaves(town: Town, padded: Callable[[Town, int], Mask]) -> list[int]:
    """The counts that the cap lets go, one job after the other."""
    known, gone = released_before(town), []
    used = [0] * len(town.sizes)
    for number in range(COUNTS):
        new = released_table(100 + number, padded(town, number))
        more = parts(new, known, town.references)
        if not figures_beyond_cap(used, more, town.sizes, RULES.fraction):
            used = [a + b for a, b in zip(used, charges_by_group(more, len(used)), strict=True)]
            known.append(new)
            gone.append(number)
    return gone


def named(halves: Mask, counts: Mask, slack: float) -> Mask:
    """For each pupil how flagged, from 0 to 1, where the counts fit best."""
    many, pupils = halves.shape
    rows = [
        ([*np.flatnonzero(half).tolist(), pupils + 2 * n, pupils + 2 * n + 1], [*[1.0] * int(half.sum()), 1.0, -1.0], c)
        for n, (half, c) in enumerate(zip(halves, counts.tolist(), strict=True))
    ]
    program = LinearProgram([0.0] * (pupils + 2 * many), [1.0] * pupils + [slack] * (2 * many), rows)
    program.set_costs(np.array([0.0] * pupils + [1.0] * (2 * many)))
    found = program.answer()
    assert found is not None
    return found[:pupils]


def surest(halves: Mask, counts: Mask) -> Mask:
    """The pupils of whom least squares are surest, as many as are flagged."""
    share = FLAGGED / SCHOOL
    spread, some = share * (1 - share), halves.astype(float)
    noise = spread * some @ some.T + BASE**2 / 12 * np.eye(len(some))
    found = some.T @ np.linalg.solve(noise, counts - some @ np.full(SCHOOL, share))
    return np.isin(np.arange(SCHOOL), np.argsort(-found)[:FLAGGED])


def attacked(gone: int, schools: int) -> dict[str, float]:
    """Of whom each decoder is sure, what share is flagged: the pads are taken away, each count is of the half."""
    right = wrong = best = 0
    for seed in range(schools):
        town = Town(seed)
        halves = np.random.default_rng(1000 + seed).random((gone, SCHOOL)) < 0.5
        flagged = town.flagged[town.school]
        counts = BASE * np.round((halves & flagged).sum(axis=1) / BASE)
        sure = named(halves, counts, BASE / 2) > 0.95
        right, wrong = right + int((sure & flagged).sum()), wrong + int((sure & ~flagged).sum())
        best += int((surest(halves, counts) & flagged).sum())
    return {"counts": gone, "named": right, "wrongly": wrong, "squares": best / schools / FLAGGED}


def test_a6_without_the_cap_as_many_counts_as_pupils_name_nearly_everybody() -> None:
    found = attacked(SCHOOL, 1)
    report_figures("reconstruction", found)
    assert found["named"] >= 10
    assert found["wrongly"] == 0
    assert found["squares"] > 0.8


@pytest.mark.parametrize("padded", [plain, pad_of_one, pads_of_many, pads_of_two_tables, complement])
def test_a6_whatever_a_school_is_padded_with_few_of_its_counts_leave(padded: Callable[[Town, int], Mask]) -> None:
    """Of pads that nobody knows each takes a count of its own."""
    town = Town(6)
    gone = leaves(town, padded)
    most = round(RULES.fraction * SCHOOL) + {pads_of_many: 12, pad_of_one: 1}.get(padded, 0) + 2
    report_figures(f"reconstruction_{padded.__name__}", {"asked": COUNTS, "left": len(gone)})
    assert len(gone) <= most


def test_a6_of_all_counts_that_leave_nobody_is_named_better_than_by_guessing() -> None:
    gone = leaves(Town(6), plain)
    found = attacked(len(gone), SCHOOLS)
    report_figures("reconstruction_capped", {"fraction": RULES.fraction, **found, "guessed": FLAGGED / SCHOOL})
    sure = found["named"] + found["wrongly"]
    spread = np.sqrt(FLAGGED / SCHOOL * (1 - FLAGGED / SCHOOL) / sure)
    assert found["named"] / sure < FLAGGED / SCHOOL + 2 * spread, "as by guessing"
    assert found["squares"] < 0.45


def ordinary(town: Town) -> list[MemberTable]:
    """National tables, as several projects ask for them."""
    return [
        by(1, town.sex), by(2, town.need), by(3, town.sex, town.need), by(4, town.month), by(5, town.group, town.sex),
        by(6, town.need, town.group), by(7, town.month), by(8, town.group, town.sex), by(9, town.need, town.group),
    ]  # fmt: skip


@pytest.mark.parametrize("first", [0, 3])
def test_a7_national_tables_leave_whole_on_an_empty_history_and_on_a_used_one(first: int) -> None:
    """By month of birth, ethnic group and gender, need and ethnic group: first of all, or after three others."""
    town = Town(7, COUNTRY)
    known = [released_table(-1, np.ones(COUNTRY, bool)), by(-2, town.schools)]
    used = [0] * len(town.sizes)
    for new in ordinary(town)[3 - first :]:
        more = parts(new, known, town.references)
        assert not figures_beyond_cap(used, more, town.sizes, RULES.fraction)
        used = [a + b for a, b in zip(used, charges_by_group(more, len(used)), strict=True)]
        known.append(new)
    report_figures("ordinary_tables", {"tables": len(known) - 2, "most of a figure against a school": max(used) / 1000})
    assert max(used) < 1000, "less than one figure"


def test_a7_a_full_school_loses_its_own_cells_and_no_others() -> None:
    """One project can use a school's cap up, and shuts nobody out of the country."""
    town = Town(8)
    new = by(1, town.schools, town.sex)
    used = [1000 * round(RULES.fraction * SCHOOL), *[0] * (len(town.sizes) - 1)]
    hidden = figures_beyond_cap(used, parts(new, [], town.references), town.sizes, RULES.fraction)
    assert {cell for _, cell in hidden} == {0, 1}, "those of the first school"
