"""Cell-key rounding as drawn tables: what leaves where a profile changes counts by keyed noise instead of rounding."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from statistics import mean, pvariance

import pytest
from tables_kit import judged_table, lines, output_of

from broker.disclosure.microdata.judge_microdata import judge_microdata
from broker.disclosure.records.released_tables import released_record
from broker.domain.errors import Breach, Invalid
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.findings import Assessment
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ColumnRef, ScalarType, Value
from broker.evidence.tabulation import TabulationRequest
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.files import load_policies
from tests.oracles.tabulate import tabulate_rows

pytestmark = pytest.mark.slow

PROFILES = {p.name: p for p in load_policies(Path(__file__).parents[3] / "policies").profiles}
PROFILE = PROFILES["npd-cell-key"]
D, V = PROFILE.noise_deviation, PROFILE.noise_variance
COUNT = PlannedStatistic(10, Measure.COUNT_ROWS, None, ScalarType.INT)
PERSONS = PlannedStatistic(11, Measure.COUNT_PERSONS, ColumnRef(2, ScalarType.TEXT), ScalarType.INT)
ONES = PlannedStatistic(12, Measure.ONES, ColumnRef(3, ScalarType.FLAG), ScalarType.INT)
SHARE = PlannedStatistic(13, Measure.SHARE, ColumnRef(3, ScalarType.FLAG), ScalarType.DECIMAL)
MEAN = PlannedStatistic(14, Measure.MEAN, ColumnRef(4, ScalarType.INT), ScalarType.DECIMAL, bounds=(0, 90))
SUM = PlannedStatistic(15, Measure.SUM, ColumnRef(4, ScalarType.INT), ScalarType.INT, bounds=(0, 90))
ALL = (COUNT, PERSONS, ONES, SHARE, MEAN, SUM)


@cache
def record_key(person: int) -> int:
    return random.Random(person).getrandbits(32)


def key(persons: Iterable[int]) -> int:
    return sum(map(record_key, persons)) % 2**32


def cell(la: str, persons: Sequence[int], rows: int = 1, extra: int = 0) -> CellEvidence:
    """A cell of these persons with so many rows each, and some rows more of the first; the even ones have a flag, and
    everybody scores their number modulo 80."""
    n = len(persons) * rows + extra
    count = StatisticEvidence(n, n, len(persons), cell_key=key(persons))
    even, odd = [p for p in persons if p % 2 == 0], [p for p in persons if p % 2]
    ones = StatisticEvidence(
        len(even), len(even), len(even), len(odd), len(odd), total=len(even),
        cell_key=key(even), rest_key=key(odd), whole_key=key(persons),
    )  # fmt: skip
    scores = [0, *sorted(p % 80 for p in persons)]
    amount = StatisticEvidence(
        sum(scores), len(persons), len(persons), largest=scores[-1], second=scores[-2], low=scores[1], high=scores[-1],
        total=sum(scores), cell_key=key(persons),
    )  # fmt: skip
    share = replace(ones, value=Decimal(len(even)) / len(persons))
    found = {10: count, 11: replace(count, value=len(persons)), 12: ones, 13: share, 14: amount, 15: amount}
    return CellEvidence((la,), n, len(persons), found, cell_key=key(persons))


def judged(
    *cells: CellEvidence, statistics: tuple[PlannedStatistic, ...] = (COUNT,), profile: DisclosureRules = PROFILE
) -> Assessment:
    wanted = {s.ident for s in statistics}
    kept = [replace(c, statistics={i: e for i, e in c.statistics.items() if i in wanted}) for c in cells]
    return judged_table(output_of(statistics), kept, profile)


def shown(*cells: CellEvidence, statistics: tuple[PlannedStatistic, ...] = (COUNT,)) -> list[tuple[Value, ...]]:
    rows = {row.keys: row.released[1:] for row in judged(*cells, statistics=statistics).rows}
    return [rows[c.keys] for c in cells]


def count(persons: Sequence[int]) -> int:
    ((found,),) = shown(cell("201", persons))
    assert isinstance(found, int)
    return found


def test_small_cells_are_hidden_first_and_all_others_changed() -> None:
    """No cell of nobody or of few becomes visible by noise, and none of many is hidden by it."""
    found = judged(cell("201", range(400)), cell("202", range(400, 409)))
    assert lines(found) == ["k1,count", f"201,{count(range(400))}", "202,c", "203,c"]


def test_the_same_people_have_the_same_noise_wherever_they_are_counted() -> None:
    """Another table, another area, another statistic: asking again gives no second look."""
    people = range(1000, 1077)
    first = count(people)
    for statistics in ((COUNT, PERSONS), (PERSONS,), ALL):
        told = shown(cell("203", list(reversed(people))), statistics=statistics)
        assert {told[0][i] for i, s in enumerate(statistics) if s in {COUNT, PERSONS}} == {first}


def test_other_people_of_the_same_number_have_other_noise() -> None:
    """Zero on average, of the variance that the profile says, never beyond its largest."""
    groups = [range(start, start + 50) for start in range(0, 100_000, 50)]
    noise = [count(g) - 50 for g in groups]
    assert max(map(abs, noise)) == D
    assert abs(mean(noise)) < 4 * (V / len(noise)) ** 0.5
    assert abs(pvariance(noise) - V) < 0.35


def test_a_difference_of_one_person_does_not_show_one() -> None:
    """Differencing: the same table with and without a child. What is seen could as well be nobody, or several."""
    differences = [count(range(s, s + 60)) - count(range(s, s + 59)) for s in range(0, 90_000, 60)]
    shares = {d: differences.count(d) / len(differences) for d in set(differences)}
    assert shares[1] < 0.25
    assert min(shares[d] for d in (-1, 0, 2, 3)) > 0.08
    assert abs(pvariance(differences) - 2 * V) < 0.7


@pytest.mark.parametrize("rows", [2, 3, 7])
def test_repeating_everybodys_rows_discloses_nothing_new(rows: int) -> None:
    """Three terms of absence, or a table united with itself: the rows are so many times the count that is shown."""
    people = range(3000, 3123)
    assert shown(cell("201", people, rows))[0] == (rows * count(people),)


@pytest.mark.parametrize(("extra", "seen"), [(1, 0), (9, 0), (10, 20), (31, 40)])
def test_rows_more_of_a_few_people_do_not_show(extra: int, seen: int) -> None:
    """Beside the count of people, rows beyond one a person are a count too: those of fewer than ten are not there. (A
    table united with the children in care among its people would else count these.)"""
    people = range(3000, 3123)
    (told,) = shown(cell("201", people, extra=extra), statistics=(COUNT, PERSONS))
    assert told == (count(people) + seen, count(people))


def test_shares_and_means_are_over_changed_counts() -> None:
    """M8: the exact mean beside a changed count would give the count away."""
    people = range(5000, 5154)
    even = [p for p in people if p % 2 == 0]
    n, ones, total = count(people), count(even), sum(p % 80 for p in people)
    assert n not in {len(people), 0}
    told = shown(cell("201", people), statistics=ALL)[0]
    assert told[:3] == (n, n, ones)
    assert told[3] == round(Decimal(ones) / n, 3)
    assert told[4] == 2 * round(Decimal(total) / n / 2), "to the step of a mean over so many"
    assert told[5] == round(Decimal(str(told[4])) * n)


def test_nothing_is_shown_without_keys() -> None:
    """Evidence that lost its keys ends the job; it is never shown exactly. A file has none, and is told so."""
    people = cell("201", range(50))
    bare = replace(people, statistics={10: replace(people.statistics[10], cell_key=None)})
    with pytest.raises(Breach, match="record keys"):
        judged(bare)
    table = tabulate_rows({"id": list(range(50)), "la": ["201"] * 50}, TabulationRequest("id", ("la",)))
    with pytest.raises(Invalid, match="record keys"):
        judge_microdata(table, PROFILE)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_what_is_said_with_a_table_does_not_depend_on_it(profile: DisclosureRules) -> None:
    """The method, what is public of it, whether figures add up, the threshold: of a full table and of an empty one."""
    some = judged(cell("201", range(400)), cell("202", range(400, 500)), profile=profile)
    few = judged(cell("203", range(12)), cell("201", [70]), profile=profile)
    assert (some.notes, some.symbols) == (few.notes, few.symbols)
    records = [{**released_record(found, profile), "max_errors": {}} for found in (some, few)]
    assert records[0] == records[1]
    text = " ".join(some.notes)
    assert f"fewer than {profile.t} persons" in text
    assert "totals may differ from the sum of their parts" in text
    assert not released_record(some, profile)["additive"]


def test_the_noise_is_said_to_be_there_and_nothing_more() -> None:
    found = judged(cell("201", range(400)))
    record = released_record(found, PROFILE)
    assert record["max_errors"] == {}, "the largest change is secret"
    assert record["parameters"] == {
        "threshold": 10, "rounding": "cell_key", "mean_digits": 1, "percent_digits": 1, "sum_digits": 0,
    }  # fmt: skip
    for secret in (f" {D} ", f" {V:g} ", "nearest 5", "deviation", "variance"):
        assert secret not in " ".join(found.notes)
    other = replace(PROFILE, noise_deviation=4, noise_variance=2.5, noise_least=1)
    assert released_record(judged(cell("201", range(400)), profile=other), other) == record


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_no_symbol_discloses_how_small_a_figure_is(profile: DisclosureRules) -> None:
    """`low` would tell 1 or 2 from nobody; one symbol stands for all that is hidden."""
    symbols = dict(judged(cell("201", range(4)), cell("202", range(50, 62)), profile=profile).symbols)
    assert "c" in symbols
    assert not {"low", "k", "-", "0", "~"} & set(symbols)
