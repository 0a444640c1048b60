"""The SELECT list, GROUP BY and ORDER BY of the query to a planned output: keys, statistics, released expressions."""

from dataclasses import dataclass

from sqlglot import exp

from broker.domain.plans import OutputColumn
from broker.domain.scalars import Column, Literal, Scalar
from broker.domain.variables import How
from broker.query.bind import Binder
from broker.query.grammar import label
from broker.query.keys import misused_quasi
from broker.query.meaning import Meaning
from broker.query.refusing import FOLLOWS, Stop, refuse_node
from broker.query.resolve import Names
from broker.query.statistics import AGGREGATES, Statistics, aggregate


class Released(Meaning):
    """Expressions over aggregates and keys: what stands above the top aggregation."""

    is_rows = False

    def __init__(self, rows: Meaning, statistics: Statistics, keys: dict[Scalar, Column]) -> None:
        super().__init__(rows.dialect, rows.book, rows.names)
        self._rows, self._statistics, self._keys = rows, statistics, keys
        self.has_aggregates = True

    def scalar(self, node: exp.Expr) -> Scalar:
        if isinstance(node, AGGREGATES):
            return aggregate(node, self._rows, self._statistics)
        if node.find(*AGGREGATES) is not None:
            if isinstance(node, exp.Case | exp.If):
                message = "CASE around aggregates is not understood yet."
                raise Stop("case-over-aggregates", message, "Use NULLIF and COALESCE.", node)
            return super().scalar(node)
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            raise refuse_node(node.this)
        found = self._rows.scalar(node)
        if isinstance(found, Literal):
            return found
        if found not in self._keys:
            if not self.has_aggregates:
                raise Stop(FOLLOWS, "No aggregate: the whole SELECT is refused.", "", node)
            message = "This is neither an aggregate nor a key of GROUP BY."
            raise Stop("not-grouped", message, "Add it to GROUP BY, or aggregate it.", node)
        return self._keys[found]

    def division_is_safe(self, divisor: Scalar) -> bool:
        """The broker divides protected values itself; by zero gives NULL."""
        return True


@dataclass(slots=True)
class Drafted:
    """What the SELECT list and its clauses say, before years are known."""

    keys: dict[Scalar, Column]
    statistics: Statistics
    columns: list[OutputColumn]
    order: list[tuple[int, bool]]


