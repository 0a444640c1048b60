"""The binder: one for each output. Holds what binding knows and gathers; the steps are in the modules that it calls.

Binding goes on after a refusal, so that all of them, and the uses of refused text, are told at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sqlglot import exp

from broker.domain.projects import Project
from broker.domain.relations import Relation
from broker.domain.scalars import Scalar
from broker.domain.variables import How
from broker.policy.catalogue import Catalogue
from broker.query.book import HEAVIEST, Book
from broker.query.groups.statistics import DraftTable
from broker.query.kinds import Bound, Ctes, Known, Rows, Want
from broker.query.refusing import NAMED, Report, Stop, refuse_argument
from broker.query.resolve import Names
from broker.query.rows import selects, unions
from broker.query.rows.keeping import Keep
from broker.query.rows.sources import column_list
from broker.query.scalars.meaning import Meaning

Node = TypeVar("Node", bound=exp.Expr)


MOST_QUERIES = 1000


class Enough(Exception):
    """A text is too large to go on with; the report says why."""


@dataclass(slots=True)
class Binder:
    """Reads and writes the book; `least` persons make a group that may be told of. `in_parts`: what a total's branches
    give is protected one by one."""

    dialect: str
    catalogue: Catalogue
    project: Project
    most_scans: int
    least: int
    report: Report
    keep: Keep = field(default_factory=Keep)
    in_parts: bool = True
    book: Book = field(default_factory=Book)
    tables: list[DraftTable] = field(default_factory=list)
    advice: dict[str, None] = field(default_factory=dict)
    review: dict[str, None] = field(default_factory=dict)
    spelt: dict[str, str] = field(default_factory=dict)
    """Names of columns as they were written last, by their folded form."""
    bound: int = 0
    public: list[Rows] = field(default_factory=list)
    """Public relations that groups are joined with."""
    met: dict[int, exp.Expr] = field(default_factory=dict)
    """Queries that were bound, by id: whatever becomes of the expression around one, its uses are in the book."""
    marks: dict[Scalar, exp.Expr] = field(default_factory=dict)
    """The text of each condition and computation."""
    named_by: dict[int, exp.Expr] = field(default_factory=dict)
    """Where the job names the kept query that a piece of text, by its id, stands in."""
    loose: list[Relation] = field(default_factory=list)
    """The relations of every SELECT so far, inner ones first: they tell the years of what is refused."""

    @property
    def is_tsql(self) -> bool:
        return self.dialect == "tsql"

    def save(self) -> Callable[[], None]:
        """What puts the binder back to where it is now, for a query that is bound again in another way."""
        book, tables, found, public = self.book.copy(), list(self.tables), self.report.mark(), list(self.public)
        advice, review, loose, met = dict(self.advice), dict(self.review), list(self.loose), dict(self.met)

        def restore() -> None:
            self.book.go_back(book)
            self.tables[:], self.loose[:], self.public[:] = tables, loose, public
            for told, before in ((self.advice, advice), (self.review, review)):
                told.clear()
                told.update(before)
            self.met.clear()
            self.met.update(met)
            self.report.reset(found)

        return restore

    def stop_all(self, code: str, message: str, advice: str, node: exp.Expr) -> None:
        """Ends the binding of a text that grows without end: nothing more of it is looked at."""
        self.report.add(code, message, advice, self.report.place(node))
        raise Enough

    def query(self, node: exp.Expr, ctes: Ctes, outside: Names | None, want: Want) -> Bound | None:
        """A query bound; None if it was refused (the report says why). Its uses are in the book either way."""
        self.bound += 1
        if self.bound > MOST_QUERIES:
            message = f"More than {MOST_QUERIES} SELECTs are read, counting a CTE at each use."
            self.stop_all("too-many-tables", message, "Read fewer.", node)
        self.met[id(node)] = node
        node = self._unwrapped(node)
        self.met[id(node)] = node
        try:
            if isinstance(node, exp.Select):
                return selects.bind(self, node, ctes, outside, want)
            if isinstance(node, exp.SetOperation):
                return unions.bind(self, node, ctes, outside, want)
            if isinstance(node, exp.Values):
                return unions.values(self, node, outside)
        except Stop as stop:
            self.report.stopped(stop)
            return None
        code, message, advice = NAMED.get(type(node), ("statement", "This is not a SELECT.", "Write one SELECT."))
        self.report.stopped(Stop(code, message, advice, node))
        return None

    def _unwrapped(self, node: exp.Expr) -> exp.Expr:
        """A query without the brackets around it; clauses that stand on the brackets are refused."""
        while isinstance(node, exp.Paren) or (isinstance(node, exp.Subquery) and not node.args.get("pivots")):
            self.check_clauses(node, frozenset({"this", "alias"}))
            node = node.this
        return node

    def meaning(self, names: Names) -> Meaning:
        return Meaning(self.dialect, self.book, names, self.advice, self.marks)

    def attempt(self, meaning: Meaning, node: Node, how: How, work: Callable[[Node], Scalar]) -> Scalar | None:
        """One expression; if it is refused, its columns are still noted as used."""
        before = len(meaning.seen)
        try:
            found = work(node)
            if self.book.weight(found) > HEAVIEST:
                message = "The expression is too large with its derived columns written out."
                raise Stop("too-deep", message, "Name fewer steps.", node)
        except Stop as stop:
            self.report.stopped(stop)
            self.note_all(meaning, node)
            self.note(meaning, how, before)
            return None
        self.note(meaning, how, before, How.JOINED)
        return found

    def note(self, meaning: Meaning, how: How, before: int = 0, of_keys: How | None = None) -> None:
        """The columns that were met since are used in this way; link keys that are in place, in the other."""
        for column, place in meaning.seen[before:]:
            known = column.ident in self.book.places
            is_key = self.book.key_domain(column.ident) is not None
            used = of_keys if of_keys is not None and is_key and how is not How.READ else how
            self.book.note(column, used, (None, None) if known else self.report.place(place))
        del meaning.seen[before:]

    def note_all(self, meaning: Meaning, node: exp.Expr) -> None:
        """The columns below a refused expression; subqueries that were not bound yet are, for their uses alone."""
        stack: list[exp.Expr] = [node]
        while stack:
            part = stack.pop()
            if id(part) in self.met:
                continue
            if isinstance(part, exp.Query):
                self.query(part, meaning.names.ctes, meaning.names, Want.ROWS)
                continue
            if isinstance(part, exp.Column) and not isinstance(part.this, exp.Star):
                try:
                    meaning.raw_column(part)
                except Stop as stop:
                    self.report.stopped(stop)
                continue
            stack += part.iter_expressions()

    def note_clause(self, meaning: Meaning, clause: exp.Expr | None, how: How) -> None:
        """The columns of a clause of which nothing else is wanted."""
        if clause is not None:
            before = len(meaning.seen)
            self.note_all(meaning, clause)
            self.note(meaning, how, before)

    def check_clauses(self, node: exp.Expr, allowed: frozenset[str]) -> None:
        """All clauses that are not understood, each refused by its name."""
        for key, value in node.args.items():
            if value and key not in allowed:
                part = value if isinstance(value, exp.Expr) else value[0] if isinstance(value, list) else None
                stop = refuse_argument(node, key)
                place = self.report.place(part if isinstance(part, exp.Expr) else node)
                self.report.add(stop.code, stop.message, stop.advice, place)

    def ctes_of(self, query: exp.Expr, outer: Ctes) -> Ctes:
        """The CTEs that a query sees: each sees those before it."""
        seen: dict[str, Known] = dict(outer)
        clause = query.args.get("with_")
        if clause is not None:
            self.check_clauses(clause, frozenset({"expressions"}))
            for cte in clause.expressions:
                self.check_clauses(cte, frozenset({"this", "alias", "materialized"}))
                seen[cte.alias.casefold()] = Known(cte.this, column_list(cte), dict(seen))
        return seen
