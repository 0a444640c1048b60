"""What protection costs an output: figures by cause, errors of what is shown, and what would show more."""

from dataclasses import replace

import pytest

from broker.disclosure.records.protection_cost import Cause, Change, CountedFigure, cost_of_output, protection_cost
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE
from broker.domain.findings import AssessedRow, Assessment, TableRecord, Verdict
from broker.domain.plans.scalars import Value

T = 10


def row(keys: tuple[Value, ...], persons: int, *rules: str, released: Value = None) -> AssessedRow:
    """A row with one count, hidden by these rules, or released as it is given."""
    no = (False,) * len(keys)
    found = (*((),) * len(keys), rules)
    hidden = bool(rules) or released is None
    values = (*keys, released)
    return AssessedRow(keys, (*keys, persons), values, (*no, hidden), (Verdict.PUBLISH,) * len(values), found, persons)


def assessed(*rows: AssessedRow, columns: tuple[str, ...] = ("school", "sex", "n"), tables: int = 1) -> Assessment:
    records = (TableRecord((), (), ()),) * tables
    return Assessment("t", columns, len(columns) - 1, rows, (), Verdict.SUPPRESS, False, tables=records)


SMALL_SCHOOLS = assessed(
    row(("A", "F"), 30, released=30), row(("A", "M"), 24, released=25),
    row(("B", "F"), 6, "F1"), row(("B", "M"), 8, "F1"),
    row(("C", "F"), 4, "F1"), row(("C", "M"), 12, "X1"),
    row(("D", "F"), 0, "F2"), row(("D", "M"), 5, "F1"),
)  # fmt: skip


def test_figures_are_counted_by_the_first_cause_and_nobodys_are_not():
    cost = cost_of_output(SMALL_SCHOOLS, T)
    assert cost.figures == 7
    assert cost.hidden == {Cause.FEW_PEOPLE: 4, Cause.OTHERS: 1}
    assert cost_of_output(assessed(row(("A", "F"), 3, "X1", "F1")), T).hidden == {Cause.FEW_PEOPLE: 1}
    computed_of_hidden_ones = assessed(row(("A", "F"), 30))
    assert cost_of_output(computed_of_hidden_ones, T).hidden == {Cause.COMPUTED: 1}


def test_each_rule_of_the_catalogue_has_one_cause():
    of_causes = [cause.rules for cause in Cause]
    assert set().union(*of_causes) <= RULE_CATALOGUE.keys()
    assert sum(map(len, of_causes)) == len(set().union(*of_causes))


def test_errors_are_medians_over_shown_figures_in_per_cent_of_the_truth():
    cost = cost_of_output(SMALL_SCHOOLS, T)
    assert cost.errors_percent == {"n": pytest.approx((0 + 100 / 24) / 2)}


def test_a_key_that_is_left_out_adds_up_its_cells():
    leave_out = {c.key: c for c in cost_of_output(SMALL_SCHOOLS, T).changes if c.change is Change.LEAVE_OUT}
    assert (leave_out["school"].figures, leave_out["school"].small) == (2, 0)
    assert (leave_out["sex"].figures, leave_out["sex"].small) == (4, 1)  # D has 5 persons


def test_small_values_are_grouped_only_if_there_are_several():
    small = (row((k,), n, "F1") for k, n in {"A": 3, "B": 4, "C": 5}.items())
    several = assessed(*small, row(("D",), 20, released=20), columns=("group", "n"))
    (change,) = cost_of_output(several, T).changes
    assert (change.change, change.key, change.figures, change.small) == (Change.COMBINE, "group", 2, 0)
    one = assessed(row(("A",), 3, "F1"), row(("D",), 20, released=20), columns=("group", "n"))
    assert cost_of_output(one, T).changes == ()


def test_changes_that_hide_the_smallest_share_come_first_and_those_that_hide_no_less_are_left_out():
    changes = cost_of_output(SMALL_SCHOOLS, T).changes
    shares = [c.small / c.figures for c in changes]
    assert shares == sorted(shares)
    assert all(share < 5 / 7 for share in shares)


def test_rows_of_totals_are_not_added_to_their_parts():
    parts = (row(("A", "F"), 6, "F1"), row(("A", "M"), 30, released=30))
    totals = (row((None, "F"), 6, "F1"), row((None, None), 36, released=35))
    found = cost_of_output(assessed(*parts, *totals, tables=3), T)
    leave_out = {c.key: c.figures for c in found.changes}
    assert leave_out["sex"] == 1


def test_an_output_without_rows_costs_nothing_and_nothing_is_suggested_where_nothing_is_hidden():
    cost = cost_of_output(replace(SMALL_SCHOOLS, rows=()), T)
    assert (cost.figures, cost.hidden, cost.changes) == (0, {}, ())
    assert cost_of_output(assessed(row(("A", "F"), 30, released=30)), T).changes == ()


def test_of_figures_of_a_cell_the_most_persons_count():
    figures = [
        CountedFigure(("A",), "count", 12, 12, 10, False, False, ()),
        CountedFigure(("A",), "sum(x)", 3, 40, None, True, False, ("M1",)),
        CountedFigure(("B",), "count", 4, 4, None, True, False, ("F1",)),
        CountedFigure(("C",), "count", 7, 7, None, True, False, ("F1",)),
    ]
    (change,) = protection_cost(("school",), figures, T, has_totals=False).changes
    assert (change.change, change.figures, change.small) == (Change.COMBINE, 4, 0)


def test_keys_may_stand_behind_figures():
    fields = ("exact", "released", "suppressed", "verdicts", "rules")
    turned = tuple(replace(r, **{name: getattr(r, name)[::-1] for name in fields}) for r in SMALL_SCHOOLS.rows)
    other = replace(SMALL_SCHOOLS, columns=("n", "sex", "school"), rows=turned, column_statistics=((1,), (), ()))
    found, usual = cost_of_output(other, T), cost_of_output(SMALL_SCHOOLS, T)
    assert replace(found, changes=()) == replace(usual, changes=())
    assert {c.key for c in found.changes} == {c.key for c in usual.changes}


def test_what_a_checker_reviews_is_not_counted_as_hidden():
    found = row(("A", "F"), 30, released=30)
    reviewed = replace(found, verdicts=(*found.verdicts[:-1], Verdict.REVIEW), rules=((), (), ("A1",)))
    cost = cost_of_output(assessed(reviewed), T)
    assert (cost.figures, cost.in_review, cost.hidden) == (1, 1, {})
