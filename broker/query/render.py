"""A planned output to one DuckDB statement that gives, for each cell, result and evidence from the same contributions.

Two levels: (keys, person) first, so that persons are exact and one person's total is known; then keys.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

import re
from collections.abc import Iterator
from datetime import date

from broker.domain.plans import Measure, PlannedOutput, Statistic
from broker.domain.relations import Filter, Join, JoinHow, Project, Relation, Scan, ScanColumn
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.query.arguments import is_never_null
from broker.query.operations import text_for

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?\Z")
_BASE = ("value", "rows", "persons")
FIELDS: dict[Measure, tuple[str, ...]] = {
    Measure.COUNT_ROWS: _BASE,
    Measure.COUNT_VALUES: _BASE,
    Measure.COUNT_PERSONS: _BASE,
    Measure.COUNT_DISTINCT: (*_BASE, "contributors"),
    Measure.GAP: _BASE,
    Measure.ONES: (*_BASE, "rest", "rest_rows", "total"),
    Measure.SHARE: (*_BASE, "rest", "rest_rows", "total"),
    Measure.SUM: (*_BASE, "largest", "second", "low", "high", "total"),
    Measure.MEAN: (*_BASE, "largest", "second", "low", "high", "total"),
}


def evidence_columns(statistic: Statistic) -> tuple[str, ...]:
    """The columns of the rendered result that belong to a statistic: `s{ident}_{field of StatisticEvidence}`."""
    return tuple(f"s{statistic.ident}_{name}" for name in FIELDS[statistic.measure])


def render(output: PlannedOutput) -> str:
    """The statement. Its columns: `k0`…`kn`, `rows`, `persons`, `population` (distinct persons of all contributions,
    on each row), and `evidence_columns` of each statistic in turn. Rows stand in the order of the keys."""
    keys = [f"k{i}" for i in range(len(output.keys))]
    parts = [
        f"contributions AS MATERIALIZED (\n{_contributions(output)}\n)",
        f"people AS (\n{_people(output, keys)}\n)",
    ]
    distinct = [s for s in output.statistics if s.measure is Measure.COUNT_DISTINCT]
    if distinct:
        counted = ", ".join([*keys, *(f"COUNT(DISTINCT a{s.ident}) AS d{s.ident}" for s in distinct)])
        parts.append(f'"values" AS (\nSELECT {counted} FROM contributions{_by(keys)}\n)')
    columns = [*keys, 'CAST(coalesce(SUM("rows"), 0) AS BIGINT) AS "rows"', "COUNT(p) AS persons",
               "(SELECT COUNT(DISTINCT p) FROM contributions) AS population"]  # fmt: skip
    for statistic in output.statistics:
        columns += [f"{text} AS s{statistic.ident}_{name}" for name, text in _fields(statistic)]
    cells = f"SELECT {', '.join(columns)} FROM people{_by(keys)}"
    order = f" ORDER BY {', '.join(f'{k} NULLS LAST' for k in keys)}" if keys else ""
    with_text = "WITH " + ",\n".join(parts)
    if not distinct:
        return f"{with_text}\n{cells}{order}"
    return f"{with_text},\ncells AS (\n{cells}\n)\n{_with_values(output, keys, distinct)}{order}"


def _by(keys: list[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def _with_values(output: PlannedOutput, keys: list[str], distinct: list[Statistic]) -> str:
    """The distinct values beside each cell; keys that are NULL meet too."""
    names = {f"s{s.ident}_{n}": f'"values".d{s.ident}' for s in distinct for n in ("value", "contributors")}
    shown = [f"cells.{k}" for k in keys] + ['cells."rows"', "cells.persons", "cells.population"]
    shown += [f"{names.get(c, f'cells.{c}')} AS {c}" for s in output.statistics for c in evidence_columns(s)]
    on = " AND ".join(f'cells.{k} IS NOT DISTINCT FROM "values".{k}' for k in keys) or "TRUE"
    return f'SELECT {", ".join(shown)} FROM cells JOIN "values" ON {on}'


def _contributions(output: PlannedOutput) -> str:
    columns = [f"{scalar_text(k.expression)} AS k{i}" for i, k in enumerate(output.keys)]
    columns.append(f"c{output.person} AS p")
    columns += [f"{scalar_text(s.argument)} AS a{s.ident}" for s in output.statistics if s.argument is not None]
    return f"SELECT {', '.join(columns)} FROM {relation_text(output.contributions)}"


def _people(output: PlannedOutput, keys: list[str]) -> str:
    columns = [*keys, "p", 'COUNT(*) AS "rows"']
    for s in output.statistics:
        match s.measure:
            case Measure.COUNT_ROWS:
                continue
            case Measure.ONES | Measure.SHARE:
                columns += [
                    f"COUNT(*) FILTER (a{s.ident} = 1) AS o{s.ident}",
                    f"COUNT(*) FILTER (a{s.ident} = 0) AS z{s.ident}",
                ]
            case Measure.SUM | Measure.MEAN:
                columns += [f"COUNT(a{s.ident}) AS n{s.ident}", f"SUM(a{s.ident}) AS t{s.ident}"]
            case _:
                columns.append(f"COUNT(a{s.ident}) AS n{s.ident}")
    return f"SELECT {', '.join(columns)} FROM contributions GROUP BY {', '.join([*keys, 'p'])}"


def _fields(statistic: Statistic) -> Iterator[tuple[str, str]]:
    """Each evidence field of a statistic as an aggregate over people."""
    i, measure = statistic.ident, statistic.measure
    texts = {
        Measure.COUNT_ROWS: _count_rows,
        Measure.ONES: _ones,
        Measure.SHARE: _ones,
        Measure.SUM: _number,
        Measure.MEAN: _number,
    }.get(measure, _count)(i, measure, statistic)
    return ((name, texts[name]) for name in FIELDS[measure])


def _count_rows(_: int, __: Measure, ___: Statistic) -> dict[str, str]:
    rows = 'CAST(coalesce(SUM("rows"), 0) AS BIGINT)'
    return {"value": rows, "rows": rows, "persons": "COUNT(p)"}


def _count(i: int, measure: Measure, _: Statistic) -> dict[str, str]:
    rows, persons = f"CAST(coalesce(SUM(n{i}), 0) AS BIGINT)", f"COUNT(p) FILTER (n{i} > 0)"
    value = persons if measure is Measure.COUNT_PERSONS else rows
    return {"value": value, "rows": rows, "persons": persons, "contributors": rows}


def _ones(i: int, measure: Measure, statistic: Statistic) -> dict[str, str]:
    ones, rest = f"CAST(coalesce(SUM(o{i}), 0) AS BIGINT)", f"CAST(coalesce(SUM(z{i}), 0) AS BIGINT)"
    if measure is Measure.ONES:
        value = ones if is_never_null(statistic.argument) else f"(CASE WHEN SUM(o{i} + z{i}) > 0 THEN {ones} END)"
    else:
        value = f"(SUM(o{i}) / nullif(SUM(o{i}) + SUM(z{i}), 0))"
    return {
        "value": value, "rows": ones, "persons": f"COUNT(p) FILTER (o{i} > 0)",
        "rest": f"COUNT(p) FILTER (z{i} > 0)", "rest_rows": rest, "total": ones,
    }  # fmt: skip


def _number(i: int, measure: Measure, statistic: Statistic) -> dict[str, str]:
    total, count = f"SUM(t{i})", f"nullif(SUM(n{i}), 0)"
    mean = (
        f"CAST(trunc({total}) AS HUGEINT) // {count}" if statistic.truncated else f"CAST({total} AS DOUBLE) / {count}"
    )
    contributes = f"t{i} <> 0" if measure is Measure.SUM else f"n{i} > 0"
    return {
        "value": total if measure is Measure.SUM else f"({mean})", "rows": f"CAST(coalesce(SUM(n{i}), 0) AS BIGINT)",
        "persons": f"COUNT(p) FILTER ({contributes})", "largest": f"MAX(abs(t{i}))",
        "second": f"list_extract(MAX(abs(t{i}), 2), 2)", "low": f"MIN(t{i})", "high": f"MAX(t{i})", "total": total,
    }  # fmt: skip


def relation_text(relation: Relation) -> str:
    """A relation as an item of FROM; every column is called by its id, so no name can be taken for another."""
    match relation:
        case Scan():
            return _scan_text(relation)
        case Filter(child=child, predicate=predicate):
            return f"(SELECT * FROM {relation_text(child)} WHERE {scalar_text(predicate)})"
        case Project(child=child, columns=columns):
            computed = ", ".join(f"{scalar_text(s)} AS c{i}" for i, s in columns)
            return f"(SELECT *, {computed} FROM {relation_text(child)})"
        case Join(left=left, right=right, how=JoinHow.CROSS):
            return f"({relation_text(left)} CROSS JOIN {relation_text(right)})"
        case Join(left=left, right=right, how=how, on=on):
            condition = scalar_text(on) if on is not None else "TRUE"
            return f"({relation_text(left)} {how.name} JOIN {relation_text(right)} ON {condition})"


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
        case Case(whens=whens, otherwise=otherwise):
            arms = " ".join(f"WHEN {scalar_text(c)} THEN {scalar_text(v)}" for c, v in whens)
            return f"(CASE {arms} ELSE {scalar_text(otherwise)} END)"


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
    return f"({value})" if value < 0 else str(value)


def quoted(name: str) -> str:
    """A catalogue name in quotes; anything that is not a plain name is a fault of the catalogue."""
    if not PLAIN_NAME.match(name):
        raise ValueError("a catalogue name is not plain")
    return f'"{name}"'
