"""Relations and scalars to DuckDB text. Every column is called by its id, so that no name can be taken for another."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

import re
from datetime import date
from decimal import Decimal

from broker.domain.relations import (
    Aggregate,
    Attach,
    Filter,
    Gather,
    Join,
    JoinHow,
    Limit,
    Over,
    Project,
    Relation,
    Scan,
    ScanColumn,
    Union,
    Values,
    WindowColumn,
)
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.operations.aggregates import aggregate_text
from broker.query.operations.fold import ONLY_NULL, possible
from broker.query.operations.table import text_for

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?\Z")


def relation_text(relation: Relation, least: int) -> str:
    """A relation as an item of FROM. Groups of fewer than `least` persons are nothing to the rows that meet them."""
    match relation:
        case Scan():
            return _scan_text(relation)
        case Values():
            return _values_text(relation)
        case Filter(child=child, predicate=predicate):
            return f"(SELECT * FROM {relation_text(child, least)} WHERE {scalar_text(predicate)})"
        case Project(child=child, columns=columns):
            computed = ", ".join(f"{scalar_text(s)} AS c{i}" for i, s in columns)
            return f"(SELECT *, {computed} FROM {relation_text(child, least)})"
        case Join():
            return _join_text(relation, least)
        case Gather():
            return _gather_text(relation, least)
        case Over(child=child, columns=windows, counted=counted):
            texts = ", ".join(f"{_window_text(w, counted, least)} AS c{w.ident}" for w in windows)
            return f"(SELECT *, {texts} FROM {relation_text(child, least)})"
        case Union():
            return _union_text(relation, least)
        case Attach(child=child, sub=sub, ident=ident, column=column):
            inner = relation_text(sub, least)
            answer = f"EXISTS (SELECT 1 FROM {inner})" if column is None else f"(SELECT c{column} FROM {inner})"
            return f"(SELECT *, {answer} AS c{ident} FROM {relation_text(child, least)})"
        case Limit(child=child, order=order, count=count):
            by = f" ORDER BY {_order_text(order)}" if order else ""
            return f"(SELECT * FROM {relation_text(child, least)}{by} LIMIT {count})"


def _values_text(relation: Values) -> str:
    if not relation.columns:
        return "(SELECT 1)"
    rows = ", ".join(f"({', '.join(scalar_text(s) for s in row)})" for row in relation.rows)
    names = ", ".join(f"c{i}" for i, _ in relation.columns)
    typed = ", ".join(f"CAST(c{i} AS BIGINT) AS c{i}" if kind is Type.INT else f"c{i}" for i, kind in relation.columns)
    return f"(SELECT {typed} FROM (VALUES {rows}) AS written({names}))"


def _join_text(join: Join, least: int) -> str:
    left, right = relation_text(join.left, least), relation_text(join.right, least)
    lateral = "LATERAL " if join.lateral else ""
    if isinstance(join.right, Join) and join.lateral:
        right = f"(SELECT * FROM {right})"
    if join.how is JoinHow.CROSS:
        return f"({left} CROSS JOIN {lateral}{right})"
    condition = scalar_text(join.on) if join.on is not None else "TRUE"
    text = f"{left} {join.how.name} JOIN {lateral}{right} ON {condition}"
    if join.both is None:
        return f"({text})"
    return f"(SELECT *, coalesce(c{join.both[0]}, c{join.both[1]}) AS c{join.person} FROM {text})"


def _gather_text(gather: Gather, least: int) -> str:
    shown = [f"{scalar_text(s)} AS c{i}" for i, s in gather.keys]
    by = [scalar_text(s) for _, s in gather.keys]
    context = gather.person is None and gather.counted is not None
    if gather.person is not None:
        shown.append(f"c{gather.counted} AS c{gather.person}")
        by.append(f"c{gather.counted}")
    for ident, aggregate in gather.aggregates:
        text = function_text(aggregate)
        shown.append(f"{_hidden_below(text, aggregate, gather.counted, least) if context else text} AS c{ident}")
    grouped = f" GROUP BY {', '.join(by)}" if by else ""
    having = f" HAVING COUNT(DISTINCT c{gather.counted}) >= {least}" if context and by else ""
    return f"(SELECT {', '.join(shown) or '1'} FROM {relation_text(gather.child, least)}{grouped}{having})"


def function_text(aggregate: Aggregate, over: str = "") -> str:
    return aggregate_text(aggregate.op, [scalar_text(a) for a in aggregate.args], over)


def _hidden_below(text: str, aggregate: Aggregate, counted: int | None, least: int, over: str = "") -> str:
    """An aggregate over other people: NULL where fewer persons contribute than may be told of."""
    person = f"c{counted}"
    if aggregate.args and not isinstance(aggregate.args[0], Literal):
        person = f"CASE WHEN {scalar_text(aggregate.args[0])} IS NOT NULL THEN {person} END"
    return f"(CASE WHEN COUNT(DISTINCT {person}){over} >= {least} THEN {text}{over} END)"


def _window_text(window: WindowColumn, counted: int | None, least: int) -> str:
    partition = f"PARTITION BY {', '.join(map(scalar_text, window.partition))}" if window.partition else ""
    order = f"ORDER BY {_order_text(window.order)}" if window.order else ""
    over = f" OVER ({' '.join(part for part in (partition, order) if part)})"
    text = function_text(window.function)
    if window.function.op == "mean":
        text = _mean_over(window.function, over)
    elif window.function.op == "mean_truncated":
        text = _mean_over(window.function, over, truncated=True)
    elif not window.shared:
        return function_text(window.function, over)
    if not window.shared:
        return text
    return _shared_text(window, text, over, partition, counted, least)


def _mean_over(function: Aggregate, over: str, truncated: bool = False) -> str:
    """A mean is a sum and a count, each over the window."""
    value = scalar_text(function.args[0])
    total, count = f"SUM({value}){over}", f"nullif(COUNT({value}){over}, 0)"
    return f"CAST({total} // {count} AS BIGINT)" if truncated else f"(CAST({total} AS DOUBLE) / {count})"


def _shared_text(window: WindowColumn, text: str, over: str, partition: str, counted: int | None, least: int) -> str:
    """The persons of the whole partition count, also where the window is a running one."""
    person, function = f"c{counted}", window.function
    if function.args and not isinstance(function.args[0], Literal):
        person = f"CASE WHEN {scalar_text(function.args[0])} IS NOT NULL THEN {person} END"
    found = text if function.op in {"mean", "mean_truncated"} else f"{text}{over}"
    return f"(CASE WHEN COUNT(DISTINCT {person}) OVER ({partition}) >= {least} THEN {found} END)"


def _order_text(order: tuple[tuple[Scalar, bool], ...]) -> str:
    """NULL is the lowest value, as in T-SQL."""
    return ", ".join(f"{scalar_text(s)} {'DESC NULLS LAST' if down else 'ASC NULLS FIRST'}" for s, down in order)


def _union_text(union: Union, least: int) -> str:
    named = [*union.columns, *([union.person] if union.person is not None else [])]
    texts = []
    for index, part in enumerate(union.parts):
        shown = ", ".join(f"c{parts[index]} AS c{ident}" for ident, parts in named)
        texts.append(f"SELECT {shown or '1'} FROM {relation_text(part, least)}")
    return "(" + " UNION ALL ".join(texts) + ")"


def _read(column: ScanColumn) -> str:
    """Whole numbers are computed in 64 bits, so that arithmetic does not overflow on some rows."""
    return f"CAST({quoted(column.variable)} AS BIGINT)" if column.type.is_whole else quoted(column.variable)


def _scan_text(scan: Scan) -> str:
    names = [f"{_read(c)} AS c{c.ident}" for c in scan.columns]
    if scan.person is not None:
        names.append(f'"__p" AS c{scan.person}')
    schema, _, table = scan.table.partition(".")
    return f"(SELECT {', '.join(names) or '1'} FROM {quoted(schema)}.{quoted(table)})"


def scalar_text(scalar: Scalar) -> str:
    match scalar:
        case Column(ident=ident):
            return f"c{ident}"
        case Literal():
            return literal_text(scalar)
        case Call(op=op, args=args):
            return text_for(op, [scalar_text(a) for a in args])
        case Case(type=kind) if kind in NULLS and possible(scalar, {}, {}) == ONLY_NULL:
            return NULLS[kind]
        case Case(whens=whens, otherwise=otherwise):
            arms = " ".join(f"WHEN {scalar_text(c)} THEN {scalar_text(v)}" for c, v in whens)
            return f"(CASE {arms} ELSE {scalar_text(otherwise)} END)"


NULLS: dict[Type, str] = {
    Type.INT: "CAST(NULL AS BIGINT)", Type.FLAG: "CAST(NULL AS BIGINT)", Type.DOUBLE: "CAST(NULL AS DOUBLE)",
    Type.DECIMAL: "CAST(NULL AS DECIMAL(18,0))", Type.TEXT: "CAST(NULL AS VARCHAR)", Type.DATE: "CAST(NULL AS DATE)",
    Type.TRUTH: "CAST(NULL AS BOOLEAN)",
}  # fmt: skip
"""What is NULL on every row, in the type that the plan says: of NULLs alone the engine makes a type of its own."""


def literal_text(literal: Literal) -> str:
    value = literal.value
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if literal.type is Type.TEXT or isinstance(value, str):
        return "'" + str(value).replace("'", "''") + "'"
    # A small decimal must not be written with an exponent: the engine would take it for a binary fraction.
    written = format(value, "f") if isinstance(value, Decimal) else str(value)
    return f"({written})" if value < 0 else written


def quoted(name: str) -> str:
    """A catalogue name in quotes; anything that is not a plain name is a fault of the catalogue."""
    if not PLAIN_NAME.match(name):
        raise ValueError("a catalogue name is not plain")
    return f'"{name}"'
