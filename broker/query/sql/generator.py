"""The SQL generator: relations and scalars as DuckDB text. Every column is named by its id."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from broker.domain.plans import operators as ops
from broker.domain.plans.plan import PlannedTable
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType
from broker.query.operations.aggregate_functions import aggregate_sql
from broker.query.operations.possible_values import ONLY_NULL, possible_values
from broker.query.operations.registry import operation_sql

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?\Z")


def relation_sql(relation: ops.Relation, least: int) -> str:
    """SQL of a relation as a source of FROM. Groups of fewer than `least` persons do not exist for rows that are joined
    with them."""
    match relation:
        case ops.Scan():
            return _scan_sql(relation)
        case ops.Values():
            return _values_sql(relation)
        case ops.Filter(child=child, predicate=predicate):
            return f"(SELECT * FROM {relation_sql(child, least)} WHERE {scalar_sql(predicate)})"
        case ops.Project(child=child, columns=columns):
            computed = ", ".join(f"{scalar_sql(s)} AS c{i}" for i, s in columns)
            return f"(SELECT *, {computed} FROM {relation_sql(child, least)})"
        case ops.Join():
            return _join_sql(relation, least)
        case ops.Aggregate():
            return _group_by_sql(relation, least)
        case ops.Window(child=child, columns=windows, counted=counted):
            texts = ", ".join(f"{_window_sql(w, counted, least)} AS c{w.ident}" for w in windows)
            return f"(SELECT *, {texts} FROM {relation_sql(child, least)})"
        case ops.Union():
            return _union_sql(relation, least)
        case ops.Apply(child=child, sub=sub, ident=ident, column=column):
            inner = relation_sql(sub, least)
            answer = f"EXISTS (SELECT 1 FROM {inner})" if column is None else f"(SELECT c{column} FROM {inner})"
            return f"(SELECT *, {answer} AS c{ident} FROM {relation_sql(child, least)})"
        case ops.Limit(child=child, order=order, count=count):
            by = f" ORDER BY {_order_sql(order)}" if order else ""
            return f"(SELECT * FROM {relation_sql(child, least)}{by} LIMIT {count})"


def contribution_rows(
    table: PlannedTable, relation: ops.Relation, person: int, least: int, more: Sequence[str] = ()
) -> str:
    """SELECT with the keys `k` of each row of a relation, its person `p`, more columns, and the arguments `a` of the
    table's statistics."""
    keys = [f"{scalar_sql(k.expression)} AS k{i}" for i, k in enumerate(table.keys)]
    arguments = [f"{scalar_sql(s.argument)} AS a{s.ident}" for s in table.statistics if s.argument is not None]
    return f"SELECT {', '.join([*keys, f'c{person} AS p', *more, *arguments])} FROM {relation_sql(relation, least)}"


def _values_sql(relation: ops.Values) -> str:
    if not relation.columns:
        return "(SELECT 1)"  # one row without columns
    rows = ", ".join(f"({', '.join(scalar_sql(s) for s in row)})" for row in relation.rows)
    names = ", ".join(f"c{i}" for i, _ in relation.columns)
    typed = ", ".join(
        f"CAST(c{i} AS BIGINT) AS c{i}" if kind is ScalarType.INT else f"c{i}" for i, kind in relation.columns
    )
    return f"(SELECT {typed} FROM (VALUES {rows}) AS written({names}))"


def _join_sql(join: ops.Join[ops.Relation], least: int) -> str:
    left, right = relation_sql(join.left, least), relation_sql(join.right, least)
    lateral = "LATERAL " if join.lateral else ""
    if isinstance(join.right, ops.Join) and join.lateral:
        right = f"(SELECT * FROM {right})"  # the engine does not accept a join itself after LATERAL
    if join.how is ops.JoinHow.CROSS:
        return f"({left} CROSS JOIN {lateral}{right})"
    condition = scalar_sql(join.on) if join.on is not None else "TRUE"
    text = f"{left} {join.how.name} JOIN {lateral}{right} ON {condition}"
    if join.both is None:
        return f"({text})"
    return f"(SELECT *, coalesce(c{join.both[0]}, c{join.both[1]}) AS c{join.person} FROM {text})"


def _group_by_sql(relation: ops.Aggregate[ops.Relation], least: int) -> str:
    shown = [f"{scalar_sql(s)} AS c{i}" for i, s in relation.keys]
    by = [scalar_sql(s) for _, s in relation.keys]
    context = relation.person is None and relation.counted is not None
    if relation.person is not None:
        shown.append(f"c{relation.counted} AS c{relation.person}")
        by.append(f"c{relation.counted}")
    for ident, aggregate in relation.aggregates:
        text = _function_sql(aggregate)
        shown.append(f"{_hidden_below(text, aggregate, relation.counted, least) if context else text} AS c{ident}")
    grouped = f" GROUP BY {', '.join(by)}" if by else ""
    # too small groups do not exist; without keys, the only row stays, with NULLs
    having = f" HAVING COUNT(DISTINCT c{relation.counted}) >= {least}" if context and by else ""
    return f"(SELECT {', '.join(shown) or '1'} FROM {relation_sql(relation.child, least)}{grouped}{having})"


def _function_sql(aggregate: ops.AggregateCall, over: str = "") -> str:
    return aggregate_sql(aggregate.op, [scalar_sql(a) for a in aggregate.args], over)


