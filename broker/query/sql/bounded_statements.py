"""Statements of a bounded table: exact integer coordinates of each cell, independent of the order of rows."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from itertools import pairwise

from broker.domain.evidence import VaultProofs
from broker.domain.plans.bounded_table import BernsteinVector, BinVector, BoundedNumber, BoundedTable
from broker.domain.plans.scalars import Literal, ScalarType
from broker.query.contribution_bounding.error_free import error_free
from broker.query.sql.encoded_keys import KeyEncoding, key_encoding
from broker.query.sql.generator import literal_sql, relation_sql, scalar_sql
from broker.query.sql.key_columns import group_by, key_names


def steps_sql(number: BoundedNumber) -> str:
    """SQL of a number in steps above its low end; NULL if it is no number."""
    value = scalar_sql(error_free(number.argument))
    if number.argument.type.is_whole and number.scale == 1:
        return (
            f"(CASE WHEN {value} < {number.low} THEN 0 WHEN {value} > {number.high} THEN {number.width} "
            f"ELSE {value} - ({number.low}) END)"
        )
    if number.argument.type is ScalarType.DOUBLE:
        low, scale = f"{number.low / number.scale!r}::DOUBLE", f"{number.scale}::DOUBLE"
        steps = f"floor(({value} - {low}) * {scale} + 0.5)"  # adding 0.5 before floor rounds to the nearest step
        cut = f"CASE WHEN {steps} < 0 THEN 0 WHEN {steps} > {number.width} THEN {number.width} ELSE {steps} END"
        return f"(CASE WHEN isfinite({value}) THEN CAST({cut} AS BIGINT) END)"
    return _exact_steps(value, number)


def _exact_steps(value: str, number: BoundedNumber) -> str:
    """Steps of a decimal. It is clamped first, so that the cast always fits. A decimal that is rounded may be a binary
    fraction."""
    digits = len(str(number.scale)) - 1  # the scale is a power of ten
    low = _decimal(number.low, digits)
    high = _decimal(number.high, digits)
    offset = f"CAST({value} - {low} AS DECIMAL(18, {digits}))"
    steps = f"CAST(round(CAST({offset} AS DOUBLE) * {number.scale}) AS BIGINT)"
    return f"(CASE WHEN {value} <= {low} THEN 0 WHEN {value} >= {high} THEN {number.width} ELSE TRY({steps}) END)"


def _decimal(steps: int, digits: int) -> str:
    sign, whole = ("-" if steps < 0 else ""), str(abs(steps)).rjust(digits + 1, "0")
    written = f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole
    return f"({sign}{written})"


def slot_sql(y: str, number: BoundedNumber, vector: BinVector) -> str:
    """SQL of the slot of a number, given in steps above its low end. Evenly spaced points use arithmetic, others a
    CASE."""
    points = [p - number.low for p in vector.points]
    gaps = {b - a for a, b in pairwise(points)}
    if len(gaps) == 1 and (step := gaps.pop()):
        place = f"least(({y} - ({points[0]})) // {step}, {len(points) - 1})"
        over = f"CASE WHEN {y} > ({points[0]}) + {place} * {step} THEN 1 ELSE 0 END"
        return f"(CASE WHEN {y} < {points[0]} THEN 0 ELSE 1 + 2 * {place} + {over} END)"
    arms = (f"WHEN {y} < {p} THEN {2 * i} WHEN {y} = {p} THEN {2 * i + 1}" for i, p in enumerate(points))
    return f"(CASE {' '.join(arms)} ELSE {vector.width - 1} END)"


SATURATION = 2**62
"""Value at which a coordinate saturates. Clamping never increases the distance of two values."""

PERSONS = "COUNT(DISTINCT p)"
"""SQL of the coordinate that counts persons. Each counts as 1 where rows are summed by person first."""


def render_sums(table: BoundedTable, proofs: VaultProofs) -> str:
    """Statement with one row for each cell, holding the coordinates of every vector of powers."""
    coding = key_encoding(table, proofs)
    keys = key_names(table)
    places = [i for i, v in enumerate(table.vectors) if isinstance(v, BernsteinVector)]
    rows = _rows(table, coding, places)
    texts = {f"v{i}_{j}": text for i in places for j, text in enumerate(_coordinates(table, i))}
    if table.person_bound is not None:
        totals = [f"{PERSONS} AS {name}" if text == PERSONS else _sum_of(name) for name, text in texts.items()]
        return _grouping_sets(table, coding, _per_person(table, rows, keys, texts), totals, [*texts])
    columns = [f"{text} AS {name}" for name, text in texts.items()]
    # persons of several grouping sets must be counted in each set, because they cannot be added
    if PERSONS in texts.values() and len(table.grouping_sets) > 1:
        return _grouping_sets(table, coding, rows, columns, [*texts])
    # sums are additive, so grouping sets are computed from the cells
    cells = f"(SELECT {', '.join([*keys, *columns])} FROM {rows}{group_by(keys)})"
    return _grouping_sets(table, coding, cells, [*map(_sum_of, texts)], [*texts])


def render_slots(table: BoundedTable, place: int, proofs: VaultProofs) -> str:
    """Statement with one row for each cell and slot of one slot vector, holding the number of rows."""
    coding, vector = key_encoding(table, proofs), table.vectors[place]
    assert isinstance(vector, BinVector)
    keys = key_names(table)
    rows = f"(SELECT *, {slot_sql(f'y{vector.number}', table.numbers[vector.number], vector)} AS slot FROM "
    rows += f"{_rows(table, coding, [place])} WHERE y{vector.number} IS NOT NULL)"
    if table.person_bound is None:
        cells = f"(SELECT {', '.join([*keys, 'slot'])}, COUNT(*) AS n FROM {rows}{group_by([*keys, 'slot'])})"
    else:
        cells = _per_person_slot(table, rows, keys)
    return _grouping_sets(table, coding, cells, [_sum_of("n")], ["n"], slot=True)


def _rows(table: BoundedTable, coding: KeyEncoding, places: list[int]) -> str:
    """The contributions with keys, numbers and, if needed, persons."""
    vectors = [table.vectors[i] for i in places]
    numbers = dict.fromkeys(v.number for v in vectors if v.number is not None) if vectors else {}
    columns = [f"{text} AS k{i}" for i, text in enumerate(coding.keys)]
    if table.person_bound is not None or any(isinstance(v, BernsteinVector) and v.persons for v in vectors):
        columns.append(f"c{table.person} AS p")
    columns += [f"{steps_sql(table.numbers[n])} AS y{n}" for n in numbers]
    return f"(SELECT {', '.join(columns) or '1'} FROM {relation_sql(coding.relation, 1)})"


def _coordinates(table: BoundedTable, place: int) -> list[str]:
    """Coordinates of a vector of powers over the rows of a cell: linear in the count, the sum and the sum of
    squares."""
    vector = table.vectors[place]
    assert isinstance(vector, BernsteinVector)
    if vector.persons:
        return [PERSONS]
    if vector.number is None:
        return ["COUNT(*)"]
    y, w = f"y{vector.number}", table.numbers[vector.number].width
    # HUGEINT below, because products of these do not fit 64 bits
    n, s, q = f"COUNT({y})", f"coalesce(SUM({y}), 0)", f"coalesce(SUM({y} * {y}), 0)"
    found = {
        0: [n],
        1: [f"({n}::HUGEINT * {w} - {s})", s],
        2: [f"({n}::HUGEINT * {w**2} - {2 * w} * {s} + {q})", f"(2 * ({w} * {s} - {q}))", q],
    }[vector.degree]
    return [*found, f"((COUNT(*) - {n})::HUGEINT * {w**vector.degree})"] if vector.missing else found


def _per_person(table: BoundedTable, rows: str, keys: list[str], texts: dict[str, str]) -> str:
    """One row for each person and cell, weighing at most as much as `rows` rows, in at most `cells` cells for each
    person. A hash of the person's own cells chooses them: a random number per person would depend on who else is
    present. `texts`: the coordinates by name."""
    assert table.person_bound is not None
    made = ", ".join(f"CAST({'1' if t == PERSONS else t} AS HUGEINT) AS {n}" for n, t in texts.items())
    own = f"SELECT p, {', '.join([*keys, 'COUNT(*) AS n', made])} FROM {rows} GROUP BY {', '.join(['p', *keys])}"
    most = table.person_bound.rows
    cut = [f"CASE WHEN n > {most} THEN {v} * {most} // n ELSE {v} END AS {v}" for v in texts]
    return f"(SELECT {', '.join([*keys, 'p', *cut])} FROM ({own}){_few_cells(table, keys, ['n', *texts])})"


def _few_cells(table: BoundedTable, keys: list[str], own: list[str]) -> str:
    assert table.person_bound is not None
    if not keys:
        return ""
    order = ", ".join([f"hash({', '.join([*keys, *own])})", *keys])
    return f" QUALIFY row_number() OVER (PARTITION BY p ORDER BY {order}) <= {table.person_bound.cells}"


def _per_person_slot(table: BoundedTable, rows: str, keys: list[str]) -> str:
    """Like `_per_person`, for rows by slot. The rows of one person and cell together weigh at most the limit."""
    assert table.person_bound is not None
    by, most = ["p", *keys], table.person_bound.rows
    own = f"SELECT {', '.join([*by, 'slot'])}, COUNT(*) AS n FROM {rows}{group_by([*by, 'slot'])}"
    whole = (
        f"SELECT {', '.join(by)}, list(n ORDER BY slot) AS parts, list(slot ORDER BY slot) AS slots, SUM(n) AS t "
        f"FROM ({own}){group_by(by)}"
    )
    few = f"SELECT * FROM ({whole}){_few_cells(table, keys, ['parts', 'slots'])}"
    spread = f"SELECT {', '.join([*keys, 't', 'unnest(parts) AS m', 'unnest(slots) AS slot'])} FROM ({few})"
    cut = f"CASE WHEN t > {most} THEN m::HUGEINT * {most} // t ELSE m END AS n"
    return f"(SELECT {', '.join([*keys, 'slot', cut])} FROM ({spread}))"


def _grouping_sets(
    table: BoundedTable, coding: KeyEncoding, cells: str, columns: list[str], names: list[str], slot: bool = False
) -> str:
    """Aggregate the cells by grouping sets, saturate them, and replace code numbers by codes."""
    keys = key_names(table)
    more = ["slot"] if slot else []
    sets = ", ".join(f"({', '.join([*(keys[i] for i in s), *more])})" for s in table.grouping_sets)
    which = f"grouping({', '.join(keys)})" if keys else "0"
    inner = (
        f"SELECT {', '.join([f'{which} AS g', *keys, *more, *columns])} FROM {cells} GROUP BY GROUPING SETS ({sets})"
    )
    shown = ["g::BIGINT AS g", *(coding.key_sql(i) for i in range(len(keys))), *(f"{s}::BIGINT AS {s}" for s in more)]
    shown += [f"CAST(least(coalesce({n}, 0), {SATURATION}) AS BIGINT) AS {n}" for n in names]
    return f"SELECT {', '.join(shown)} FROM ({inner}){_on_lists(table)}"


def _on_lists(table: BoundedTable) -> str:
    """Limit the cells to the register, even if rows have values that it lacks."""
    found = []
    for number, (key, values) in enumerate(zip(table.keys, table.key_domains, strict=False)):
        if values is not None:
            texts = ", ".join(literal_sql(Literal(v, key.type)) for v in values)
            found.append(f"(k{number} IS NULL OR k{number} IN ({texts or 'NULL'}))")
    return f" WHERE {' AND '.join(found)}" if found else ""


def _sum_of(name: str) -> str:
    return f"SUM({name}) AS {name}"
