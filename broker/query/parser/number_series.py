"""Writes rows out that a text only counts: WITH that calls itself over constants, generate_series and range."""

from collections.abc import Iterator

from sqlglot import exp

from broker.query.diagnostics import BindError
from broker.query.parser.constants import NotConstant, constant_value
from broker.query.parser.temporary_tables import temp_name
from broker.query.tree_walks import find_nodes

MOST_ROWS = 1_000
MOST_VALUES = 20_000
"""Most nodes that are computed for the rows of one text."""
LARGEST = 2**31 - 1
COUNTED = (
    exp.Literal, exp.Column, exp.Identifier, exp.Alias, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.EQ, exp.NEQ,
    exp.LT, exp.LTE, exp.GT, exp.GTE, exp.And, exp.Or, exp.Not, exp.Between, exp.In,
)  # fmt: skip
"""Nodes that have one meaning for whole numbers in every dialect."""
PLAIN = frozenset({"expressions", "from_", "where"})
Row = tuple[int, ...]


def write_series_out(tree: exp.Expr) -> None:
    """Replace each of these by written rows. Raises BindError for a WITH RECURSIVE of another kind, and for a series
    that is too long."""
    for clause in list(find_nodes(tree, exp.With)):
        for cte in clause.expressions:
            rows = _counted_rows(cte)
            if rows is not None:
                cte.set("this", _select_of(rows, cte))
            elif clause.args.get("recursive") and _reads_itself(cte):
                message = "WITH RECURSIVE can only count from constants."
                advice = "Write SELECT 1 AS x UNION ALL SELECT x + 1 FROM t WHERE x < 10, or use no recursion."
                raise BindError("recursive", message, advice, cte)
        clause.set("recursive", None)
    left = MOST_ROWS
    for table in list(find_nodes(tree, exp.Table)):
        if isinstance(table.this, exp.GenerateSeries):
            made = _series(table, table.this)
            left -= len(made.expressions)
            if left < 0:
                message = f"The series of a statement have more than {MOST_ROWS:,} rows."
                raise BindError("table-function", message, "Write a temporary table, and read it again.", table)
            table.replace(made)


def _reads_itself(cte: exp.CTE) -> bool:
    return any(temp_name(t) == cte.alias.casefold() for t in find_nodes(cte.this, exp.Table))


def _counted_rows(cte: exp.CTE) -> list[Row] | None:
    """The rows of SELECT constants UNION ALL SELECT … FROM the CTE itself WHERE …; None for any other query."""
    union = cte.this
    if not isinstance(union, exp.Union) or union.args.get("distinct") or not _reads_itself(cte):
        return None
    first, rest = union.this, union.expression
    if not isinstance(first, exp.Select) or first.args.get("from_") is not None or not isinstance(rest, exp.Select):
        return None
    source = rest.args.get("from_")
    is_itself = (
        source is not None and isinstance(source.this, exp.Table) and temp_name(source.this) == cte.alias.casefold()
    )
    used = {k for part in (first, rest) for k, v in part.args.items() if v}
    parts = [*first.expressions, *rest.expressions, *([rest.args["where"].this] if rest.args.get("where") else [])]
    if not is_itself or used - PLAIN or not all(isinstance(n, COUNTED) for p in parts for n in p.walk()):
        return None
    try:
        return list(_rows(cte, first, rest))
    except NotConstant:
        return None


def _names(cte: exp.CTE, first: exp.Select) -> list[str]:
    return [c.name.casefold() for c in cte.args["alias"].columns] or [e.alias_or_name.casefold() for e in first.selects]


def _rows(cte: exp.CTE, first: exp.Select, rest: exp.Select) -> Iterator[Row]:
    names, where = _names(cte, first), rest.args.get("where")
    row = tuple(_value(e, {}) for e in first.expressions)
    if len(names) != len(row) or len(rest.expressions) != len(row) or not all(names):
        raise NotConstant
    parts = [*rest.expressions, *([where.this] if where is not None else [])]
    nodes = sum(1 for part in parts for _ in part.walk())
    for _ in range(min(MOST_ROWS, MOST_VALUES // nodes)):
        yield row
        known = dict(zip(names, row, strict=True))
        if where is not None and not _value(where.this, known):
            return
        row = tuple(_value(e, known) for e in rest.expressions)
    raise BindError("recursive", "This WITH makes too many rows.", "Write a WHERE that ends it.", cte)


def _value(node: exp.Expr, known: dict[str, int]) -> int:
    """Value of an expression over one row. Raises NotConstant if it is no whole number of 32 bits."""

    def written(part: exp.Expr) -> exp.Expr:
        if not isinstance(part, exp.Column):
            return part
        if part.name.casefold() not in known:
            raise NotConstant
        return exp.Paren(this=exp.Literal.number(known[part.name.casefold()]))

    found = constant_value(exp.Paren(this=node.unalias().copy()).transform(written))
    if not isinstance(found, int) or abs(found) > LARGEST:
        raise NotConstant
    return found


def _select_of(rows: list[Row], cte: exp.CTE) -> exp.Select:
    names = _names(cte, cte.this.this)
    columns = [exp.to_identifier(n) for n in names]
    values = _values(rows, exp.TableAlias(this=exp.to_identifier(cte.alias), columns=columns))
    return exp.Select(expressions=[exp.column(n) for n in names], from_=exp.From(this=values))


def _values(rows: list[Row], alias: exp.TableAlias) -> exp.Values:
    return exp.Values(expressions=[exp.Tuple(expressions=[_literal(v) for v in row]) for row in rows], alias=alias)


def _literal(value: int) -> exp.Expr:
    return exp.Literal.number(value) if value >= 0 else exp.Neg(this=exp.Literal.number(-value))


def _series(table: exp.Table, series: exp.GenerateSeries) -> exp.Values:
    """The rows of FROM generate_series(a, b, step), or of range, which stops before b."""
    try:
        ends = [_value(series.args[k], {}) if series.args.get(k) else None for k in ("start", "end", "step")]
    except NotConstant:
        ends = [None]
    start, end, step = (*ends, None, None)[:3]
    if start is None or end is None or step == 0:
        raise BindError("table-function", "A series needs whole numbers.", "Write generate_series(2015, 2023).", table)
    step, is_open = step or 1, bool(series.args.get("is_end_exclusive"))
    numbers = range(start, end if is_open else end + (1 if step > 0 else -1), step)
    if not 0 < len(numbers) <= MOST_ROWS:
        message = f"A series must have 1 to {MOST_ROWS:,} rows."
        raise BindError("table-function", message, "Write generate_series(2015, 2023).", table)
    name = "range" if is_open else "generate_series"
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name))
    columns = alias.columns or [exp.to_identifier(name)]
    return _values([(n,) for n in numbers], exp.TableAlias(this=alias.this, columns=columns))
