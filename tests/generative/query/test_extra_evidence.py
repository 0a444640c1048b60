"""Extra evidence of generated queries. With one institution a person, institutions equal persons. Sums of record keys
equal those of the reference's persons. Cells stay the same without extra evidence."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import duckdb
import oracles
import pytest
import worlds
from evidence import ReferenceCell, reference
from scalar_reference import NoReferenceValue

from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds
from broker.policy.data_catalogue import Catalogue, TableKind
from broker.policy.policy_set import PolicySet
from tests.proof_size import report_figures, seed, size

BOTH = EvidenceNeeds(1, institutions=True, record_keys=True)
OF_KEYS = frozenset({Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.MEAN, Measure.GAP})
"""Measures of which the reference names exactly the persons whose keys are added up; of 0/1 it names both sides."""

pytestmark = pytest.mark.long


@dataclass
class Figures:
    queries: int = 0
    cells: int = 0
    with_institutions: int = 0
    keys: int = 0
    unequal: list[object] = field(default_factory=list)


def key(person: int) -> int:
    return Random(person).getrandbits(32)


def together(persons: Any) -> int:
    return sum(map(key, persons)) % 2**32


def filled(catalogue: Catalogue, rows: worlds.Rows) -> duckdb.DuckDBPyConnection:
    """The tables of the evidence rendering: each person is an institution of one, numbered from 1."""
    con = worlds.connect(catalogue)
    worlds.fill(con, catalogue, rows)
    people = sorted({r["__p"] for of in rows.values() for r in of if "__p" in r})
    con.execute("CREATE TABLE record (p UINTEGER, k UINTEGER)")
    con.executemany("INSERT INTO record VALUES (?, ?)", [(p, key(p)) for p in people])
    for name in rows:
        if catalogue.table(name).kind is TableKind.PERSON:
            con.execute(f'ALTER TABLE {name} ADD COLUMN "__i" UINTEGER')
            con.execute(f'ALTER TABLE {name} ADD COLUMN "__k" UINTEGER')
            con.execute(f'UPDATE {name} SET "__i" = "__p" + 1, "__k" = record.k FROM record WHERE record.p = "__p"')
    return con


@pytest.fixture(scope="module")
def figures(policies: PolicySet) -> Figures:
    catalogue, found = policies.catalogue, Figures()
    for number, plan in oracles.accepted(policies, seed() * 100_000 + 70_000, size("BESIDE_QUERIES", 36)):
        rows = worlds.rows(catalogue, number, 8)
        con = filled(catalogue, rows)
        for table in oracles.parts_of(plan):
            _compare(found, number, con, table, rows)
        found.queries += 1
        con.close()
    report_figures("beside", {n: len(v) if isinstance(v, list) else v for n, v in vars(found).items()})
    return found


def _compare(found: Figures, number: int, con: duckdb.DuckDBPyConnection, table: Any, rows: worlds.Rows) -> None:
    bare, told = oracles.rendered(con, table), oracles.rendered(con, table, BOTH)
    if [{n: row[n] for n in bare[0]} for row in told] != bare if bare else told:
        found.unequal.append((number, "cells"))
    try:
        cells = {tuple(map(oracles.seen, k)): cell for k, cell in reference(table, rows)[0].items()}
    except NoReferenceValue:
        return
    for row in told:
        cell = cells.get(tuple(oracles.seen(row[f"k{n}"]) for n in range(len(table.keys))))
        if cell is not None:
            found.cells += 1
            found.unequal += [(number, wrong) for wrong in _wrong(found, table, cell, row)]


def _wrong(found: Figures, table: Any, cell: ReferenceCell, row: dict[str, Any]) -> list[object]:
    expected: dict[str, Any] = {"cell_key": together(cell.persons)}
    if row["institutions"] is not None:
        found.with_institutions += 1
        expected |= {"institutions": len(cell.persons), "largest_institution": 1}
    for statistic in table.statistics:
        persons = cell.statistics[statistic.ident].persons
        if statistic.measure in OF_KEYS:
            expected[f"s{statistic.ident}_cell_key"] = together(persons)
        if statistic.measure in {Measure.ONES, Measure.SHARE}:
            expected[f"s{statistic.ident}_whole_key"] = together(persons)
    found.keys += len(expected)
    return [(name, row[name], value) for name, value in expected.items() if row[name] != value]


def test_queries_are_answered_with_institutions_and_keys(figures: Figures) -> None:
    assert figures.queries > 0.5 * size("BESIDE_QUERIES", 36)
    assert figures.cells > 100
    assert figures.with_institutions > 0.4 * figures.cells
    assert figures.keys > figures.cells


def test_extra_evidence_equals_the_reference(figures: Figures) -> None:
    assert figures.unequal == []
