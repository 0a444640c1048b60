"""The rows of one SELECT while it is bound: joins and WHERE, and subqueries and windows as columns of them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.relations import Over, WindowColumn
from broker.domain.scalars import Call, Column, Scalar, Type
from broker.domain.variables import How
from broker.query.kinds import Rows, one_row
from broker.query.refusing import Stop
from broker.query.resolve import Names
from broker.query.rows import sources, subqueries, windows
from broker.query.scalars.meaning import Meaning

if TYPE_CHECKING:
    from broker.query.binder import Binder


@dataclass(slots=True)
class Stage:
    """The rows of one SELECT while its clauses are bound: subqueries and windows become columns of them."""

    binder: "Binder"
    meaning: Meaning
    select: exp.Select
    restore: Callable[[], None]
    rows: Rows | None = None
    windows: list[WindowColumn] = field(default_factory=list)
    may_window: bool = False
    waiting: list[Callable[[Rows], Rows]] = field(default_factory=list)
    unfiltered: Rows | None = None
    where: list[Scalar] = field(default_factory=list)

    def apart(self, node: exp.Expr) -> Scalar:
        if not isinstance(node, exp.Window):
            return subqueries.column(self, node)
        if not self.may_window:
            raise Stop(
                "window-place", "A window function stands where rows are chosen.", "Put it into a derived table.", node
            )
        return windows.over_rows(self, node)

    def settle(self) -> Rows:
        """The rows with every column that was asked for since."""
        assert self.rows is not None
        for attach in self.waiting:
            self.rows = attach(self.rows)
        self.waiting.clear()
        if self.windows:
            self.rows = replace(self.rows, relation=Over(self.rows.relation, tuple(self.windows), self.rows.person))
            self.windows.clear()
        return self.rows


def settled(stage: Stage, names: Names, found: list[sources.Joined], where: list[Scalar]) -> bool:
    """Joins, then WHERE over them; False if they are refused."""
    binder = stage.binder
    if not found:
        stage.rows = one_row()
    else:
        try:
            stage.rows = sources.joined(binder, found, where)
        except Stop as stop:
            binder.report.stopped(stop)
            return False
    stage.rows = _tied(stage.rows, names, where, binder)
    stage.unfiltered, stage.where = stage.settle(), where
    stage.rows = stage.unfiltered.filtered(where)
    binder.loose.append(stage.rows.relation)
    return True


def _tied(rows: Rows, names: Names, where: list[Scalar], binder: "Binder") -> Rows:
    """In a subquery that is correlated on the link key, the person numbers are equal too."""
    if rows.person is None:
        return rows
    for conjunct in where:
        match conjunct:
            case Call(op="equal", args=(Column() as left, Column() as right)):
                for inner, outer in ((left, right), (right, left)):
                    person = _person_outside(inner, outer, rows, names, binder)
                    if person is not None:
                        same = Call("equal", (Column(rows.person, Type.INT), Column(person, Type.INT)), Type.TRUTH)
                        return replace(rows.filtered([same]), tied=True)
    return rows


def _person_outside(inner: Column, outer: Column, rows: Rows, names: Names, binder: "Binder") -> int | None:
    """The person number of the row outside that a key inside equals."""
    book = binder.book
    domain = book.key_domain(inner.ident)
    if domain is None or domain != book.key_domain(outer.ident):
        return None
    if not book.scans_of(inner.ident) <= rows.scans or book.scans_of(outer.ident) & rows.scans:
        return None
    source = names.source_of(outer)
    return source.person if source is not None else None


def refused(binder: "Binder", stop: Stop, meaning: Meaning, select: exp.Select) -> None:
    """A SELECT that cannot go on; what it uses is told nevertheless."""
    binder.report.stopped(stop)
    binder.note_clause(meaning, select.args.get("where"), How.FILTERED)
    note_rest(binder, meaning, select)


def note_rest(binder: "Binder", meaning: Meaning, select: exp.Select) -> None:
    """What a SELECT that cannot go on uses nevertheless."""
    meaning.names.broken = True
    for item in select.expressions:
        binder.note_clause(meaning, item, How.READ)
    for key, how in (
        ("group", How.GROUPED),
        ("having", How.FILTERED),
        ("qualify", How.FILTERED),
        ("order", How.ORDERED),
    ):
        clause = select.args.get(key)
        binder.note_clause(meaning, clause, how)
