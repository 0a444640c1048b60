"""Attacks by several tables of one script. Tables over the same rows are one system, as in SQL, and no hidden figure
follows from another table. If the rows differ, the checker sees it, and the release history compares them as if one was
released before the other."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.domain.findings import Assessment
from broker.domain.ports import ReleaseHistoryPorts
from broker.engine.members_engine import DuckDBMembersEngine
from broker.evidence.member_tables import MemberTable
from broker.python_jobs.raw_outputs import RawRequest
from broker.vault.population_store import PopulationStore
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.trusted_stage import ComputedOutput, OutputProblem
from tests.attacks.script_town import (
    VARIABLES,
    Here,
    broker,
    policies,
    rows,
    stage,
    stage_there,
    submitted_request,
    vault,
)
from tests.integration.submitted_rows.conftest import file_of
from tests.unit.workflow.comparison_kit import FilesInMemory

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


def with_rows(name: str, table: pa.Table, asked: Mapping[str, Any], *columns: str) -> RawRequest:
    """A request with rows of its own: all columns, or as the library writes them, those of the output."""
    variables = {"variables": {column: VARIABLES[column] for column in columns}} if columns else {}
    request = submitted_request(name, **asked, **variables)
    return RawRequest(name, request.kind, request.request, file_of(table.select(columns) if columns else table))


def both() -> list[RawRequest]:
    return [submitted_request("t", **YEARS), submitted_request("u", **FREE)]


def test_tables_of_the_same_rows_hide_more_together() -> None:
    """The years of one, less those of the other, are who has no free meals: two more cells are hidden for it."""
    one, other = compute_outputs(stage(), both())
    (years,), (free,) = (compute_outputs(stage(), [alone]) for alone in both())
    assert holes(one) >= holes(years)
    assert holes(other) > holes(free)
    audit = judged(other).audit
    assert audit is not None
    assert (audit.exact, audit.narrow) == (0, 0)
    assert "H5" not in rules(one) | rules(other)
    assert "H1" in rules(one) & rules(other), "linked or not, a person looks"


def test_columns_may_differ_where_rows_do_not() -> None:
    less = with_rows("t", rows(), YEARS, "pupil", "year")
    more = with_rows("u", rows(), FREE, "fsm", "year", "pupil")
    assert [holes(c) for c in compute_outputs(stage(), [less, more])] == [
        holes(c) for c in compute_outputs(stage(), both())
    ]


@pytest.mark.parametrize("change", ["order", "fewer"])
def test_the_checker_sees_rows_in_another_order_or_fewer_rows(change: str) -> None:
    table = rows().slice(1) if change == "fewer" else rows().take([*range(1, rows().num_rows), 0])
    first, _ = both()
    one, other = compute_outputs(stage(), [first, with_rows("u", table, FREE)])
    (alone,) = compute_outputs(stage(), [first])
    assert "H5" in rules(one) & rules(other)
    assert holes(one) == holes(alone)


def test_a_third_table_of_other_rows_separates_no_two_tables() -> None:
    first, *others = compute_outputs(stage(), [submitted_request("a", less=2, **YEARS), *both()])
    assert [holes(c) for c in others] == [holes(c) for c in compute_outputs(stage(), both())]
    assert "H5" in rules(first)


def test_a_table_with_a_problem_separates_no_two_tables() -> None:
    used = rows()
    wrong = used.set_column(used.column_names.index("LA"), "LA", pa.array(["999"] * used.num_rows))
    bad = with_rows("a", wrong, {"by": ["LA"], "measures": COUNTS}, "pupil", "LA")
    good = [with_rows("t", used, YEARS, "pupil", "year"), with_rows("u", used, FREE, "pupil", "year", "fsm")]
    withheld, *others = compute_outputs(stage(), [bad, *good])
    assert isinstance(withheld.result, OutputProblem)
    assert [holes(c) for c in others] == [holes(c) for c in compute_outputs(stage(), good)]


def test_a_column_that_is_two_things_is_judged_as_each() -> None:
    """A derived column by which one table groups, and of which another asks a number."""
    used = rows().append_column("late", pa.array([float(n % 40) for n in range(rows().num_rows)]))
    by = with_rows("t", used, {"by": ["late"], "measures": COUNTS})
    of = with_rows("u", used, {"by": ["year"], "measures": {"late_mean": {"mean": "late"}}})
    assert all("H5" in rules(c) for c in compute_outputs(stage(), [by, of]))


@cache
def compared() -> list[MemberTable]:
    """A table, and the same without the first rows, with an empty memory."""
    with broker() as there:
        populations = PopulationStore(vault().evidence.parents[2], policies)
        memory = ReleaseHistoryPorts(FilesInMemory(), populations, DuckDBMembersEngine())
        ports: Any = replace(there.ports, sandbox=Here(), release_history=memory)
        persons = {"people": {"persons": True}}
        asked = [submitted_request(name, less=less, measures=persons) for name, less in (("t", 0), ("u", 2))]
        outputs = compute_outputs(replace(stage(), worker=ports), asked)
        return [table for found in outputs if found.compared is not None for table in found.compared.tables]


def test_29_two_families_of_one_script() -> None:
    """All rows, and the rows without the first pupil's: each passes by itself, and together they are that pupil. They
    are compared though their recipes are equal, because these say nothing of rows."""
    first, second = compared()
    sizes, fewer = (table.members.sizes().tolist() for table in (first, second))
    assert sum(sizes) > 500
    assert first.figures[0].shown.keys() == second.figures[0].shown.keys(), "both leave"
    assert compare(second, first).is_clean
    assert fewer[: second.members.count] == sizes[: first.members.count], "with the earlier values"


def test_46_other_rows_are_another_recipe() -> None:
    """A plan over handed rows says nothing of whom they are: with an equal recipe, a table of other rows would leave
    with the figures of the first."""
    first, second = compared()
    assert first.entry.recipe != second.entry.recipe


@pytest.mark.docker
@pytest.mark.usefixtures("engine")
def test_the_container_does_what_these_tests_do() -> None:
    left = [submitted_request("a", less=2, **YEARS), *both()]
    assert compute_outputs(stage_there(), left) == compute_outputs(stage(), left)
