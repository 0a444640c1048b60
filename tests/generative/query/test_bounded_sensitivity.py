"""Sensitivity by brute force: without one person, no bounded answer moves further than its declared bound. Generated
queries of every shape."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import bounded_reference as reference
import bounded_worlds as kit
import pytest
from scalar_reference import NoReferenceValue
from scanned_columns import scanned
from shapes import SHAPES, sample

from broker.domain.errors import Refused
from broker.domain.plans.bounded_table import BoundedTable, PersonBound
from broker.domain.plans.operators import Aggregate, Join, Scan, Union, walk
from broker.domain.plans.scalars import Literal, ScalarType
from broker.policy.data_catalogue import RowRanking
from broker.policy.files.privacy_files import load_promises_and_profiles
from broker.privacy.private_tables import PrivateTable
from broker.privacy.request.directives import read_bounds
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output
from broker.query import compile_sql
from broker.query.analysis.guards import Guards
from broker.query.contribution_bounding import rank_filters, row_bounds
from broker.query.sql import bounded_statements as rendering
from tests.proof_size import report_figures, seed, size

WORLDS = size("BOUNDED_WORLDS", 2)
QUERIES = size("BOUNDED_QUERIES", 123)
REMOVED = size("BOUNDED_REMOVED", 3)
EXACT = size("BOUNDED_EXACT", 123)
EVENTS = size("BOUNDED_EVENTS", 30)
FULL = 2000
"""Measured queries of the full proof; persons of all of them have duplicates, some equal."""

pytestmark = pytest.mark.long
KINDS = ("with a join", "with a union", "of several years", "of persons first")


@pytest.fixture(scope="module")
def profile() -> Any:
    """Schools are keys of the data here, with others: more than policy lets be measured."""
    found = load_promises_and_profiles(Path(__file__).parents[3] / "policies" / "privacy").profile("npd-private")
    return replace(found, max_keys=10**12, max_words=10**12)


def measured(number: int, policies: Any, profile: Any) -> tuple[list[tuple[BoundedTable, PrivateTable]], str | None]:
    """The tables of the measurable outputs of a generated query, or why there are none."""
    drawn = sample(number)
    plan = compile_sql(drawn.text, drawn.dialect, policies.catalogue, policies.project("P0421"), policies.service).plan
    if plan is None:
        return [], "query refused"
    given = PrivateContext(policies.catalogue, profile, kit.registers(policies.catalogue), read_bounds(drawn.text))
    try:
        return [pair for output in plan.outputs for pair in kit.tables_of(plan_private_output(output, given))], None
    except Refused as refused:
        return [], refused.refusals[0].code


class Worlds:
    """A database, the same without some persons, and which tables of a query were compared."""

    def __init__(self, policies: Any, number: int, removed: int) -> None:
        self.rows = kit.crowded(policies.catalogue, number)
        everybody = kit.persons(self.rows)
        gone = Random(number).sample(everybody, min(removed, len(everybody)))
        self.whole = kit.vault(policies.catalogue, self.rows, 0)
        self.less = [kit.vault(policies.catalogue, kit.without(self.rows, p), p) for p in gone]

    def compare(self, bounded: Any, table: Any) -> kit.Excess:
        before, seen = kit.answer(self.whole, bounded, table), kit.Excess()
        for con in self.less:
            kit.compare(table, before, kit.answer(con, bounded, table), seen)
        return seen


def kinds_of(bounded: BoundedTable) -> Iterator[str]:
    """What makes a query's bound more than a rank of one table and year."""
    parts = list(walk(bounded.contributions))
    scans = [p for p in parts if isinstance(p, Scan) and p.person is not None]
    if any(isinstance(p, Join) for p in parts):
        yield "with a join"
    if any(isinstance(p, Union) for p in parts):
        yield "with a union"
    if any(p.years is None or len(p.years) > 1 for p in scans):
        yield "of several years"
    if any(isinstance(p, Aggregate) for p in parts):
        yield "of persons first"


