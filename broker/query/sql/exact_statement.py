"""The exact statement of a planned table: for each cell, its figures and evidence from the same contributions."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are its own

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from broker.domain.plans import plan
from broker.domain.plans.measure import Measure
from broker.domain.plans.scalars import ScalarType
from broker.domain.rounding_grid import COMPARED_DIGITS, as_power_of_ten, first_number
from broker.query.operations.aggregate_functions import aggregate_sql
from broker.query.sql.extra_evidence import with_extra_evidence, with_institutions
from broker.query.sql.generator import relation_sql
from broker.query.sql.key_columns import group_by, key_names, key_order, row_limit, same_keys
from broker.query.sql.person_evidence import EVIDENCE_FIELDS, PersonEvidence

LARGEST_STEP = 36
"""Number of the largest step that is tried (10^12) where the catalogue has no bounds."""
EXACT_TYPE = f"DECIMAL(37,{COMPARED_DIGITS})"
"""One digit less than the engine has: amounts are multiplied by 2 or 5."""


def bins_sql(keys: Sequence[str], statistics: Sequence[plan.PlannedStatistic], needs: plan.EvidenceNeeds) -> str | None:
    """SQL of a common table `bins`: for each cell and quantile, the rows that each rounding shows as the same value.
    None without quantiles. It reads the earlier tables `contributions` and `values`."""
    quantiles = _with_step(statistics)
    if not quantiles:
        return None
    columns = [f"contributions.{k}" for k in keys]
    for s in quantiles:
        value, quantile = _exact(f"a{s.ident}", s), _exact(f'"values".d{s.ident}', None)
        columns += [f"{value} AS x{s.ident}", f"{quantile} AS v{s.ident}"]
    on = same_keys(keys, "contributions", '"values"')
    counts = [f"COUNT(*) FILTER (WHERE {test}) AS {name}" for s in quantiles for test, name in _tests(s, needs)]
    inner = f'SELECT {", ".join(columns)} FROM contributions JOIN "values" ON {on}'
    return f"bins AS (\nSELECT {', '.join([*keys, *counts])} FROM ({inner}){group_by(keys)}\n)"


def _with_step(statistics: Sequence[plan.PlannedStatistic]) -> list[plan.PlannedStatistic]:
    return [s for s in statistics if "step_number" in s.measure.traits.evidence]


def step_sql(statistic: plan.PlannedStatistic, needs: plan.EvidenceNeeds) -> str:
    """SQL of the number of the smallest step (`broker.domain.rounding_grid`) at which at least `min_persons` persons
    are certain to show the same value; NULL if there is none. Nobody has more than `largest` rows, and a person who
    has none of the other rows has one of these."""
    i = statistic.ident
    rows, persons, most = (f"cells.s{i}_{n}" for n in ("rows", "persons", "largest"))
    whens = []
    for number in _steps(statistic, needs):
        inside = f"bins.{_name(i, number)}"
        there = f"greatest(({inside} + {most} - 1) // nullif({most}, 0), {persons} - ({rows} - {inside}))"
        whens.append(f"WHEN {there} >= {needs.min_persons} THEN {number}")
    return f"CAST(CASE {' '.join(whens)} END AS BIGINT)"


def _tests(statistic: plan.PlannedStatistic, needs: plan.EvidenceNeeds) -> Iterator[tuple[str, str]]:
    i = statistic.ident
    for number in _steps(statistic, needs):
        factor, exponent = as_power_of_ten(number)
        shown, own = (f"round({factor} * {column}{i}, {-exponent})" for column in "xv")
        yield f"{shown} = {own}", _name(i, number)


def _steps(statistic: plan.PlannedStatistic, needs: plan.EvidenceNeeds) -> range:
    """The numbers of the steps that are tried, up to one that shows every possible value as 0."""
    bounds = [abs(Decimal(str(bound))) for bound in statistic.bounds or () if bound is not None]
    largest = first_number(3 * max(bounds)) if len(bounds) == 2 and any(bounds) else LARGEST_STEP
    finest = -3 * statistic.quantile_digits(needs.digits)
    return range(finest, max(finest, largest) + 1)


def _name(ident: int, number: int) -> str:
    return f"b{ident}_{number + 100}"  # an SQL name cannot contain a minus sign


def _exact(column: str, statistic: plan.PlannedStatistic | None) -> str:
    """SQL of a value as a decimal. A float becomes the number of its shortest text, which is how it is displayed."""
    if statistic is not None and statistic.argument is not None and statistic.argument.type is not ScalarType.DOUBLE:
        return f"TRY_CAST({column} AS {EXACT_TYPE})"
    # TRY_CAST, because a number that does not fit must not end the statement
    return f"TRY_CAST(CAST({column} AS VARCHAR) AS {EXACT_TYPE})"


def evidence_columns(statistic: plan.PlannedStatistic) -> tuple[str, ...]:
    """Result columns of a statistic: `s{ident}_{field of StatisticEvidence}`."""
    return tuple(f"s{statistic.ident}_{name}" for name in EVIDENCE_FIELDS[statistic.measure])


def render_public(rows: plan.PublicRelation, least: int) -> str:
    """Statement that gives the rows of a public relation, as columns `c` and their id, in a fixed order."""
    columns = ", ".join(f"c{i}" for i, _ in rows.columns)
    return f"SELECT {columns} FROM {relation_sql(rows.relation, least)} ORDER BY {columns}"


def render_exact(table: plan.PlannedTable, needs: plan.EvidenceNeeds) -> str:
    """The statement of a table. `needs.min_persons`: persons that a group needs if rows of persons are joined with it.
    Columns: `k0`…`kn`, `rows`, `persons`, `population` (distinct persons of all cells, repeated on each row), then
    `evidence_columns` of each statistic in turn. Rows are in the order of the keys."""
    least = needs.min_persons
    keys = key_names(table)
    table, institutions = with_institutions(table) if needs.institutions else (table, ())
    people = PersonEvidence(table, least, institutions)
    parts = list(people.common_tables())
    distinct = [s for s in table.statistics if s.measure.traits.from_rows]
    if distinct:
        counted = ", ".join([*keys, *(f"{ROW_VALUES[s.measure](s)} AS d{s.ident}" for s in distinct)])
        parts.append(f'"values" AS (\nSELECT {counted} FROM contributions{group_by(keys)}\n)')
    bins = bins_sql(keys, distinct, needs)
    if bins:
        parts.append(bins)
    columns = [*keys, f'{people.rows} AS "rows"', f"{people.persons} AS persons",
               f"{people.population} AS population"]  # fmt: skip
    for statistic in table.statistics:
        columns += [f"{text} AS s{statistic.ident}_{name}" for name, text in people.fields(statistic)]
    cells = f"SELECT {', '.join(columns)} FROM people{group_by(keys)}{people.having}"
    with_text = "WITH " + ",\n".join(parts)
    if distinct:
        with_text, cells = f"{with_text},\ncells AS (\n{cells}\n)", _with_values(table, keys, distinct, needs)
    if needs.institutions or needs.record_keys:
        return with_extra_evidence(with_text, cells, table, keys, needs, len(institutions))
    return f"{with_text}\n{cells}{key_order(keys)}{row_limit(table)}"


def _quantile(statistic: plan.PlannedStatistic) -> str:
    assert isinstance(statistic.form, plan.QuantileForm)
    op = "quantile_discrete" if statistic.form.discrete else "quantile"
    return aggregate_sql(op, (f"a{statistic.ident}", str(statistic.form.fraction)))


def _deviation(statistic: plan.PlannedStatistic) -> str:
    """From exact sums of whole numbers, so that the order of rows has no effect."""
    assert isinstance(statistic.form, plan.DeviationForm)
    value, places, whole = f"a{statistic.ident}", statistic.form.places, statistic.form.of_population
    exact = f"CAST({value} * {10**places} AS HUGEINT)"
    total, squares = (f"CAST(SUM({text}) AS DOUBLE)" for text in (exact, f"{exact} * {exact}"))
    count = f"COUNT({value})"
    # rounding must not make the difference negative
    spread = f"greatest(0, {squares} - {total} * {total} / nullif({count}, 0))"
    variance = f"({spread} / nullif({count if whole else f'greatest({count} - 1, 0)'}, 0) / 1e{2 * places})"
    return variance if statistic.form.is_variance else f"sqrt({variance})"


def _moment(statistic: plan.PlannedStatistic) -> str:
    """From exact sums of whole numbers, as a deviation is. A shape is rounded, because its sum of powers is not."""
    form = statistic.form
    assert isinstance(form, plan.MomentForm)
    y, x = f"a{statistic.ident}", f"a{form.other_ident}"
    if form.other is None:
        spread = f"{_spread(y, y, form.places[0], form.places[0])} <> 0"
        shape = f"round({form.function.value}(CAST({y} AS DOUBLE)), {SHAPE_DIGITS})"
        return f"(CASE WHEN {spread} AND isfinite({shape}) THEN {shape} END)"
    py, px = form.places
    yy, xx, xy = _spread(y, y, py, py), _spread(x, x, px, px), _spread(y, x, py, px)
    count = f"COUNT({y})"
    slope = f"({xy} / nullif({xx}, 0))"
    spreads = f"(sqrt({xx}) * sqrt({yy}))"
    # rounding must not make it larger than 1; the engine's least would take 1 for a missing value
    correlation = f"(CASE WHEN {spreads} > 0 THEN greatest(-1, least(1, {xy} / {spreads})) END)"
    match form.function:
        case plan.MomentFunction.CORRELATION:
            return correlation
        case plan.MomentFunction.R_SQUARED:
            # a line through equal values fits them
            return f"(CASE WHEN {xx} <> 0 AND {yy} = 0 THEN 1 ELSE ({correlation}) ^ 2 END)"
        case plan.MomentFunction.SLOPE:
            return slope
        case plan.MomentFunction.INTERCEPT:
            return f"(({_total(y, py)} - {slope} * {_total(x, px)}) / nullif({count}, 0))"
        case plan.MomentFunction.COVARIANCE:
            return f"({xy} / nullif(greatest({count} - 1, 0), 0))"
        case plan.MomentFunction.COVARIANCE_WHOLE:
            return f"({xy} / nullif({count}, 0))"
        case plan.MomentFunction.SQUARES:
            return yy
        case plan.MomentFunction.SQUARES_OF_OTHER:
            return xx
        case _:
            return xy


SHAPE_DIGITS = 9


def _total(value: str, places: int) -> str:
    return f"(CAST(SUM(CAST({value} * {10**places} AS HUGEINT)) AS DOUBLE) / 1e{places})"


def _spread(one: str, other: str, places: int, other_places: int) -> str:
    """Sum of the products of distances from the means."""
    first, second = (f"CAST({v} * {10**p} AS HUGEINT)" for v, p in ((one, places), (other, other_places)))
    products, left, right = (f"CAST(SUM({text}) AS DOUBLE)" for text in (f"{first} * {second}", first, second))
    found = f"({products} - {left} * {right} / nullif(COUNT({one}), 0))"
    # rounding must not make a sum of squares negative
    return f"({f'greatest(0, {found})' if one == other else found} / 1e{places + other_places})"


ROW_VALUES: dict[Measure, Callable[[plan.PlannedStatistic], str]] = {
    Measure.COUNT_DISTINCT: lambda s: f"COUNT(DISTINCT a{s.ident})",
    Measure.QUANTILE: _quantile,
    Measure.DEVIATION: _deviation,
    Measure.MOMENT: _moment,
}
"""SQL of the value over all rows of a cell, for each measure that is computed from them."""


def _with_values(
    table: plan.PlannedTable, keys: list[str], distinct: list[plan.PlannedStatistic], needs: plan.EvidenceNeeds
) -> str:
    """Join each cell with its values."""
    names = {f"s{s.ident}_{n}": f'"values".d{s.ident}' for s in distinct for n in ("value", "contributors")}
    quantiles = _with_step(distinct)
    names |= {f"s{s.ident}_step_number": step_sql(s, needs) for s in quantiles}
    shown = [f"cells.{k}" for k in keys] + ['cells."rows"', "cells.persons", "cells.population"]
    shown += [f"{names.get(c, f'cells.{c}')} AS {c}" for s in table.statistics for c in evidence_columns(s)]
    bins_join = f" JOIN bins ON {same_keys(keys, 'cells', 'bins')}" if quantiles else ""
    on = same_keys(keys, "cells", '"values"')
    return f'SELECT {", ".join(shown)} FROM cells JOIN "values" ON {on}{bins_join}'
