"""Members of generated queries' tables: equal to those of the reference evaluator person by person, and added up by
cell equal to the evidence."""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

import certified_worlds
import duckdb
import numpy as np
import pytest
import worlds
from evaluate import Evaluator
from evidence import same
from oracles import accepted, rendered, seen
from query_kit import planned
from scalar_reference import NoReferenceValue, value
from shapes import SHAPES

from broker.domain.plans.measure import Measure
from broker.domain.plans.member_amounts import AmountKind, amount_columns
from broker.domain.plans.plan import Plan, PlannedTable
from broker.domain.ports.history_ports import TableMembers
from broker.engine.hardened_duckdb import arrow_stream
from broker.engine.members_engine import DuckDBMembersEngine, member_statements, member_tables
from broker.evidence.member_tables import from_bytes
from broker.policy.policy_set import PolicySet
from broker.query import render_members
from tests.proof_size import report_figures, seed, size

ENGINE = DuckDBMembersEngine()
PEOPLE = 8
PLENTY, MOST = 1 << 30, 10_000
Amounts = dict[tuple[Any, tuple[Any, ...]], dict[str, Any]]
"""By global person and keys of the cell."""

pytestmark = pytest.mark.long


@dataclass
class Figures:
    queries: int = 0
    tables: int = 0
    members: int = 0
    several_cells: int = 0
    several_rows: int = 0
    without_person: int = 0
    by_measure: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    without_meaning: int = 0
    unequal: list[object] = field(default_factory=list)
    not_the_evidence: list[object] = field(default_factory=list)


@pytest.fixture(scope="module")
def figures(policies: PolicySet) -> Figures:
    catalogue, found = policies.catalogue, Figures()
    con, start = worlds.connect(catalogue), seed() * 100_000 + 70_000
    for number, plan in accepted(policies, start, size("MEMBERS_QUERIES", 2 * len(SHAPES))):
        rows = worlds.rows(catalogue, number, PEOPLE)
        worlds.fill(con, catalogue, rows)
        numbers = np.random.default_rng(number).permutation(MOST).astype(np.uint32) + np.uint32(5)
        for members, (_, table) in zip(
            _found(con, plan, numbers), member_tables(plan, ENGINE.shown(plan)), strict=True
        ):
            _against_evidence(found, number, con, table, members)
            try:
                _against_reference(found, number, table, members, rows, numbers)
            except NoReferenceValue:
                found.without_meaning += 1
            found.tables += 1
        found.queries += 1
    told = {n: len(v) if isinstance(v, list) else v for n, v in vars(found).items()}
    report_figures("members", told | {"by_measure": dict(found.by_measure)})
    return found


def _found(con: duckdb.DuckDBPyConnection, plan: Plan, numbers: Any) -> tuple[TableMembers, ...]:
    wanted = ENGINE.shown(plan)
    texts = [sql for _, sql in member_statements(member_tables(plan, wanted), 1, {})]
    frames = [("table", arrow_stream(con, t, PLENTY)) for t in texts]
    return ENGINE.read_members(plan, frames, numbers.astype("<u4").tobytes(), wanted)


def _amounts(table: PlannedTable, members: TableMembers) -> Amounts:
    found = from_bytes(members.content)
    persons, cells = found.rows()
    columns = {c.name: found.amounts.get(c.name, np.ones(len(persons))).tolist() for c in amount_columns(table)}
    return {
        (person, tuple(map(seen, members.cells[cell]))): {name: of[i] for name, of in columns.items()}
        for i, (person, cell) in enumerate(zip(persons.tolist(), cells.tolist(), strict=True))
    }


def _against_reference(
    found: Figures, number: int, table: PlannedTable, members: TableMembers, rows: worlds.Rows, numbers: Any
) -> None:
    """Every person and cell by definition."""
    expected: Amounts = defaultdict(lambda: defaultdict(int))
    for row in Evaluator(rows, 1).rows(table.contributions):
        local, keys = row.get(table.person), tuple(seen(value(k.expression, row)) for k in table.keys)
        if local is None:
            found.without_person += 1
            continue
        one = expected[int(numbers[local]), keys]
        one["rows"] += 1
        for s in table.statistics:
            if s.argument is not None:
                argument = value(s.argument, row)
                one[f"s{s.ident}_given"] += argument is not None
                one[f"s{s.ident}_ones"] += argument == 1
                one[f"s{s.ident}_total"] += argument if isinstance(argument, int | Fraction) else 0
    met = _amounts(table, members)
    if met.keys() != expected.keys():
        found.unequal.append((number, "members", sorted(map(repr, met.keys() ^ expected.keys()))[:4]))
        return
    for place, one in met.items():
        wrong = [name for name, amount in one.items() if not same(amount, expected[place][name])]
        found.unequal += [(number, place, wrong)] if wrong else []
        found.several_rows += one["rows"] > 1
    found.members += len(met)
    found.several_cells += len(met) - len({person for person, _ in met})
    for s in table.statistics:
        found.by_measure[s.measure.name] += len(met) * (s.implied_by is None)


