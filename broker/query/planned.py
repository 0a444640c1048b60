"""One bound query to a planned output: its tables with the years of their scans, and what people must look at. Refuses
nothing."""

from collections.abc import Iterable
from dataclasses import replace

from broker.domain.plans import (
    Measure,
    OutputColumn,
    PlannedOutput,
    PlannedTable,
    PublicRows,
    Statistic,
)
from broker.domain.relations import Relation
from broker.domain.scalars import Scalar
from broker.domain.variables import Years
from broker.policy.tables import Unit
from broker.query.binder import Binder
from broker.query.book import Book
from broker.query.groups.fixing import Closing
from broker.query.groups.implied import implied
from broker.query.groups.keys import key_of
from broker.query.groups.statistics import DraftTable
from broker.query.guards import guards_of
from broker.query.kinds import Groups, Rows, has_context
from broker.query.rendering.finish import finished
from broker.query.rows import keeping
from broker.query.rows.gathering import CONTEXT
from broker.query.rows.multiplying import multiplies
from broker.query.years import columns_in


def output_of(
    name: str, bound: Groups, columns: tuple[OutputColumn, ...], binder: Binder, years: dict[int, Years | None]
) -> PlannedOutput:
    book = binder.book
    behind = [t for d in binder.tables for t in implied(d.rows.relation, book)]
    unique = {(t.contributions, tuple(k.expression for k in t.keys)): t for t in behind}
    shown = tuple(_table(d, binder, years) for d in binder.tables)
    hidden = tuple(replace(t, contributions=finished(t.contributions, book, years)) for t in unique.values())
    units = {u.value for d in binder.tables if d.rows.person is not None for u in _units(d.rows, book)}
    unit = units.pop() if len(units) == 1 else "person"
    public = tuple(_public(rows, binder, years) for rows in binder.public)
    return PlannedOutput(name, unit, (*shown, *hidden), bound.program, columns, public)


def _public(rows: Rows, binder: Binder, years: dict[int, Years | None]) -> PublicRows:
    """A public relation with the columns that are used of it: those of its SELECT list, or of its table."""
    book = binder.book
    given = [(c.ident, c.type) for c in rows.columns.values()]
    of_table = ((i, o.variable.type) for s in sorted(rows.scans) for i, o in book.columns_of_scan(s) if i in book.how)
    used = given or list(of_table)
    return PublicRows(finished(rows.relation, book, years), tuple(dict.fromkeys(used)))


def _units(rows: Rows, book: Book) -> list[Unit]:
    return [u for s in sorted(rows.scans) if book.is_person(s) and (u := book.tables[s].unit) is not None][:1]


def _table(draft: DraftTable, binder: Binder, years: dict[int, Years | None]) -> PlannedTable:
    book, relation = binder.book, draft.rows.relation
    guards = guards_of(relation, columns_in(book))
    assert draft.rows.person is not None
    keys = tuple(key_of(c.ident, e, book, years, guards) for e, c in draft.keys.items())
    statistics = _statistics(relation, draft.keys, draft.statistics.found, book)
    return PlannedTable(finished(relation, book, years), draft.rows.person, keys, statistics)


def _statistics(
    relation: Relation, keys: Iterable[Scalar], found: list[Statistic], book: Book
) -> tuple[Statistic, ...]:
    """A person looks where conditions choose how many rows a person has (at everything but counts of persons), and
    where other people are in a value."""
    context = CONTEXT if has_context(relation) else None
    why = multiplies(relation, book)
    closing = Closing(relation, keys, book)
    marked = []
    for statistic in found:
        rows_count = statistic.behind is None and statistic.measure is not Measure.COUNT_PERSONS
        reason = (
            statistic.needs_review
            or context
            or (why if rows_count else None)
            or keeping.weighs(statistic, book)
            or closing.why(statistic)
        )
        marked.append(replace(statistic, needs_review=reason))
    return tuple(marked)
