"""A planned table to one DuckDB statement that gives, for each cell, result and evidence from the same contributions.

Two levels: (keys, person) first, so that persons are exact and one person's total is known; then keys.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from broker.domain.plans import Deviation, Fraction, Measure, Needs, PlannedTable, PublicRows, Statistic
from broker.query.rendering.beside import beside
from broker.query.rendering.bins import bin_text, bins_text
from broker.query.rendering.institutions import with_institutions
from broker.query.rendering.people import FIELDS, People
from broker.query.rendering.writing import relation_text


def evidence_columns(statistic: Statistic) -> tuple[str, ...]:
    """The columns of the rendered result that belong to a statistic: `s{ident}_{field of StatisticEvidence}`."""
    return tuple(f"s{statistic.ident}_{name}" for name in FIELDS[statistic.measure])


def render_public(rows: PublicRows, least: int) -> str:
    """The statement that gives a public relation's rows, columns `c` and their id, in a fixed order."""
    columns = ", ".join(f"c{i}" for i, _ in rows.columns)
    return f"SELECT {columns} FROM {relation_text(rows.relation, least)} ORDER BY {columns}"


DIRECT = frozenset({Measure.COUNT_DISTINCT, Measure.QUANTILE, Measure.DEVIATION})
"""Measures whose value is computed from all rows of a cell at once, not from each person's."""


def render(table: PlannedTable, needs: Needs) -> str:
    """The statement; `needs.least` is the number of persons that a group needs which rows of persons meet.

    Its columns: `k0`…`kn`, `rows`, `persons`, `population` (distinct persons of all cells, on each row), and
    `evidence_columns` of each statistic in turn. Rows stand in the order of the keys.
    """
    least = needs.least
    keys = [f"k{i}" for i in range(len(table.keys))]
    table, schools = with_institutions(table) if needs.institutions else (table, ())
    people = People(table, least, schools)
    parts = list(people.parts())
    distinct = [s for s in table.statistics if s.measure in DIRECT]
    if distinct:
        counted = ", ".join([*keys, *(f"{_direct(s)} AS d{s.ident}" for s in distinct)])
        parts.append(f'"values" AS (\nSELECT {counted} FROM contributions{_by(keys)}\n)')
    bins = bins_text(keys, distinct, needs)
    if bins:
        parts.append(bins)
    columns = [*keys, f'{people.rows} AS "rows"', f"{people.persons} AS persons",
               f"{people.population} AS population"]  # fmt: skip
    for statistic in table.statistics:
        columns += [f"{text} AS s{statistic.ident}_{name}" for name, text in people.fields(statistic)]
    cells = f"SELECT {', '.join(columns)} FROM people{_by(keys)}{people.having}"
    order = f" ORDER BY {', '.join(f'{k} NULLS LAST' for k in keys)}" if keys else ""
    with_text = "WITH " + ",\n".join(parts)
    if table.most is not None:
        order += f" LIMIT {table.most + 1}"
    if distinct:
        with_text, cells = f"{with_text},\ncells AS (\n{cells}\n)", _with_values(table, keys, distinct, needs)
    if needs.institutions or needs.record_keys:
        return beside(with_text, cells, table, keys, needs, len(schools))
    return f"{with_text}\n{cells}{order}"


def _by(keys: list[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def _direct(statistic: Statistic) -> str:
    """A value of all rows of a cell. A deviation is computed from exact sums of whole numbers, so that the order of
    rows does not matter."""
    value = f"a{statistic.ident}"
    match statistic.form:
        case Fraction(of=of, discrete=True):
            return f"quantile_disc({value}, {of})"
        case Fraction(of=of):
            return f"quantile_cont(CAST({value} AS DOUBLE), {of})"
        case Deviation(whole=whole, squared=squared):
            return _deviation(statistic, value, whole, squared)
    return f"COUNT(DISTINCT {value})"


def _deviation(statistic: Statistic, value: str, whole: bool, squared: bool) -> str:
    assert isinstance(statistic.form, Deviation)
    places = statistic.form.places
    exact = f"CAST({value} * {10**places} AS HUGEINT)"
    total, squares, count = (
        f"CAST(SUM({exact}) AS DOUBLE)",
        f"CAST(SUM({exact} * {exact}) AS DOUBLE)",
        f"COUNT({value})",
    )
    spread = f"greatest(0, {squares} - {total} * {total} / nullif({count}, 0))"
    variance = f"({spread} / nullif({count if whole else f'greatest({count} - 1, 0)'}, 0) / 1e{2 * places})"
    return variance if squared else f"sqrt({variance})"


def _with_values(table: PlannedTable, keys: list[str], distinct: list[Statistic], needs: Needs) -> str:
    """The distinct values beside each cell; keys that are NULL meet too."""
    names = {f"s{s.ident}_{n}": f'"values".d{s.ident}' for s in distinct for n in ("value", "contributors")}
    quantiles = [s for s in distinct if s.measure is Measure.QUANTILE]
    names |= {f"s{s.ident}_bin": bin_text(s, needs) for s in quantiles}
    shown = [f"cells.{k}" for k in keys] + ['cells."rows"', "cells.persons", "cells.population"]
    shown += [f"{names.get(c, f'cells.{c}')} AS {c}" for s in table.statistics for c in evidence_columns(s)]
    on = " AND ".join(f'cells.{k} IS NOT DISTINCT FROM "values".{k}' for k in keys) or "TRUE"
    same = on.replace('"values"', "bins")
    beside = f" JOIN bins ON {same}" if quantiles else ""
    return f'SELECT {", ".join(shown)} FROM cells JOIN "values" ON {on}{beside}'
