"""The search for decoders, small every day and at size in a proof (PROOF_DECODERS_TEXTS, PROOF_DECODERS_END_TO_END): no
row, hole, state or figure beyond a rounding edge depends on one child; and its grammar spells what attackers wrote."""

# ruff: noqa: E501 - one attack a line reads as a table

import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from tests.attacks.decoders import ranges
from tests.attacks.decoders.choices import Choices
from tests.attacks.decoders.conditions import words_of
from tests.attacks.decoders.differences import HARMLESS, STEERED, Kind, difference
from tests.attacks.decoders.end_to_end import Brokers
from tests.attacks.decoders.judges import EndToEnd, InProcess, is_judged
from tests.attacks.decoders.kit import HOLE, LEAVES, Figure, Kit, Left, kit_of
from tests.attacks.decoders.queries import one_job
from tests.attacks.decoders.towns import four_ways
from tests.proof_size import report_figures, seed, size

SEED, PUPILS = 1, 500
"""Of the everyday texts; a proof has a seed of its own."""

pytestmark = pytest.mark.long
EVERY_DAY = {"in process": 5, "end to end": 1}
AT_SIZE = {
    "in process": size("DECODERS_TEXTS", EVERY_DAY["in process"]),
    "end to end": size("DECODERS_END_TO_END", EVERY_DAY["end to end"]),
}
EACH = {"in process": 500, "end to end": 100}
AT_MOST_RIGHT, MOST_STEERED = 0.6, 0.01


@pytest.fixture(scope="module")
def kit() -> Kit:
    return kit_of(SEED, PUPILS, four_ways(SEED))


@pytest.mark.parametrize("level", AT_SIZE)
def test_what_leaves_does_not_depend_on_one_child(kit: Kit, level: str) -> None:
    """Texts that leave by themselves and that the child touches. Figures that move are at a rounding edge: of the
    numbers behind them that the child changes, at most one in the base. With other pads the secret is guessed right in
    at most 60 % of tries by a text with one such number, and by one with several as often as edges that are independent
    allow."""
    texts = AT_SIZE[level]
    if texts == EVERY_DAY[level]:
        told = ranges.searched(kit, ranges.Range(level, SEED, texts, PUPILS))
    else:
        told = ranges.run_ranges(level, texts, seed(), EACH[level], ranges.processes())
    report_figures(f"decoders_{level.replace(' ', '_')}", told)
    assert told["texts"] == texts
    assert texts < 100 or len(told["ways"]) >= 4
    assert told["findings"] == []
    at_edges = 1 / told["base"]
    assert_at_edges(told["numbers"], told["moved"], at_edges)
    steered = sum(told["kinds"].get(kind.name, 0) for kind in STEERED)
    assert steered <= MOST_STEERED * texts + 3 * math.sqrt(MOST_STEERED * texts)
    pads, seen = (sum(told_of[n] for told_of in told["by_numbers"]) for n in (1, 2))
    alone = [tuple(rest) for many, *rest in told["by_numbers"] if many == 1]
    for most, tried, shown in (
        *((AT_MOST_RIGHT, *of_one) for of_one in alone),
        (ranges.right(pads, ranges.at_edges(told)), pads, seen),
    ):
        if tried >= 100:
            assert ranges.right(tried, shown) <= most + 3 * math.sqrt(at_edges * (1 - at_edges) / tried) / 2


def assert_at_edges(numbers: Mapping[str, int], moved: Mapping[str, int], share: float) -> None:
    """Of numbers that the child changes, about this share move a figure: three deviations more are chance."""
    for statistic, n in numbers.items():
        assert moved.get(statistic, 0) <= n * share + 3 * math.sqrt(n * share * (1 - share)), statistic


FROM = "FROM npd.absence AS a WHERE a.AcademicYear = '2018/2019'"
COUNTED = ("SENprovision", "FSMeligible", "EthnicGroupMinor", "NCyearActual", "LA", "URN")


def test_ordinary_counts_do_not_depend_on_one_child(kit: Kit) -> None:
    """Counts by one code each, whoever is changed, removed or added: no row or hole, and figures at edges alone."""
    judge = InProcess(kit)
    numbers, moved = Counter[str](), Counter[str]()
    for key in (*COUNTED, "URN, a.MonthOfBirth, a.FSMeligible"):
        found = judge.differences((f"-- output: t\nSELECT a.{key}, COUNT(*) AS n {FROM} GROUP BY a.{key}",))
        for way, told in (found or {}).items():
            assert told.kind in {Kind.NONE, Kind.EDGE}, (key, way, told)
            numbers.update(told.numbers)
            moved.update(told.moved)
    assert numbers["count"] > 10, "enough to tell edges from none"
    assert_at_edges(numbers, moved, 1 / kit.profile.round_base)


