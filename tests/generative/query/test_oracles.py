"""The algebra's oracles on random queries and tables: values, years, scrambling, removal, canonical text."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from query_cases import Query, Tables, queries, tables
from query_kit import WRITTEN, Cell, cells, compiled, database

from broker.domain.plans.lineage import lineage_of
from broker.domain.plans.operators import Scan, walk
from broker.domain.plans.plan import PlannedOutput, PlannedTable

pytestmark = pytest.mark.long

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
MANY = settings(QUICK, max_examples=400)


def _output(query: Query) -> PlannedOutput:
    plan = compiled(query.text).plan
    assert plan is not None, (query.text, compiled(query.text).refusals)
    return plan.outputs[0]


def _table(output: PlannedOutput) -> PlannedTable:
    (table,) = output.tables
    return table


def _run(output: PlannedOutput, data: Tables) -> list[Cell]:
    return cells(output, database(data))


def _comparable(found: list[Cell]) -> dict[tuple[Any, ...], Any]:
    return {c.keys: (c.shown, c.rows, c.persons, c.evidence) for c in found}


@QUICK
@given(queries(), tables())
def test_cells_are_those_of_the_dialect(query: Query, data: Tables) -> None:
    output = _output(query)
    expected = query.expected(data)
    found = {c.keys: (c.shown or ())[len(_table(output).keys) :] for c in _run(output, data)}
    assert found.keys() == expected.keys(), query.text
    for keys, values in expected.items():
        assert [v if v is None else float(v) for v in found[keys]] == pytest.approx(
            [v if v is None else float(v) for v in values]
        ), query.text


@MANY
@given(queries(), tables())
def test_a_table_year_matters_only_if_the_use_has_it(query: Query, data: Tables) -> None:
    """Judged by the meaning in plain Python: what runs is cut to the years of the uses, and would hide a fault."""
    before = query.expected(data)
    uses = compiled(query.text).uses
    for name in ("npd.a", "npd.b"):
        used = {y for u in uses if u.table == name for y in u.years or ()}
        for year in WRITTEN.keys() - used:
            less = {**data, name: [r for r in data[name] if r["Y"] != WRITTEN[year]]}
            assert query.expected(less) == before, (query.text, name, year)


@QUICK
@given(queries(), tables())
def test_what_is_not_used_changes_nothing(query: Query, data: Tables) -> None:
    """Invariant 3: what is scanned is within the uses, and scrambling the rest changes no result and no evidence."""
    output = _output(query)
    uses = compiled(query.text).uses
    used = {(u.table, u.variable) for u in uses}
    scrambled = {
        name: [{k: v if (name, k) in used or k == "p" else None for k, v in row.items()} for row in rows]
        for name, rows in data.items()
    }
    assert _comparable(_run(output, scrambled)) == _comparable(_run(output, data)), query.text
    for scan in (part for part in walk(_table(output).contributions) if isinstance(part, Scan)):
        assert {(scan.table, c.variable) for c in scan.columns} <= used
        years = next((u.years for u in uses if u.table == scan.table), None)
        assert scan.years is None or years is None or scan.years <= years


@QUICK
@given(queries(), tables())
def test_a_person_who_changes_a_cell_is_in_its_evidence(query: Query, data: Tables) -> None:
    """Removing a person takes exactly one from the persons of a cell whose figures change, and of the population."""
    output = _output(query)
    before = {c.keys: c for c in _run(output, data)}
    for person in {r["p"] for rows in data.values() for r in rows}:
        less = {n: [r for r in rows if r["p"] != person] for n, rows in data.items()}
        after = {c.keys: c for c in _run(output, less)}
        for keys in before.keys() | after.keys():
            old, new = before.get(keys), after.get(keys)
            assert old is not None, "a removal made a cell appear"
            if new is None or new.shown != old.shown:
                assert old.persons - (new.persons if new else 0) == 1, (query.text, person)
            if new is not None:
                columns = zip(
                    output.columns, lineage_of(output).column_statistics, old.shown or (), new.shown or (), strict=True
                )
                for column, idents, was, now in columns:
                    if (was or 0) != (now or 0):
                        behind = _gone(output, idents, old, new)
                        assert behind <= {0, 1}
                        assert 1 in behind, (query.text, person, column.name)


def _gone(output: PlannedOutput, idents: frozenset[int], old: Cell, new: Cell) -> set[int]:
    """How many persons left the evidence of these statistics and of those that they imply."""
    of = [s.ident for s in _table(output).statistics if s.ident in idents or s.implied_by in idents]
    return {old.evidence[i].get(f, 0) - new.evidence[i].get(f, 0) for i in of for f in ("persons", "rest")}


@QUICK
@given(queries())
def test_canonical_text_compiles_to_the_same_plan(query: Query) -> None:
    first = compiled(f"-- output: tab\n{query.text} -- a comment")
    assert first.plan is not None
    again = compiled(first.canonical)
    assert again.plan is not None, again.refusals
    assert again.plan.hash == first.plan.hash
    assert again.canonical == first.canonical
    assert first.plan.outputs[0].name == "tab"


@QUICK
@given(queries(), tables())
def test_listed_keys_hold_every_row(query: Query, data: Tables) -> None:
    """The rows of a released table come from code lists: no cell may fall outside of them."""
    output = _output(query)
    for cell in _run(output, data):
        for key, value in zip(_table(output).keys, cell.keys, strict=True):
            assert key.domain is None or value in key.domain, (query.text, key.domain, value)
