"""Evidence oracles on generated queries: the reference evaluator equals the engine, and evidence counts every person
who changes a statistic by removal or by another attribute."""

# ruff: noqa: E501 - one value a line reads as a table

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import duckdb
import oracles
import pytest
import worlds
from evidence import ReferenceCell, differences, reference, same
from scalar_reference import NoReferenceValue
from shapes import SHAPES

from broker.domain.plans.plan import Plan
from broker.policy.data_catalogue import Catalogue
from broker.policy.policy_set import PolicySet
from tests.proof_size import report_figures, seed, size

pytestmark = pytest.mark.long

Cells = dict[tuple[Any, ...], ReferenceCell]
PEOPLE = 8


@dataclass
class Figures:
    queries: int = 0
    tables: int = 0
    cells: int = 0
    statistics: int = 0
    columns_left_out: set[str] = field(default_factory=set)
    without_meaning: dict[str, int] = field(default_factory=dict)
    unequal: list[object] = field(default_factory=list)
    removals: int = 0
    attributes: int = 0
    changes: int = 0
    by_context: int = 0
    unexplained: list[object] = field(default_factory=list)


@pytest.fixture(scope="module")
def figures(policies: PolicySet) -> Figures:
    catalogue, found = policies.catalogue, Figures()
    con, start = worlds.connect(catalogue), seed() * 100_000 + 50_000
    for number, plan in oracles.accepted(policies, start, size("EVIDENCE_QUERIES", len(SHAPES))):
        rows = worlds.rows(catalogue, number, PEOPLE)
        try:
            _equal(found, number, plan, con, catalogue, rows)
            _changes(found, number, plan, catalogue, rows)
            found.queries += 1
        except NoReferenceValue as missing:
            found.without_meaning[str(missing)] = found.without_meaning.get(str(missing), 0) + 1
    told = {n: len(v) if isinstance(v, list) else v for n, v in vars(found).items()}
    report_figures("evidence", told | {"columns_left_out": sorted(found.columns_left_out)})
    return found


def _equal(
    found: Figures, number: int, plan: Plan, con: duckdb.DuckDBPyConnection, catalogue: Catalogue, rows: worlds.Rows
) -> None:
    worlds.fill(con, catalogue, rows)
    for place, table in enumerate(oracles.parts_of(plan)):
        cells, population = reference(table, rows)
        met = {tuple(oracles.seen(r[f"k{i}"]) for i in range(len(table.keys))): r for r in oracles.rendered(con, table)}
        cells = {tuple(map(oracles.seen, keys)): cell for keys, cell in cells.items()}
        wrong: list[object] = (
            [] if met.keys() == cells.keys() else [("cells", sorted(map(repr, met.keys() ^ cells.keys())))]
        )
        for keys in met.keys() & cells.keys():
            wrong += [(keys, d) for d in differences(cells[keys], met[keys])]
            wrong += [
                (keys, "not listed") for k, v in zip(table.keys, keys, strict=True) if k.domain and v not in k.domain
            ]
            wrong += [] if met[keys]["population"] == len(population) else [(keys, "population")]
            known = {f"s{i}_{f}" for i, t in cells[keys].statistics.items() for f in t.fields}
            known |= {f"k{i}" for i in range(len(table.keys))} | {"rows", "persons", "population"}
            found.columns_left_out |= {n.split("_", 1)[-1] for n in met[keys].keys() - known} - {"value"}
        found.unequal += [(number, place, wrong[:5])] if wrong else []
        found.tables, found.cells = found.tables + 1, found.cells + len(met)
        found.statistics += len(met) * len(table.statistics)


def _references(plan: Plan, rows: worlds.Rows) -> list[tuple[bool, Cells]]:
    return [(getattr(t, "shown", True), reference(t, rows)[0]) for t in oracles.parts_of(plan)]


def _changes(found: Figures, number: int, plan: Plan, catalogue: Catalogue, rows: worlds.Rows) -> None:
    """Removals of each person, and as many changes of one attribute."""
    before, used = _references(plan, rows), {u.table for u in plan.uses}
    people = sorted({r["__p"] for t in used for r in rows[t] if "__p" in r})
    for person in people:
        less = {n: [r for r in of if r.get("__p") != person] for n, of in rows.items()}
        found.removals += 1
        _judge(found, (number, "removed"), person, before, _references(plan, less))
    for person, other in _attributes(Random(number), plan, catalogue, rows, len(people)):
        found.attributes += 1
        _judge(found, (number, "changed"), person, before, _references(plan, other))


def _attributes(
    rng: Random, plan: Plan, catalogue: Catalogue, rows: worlds.Rows, count: int
) -> Iterator[tuple[Any, worlds.Rows]]:
    """Databases in which one used value of one person's row is another of its domain; keys and years stay."""
    uses = [u for u in plan.uses if u.variable is not None and catalogue.table(u.table).year is not None]
    for _ in range(count):
        use = rng.choice(uses)
        table = catalogue.table(use.table)
        variable = table.find(str(use.variable))
        axis = table.year
        assert variable is not None
        assert axis is not None
        if table.is_link_key(variable.name) or variable.name == axis.variable or not rows[use.table]:
            continue
        place = rng.randrange(len(rows[use.table]))
        row = rows[use.table][place]
        values = [*worlds.domain(variable), *([None] if variable.missing else [])]
        changed = row | {variable.name: rng.choice(values)}
        yield row["__p"], {**rows, use.table: [*rows[use.table][:place], changed, *rows[use.table][place + 1 :]]}


def _judge(
    found: Figures, what: object, person: Any, before: list[tuple[bool, Cells]], after: list[tuple[bool, Cells]]
) -> None:
    """Every statistic that differs has the person behind it, before or after; or a table of context has, which says so."""
    context = any(
        person in c.persons for side in (before, after) for shown, cells in side if not shown for c in cells.values()
    )
    for (shown, old), (_, new) in zip(before, after, strict=True):
        for keys in old.keys() | new.keys():
            for ident, behind in _differing(old.get(keys), new.get(keys)):
                found.changes += 1
                if person in behind:
                    continue
                if context and shown:
                    found.by_context += 1
                else:
                    found.unexplained.append((what, person, keys, ident))


def _differing(old: ReferenceCell | None, new: ReferenceCell | None) -> Iterator[tuple[int, frozenset[Any]]]:
    """Statistics of a cell that are not what they were, with everybody behind either. A cell that comes or goes differs
    by its rows."""
    if old is None or new is None:
        one = old or new
        assert one is not None
        yield -1, one.persons
        return
    for ident, was in old.statistics.items():
        now = new.statistics[ident]
        # A sum of zeros and of nothing have nobody behind them, and are protected alike.
        if not same(was.fields.get("value") or 0, now.fields.get("value") or 0):
            yield ident, was.persons | now.persons
    if old.rows != new.rows:
        yield -1, old.persons | new.persons


def test_the_engine_computes_what_the_reference_says(figures: Figures) -> None:
    """Values, rows, persons and every other figure of evidence that the reference knows. The rows of a released table
    come from lists of codes: no cell falls outside of them."""
    assert not figures.unequal
    assert figures.cells > 0
    assert sum(figures.without_meaning.values()) <= 0.1 * (figures.tables + 1), figures.without_meaning


def test_evidence_counts_whoever_changes_a_statistic(figures: Figures) -> None:
    """Removals and changes of an attribute, cells that come and go among them."""
    assert not figures.unexplained
    assert figures.changes > 0