def _against_evidence(
    found: Figures, number: int, con: duckdb.DuckDBPyConnection, table: PlannedTable, members: TableMembers
) -> None:
    """Added up by cell: persons, rows, ones and sums as the rendered evidence says."""
    cells = {tuple(seen(r[f"k{i}"]) for i in range(len(table.keys))): r for r in rendered(con, table)}
    if cells.keys() != {tuple(map(seen, keys)) for keys in members.cells}:
        found.not_the_evidence.append((number, "cells"))
        return
    added: dict[tuple[Any, ...], dict[str, Any]] = {keys: defaultdict(int) for keys in cells}
    for (_, keys), one in _amounts(table, members).items():
        for name, amount in (one | {"persons": 1}).items():
            added[keys][name] += amount
        for s in table.statistics:
            added[keys][f"s{s.ident}_persons"] += _contributes(s, one)
    for keys, cell in cells.items():
        wrong = [name for name, told in _evidence_fields(table, cell) if not same(added[keys][name], told)]
        found.not_the_evidence += [(number, keys, wrong)] if wrong else []


def _contributes(statistic: Any, one: dict[str, Any]) -> bool:
    if statistic.implied_by is not None or statistic.argument is None:
        return True
    what = {Measure.ONES: AmountKind.ONES, Measure.SHARE: AmountKind.ONES, Measure.SUM: AmountKind.TOTAL}
    return bool(one[f"s{statistic.ident}_{what.get(statistic.measure, AmountKind.NON_NULL_ROWS)}"])


def _evidence_fields(table: PlannedTable, cell: dict[str, Any]) -> list[tuple[str, Any]]:
    told = [("persons", cell["persons"]), ("rows", cell["rows"])]
    for s in table.statistics:
        name = f"s{s.ident}"
        if s.implied_by is None:
            told.append((f"{name}_persons", cell[f"{name}_persons"]))
        if s.implied_by is None and s.measure in {Measure.ONES, Measure.SHARE}:
            told += [(f"{name}_ones", cell[f"{name}_rows"])]
            told += [(f"{name}_given", cell[f"{name}_rows"] + cell[f"{name}_rest_rows"])]
        elif s.implied_by is None and s.argument is not None:
            told += [(f"{name}_given", cell[f"{name}_rows"])]
        if s.implied_by is None and s.measure in {Measure.SUM, Measure.MEAN}:
            told += [(f"{name}_total", cell[f"{name}_total"] or 0)]
    return told


def test_members_are_those_of_the_reference(figures: Figures) -> None:
    assert not figures.unequal
    assert figures.members > 500
    assert figures.several_cells > 100
    assert figures.several_rows > 100
    assert figures.without_meaning <= 0.1 * figures.tables
    assert {m for m, n in figures.by_measure.items() if n} >= {"COUNT_ROWS", "COUNT_PERSONS", "ONES", "SUM", "MEAN"}


def test_members_add_up_to_the_evidence(figures: Figures) -> None:
    assert not figures.not_the_evidence


def test_where_a_row_is_proved_to_be_a_person_nothing_is_grouped_and_members_are_the_same() -> None:
    con, rng, single = certified_worlds.connection(), Random(3), 0
    for _ in range(12):
        rows = certified_worlds.rows(rng, 12)
        certified_worlds.fill(con, rows)
        for text in certified_worlds.texts(rng):
            (table,) = planned(text).tables
            least = render_members(table, 1)
            cheap = render_members(table, 1, certified_worlds.proofs(rows))
            single += "GROUP BY cell" not in cheap
            assert sorted(con.execute(cheap).fetchall()) == sorted(con.execute(least).fetchall())
    assert single > 10