def test_a_total_that_nothing_shows_is_not_taken_as_known(kit: Kit, tmp_path: Path) -> None:
    """A first release with a hidden cell of nobody, or of one child: the comparison with the history hides the same."""
    judge = EndToEnd(kit, Brokers(kit.town, tmp_path))
    of_meals = f"SELECT a.EVERFSM_6, COUNT(*) AS n {FROM.replace('absence', 'spring_census')} AND a.FSMeligible = 1"
    found = judge.differences((f"-- output: t\n{of_meals} GROUP BY a.EVERFSM_6",))
    assert found is not None
    assert found["free meals"].kind in HARMLESS


@pytest.mark.parametrize(
    ("one", "other", "judged", "is_told"),
    [
        (100, 105, (100, 100), False),  # the history moves a count by a step
        (105, 110, (100, 105), False),  # by one in each town
        (100, 110, (100, 100), True),
        (110, 100, (100, 100), True),
        (100, 110, (100, 110), False),  # as without a history, of which is judged elsewhere
        (150, 150, (100, 100), False),  # alike in both towns: it tells nothing
        (HOLE, 100, (100, 100), False),  # a hole is looked at by itself
        (HOLE, 105, (100, 100), True),
        (105, HOLE, (100, 100), True),
        (None, 100, (100, 100), True),
    ],
)
def test_the_history_moves_a_figure_by_a_step(one, other, judged, is_told: bool) -> None:
    alone = [Figure("count", n, (("count", n),), Decimal(5)) for n in judged]
    assert is_judged(*zip((one, other), alone, strict=True)) != is_told


CHILD = "a.URN = {urn} AND a.MonthOfBirth = {month} AND a.YearOfBirth = {year} AND a.SENprovision <> 'N'"
ATTACKS = {
    "A1: a row that a total gives away": (
        [0, 4, 0, 0, 0, 0, 0, 0, 0, 3, 6, 0, 0, 0, 0, 1],
        f"SELECT a.OverallAbsence_6HalfTerms AS k0, COUNT(*) AS f0 {FROM} AND (a.OverallAbsence_6HalfTerms IN (3) OR {CHILD}) GROUP BY a.OverallAbsence_6HalfTerms",
    ),
    "A2: a branch padded with people who add nothing": (
        [0, 0, 0, 0, 13, 4, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 3],
        f"SELECT SUM(CASE WHEN ({CHILD}) OR a.MonthOfBirth = 5 THEN 15000 * (a.MonthOfBirth - 5) WHEN a.NCyearActual = '1' THEN 2 ELSE 3 END) AS f0 {FROM}",
    ),
    "A3: constants whose total is an exact count": (
        [0, 0, 0, 0, 13, 5, 0, 0, 3, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 2],
        f"SELECT SUM(CASE WHEN ({CHILD} OR a.URN = {{school}}) THEN 3000 ELSE 1 END) AS f0 {FROM}",
    ),
    "A4: a filter padded with known amounts": (
        [0, 0, 0, 0, 13, 0, 0, 0, 3, 6],
        f"SELECT SUM(a.OverallAbsence_6HalfTerms) AS f0 {FROM} AND (a.OverallAbsence_6HalfTerms IN (1, 2, 3) OR {CHILD})",
    ),
    "A8: years of one child as a weight": (
        [0, 0, 0, 0, 0, 0, 4, 0, 0, 6],
        f"SELECT COUNT(*) AS f0 FROM npd.absence AS a WHERE a.AcademicYear IN ('2016/2017', '2017/2018', '2018/2019') AND (a.AcademicYear = '2018/2019' AND a.OverallAbsence_6HalfTerms IN (1, 2, 3) OR {CHILD})",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_the_grammar_spells_what_attackers_wrote(kit: Kit, name: str) -> None:
    made, wanted = ATTACKS[name]
    words = words_of(kit.town)
    (text,) = one_job(Choices(made), words)
    assert text == f"-- output: t0\n{wanted.format(school=words.schools[0], **words.own)}"


def left(shown: int | str, exact: int = 100, persons: int = 40, table: str = "") -> Left:
    figures = {(0, ("a",), 1): Figure("count", shown, (("count", exact),), Decimal(5))}
    numbers = {(1, ("a",)): (persons, persons, 0, 0, 0, 0, 0)}
    return Left(LEAVES, table or str(shown), "", figures if shown != "no row" else {}, False, numbers)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (left(100), left(100), Kind.NONE),
        (left(100), left(105), Kind.EDGE),
        (left(100), left(105, table="100"), Kind.NONE),
        (left(100), left(110), Kind.FIGURES),
        (left(100), left(HOLE), Kind.HOLES),
        (left(100), left("no row"), Kind.HOLES),
        (left(10, persons=10), left(HOLE, persons=9), Kind.THRESHOLD),
        (left(100), left(100, table="another table"), Kind.FIGURES),
    ],
)
def test_differences_have_kinds(before: Left, after: Left, kind: Kind) -> None:
    assert difference([before], [after], 10).kind is kind
