"""Window functions: over the rows of one person, over other people's rows (context), and over groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.operators import AggregateCall, RowFrame, WindowColumn
from broker.domain.plans.scalars import NULL, ColumnRef, Literal, Scalar, ScalarType, integer
from broker.domain.plans.variable_uses import Usage, VariableClass
from broker.query.binder.bind_state import SelectBinding
from broker.query.binder.grouped_expressions import GroupedExpressionBinder, is_aggregate
from broker.query.binder.row_aggregation import BoundAggregate, aggregate_column, bind_aggregate
from broker.query.binder.row_choices import order_terms
from broker.query.diagnostics import BindError, check_arguments, unsupported_node, written_name
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.operations.value_bounds import MOST_ROWS, magnitude
from broker.query.symbols import ColumnOrigin, SourceRows, SymbolTable

RANK_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.RowNumber: "row_number", exp.Rank: "rank", exp.DenseRank: "dense_rank", exp.PercentRank: "percent_rank",
    exp.CumeDist: "cumulative_share", exp.Ntile: "ntile",
}  # fmt: skip
NEIGHBOUR_FUNCTIONS: dict[type[exp.Expr], str] = {
    exp.Lag: "lag", exp.Lead: "lead", exp.FirstValue: "first", exp.LastValue: "last",
}  # fmt: skip
OF_ORDER: dict[type[exp.Expr], type[exp.Expr]] = {exp.First: exp.FirstValue, exp.Last: exp.LastValue}
FRACTIONS = frozenset({"percent_rank", "cumulative_share"})


@dataclass(frozen=True, slots=True)
class WindowCall:
    """A bound window call."""

    call: BoundAggregate
    partition: tuple[Scalar, ...]
    order: tuple[tuple[Scalar, bool], ...]
    is_rank: bool
    frame: RowFrame | None = None


def bind_window(
    node: exp.Window, expression_binder: ExpressionBinder, own: bool, partition: tuple[Scalar, ...]
) -> WindowCall:
    """Bind the function and order of a window. With `own`, its rows belong to one person, or are groups."""
    check_arguments(node, "this", "partition_by", "order", "spec", "over")
    frame = _written_frame(node, own)
    order = node.args.get("order")
    items = order.expressions if order is not None else []
    ranked = tuple(
        part for i in items for part in order_terms(i, expression_binder.value(i.this), expression_binder.symbols)
    )
    function = _in_window_order(node) if items else node.this
    if type(function) in RANK_FUNCTIONS or type(function) in NEIGHBOUR_FUNCTIONS:
        found = _bind_rank_or_neighbour(function, expression_binder, own, frame)
        if not ranked:
            raise BindError("window-order", "This window function needs an order.", "Write OVER (… ORDER BY x).", node)
        if not own:
            quasi = _quasi_identifiers_of_order(ranked, expression_binder.symbols)
            if isinstance(function, exp.Ntile):
                _check_tiles(function, found, [expression_binder.symbols.origins[i] for i in quasi])
            else:
                found = replace(found, base=quasi)
        return WindowCall(found, partition, ranked, type(function) in RANK_FUNCTIONS, frame)
    if not is_aggregate(function):
        raise unsupported_node(function)
    found = bind_aggregate(function, expression_binder, own)
    if not own:
        found = replace(found, base=found.base | _quasi_identifiers_of_order(ranked, expression_binder.symbols))
    if frame is not None and not ranked:
        raise BindError("window-order", "A frame needs an order.", "Write OVER (… ORDER BY x ROWS …).", node)
    if frame == RowFrame(None, None):  # the whole partition, in any order
        ranked, frame = (), None
    return WindowCall(found, partition, ranked, is_rank=False, frame=frame)


def _in_window_order(node: exp.Window) -> exp.Expr:
    """The function of a window with an order. FIRST and LAST are FIRST_VALUE and LAST_VALUE there. Raises BindError if
    FILTER leaves rows out of theirs."""
    function: exp.Expr = node.this
    if isinstance(function, exp.Filter) and type(function.this) in OF_ORDER:
        raise unsupported_node(function)
    if type(function) not in OF_ORDER or isinstance(function.this, exp.Order):
        return function
    found = OF_ORDER[type(function)](this=function.this.copy())
    found.meta.update(function.meta)
    return found


def _quasi_identifiers_of_order(ranked: tuple[tuple[Scalar, bool], ...], symbols: SymbolTable) -> frozenset[int]:
    """Quasi-identifiers in the order of a window. A position or running total among other people has one number for
    each of their values, so it is the variable under another name. NTILE gives only as many numbers as the text
    writes."""
    found = frozenset().union(*(symbols.base(part) for part, _ in ranked))
    return frozenset(i for i in found if symbols.origins[i].variable.cls is VariableClass.QUASI)


MOST_TILES = 20
"""Most groups of NTILE over a quasi-identifier whose bands have no width."""


def _check_tiles(function: exp.Expr, found: BoundAggregate, quasi: Sequence[ColumnOrigin]) -> None:
    """Raises BindError if NTILE makes more groups of a quasi-identifier than there are bands of it: with many groups,
    the number of a group is nearly the variable."""
    (bands,) = found.aggregate.args
    assert isinstance(bands, Literal)
    assert isinstance(bands.value, int)
    if any(o.variable.type is ScalarType.TEXT for o in quasi):
        message = f"{quasi[0].full_name} has no order that means anything."
        raise BindError("quasi-arithmetic", message, "Order by a number or a date.", function, quasi[0].full_name)
    most = min((o.variable.bands.most or MOST_TILES for o in quasi), default=bands.value)
    if bands.value > most:
        message = f"NTILE makes more groups than {quasi[0].full_name} may have."
        raise BindError("quasi-arithmetic", message, f"Write NTILE({most}) or less.", function, quasi[0].full_name)


def partition_of(node: exp.Window, expression_binder: ExpressionBinder) -> tuple[Scalar, ...]:
    return tuple(_partition(n, expression_binder) for n in node.args.get("partition_by") or [])


def _partition(node: exp.Expr, expression_binder: ExpressionBinder) -> Scalar:
    inner = node.unnest()
    if isinstance(inner, exp.Column):
        found = expression_binder.scope.resolve(inner)
        if expression_binder.symbols.key_domain(found.ident) is not None:
            is_grouped = isinstance(expression_binder, GroupedExpressionBinder)
            return expression_binder.scalar(inner) if is_grouped else expression_binder.raw_column(inner)
    return expression_binder.value(node)


MOST_FRAME_ROWS = 1_000_000


def _written_frame(node: exp.Window, own: bool) -> RowFrame | None:
    """Frame of a window; None for the one that every ordered window has. Raises BindError for RANGE with a distance,
    and for a frame among other people's rows: two of them that differ by one row would tell that row's value."""
    spec = node.args.get("spec")
    if spec is None:
        return None
    first = _frame_bound(spec.args.get("start"), spec.args.get("start_side"), "PRECEDING", node)
    # without BETWEEN, a frame ends at the row itself
    last = _frame_bound(spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"), "FOLLOWING", node)
    kind, is_whole = str(spec.args.get("kind")).upper(), first is None and last is None
    if kind == "RANGE" and first is None and last == 0:
        return None
    if spec.args.get("exclude") or (kind != "ROWS" and not is_whole):
        raise BindError("frame", "This frame is not understood.", "Write ROWS BETWEEN … AND ….", node)
    if not own and not is_whole:
        message = "A frame among other people's rows can single out one of them."
        raise BindError("frame", message, "Partition the window by the link key, or aggregate first.", node)
    if first is not None and last is not None and first > last:
        raise BindError("frame", "This frame ends before it starts.", "Write its start first.", node)
    return RowFrame(first, last)


def _frame_bound(bound: exp.Expr | str | None, side: str | None, open_side: str, node: exp.Window) -> int | None:
    """One end of a frame, as rows after the current one; None if it is open on the side where it may be."""
    written = (bound if isinstance(bound, str) else bound.sql() if bound is not None else "").upper()
    if written == "CURRENT ROW":
        return 0
    if written == "UNBOUNDED" and side == open_side:
        return None
    if written.isdigit() and int(written) <= MOST_FRAME_ROWS:
        return int(written) * (-1 if side == "PRECEDING" else 1)
    raise BindError("frame", "This frame is not understood.", "Write whole numbers of rows.", node)


def _bind_rank_or_neighbour(
    function: exp.Expr, expression_binder: ExpressionBinder, own: bool, frame: RowFrame | None
) -> BoundAggregate:
    """Bind a rank, or a neighbour's value. The latter is allowed among one person's rows or groups only."""
    if frame is not None and not isinstance(function, exp.FirstValue | exp.LastValue):
        raise BindError("frame", f"{written_name(function)} has no frame.", "Remove the frame.", function)
    if type(function) in RANK_FUNCTIONS:
        op = RANK_FUNCTIONS[type(function)]
        args: tuple[Scalar, ...] = ()
        check_arguments(function, *(("this",) if op == "ntile" else ()))
        if op == "ntile":
            args = (integer(_ntile_bands(function, expression_binder)),)
        kind = ScalarType.DOUBLE if op in FRACTIONS else ScalarType.INT
        return BoundAggregate(
            AggregateCall(op, args, kind), frozenset(), size=Decimal(1) if op in FRACTIONS else MOST_ROWS
        )
    op = NEIGHBOUR_FUNCTIONS[type(function)]
    if not own:
        message = f"{written_name(function)} over other people's rows gives another person's value."
        raise BindError("individual-value", message, "Partition the window by the link key, or use AVG.", function)
    if op == "last" and expression_binder.is_rows and frame is None:
        message = "Without a frame, LAST_VALUE is the value of any row with the same place in the order."
        advice = "Write ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING after ORDER BY."
        raise BindError("window-order", message, advice, function)
    value = expression_binder.value(function.this)
    symbols = expression_binder.symbols
    steps: tuple[Scalar, ...] = ()
    default: tuple[Scalar, ...] = ()
    if op in {"lag", "lead"}:
        check_arguments(function, "this", "offset", "default")
        default = _default(function, value, expression_binder)
        steps = (integer(_offset(function, expression_binder)),)
    size = max(magnitude(a, symbols) for a in (value, *default)) if value.type.is_number else None
    return BoundAggregate(AggregateCall(op, (value, *steps, *default), value.type), symbols.base(value), size=size)


def _offset(function: exp.Expr, expression_binder: ExpressionBinder) -> int:
    written = function.args.get("offset")
    found = 1 if written is None else expression_binder.written_integer(written, "The offset")
    if found < 0:
        raise BindError("literal", "The offset must be 0 or more.", "Write LEAD for LAG, or LAG for LEAD.", function)
    return found


def _default(function: exp.Expr, value: Scalar, expression_binder: ExpressionBinder) -> tuple[Scalar, ...]:
    """Value of LAG and LEAD where there is no such row. Raises BindError if it is not a written value that the type of
    the column has: T-SQL would convert it."""
    written = function.args.get("default")
    if written is None:
        return ()
    found = expression_binder.value(written)
    fits = found.type is value.type or (found.type.is_number and not value.type.is_whole) or found == NULL
    if not isinstance(found, Literal) or not (fits or (found.type.is_whole and value.type.is_whole)):
        message = "The default must be a written value of the type of the column."
        raise BindError("literal", message, "Write COALESCE(LAG(x) OVER (…), y).", function)
    return (found,)


def _ntile_bands(function: exp.Expr, expression_binder: ExpressionBinder) -> int:
    """Number of bands of NTILE, at least 1. With fewer, the engine fails as soon as there is a row, which would reveal
    that there is one."""
    bands = expression_binder.written_integer(function.this, "The number of bands")
    if bands < 1:
        raise BindError("literal", "The number of bands must be 1 or more.", "Write the number.", function)
    return bands


def bind_row_window(binding: SelectBinding, node: exp.Window) -> Scalar:
    """Bind a window over rows as a column of the rows."""
    expression_binder, symbols = binding.expression_binder, binding.binder.symbols
    rows = binding.rows
    assert rows is not None
    partition = partition_of(node, expression_binder)
    for part in partition:
        if not (isinstance(part, ColumnRef) and symbols.key_domain(part.ident) is not None):
            symbols.record_use(part, Usage.GROUPED)
    by_person = any(isinstance(p, ColumnRef) and symbols.key_domain(p.ident) is not None for p in partition)
    own = rows.person is None or rows.is_correlated or by_person
    window = bind_window(node, expression_binder, own, partition)
    if by_person and rows.person is not None:
        # Rows without a link key stay separate, as in GROUP BY.
        partition = (*partition, ColumnRef(rows.person, ScalarType.INT))
    source_rows = SourceRows(rows.scans, rows.person)
    column = aggregate_column(window.call, symbols, source_rows, shared=not own, may_be_empty=True)
    binding.windows.append(
        WindowColumn(column.ident, window.call.aggregate, partition, window.order, not own, window.frame)
    )
    return column


def is_distinct(select: exp.Select) -> bool:
    """Whether a SELECT is DISTINCT without ON. ON would choose rows, and is refused elsewhere."""
    found = select.args.get("distinct")
    return found is not None and not found.args.get("on")


def distinct_windows_as_group_by(select: exp.Select) -> exp.Select | None:
    """Rewrite SELECT DISTINCT g, PERCENTILE_CONT(…) OVER (PARTITION BY g) as GROUP BY g. None if the SELECT has another
    form."""
    if not is_distinct(select) or select.args.get("group") or select.args.get("limit"):
        return None
    # windows of subqueries belong to those
    windows = [w for i in select.expressions for w in i.find_all(exp.Window) if w.find_ancestor(exp.Select) is select]
    if not windows or any(w.args.get("order") or w.args.get("spec") or not is_aggregate(w.this) for w in windows):
        return None
    plain = [i for i in select.expressions if i.find(exp.Window) is None]
    # the other items must be exactly the partition
    keys = {(p.this if isinstance(p, exp.Alias) else p).sql().casefold() for p in plain}
    if any({p.sql().casefold() for p in w.args.get("partition_by") or []} != keys for w in windows):
        return None
    found = select.copy()
    found.set("distinct", None)
    for window in [w for i in found.expressions for w in i.find_all(exp.Window)]:
        window.replace(window.this)
    nodes = [(i.this if isinstance(i, exp.Alias) else i).copy() for i in found.expressions if not _has_aggregate(i)]
    if nodes:
        found.set("group", exp.Group(expressions=nodes))
    return found


def _has_aggregate(item: exp.Expr) -> bool:
    return any(is_aggregate(n) for n in item.walk())