class Drafter:
    """Reads one aggregating SELECT."""

    def __init__(self, binder: Binder, rows: Meaning, select: exp.Select) -> None:
        self._binder, self._rows, self._select = binder, rows, select
        self._report, self._book = binder.report, binder.book

    def draft(self) -> Drafted:
        keys = self._keys()
        drafted = Drafted(keys, Statistics(self._book), [], [])
        released = Released(self._rows, drafted.statistics, keys)
        released.seen = self._rows.seen
        nodes = [n for i in self._select.expressions for n in i.walk()]
        released.has_aggregates = any(isinstance(n, AGGREGATES) for n in nodes)
        if not any(isinstance(n, exp.AggFunc) for n in nodes):
            message, advice = (
                "The output has no aggregate, so it shows rows.",
                "Add COUNT(*), SUM or AVG with GROUP BY.",
            )
            self._report.add("no-aggregate", message, advice, self._report.place(self._select))
        for item in self._select.expressions:
            self._column(item, released, drafted)
        drafted.statistics.finish()
        self._check_shape(drafted)
        order = self._select.args.get("order")
        if order is not None:
            self._binder.check_clauses(order, frozenset({"expressions"}))
            for item in order.expressions:
                self._order(item, released, drafted)
        return drafted

    def _keys(self) -> dict[Scalar, Column]:
        keys: dict[Scalar, Column] = {}
        for node in self._key_nodes():
            found = self._binder.attempt(self._rows, node, How.GROUPED, self._key)
            if found is not None and found not in keys:
                keys[found] = Column(self._book.new_id(), found.type)
        return keys

    def _key_nodes(self) -> list[exp.Expr]:
        group = self._select.args.get("group")
        if group is None:
            return []
        self._binder.check_clauses(group, frozenset({"expressions", "all"}))
        items = [i.this if isinstance(i, exp.Alias) else i for i in self._select.expressions]
        if group.args.get("all"):
            return [i for i in items if i.find(*AGGREGATES) is None]
        return [self._key_node(n, items) for n in group.expressions]

    def _key_node(self, node: exp.Expr, items: list[exp.Expr]) -> exp.Expr:
        """DuckDB groups by the place or the alias of a column too; a variable of that name comes first."""
        if self._rows.is_tsql:
            return node
        if isinstance(node, exp.Literal) and node.name.isdigit() and 1 <= int(node.name) <= len(items):
            return items[int(node.name) - 1]
        if isinstance(node, exp.Column) and not node.table and not _is_input(node, self._rows.names):
            for item, whole in zip(items, self._select.expressions, strict=True):
                if whole.alias.casefold() == node.name.casefold():
                    return item
        return node

    def _key(self, node: exp.Expr) -> Scalar:
        found = self._rows.value(node)
        if isinstance(found, Literal):
            raise Stop("constant-key", "A constant groups nothing.", "Leave it out of GROUP BY.", node)
        return self._without_quasi(found, node)

    def _without_quasi(self, scalar: Scalar, node: exp.Expr) -> Scalar:
        quasi = misused_quasi(scalar, self._book)
        if quasi is not None:
            message = f"{quasi.full_name} is a quasi-identifier and is computed with."
            raise Stop("quasi-arithmetic", message, "Compare it with written values or ranges.", node, quasi.full_name)
        return scalar

    def _column(self, item: exp.Expr, released: Released, drafted: Drafted) -> None:
        inner = item.this if isinstance(item, exp.Alias) else item
        name = item.alias_or_name if isinstance(item, exp.Alias | exp.Column) else ""
        found = self._binder.attempt(self._rows, inner, How.READ, released.value)
        if found is None:
            return
        try:
            kind = self._kind(found, drafted, inner)
        except Stop as stop:
            self._report.stopped(stop)
            return
        place = self._report.place(item)
        if not name or not name.isprintable() or len(name) > 128:
            self._report.add("unnamed-column", "A column of the output has no plain name.", "Write … AS name.", place)
        elif any(c.name.casefold() == name.casefold() for c in drafted.columns):
            self._report.add("duplicate-column", "Two columns have one name.", "Give each its own name.", place)
        else:
            drafted.columns.append(OutputColumn(name, found, kind))

    def _kind(self, found: Scalar, drafted: Drafted, node: exp.Expr) -> str:
        if isinstance(found, Literal):
            raise Stop("constant-column", "A column is only a constant.", "Leave it out.", node)
        for expression, key in drafted.keys.items():
            if found == key:
                self._book.note(expression, How.RELEASED)
                return "key"
        measures = {s.ident: s.measure for s in drafted.statistics.found}
        kind = label(found, measures)
        if kind is None:
            message = "Only aggregates, their ratios, differences and multiples by constants are released."
            raise Stop("packed-arithmetic", message, "Give each aggregate a column of its own.", node)
        return kind

    def _check_shape(self, drafted: Drafted) -> None:
        place = self._report.place(self._select)
        shown = {c.expression for c in drafted.columns}
        if not self._report.refusals and any(k not in shown for k in drafted.keys.values()):
            self._report.add(
                "hidden-key", "A key of GROUP BY is not a column of the output.", "Add it to SELECT.", place
            )

    def _order(self, item: exp.Expr, released: Released, drafted: Drafted) -> None:
        self._binder.check_clauses(item, frozenset({"this", "desc", "nulls_first"}))
        if not self._rows.is_tsql and item.args.get("nulls_first"):
            place = self._report.place(item)
            self._report.add("order-by", "NULLS FIRST is not understood yet.", "Leave it out: NULL comes last.", place)
        index = self._order_index(item.this, released, drafted)
        if index is not None:
            drafted.order.append((index, bool(item.args.get("desc"))))
            for expression, key in drafted.keys.items():
                if drafted.columns[index].expression == key:
                    self._book.note(expression, How.ORDERED)

    def _order_index(self, node: exp.Expr, released: Released, drafted: Drafted) -> int | None:
        columns = drafted.columns
        if isinstance(node, exp.Literal) and node.name.isdigit() and 1 <= int(node.name) <= len(columns):
            return int(node.name) - 1
        if isinstance(node, exp.Column) and not node.table:
            named = [i for i, c in enumerate(columns) if c.name.casefold() == node.name.casefold()]
            if named:
                return named[0]
        before = len(drafted.statistics.found)
        found = self._binder.attempt(self._rows, node, How.ORDERED, released.value)
        del drafted.statistics.found[before:]
        if found is None:
            return None
        same = [i for i, c in enumerate(columns) if c.expression == found]
        if same:
            return same[0]
        self._report.add(
            "order-by",
            "Rows are ordered by columns of the output only.",
            "Add the column to SELECT.",
            self._report.place(node),
        )
        return None


def _is_input(node: exp.Column, names: Names) -> bool:
    try:
        names.column(node)
    except Stop as stop:
        return stop.code == "ambiguous"
    return True
