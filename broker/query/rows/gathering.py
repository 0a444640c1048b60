"""γ below the top: one person's rows brought together, or groups that rows of persons meet (context). No statistics."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.relations import Gather
from broker.domain.scalars import Column, Scalar
from broker.domain.variables import How
from broker.query.book import Book, Home, Opaque
from broker.query.groups.arguments import is_amount
from broker.query.groups.grouped import has_aggregate, items_of, key_node
from broker.query.kinds import Rows
from broker.query.operations.sizes import largest
from broker.query.refusing import SETS, Stop
from broker.query.rows.summaries import Summary, opaque, summary
from broker.query.scalars.meaning import Meaning

if TYPE_CHECKING:
    from broker.query.binder import Binder

CONTEXT = "A value depends on other people than those of the cell."


class Gathering:
    """The aggregates of one γ, each once, as columns of the rows above it."""

    def __init__(self, binder: "Binder", rows: Rows, meaning: Meaning, keys: dict[Scalar, Column]) -> None:
        self.binder, self.rows, self.meaning, self.keys = binder, rows, meaning, keys
        book = binder.book
        links = [k for k in keys if isinstance(k, Column) and book.key_domain(k.ident) is not None]
        self.of_person = bool(links) and rows.person is not None
        self.own = self.of_person or rows.person is None or rows.tied
        self.person = book.new_id() if self.of_person else None
        self.columns: dict[Summary, Column] = {}

    def aggregate(self, node: exp.Expr) -> Scalar:
        found = summary(node, self.meaning, self.own)
        if found not in self.columns:
            self.columns[found] = opaque(found, self.binder.book, self._home(), not self.own)
        return self.columns[found]

    def _home(self) -> Home:
        return Home(self.rows.scans, self.person)

    def gathered(self) -> Rows:
        counted = self.rows.person if self.of_person or not self.own else None
        aggregates = tuple((column.ident, found.aggregate) for found, column in self.columns.items())
        keys = tuple((column.ident, expression) for expression, column in self.keys.items())
        relation = Gather(self.rows.relation, keys, aggregates, counted, self.person)
        if not self.own:
            self.binder.review[CONTEXT] = None
        return Rows(relation, self.person, self.rows.scans, tied=self.rows.tied)


def keys_of(binder: "Binder", select: exp.Select, meaning: Meaning, home: Home) -> dict[Scalar, Column]:
    """The keys of a plain GROUP BY: a key that is a column keeps its id, so that a link key stays one."""
    group = select.args.get("group")
    keys: dict[Scalar, Column] = {}
    if group is None:
        return keys
    binder.check_clauses(group, frozenset({"expressions", "all"}))
    nodes = group.expressions
    if group.args.get("all"):
        nodes = [i for i in items_of(select) if not has_aggregate(i)]
    for node in nodes:
        if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets):
            raise Stop(SETS[0], "GROUPING SETS stand in the outermost SELECT only.", SETS[2], node)
        node = key_node(node, select, meaning.names, binder.is_tsql)
        found = binder.attempt(meaning, node, How.GROUPED, lambda n: _key(n, meaning))
        if found is None:
            meaning.lacks_keys = True
        elif found not in keys:
            keys[found] = passed_on(found, binder.book, home)
    return keys


def passed_on(scalar: Scalar, book: Book, home: Home) -> Column:
    """The column under which a value is known above a γ or set operation: what it was made of is not seen there. A
    variable keeps its id, so that a link key stays one."""
    if isinstance(scalar, Column) and (scalar.ident in book.origins or scalar.ident in book.opaque):
        return scalar
    domain = book.key_domain(scalar.ident) if isinstance(scalar, Column) else None
    column = book.new_opaque(
        scalar.type,
        Opaque(
            book.base(scalar), home, (scalar,), domain, shared=book.is_shared(scalar), closed=is_amount(scalar, book)
        ),
    )
    book.sizes[column.ident] = largest(scalar, book) if scalar.type.is_number else Decimal(0)
    return column


def _key(node: exp.Expr, meaning: Meaning) -> Scalar:
    inner = node.unnest()
    if isinstance(inner, exp.Column) and not isinstance(inner.this, exp.Star):
        column = meaning.raw_column(inner)
        if meaning.book.key_domain(column.ident) is not None:
            return column
        meaning.seen.pop()
    return meaning.value(node)
