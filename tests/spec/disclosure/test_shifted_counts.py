"""A row that counts a few persons more or less: 109 persons with a row each, of whom 60 have the mark, and whose scores
are all 4. Counts are rounded to 5."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from broker.disclosure.judge_job import judge_job
from broker.disclosure.judged_tables import HistoryConstraint
from broker.disclosure.table_findings import shifted_figures
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ColumnRef, ScalarType, Value
from broker.domain.release_history import CountShift
from broker.policy.disclosure_rules import DisclosureRules, Rounding
from tests.spec.disclosure.groups_kit import counted
from tests.spec.disclosure.job_kit import evidence_of, people, plan_of

PROFILE = DisclosureRules(name="npd", source="test", t=10, round_base=5)
MARK, SCORE = ColumnRef(1, ScalarType.FLAG), ColumnRef(2, ScalarType.INT)
N, ONES, SHARE, MEAN, SUM = range(10, 15)
STATISTICS = (
    PlannedStatistic(N, Measure.COUNT_ROWS, None, ScalarType.INT),
    PlannedStatistic(ONES, Measure.ONES, MARK, ScalarType.INT),
    PlannedStatistic(SHARE, Measure.SHARE, MARK, ScalarType.DECIMAL),
    PlannedStatistic(MEAN, Measure.MEAN, SCORE, ScalarType.DECIMAL, bounds=(0, 10)),
    PlannedStatistic(SUM, Measure.SUM, SCORE, ScalarType.INT, bounds=(0, 10)),
)
SCORES = StatisticEvidence(4, 109, 109, largest=4, second=4, total=436)
MARKED = StatisticEvidence(60, 60, 60, rest=49, rest_rows=49, total=60)
CELL = CellEvidence(
    (), 109, 109, {N: StatisticEvidence(109, 109, 109), ONES: MARKED, SHARE: MARKED, MEAN: SCORES, SUM: SCORES}
)


WHOLE = {N: 110, ONES: 60, SHARE: round(60 / 110, 2), MEAN: 4, SUM: 440}


def shown(
    shifts: Mapping[int, Sequence[CountShift]], *statistics: PlannedStatistic, cell: CellEvidence = CELL,
    profile: DisclosureRules = PROFILE,
) -> dict[int, Value]:  # fmt: skip
    planned = counted(0, (), *(statistics or STATISTICS))
    figures = shifted_figures(planned, cell, profile, shifts)
    return {s.ident: figures.shown(s, profile) for s in planned.statistics}


# a figure | an amount of it | how many more have it | with how much in all | what is shown otherwise
MOVED = [
    (N, "rows", 0, None, {}),
    (N, "rows", 6, None, {N: 115, SUM: 460}),
    (N, "rows", -6, None, {N: 105, SUM: 420}),
    (ONES, "s11_ones", 6, None, {ONES: 65}),
    (SHARE, "s12_given", 6, None, {SHARE: round(60 / 115, 2)}),
    (SHARE, "s12_ones", 6, None, {SHARE: round(65 / 110, 2)}),
    (MEAN, "s13_given", 6, None, {SUM: 460}),
    (SUM, "s14_total", 6, 24, {SUM: 460}),  # six more of the usual amount
    (SUM, "s14_total", -6, -24, {SUM: 420}),
    (MEAN, "s13_total", 6, 24, {}),
    (MEAN, "s13_total", 1, 80, {MEAN: 4.7}),  # one more of 80: 516 / 110
]


@pytest.mark.parametrize(("ident", "amount", "by", "total", "changed"), MOVED)
def test_a_count_or_a_sum_that_is_moved_moves_what_shows_it(ident, amount, by, total, changed) -> None:
    shift = CountShift(amount, by, by, **({} if total is None else {"total": Decimal(total)}))
    assert {i: float(v) for i, v in shown({ident: [shift]}).items()} == {**WHOLE, **changed}


def test_a_sum_that_is_moved_with_its_count_is_shown_by_both() -> None:
    """Six of the usual amount are left out of everything: 103 rows with a total of 412."""
    of_mean = [CountShift("s13_given", -6, -6), CountShift("s13_total", -6, -6, total=Decimal(-24))]
    holders = CountShift("s14_given", -6, -6, once=True)
    of_sum = [holders, CountShift("s14_total", -6, -6, total=Decimal(-24))]
    found = shown({N: [CountShift("rows", -6, -6)], MEAN: of_mean, SUM: of_sum})
    assert [found[i] for i in (N, MEAN, SUM)] == [105, 4, 420]


@pytest.mark.parametrize("rounding", Rounding)
def test_a_sum_next_to_a_moved_count_has_a_value_with_each_rounding(rounding: Rounding) -> None:
    """Keyed noise needs the record keys of the count that the sum is shown by."""
    keyed = {i: replace(e, cell_key=7, rest_key=8, whole_key=9) for i, e in CELL.statistics.items()}
    cell = replace(CELL, statistics=keyed, cell_key=7)
    found = shown({N: [CountShift("rows", 6, 6)]}, cell=cell, profile=replace(PROFILE, rounding=rounding))
    assert None not in found.values()


def test_a_count_that_is_moved_twice_shows_both_moves() -> None:
    twice = [CountShift("rows", 4, 4), CountShift("rows", 2, 2)]
    found = shown({N: twice, MEAN: [CountShift("s13_given", 6, 6)]})
    assert (found[N], found[SUM]) == (115, 460)


PERSONS, VALUES, GAP = 20, 21, 22
OF_PERSONS = PlannedStatistic(PERSONS, Measure.COUNT_PERSONS, None, ScalarType.INT)
OF_VALUES = PlannedStatistic(VALUES, Measure.COUNT_VALUES, SCORE, ScalarType.INT)
WITHOUT = PlannedStatistic(GAP, Measure.GAP, SCORE, ScalarType.INT, implied_by=VALUES)


@pytest.mark.parametrize(("persons", "second_rows"), [(142, 1), (109, 0), (107, 9)])
def test_persons_that_count_rows_are_shown_as_rows(persons: int, second_rows: int) -> None:
    """So beside these they tell nothing."""
    n = persons + second_rows
    figures = {N: StatisticEvidence(n, n, persons), PERSONS: StatisticEvidence(persons, persons, persons)}
    shift = {PERSONS: [CountShift("s20_given", second_rows, 0, once=True)]}
    found = shown(shift, STATISTICS[0], OF_PERSONS, cell=CellEvidence((), n, persons, figures))
    assert found[PERSONS] == found[N]


@pytest.mark.parametrize("without", [0, 1, 9])
def test_a_count_is_moved_from_the_one_that_it_is_shown_as(without: int) -> None:
    """A few of 109 have no value, so the values are shown as the rows."""
    numbers = {N: 109, VALUES: 109 - without, GAP: without}
    cell = CellEvidence((), 109, 109, {i: StatisticEvidence(n, n, n) for i, n in numbers.items()})
    shift = {VALUES: [CountShift("s21_given", 6, 6)]}
    assert shown(shift, STATISTICS[0], OF_VALUES, WITHOUT, cell=cell)[VALUES] == 115


def test_a_figure_of_an_earlier_release_has_no_error() -> None:
    """Today's error would tell how today's figure differs. Its whole column has none, so that nothing tells which one
    it is."""
    plan = plan_of("SELECT LA, COUNT(*) AS n, SUM(Score) AS s FROM npd.a WHERE Y = '2018/2019' GROUP BY LA")
    evidence = evidence_of(plan, people(M1=60, M2=80), PROFILE)
    (summed,) = (s.ident for s in plan.outputs[0].tables[0].statistics if s.measure is Measure.SUM)
    before = HistoryConstraint(earlier={((1,), summed): 480})
    (alone,), (after,) = (judge_job(plan, evidence, PROFILE, history=h) for h in (None, {(0, 0): before}))
    both = {row.keys: row for row in alone.rows if not any(row.suppressed)}
    assert len(both) == 2
    assert all(row.max_errors[2] for row in both.values())
    found = {row.keys: row for row in after.rows}
    assert found[1,].released[2] == 480
    assert {row.max_errors[2] for row in found.values()} == {None}
    assert {found[keys].max_errors[1] for keys in both} == {row.max_errors[1] for row in both.values()}
