"""Cells of a planned table by definition: each statistic's value and evidence, and the set of persons behind it."""

# ruff: noqa: E501 - one statistic a line reads as a table

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import trunc
from typing import Any

from evaluate import Evaluator, Tables, grouped
from scalar_reference import AGGREGATES, Row, value

Persons = frozenset[Any]


@dataclass
class CellStatistic:
    """One statistic of one cell: fields as the rendered evidence names them, and everybody who contributes."""

    fields: dict[str, Any]
    persons: Persons


@dataclass
class ReferenceCell:
    keys: tuple[Any, ...]
    rows: int
    persons: Persons
    statistics: dict[int, CellStatistic] = field(default_factory=dict)


def reference(table: Any, tables: Tables, least: int = 1) -> tuple[dict[tuple[Any, ...], ReferenceCell], Persons]:
    """The cells by their keys, and the whole population."""
    rows = Evaluator(tables, least).rows(table.contributions)
    groups = grouped(rows, lambda r: tuple(value(k.expression, r) for k in table.keys)) if table.keys else {(): rows}
    cells = {keys: _cell(table, keys, group) for keys, group in groups.items()}
    return cells, _persons(rows, table.person)


def _persons(rows: list[Row], person: int) -> Persons:
    return frozenset(r.get(person) for r in rows) - {None}


def _cell(table: Any, keys: tuple[Any, ...], rows: list[Row]) -> ReferenceCell:
    cell = ReferenceCell(keys, len(rows), _persons(rows, table.person))
    for statistic in table.statistics:
        some = [
            (r.get(table.person), None if statistic.argument is None else value(statistic.argument, r)) for r in rows
        ]
        cell.statistics[statistic.ident] = MEASURES[statistic.measure.name](some, statistic)
    return cell


Pairs = list[tuple[Any, Any]]


def _who(pairs: Pairs) -> Persons:
    return frozenset(p for p, _ in pairs) - {None}


def _given(pairs: Pairs) -> Pairs:
    return [(p, v) for p, v in pairs if v is not None]


def _count_rows(pairs: Pairs, _: Any) -> CellStatistic:
    most = sorted(Counter(p for p, _ in pairs if p is not None).values(), reverse=True)
    fields = {"value": len(pairs), "rows": len(pairs), "persons": len(_who(pairs)), **_two(most)}
    return CellStatistic(fields, _who(pairs))


def _two(sizes: list[Any]) -> dict[str, Any]:
    """The largest and the second: nothing where there is one only."""
    return {"largest": sizes[0] if sizes else None, "second": [*sizes[1:], 0][0] if sizes else None}


def _others(totals: list[Any]) -> int | None:
    """Persons without the most common total; of more than two no more is told than that there are some."""
    if not totals:
        return None
    others = len(totals) - max(Counter(totals).values())
    return others if len(totals) <= 2 else min(others, 1)


def _count_values(pairs: Pairs, _: Any) -> CellStatistic:
    return _of(pairs, len(_given(pairs)))


def _count_persons(pairs: Pairs, _: Any) -> CellStatistic:
    return _of(pairs, len(_who(_given(pairs))))


def _count_distinct(pairs: Pairs, _: Any) -> CellStatistic:
    distinct = len({v for _, v in _given(pairs)})
    return _of(pairs, distinct, contributors=distinct)


def _ones(pairs: Pairs, statistic: Any) -> CellStatistic:
    ones, rest = [x for x in pairs if x[1] == 1], [x for x in pairs if x[1] == 0]
    share = Fraction(len(ones), len(ones) + len(rest)) if ones or rest else None
    shown = share if statistic.measure.name == "SHARE" else len(ones)
    fields = {
        "value": shown, "rows": len(ones), "persons": len(_who(ones)), "rest": len(_who(rest)), "rest_rows": len(rest),
        "total": len(ones),
    }  # fmt: skip
    if not ones and not rest and statistic.measure.name == "ONES":
        del fields["value"]  # of nothing: 0 where the argument is never NULL, else NULL
    return CellStatistic(fields, _who(ones) | _who(rest))


def _sum(pairs: Pairs, statistic: Any) -> CellStatistic:
    some = _given(pairs)
    own: dict[Any, Any] = {}
    for person, number in some:
        own[person] = own.get(person, 0) + number
    sizes = sorted((abs(v) for v in own.values()), reverse=True)
    total = sum(own.values()) if some else None
    is_sum = statistic.measure.name == "SUM"
    behind = frozenset(p for p, v in own.items() if v != 0 or not is_sum) - {None}
    mean = None if total is None else Fraction(total) / len(some)
    if mean is not None and statistic.truncated:
        mean = trunc(Fraction(trunc(total)) / len(some))
    fields = {
        "value": total if is_sum else mean, "rows": len(some), "persons": len(behind), "total": total,
        **_two(sizes), "others": _others(list(own.values())), "low": min(own.values(), default=None), "high": max(own.values(), default=None),
    }  # fmt: skip
    return CellStatistic(fields, behind)


def _quantile(pairs: Pairs, statistic: Any) -> CellStatistic:
    op = "quantile_discrete" if statistic.form.discrete else "quantile"
    return _of(pairs, AGGREGATES[op]([v for _, v in _given(pairs)], [statistic.form.fraction]))


def _deviation(pairs: Pairs, statistic: Any) -> CellStatistic:
    op = "variance" if statistic.form.is_variance else "deviation"
    whole = "_whole" if statistic.form.of_population else ""
    return _of(pairs, AGGREGATES[op + whole]([v for _, v in _given(pairs)], []))


def _of(pairs: Pairs, shown: Any, **more: Any) -> CellStatistic:
    some = _given(pairs)
    return CellStatistic({"value": shown, "rows": len(some), "persons": len(_who(some)), **more}, _who(some))


MEASURES: dict[str, Callable[[Pairs, Any], CellStatistic]] = {
    "COUNT_ROWS": _count_rows, "COUNT_VALUES": _count_values, "COUNT_PERSONS": _count_persons, "COUNT_DISTINCT": _count_distinct,
    "GAP": _count_values, "ONES": _ones, "SHARE": _ones, "SUM": _sum, "MEAN": _sum, "QUANTILE": _quantile, "DEVIATION": _deviation,
}  # fmt: skip
"""One function a measure. Rows without a person (of an outer join with a register) count, but name nobody."""


def differences(told: ReferenceCell, rendered: Mapping[str, Any]) -> list[str]:
    """Columns of a rendered row that are not what the reference says; columns that it does not know are left out."""
    expected = {"rows": told.rows, "persons": len(told.persons)}
    for ident, statistic in told.statistics.items():
        expected |= {f"s{ident}_{name}": v for name, v in statistic.fields.items()}
    return [
        f"{n}: {rendered[n]!r} for {v!r}" for n, v in expected.items() if n in rendered and not same(rendered[n], v)
    ]


def same(found: Any, expected: Any) -> bool:
    """Equal; numbers that went through binary fractions equal to twelve digits."""
    if found is None or expected is None or isinstance(found, str) or isinstance(expected, str):
        return bool(found == expected)
    if isinstance(found, int) and isinstance(expected, int):
        return found == expected
    return abs(float(found) - float(expected)) <= 1e-9 * max(1.0, abs(float(expected)))