def test_nobody_moves_an_answer_further_than_declared(policies: Any, profile: Any) -> None:
    ended: Counter[str] = Counter()
    done, gone, excess, number = 0, 0, kit.Excess(), seed()
    for world in range(WORLDS):
        worlds = Worlds(policies, seed() + world, REMOVED)
        for _ in range(-(-QUERIES // WORLDS)):
            number += 1
            pairs, refused = measured(number, policies, profile)
            if refused:
                ended[refused] += 1
                continue
            done, gone = done + 1, gone + len(worlds.less)
            ended.update({kind for b, _ in pairs for kind in kinds_of(b)})
            for bounded, table in pairs:
                ended["per person" if bounded.person_bound else "by ranks"] += 1
                ended["by ranks within a filter"] += "__r_" in kit.texts(bounded)[0]
                seen = worlds.compare(bounded, table)
                excess.tight = max(excess.tight, seen.tight)
                excess.found += [f"{sample(number).text}\n{f}" for f in seen.found]
    told = {"queries": number - seed(), "measured": done, "persons_removed": gone, "tightest": excess.tight}
    report_figures("bounded", told | ended)
    assert not excess.found, excess.found[0]
    assert done > QUERIES // 4
    assert ended["by ranks within a filter"]
    assert QUERIES < FULL or done >= FULL
    assert all(ended[kind] > done // 50 for kind in KINDS), ended
    assert len(SHAPES) > 20


def of_events(many: int) -> range:
    """The numbers of queries by filters that ranks are stored for."""
    return range([s.__name__ for s in SHAPES].index("events"), len(SHAPES) * many, len(SHAPES))


def test_no_bound_rests_on_how_a_filter_was_understood(
    policies: Any, profile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is misunderstood is wrong, and as private as it says."""
    worlds = [Worlds(policies, seed() + n, 6) for n in range(2)]
    only_the_first(monkeypatch)
    within = 0
    for number in of_events(EVENTS):
        for bounded, table in measured(number, policies, profile)[0]:
            within += "__r_" in kit.texts(bounded)[0]
            for world in worlds:
                assert not world.compare(bounded, table).found, sample(number).text
    assert within > EVENTS // 3


def test_answers_are_those_of_the_definition(policies: Any, profile: Any) -> None:
    """Where a person has more cells than count, which ones is drawn: there the definition needs room for all."""
    roomy = replace(profile, person_cells=1000)
    compared = 0
    worlds = Worlds(policies, seed(), 0)
    drawn = {n: n for n in kit.persons(worlds.rows)}
    for number in range(seed(), seed() + EXACT):
        for bounded, table in measured(number, policies, roomy)[0]:
            if not table.listed:
                continue
            tables = {
                name: kit.ranked(some, policies.catalogue.table(name), drawn) if some and "__p" in some[0] else some
                for name, some in worlds.rows.items()
            }
            try:
                expected = reference.vectors(bounded, table, kit.blocks_of(table), tables)
            except NoReferenceValue:
                continue
            compared += 1
            assert kit.answer(worlds.whole, bounded, table).vectors == expected, sample(number).text
    assert compared > EXACT // 4


def test_every_scanned_column_is_a_use(policies: Any, profile: Any) -> None:
    """Beside the uses, only the vault's own number of a person and rank of a row."""
    worlds = Worlds(policies, seed(), 0)
    known = {t: policies.catalogue.table(t) for t in worlds.rows}
    hidden = {"__p", "__r", *(r.column for t in known.values() for r in t.rankings)}
    columns = {n: [*(v.name for v in t.variables), "__p", "__r", *(r.column for r in t.rankings)]
               for n, t in known.items()}  # fmt: skip
    looked = 0
    for number in range(seed(), seed() + EXACT):
        drawn = sample(number)
        compiled = compile_sql(
            drawn.text, drawn.dialect, policies.catalogue, policies.project("P0421"), policies.service
        )
        used = {(u.table, u.variable) for u in compiled.uses}
        for bounded, _ in measured(number, policies, profile)[0]:
            for text in kit.texts(bounded):
                seen = {(t, c) for t, c in scanned(worlds.whole, text, columns) if c not in hidden}
                assert seen <= used, (drawn.text, seen - used)
                looked += 1
    assert looked > EXACT // 4


TRUE = Literal(True, ScalarType.TRUTH)


def only_the_first(m: pytest.MonkeyPatch) -> list[Any]:
    """Of the values that a filter leaves, all but one are overlooked. Returns a list that gets what is overlooked."""
    overlooked: list[Any] = []

    class OnlyTheFirst(Guards):
        def values_left(self, *of: Any) -> Any:
            values = Guards.values_left(self, *of)
            overlooked.extend(values[1:])
            return values[:1]

    def misunderstood(*of: Any, within: Any = rank_filters._filter_within) -> Any:
        *others, guards = of
        return within(*others, OnlyTheFirst(guards.conjuncts, guards.definitions))

    m.setattr(rank_filters, "_filter_within", misunderstood)
    return overlooked


def only_the_first_and_not_enforced(m: pytest.MonkeyPatch) -> list[Any]:
    m.setattr(rank_filters, "_is_one_of", lambda *_: TRUE)
    return only_the_first(m)


BROKEN: dict[str, Callable[[pytest.MonkeyPatch], list[Any] | None]] = {
    "the ranks are not read": lambda m: m.setattr(rank_filters, "RANK", "__zero"),
    "ranks within a filter are not read": lambda m: m.setattr(RowRanking, "column", "__zero"),
    "a filter is understood as less than it is, and not enforced": only_the_first_and_not_enforced,
    "a join meets one row": lambda m: m.setattr(row_bounds, "product_of", lambda n, many: n),
    "a union has the rows of one branch": lambda m: m.setattr(
        row_bounds, "sum", lambda parts: max(parts, default=0), raising=False
    ),
    "many cells of one person count": lambda m: m.setattr(rendering, "_few_cells", lambda *_: ""),
    "many rows of one person count": lambda m: m.setattr(
        rendering,
        "_per_person",
        lambda *a, each=rendering._per_person: each(replace(a[0], person_bound=PersonBound(9, 10**6)), *a[1:]),
    ),
    "cells are chosen by the person's number": lambda m: m.setattr(
        rendering, "_few_cells", lambda t, keys, own, few=rendering._few_cells: few(t, keys, ["p", *own])
    ),
}


ABOUT = {"a join meets one row": "with a join", "a union has the rows of one branch": "with a union"}
"""What a query must have to see it."""


@pytest.mark.parametrize("how", BROKEN)
def test_a_bound_that_is_broken_on_purpose_is_caught(
    how: str, policies: Any, profile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds = [Worlds(policies, seed() + n, 6) for n in range(2)]
    for world in worlds:
        for con in (world.whole, *world.less):
            for name, some in world.rows.items():
                if some and "__p" in some[0]:
                    con.execute(f"ALTER TABLE {name} ADD COLUMN __zero UTINYINT DEFAULT 0")
    overlooked = BROKEN[how](monkeypatch)
    tight = replace(profile, person_cells=1, person_rows=2)
    # Few filters of drawn queries leave several values, and not all.
    for number in of_events(4000) if "filter" in how else range(seed(), seed() + 300):
        if overlooked:
            overlooked.clear()
        pairs, _ = measured(number, policies, tight)
        if overlooked == []:  # this query is planned as it is without the break
            continue
        for bounded, table in pairs:
            if ABOUT.get(how, "") not in {"", *kinds_of(bounded)}:
                continue
            if any(w.compare(bounded, table).found for w in worlds):
                return
    pytest.fail("no generated query saw it")