def _hidden_below(text: str, aggregate: ops.AggregateCall, counted: int | None, least: int, over: str = "") -> str:
    """SQL of an aggregate over other people. NULL if fewer persons contribute than may be shown. `over`: the window
    whose persons count."""
    person = f"c{counted}"
    if aggregate.args and not isinstance(aggregate.args[0], Literal):
        person = f"CASE WHEN {scalar_sql(aggregate.args[0])} IS NOT NULL THEN {person} END"
    return f"(CASE WHEN COUNT(DISTINCT {person}){over} >= {least} THEN {text} END)"


def _window_sql(window: ops.WindowColumn, counted: int | None, least: int) -> str:
    """SQL of a window column. Over other people, all persons of the partition count, even if the window is a running
    one."""
    partition = f"PARTITION BY {', '.join(map(scalar_sql, window.partition))}" if window.partition else ""
    order = f"ORDER BY {_order_sql(window.order)}" if window.order else ""
    frame = _frame_sql(window.frame) if window.frame is not None else ""
    text = _function_sql(window.function, f" OVER ({' '.join(part for part in (partition, order, frame) if part)})")
    return _hidden_below(text, window.function, counted, least, f" OVER ({partition})") if window.shared else text


def _frame_sql(frame: ops.RowFrame) -> str:
    return f"ROWS BETWEEN {_bound_sql(frame.first, 'PRECEDING')} AND {_bound_sql(frame.last, 'FOLLOWING')}"


def _bound_sql(rows: int | None, open_side: str) -> str:
    if rows is None:
        return f"UNBOUNDED {open_side}"
    return f"{abs(rows)} {'PRECEDING' if rows <= 0 else 'FOLLOWING'}"


def _order_sql(order: tuple[tuple[Scalar, bool], ...]) -> str:
    """SQL of an order. NULL is the lowest value, as in T-SQL."""
    return ", ".join(f"{scalar_sql(s)} {'DESC NULLS LAST' if down else 'ASC NULLS FIRST'}" for s, down in order)


def _union_sql(union: ops.Union[ops.Relation], least: int) -> str:
    named = [*union.columns, *([union.person] if union.person is not None else [])]
    texts = []
    for index, part in enumerate(union.parts):
        shown = ", ".join(f"c{parts[index]} AS c{ident}" for ident, parts in named)
        texts.append(f"SELECT {shown or '1'} FROM {relation_sql(part, least)}")
    return "(" + " UNION ALL ".join(texts) + ")"


def _column_sql(column: ops.ScanColumn) -> str:
    """SQL of a scanned column. Whole numbers are cast to 64 bits, so that arithmetic does not overflow on some rows."""
    return f"CAST({quoted(column.variable)} AS BIGINT)" if column.type.is_whole else quoted(column.variable)


def _scan_sql(scan: ops.Scan) -> str:
    names = [f"{_column_sql(c)} AS c{c.ident}" for c in scan.columns]
    if scan.person is not None:
        names.append(f'"__p" AS c{scan.person}')
    schema, _, table = scan.table.partition(".")
    return f"(SELECT {', '.join(names) or '1'} FROM {quoted(schema)}.{quoted(table)})"


def scalar_sql(scalar: Scalar) -> str:
    match scalar:
        case ColumnRef(ident=ident):
            return f"c{ident}"
        case Literal():
            return literal_sql(scalar)
        case Call(op=op, args=args):
            return operation_sql(op, [scalar_sql(a) for a in args])
        case Case(type=kind) if kind in NULLS and possible_values(scalar, {}, {}) == ONLY_NULL:
            return NULLS[kind]
        case Case(whens=whens, otherwise=otherwise):
            arms = " ".join(f"WHEN {scalar_sql(c)} THEN {scalar_sql(v)}" for c, v in whens)
            return f"(CASE {arms} ELSE {scalar_sql(otherwise)} END)"


NULLS: dict[ScalarType, str] = {
    ScalarType.INT: "CAST(NULL AS BIGINT)", ScalarType.FLAG: "CAST(NULL AS BIGINT)",
    ScalarType.DOUBLE: "CAST(NULL AS DOUBLE)",
    ScalarType.DECIMAL: "CAST(NULL AS DECIMAL(18,0))", ScalarType.TEXT: "CAST(NULL AS VARCHAR)",
    ScalarType.DATE: "CAST(NULL AS DATE)",
    ScalarType.TRUTH: "CAST(NULL AS BOOLEAN)",
}  # fmt: skip
"""SQL of a value that is always NULL, in the type of the plan. The engine would otherwise choose a type of its own."""


def literal_sql(literal: Literal) -> str:
    value = literal.value
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if literal.type is ScalarType.TEXT or isinstance(value, str):
        return "'" + str(value).replace("'", "''") + "'"
    # A small decimal must not be written with an exponent: the engine would read it as a binary fraction.
    written = format(value, "f") if isinstance(value, Decimal) else str(value)
    return f"({written})" if value < 0 else written


def quoted(name: str) -> str:
    """A catalogue name in quotes. Raises ValueError if it is not a plain name, which is an error of the catalogue."""
    if not PLAIN_NAME.match(name):
        raise ValueError("a catalogue name is not plain")
    return f'"{name}"'
