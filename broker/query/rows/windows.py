"""Window functions: over the rows of one person, over other people's rows (context), and over groups."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.relations import Aggregate, WindowColumn
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.domain.variables import How, VariableClass
from broker.query.book import Book, Home
from broker.query.groups.grouped import is_aggregate
from broker.query.groups.implying import can_be_null
from broker.query.operations.sizes import ROWS
from broker.query.refusing import Stop, refuse_node
from broker.query.rows.gathering import CONTEXT
from broker.query.rows.summaries import Summary, opaque, summary
from broker.query.scalars.meaning import Meaning, check_arguments

if TYPE_CHECKING:
    from broker.query.rows.stages import Stage

PLACES: dict[type[exp.Expr], str] = {
    exp.RowNumber: "row_number", exp.Rank: "rank", exp.DenseRank: "dense_rank", exp.PercentRank: "percent_rank",
    exp.CumeDist: "cumulative_share", exp.Ntile: "ntile",
}  # fmt: skip
OTHERS: dict[type[exp.Expr], str] = {
    exp.Lag: "lag", exp.Lead: "lead", exp.FirstValue: "first", exp.LastValue: "last",
}  # fmt: skip
FRACTIONS = frozenset({"percent_rank", "cumulative_share"})


@dataclass(frozen=True, slots=True)
class Window:
    """A window as it is written, translated."""

    found: Summary
    partition: tuple[Scalar, ...]
    order: tuple[tuple[Scalar, bool], ...]
    is_rank: bool


def read(node: exp.Window, meaning: Meaning, own: bool, partition: tuple[Scalar, ...]) -> Window:
    """A window's function and order. `own`: its rows are one person's, or groups."""
    check_arguments(node, frozenset({"this", "partition_by", "order", "spec", "over"}))
    _check_frame(node)
    order = node.args.get("order")
    items = order.expressions if order is not None else []
    ranked = tuple(part for i in items for part in order_of(i, meaning.value(i.this), meaning.book))
    function = node.this
    if type(function) in PLACES or type(function) in OTHERS:
        found = _place(function, meaning, own)
        if not ranked:
            raise Stop("window-order", "This window function needs an order.", "Write OVER (… ORDER BY x).", node)
        if not own and not isinstance(function, exp.Ntile):
            found = replace(found, base=_told_apart(ranked, meaning.book))
        return Window(found, partition, ranked, is_rank=type(function) in PLACES)
    if not is_aggregate(function):
        raise refuse_node(function)
    found = summary(function, meaning, own)
    if not own:
        found = replace(found, base=found.base | _told_apart(ranked, meaning.book))
    return Window(found, partition, ranked, is_rank=False)


def _told_apart(ranked: tuple[tuple[Scalar, bool], ...], book: Book) -> frozenset[int]:
    """The quasi-identifiers of an order: a place or a running total among other people has one number for each of
    their values, and is the variable under another name. NTILE has as many as are written."""
    found = frozenset().union(*(book.base(part) for part, _ in ranked))
    return frozenset(i for i in found if book.origins[i].variable.cls is VariableClass.QUASI)


def order_of(item: exp.Expr, value: Scalar, book: Book) -> tuple[tuple[Scalar, bool], ...]:
    """(Expression, descending) of one item of ORDER BY. NULL is lowest, as in T-SQL; where the item or its dialect puts
    it elsewhere, whether a value is missing comes first."""
    check_arguments(item, frozenset({"this", "desc", "nulls_first"}))
    descending, first = bool(item.args.get("desc")), bool(item.args.get("nulls_first"))
    if first is not descending or not can_be_null(value, book):
        return ((value, descending),)
    missing = Case(((Call("is_null", (value,), Type.TRUTH), Literal(1, Type.INT)),), Literal(0, Type.INT), Type.INT)
    return ((missing, first), (value, descending))


def partition_of(node: exp.Window, meaning: Meaning) -> tuple[Scalar, ...]:
    return tuple(_partition(n, meaning) for n in node.args.get("partition_by") or [])


def _partition(node: exp.Expr, meaning: Meaning) -> Scalar:
    inner = node.unnest()
    if isinstance(inner, exp.Column):
        found = meaning.names.column(inner)
        if meaning.book.key_domain(found.ident) is not None:
            return meaning.raw_column(inner)
    return meaning.value(node)


def _check_frame(node: exp.Window) -> None:
    spec = node.args.get("spec")
    if spec is None:
        return
    plain = {k: str(v).upper() for k, v in spec.args.items() if v}
    whole = {"start": "UNBOUNDED", "start_side": "PRECEDING"}
    running = [{**whole, "kind": "RANGE"}, {**whole, "kind": "RANGE", "end": "CURRENT ROW"}]
    if plain not in running:
        raise Stop("frame", "ROWS and RANGE of a window are not understood.", "Leave the frame out.", node)


def _place(function: exp.Expr, meaning: Meaning, own: bool) -> Summary:
    """A rank, or a neighbour's value: that only among one person's rows, or groups."""
    if type(function) in PLACES:
        op = PLACES[type(function)]
        check_arguments(function, frozenset({"this"} if op == "ntile" else ()))
        args: tuple[Scalar, ...] = ()
        check_arguments(function, frozenset({"this"}) if op == "ntile" else frozenset())
        if op == "ntile":
            args = (Literal(_bands(function, meaning), Type.INT),)
        kind = Type.DOUBLE if op in FRACTIONS else Type.INT
        return Summary(Aggregate(op, args, kind), frozenset(), size=Decimal(1) if op in FRACTIONS else ROWS)
    op = OTHERS[type(function)]
    if not own:
        message = f"{op.upper()} over other people's rows gives another person's value."
        raise Stop("individual-value", message, "Partition it by the link key, or use AVG.", function)
    if op == "last" and meaning.is_rows:
        message = "LAST_VALUE is the value of any row that is equal in the order."
        raise Stop("window-order", message, "Write FIRST_VALUE(x) OVER (… ORDER BY y DESC).", function)
    value = meaning.value(function.this)
    steps: tuple[Scalar, ...] = ()
    if op in {"lag", "lead"}:
        check_arguments(function, frozenset({"this", "offset"}))
        offset = function.args.get("offset")
        steps = (Literal(1 if offset is None else meaning.whole(offset, "The offset"), Type.INT),)
    found = Aggregate(op, (value, *steps), value.type)
    return Summary(found, meaning.book.base(value), size=meaning.book.sizes.get(getattr(value, "ident", 0)))


def _bands(function: exp.Expr, meaning: Meaning) -> int:
    """At least one: with fewer the engine fails as soon as there is a row, which would tell that there is one."""
    bands = meaning.whole(function.this, "The number of bands")
    if bands < 1:
        raise Stop("literal", "The number of bands must be 1 or more.", "Write the number.", function)
    return bands


def over_rows(stage: "Stage", node: exp.Window) -> Scalar:
    """A window over rows, as a column of them."""
    meaning, book = stage.meaning, stage.binder.book
    rows = stage.rows
    assert rows is not None
    partition = partition_of(node, meaning)
    for part in partition:
        if not (isinstance(part, Column) and book.key_domain(part.ident) is not None):
            book.note(part, How.GROUPED)
    by_person = any(isinstance(p, Column) and book.key_domain(p.ident) is not None for p in partition)
    own = rows.person is None or rows.tied or by_person
    window = read(node, meaning, own, partition)
    if by_person and rows.person is not None:
        # Rows without a link key stay apart, as they do in GROUP BY.
        partition = (*partition, Column(rows.person, Type.INT))
    column = opaque(window.found, book, Home(rows.scans, rows.person), shared=not own)
    if not own:
        stage.binder.review[CONTEXT] = None
    stage.windows.append(WindowColumn(column.ident, window.found.aggregate, partition, window.order, not own))
    return column


def is_distinct(select: exp.Select) -> bool:
    """Whether a SELECT is DISTINCT without ON, which would choose rows and is refused where it stands."""
    found = select.args.get("distinct")
    return found is not None and not found.args.get("on")


def distinct_idiom(select: exp.Select) -> exp.Select | None:
    """SELECT DISTINCT g, PERCENTILE_CONT(…) OVER (PARTITION BY g): a statistic of each g, written as GROUP BY."""
    if not is_distinct(select) or select.args.get("group") or select.args.get("limit"):
        return None
    windows = [w for i in select.expressions for w in i.find_all(exp.Window) if w.find_ancestor(exp.Select) is select]
    if not windows or any(w.args.get("order") or w.args.get("spec") or not is_aggregate(w.this) for w in windows):
        return None
    plain = [i for i in select.expressions if i.find(exp.Window) is None]
    keys = {(p.this if isinstance(p, exp.Alias) else p).sql().casefold() for p in plain}
    if any({p.sql().casefold() for p in w.args.get("partition_by") or []} != keys for w in windows):
        return None
    found = select.copy()
    found.set("distinct", None)
    for window in [w for i in found.expressions for w in i.find_all(exp.Window)]:
        window.replace(window.this)
    nodes = [(i.this if isinstance(i, exp.Alias) else i).copy() for i in found.expressions if not _aggregates(i)]
    if nodes:
        found.set("group", exp.Group(expressions=nodes))
    return found


def _aggregates(item: exp.Expr) -> bool:
    return any(is_aggregate(n) for n in item.walk())
