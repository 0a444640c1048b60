"""Attacks by several tables of one script. Tables over the same rows are one system, as in SQL, and no hidden figure
follows from another table. If the rows differ, the checker sees it."""

from typing import Any

import pyarrow as pa
import pytest

from broker.domain.findings import Assessment
from broker.python_jobs.raw_outputs import RawRequest
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.trusted_stage import ComputedOutput, OutputProblem
from tests.attacks.script_town import VARIABLES, rows, stage, stage_there, submitted_request
from tests.integration.submitted_rows.conftest import file_of

pytestmark = pytest.mark.long

COUNTS = {"n": {"count": True}}
YEARS, FREE = {"by": ["year"], "measures": COUNTS}, {"by": ["fsm", "year"], "measures": COUNTS}


def judged(made: ComputedOutput) -> Assessment:
    assert isinstance(made.result, Assessment), made
    return made.result


def holes(made: ComputedOutput) -> set[tuple[Any, int]]:
    return {(row.keys, i) for row in judged(made).rows for i, hidden in enumerate(row.suppressed) if hidden}


def rules(made: ComputedOutput) -> set[str]:
    return {f.rule for f in judged(made).findings}


def with_rows(request: RawRequest, table: pa.Table) -> RawRequest:
    return RawRequest(request.name, request.kind, request.request, file_of(table))


def alone() -> tuple[set[Any], set[Any]]:
    (one,), (other,) = (
        compute_outputs(stage(), [submitted_request("t", **YEARS)]),
        compute_outputs(stage(), [submitted_request("u", **FREE)]),
    )
    return holes(one), holes(other)


def test_tables_of_the_same_rows_hide_more_together() -> None:
    """The years of one, less those of the other, are who has no free meals: two more cells are hidden for it."""
    one, other = compute_outputs(stage(), [submitted_request("t", **YEARS), submitted_request("u", **FREE)])
    years, free = alone()
    assert holes(one) >= years
    assert holes(other) > free
    audit = judged(other).audit
    assert audit is not None
    assert (audit.exact, audit.narrow) == (0, 0)
    assert "H5" not in rules(one) | rules(other)
    assert {"H1"} <= rules(one) & rules(other), "linked or not, a person looks"


def test_columns_may_differ_where_rows_do_not() -> None:
    """As the library writes them: each output has its own columns."""
    used = rows()
    less = with_rows(submitted_request("t", **YEARS, variables=only("pupil", "year")), used.select(["pupil", "year"]))
    more = with_rows(
        submitted_request("u", **FREE, variables=only("pupil", "year", "fsm")), used.select(["fsm", "year", "pupil"])
    )
    assert [holes(c) for c in compute_outputs(stage(), [less, more])] == [
        holes(c) for c in compute_outputs(stage(), [submitted_request("t", **YEARS), submitted_request("u", **FREE)])
    ]


def only(*columns: str) -> dict[str, str]:
    return {name: VARIABLES[name] for name in columns}


@pytest.mark.parametrize("change", ["order", "fewer"])
def test_the_checker_sees_rows_in_another_order_or_fewer_rows(change: str) -> None:
    table = rows().slice(1) if change == "fewer" else rows().take([*range(1, rows().num_rows), 0])
    one, other = compute_outputs(
        stage(), [submitted_request("t", **YEARS), with_rows(submitted_request("u", **FREE), table)]
    )
    assert "H5" in rules(one) & rules(other)
    assert holes(one) == alone()[0]


def test_a_third_table_of_other_rows_separates_no_two_tables() -> None:
    third = submitted_request("a", less=2, **YEARS)
    together = compute_outputs(stage(), [submitted_request("t", **YEARS), submitted_request("u", **FREE)])
    first, *others = compute_outputs(stage(), [third, submitted_request("t", **YEARS), submitted_request("u", **FREE)])
    assert [holes(c) for c in others] == [holes(c) for c in together]
    assert "H5" in rules(first)


def test_a_table_with_a_problem_separates_no_two_tables() -> None:
    used = rows()
    wrong = used.set_column(used.column_names.index("LA"), "LA", pa.array(["999"] * used.num_rows))
    bad = with_rows(
        submitted_request("a", by=["LA"], measures=COUNTS, variables=only("pupil", "LA")), wrong.select(["pupil", "LA"])
    )
    good = [
        with_rows(submitted_request("t", **YEARS, variables=only("pupil", "year")), used.select(["pupil", "year"])),
        with_rows(
            submitted_request("u", **FREE, variables=only("pupil", "year", "fsm")),
            used.select(["pupil", "year", "fsm"]),
        ),
    ]
    withheld, *others = compute_outputs(stage(), [bad, *good])
    assert isinstance(withheld.result, OutputProblem)
    assert [holes(c) for c in others] == [holes(c) for c in compute_outputs(stage(), good)]


def test_a_column_that_is_two_things_is_judged_as_each() -> None:
    """A derived column by which one table groups, and of which another asks a number."""
    used = rows().append_column("late", pa.array([float(n % 40) for n in range(rows().num_rows)]))
    by = with_rows(submitted_request("t", by=["late"], measures=COUNTS), used)
    of = with_rows(submitted_request("u", by=["year"], measures={"late_mean": {"mean": "late"}}), used)
    assert all("H5" in rules(c) for c in compute_outputs(stage(), [by, of]))


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_the_container_does_what_these_tests_do() -> None:
    left = [submitted_request("a", less=2, **YEARS), submitted_request("t", **YEARS), submitted_request("u", **FREE)]
    assert compute_outputs(stage_there(), left) == compute_outputs(stage(), left)
