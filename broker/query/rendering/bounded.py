"""A bounded table to DuckDB: integer coordinates of each cell, exact and the same whatever the order of rows. No value
ends the statement; text only, and nothing of noise.

Numbers are taken as steps above their low end (y), so that all that is added up is not negative. Of sums: `g` says by
bits which keys a row is not grouped by, then the keys, then `v{vector}_{coordinate}`. Of slots: the slot and its rows.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Iterator

from broker.domain.bounded import BoundedTable, Powers, Slots
from broker.domain.proofs import Proofs
from broker.domain.scalars import Literal
from broker.query.rendering.coded import Coding, coding_of
from broker.query.rendering.steps import slot_text, steps_text
from broker.query.rendering.writing import literal_text, relation_text

MOST = 2**62
"""Where a coordinate saturates: cutting moves nothing further apart."""


def render_sums(table: BoundedTable, proofs: Proofs) -> str:
    """One row a cell with the coordinates of every vector of powers."""
    coding = coding_of(table, proofs)
    keys = [f"k{i}" for i in range(len(table.keys))]
    places = [i for i, v in enumerate(table.vectors) if isinstance(v, Powers)]
    rows = _rows(table, coding, places)
    names = [f"v{i}_{j}" for i in places for j in range(table.vectors[i].width)]
    if table.each is not None:
        totals = [_sum_of(n, p) for n, p in zip(names, _are_persons(table, places), strict=True)]
        return _finished(table, coding, _each(table, rows, keys, places), totals, names)
    texts = [text for i in places for text in _coordinates(table, i)]
    columns = [f"{text} AS {name}" for text, name in zip(texts, names, strict=True)]
    if any(isinstance(v, Powers) and v.persons for v in table.vectors) and len(table.sets) > 1:
        return _finished(table, coding, rows, columns, names)
    cells = f"(SELECT {', '.join([*keys, *columns])} FROM {rows}{_by(keys)})"
    return _finished(table, coding, cells, [_sum_of(n) for n in names], names)


def render_slots(table: BoundedTable, place: int, proofs: Proofs) -> str:
    """One row a cell and slot of one vector of slots, with the rows in it."""
    coding, vector = coding_of(table, proofs), table.vectors[place]
    assert isinstance(vector, Slots)
    keys = [f"k{i}" for i in range(len(table.keys))]
    rows = f"(SELECT *, {slot_text(f'y{vector.number}', table.numbers[vector.number], vector)} AS slot FROM "
    rows += f"{_rows(table, coding, [place])} WHERE y{vector.number} IS NOT NULL)"
    if table.each is None:
        cells = f"(SELECT {', '.join([*keys, 'slot'])}, COUNT(*) AS n FROM {rows}{_by([*keys, 'slot'])})"
    else:
        cells = _each_slot(table, rows, keys)
    return _finished(table, coding, cells, [_sum_of("n")], ["n"], slot=True)


def _rows(table: BoundedTable, coding: Coding, places: list[int]) -> str:
    """The contributions with keys, persons where they are asked for, and numbers."""
    asked = [table.vectors[i] for i in places]
    numbers = dict.fromkeys(v.number for v in asked if v.number is not None) if asked else {}
    columns = [f"{text} AS k{i}" for i, text in enumerate(coding.keys)]
    if table.each is not None or any(isinstance(v, Powers) and v.persons for v in asked):
        columns.append(f"c{table.person} AS p")
    columns += [f"{steps_text(table.numbers[n])} AS y{n}" for n in numbers]
    return f"(SELECT {', '.join(columns) or '1'} FROM {relation_text(coding.relation, 1)})"


def _coordinates(table: BoundedTable, place: int) -> list[str]:
    """Of a vector of powers, over the rows of a cell: linear in how many, the sum and the sum of squares."""
    vector = table.vectors[place]
    assert isinstance(vector, Powers)
    if vector.persons:
        return ["COUNT(DISTINCT p)"]
    if vector.number is None:
        return ["COUNT(*)"]
    y, w = f"y{vector.number}", table.numbers[vector.number].width
    n, s, q = f"COUNT({y})", f"coalesce(SUM({y}), 0)", f"coalesce(SUM({y} * {y}), 0)"
    found = {
        0: [n],
        1: [f"({n}::HUGEINT * {w} - {s})", s],
        2: [f"({n}::HUGEINT * {w**2} - {2 * w} * {s} + {q})", f"(2 * ({w} * {s} - {q}))", q],
    }[vector.degree]
    return [*found, f"((COUNT(*) - {n})::HUGEINT * {w**vector.degree})"] if vector.missing else found


def _each(table: BoundedTable, rows: str, keys: list[str], places: list[int]) -> str:
    """One row a person and cell, with no more weight than `rows` rows have, and no more cells than `cells`. Which ones,
    a hash of the person's own cells says: a number of the person would change with who else is there."""
    assert table.each is not None
    names, texts = [], []
    for i in places:
        vector = table.vectors[i]
        persons = isinstance(vector, Powers) and vector.persons
        for j, text in enumerate(["1"] if persons else _coordinates(table, i)):
            names.append(f"v{i}_{j}")
            texts.append(text)
    made = ", ".join(f"CAST({t} AS HUGEINT) AS {n}" for t, n in zip(texts, names, strict=True))
    own = f"SELECT p, {', '.join([*keys, 'COUNT(*) AS n', made])} FROM {rows} GROUP BY {', '.join(['p', *keys])}"
    most = table.each.rows
    cut = [f"CASE WHEN n > {most} THEN {v} * {most} // n ELSE {v} END AS {v}" for v in names]
    return f"(SELECT {', '.join([*keys, 'p', *cut])} FROM ({own}){_few_cells(table, keys, ['n', *names])})"


def _are_persons(table: BoundedTable, places: list[int]) -> Iterator[bool]:
    """Of each coordinate."""
    for vector in (table.vectors[i] for i in places):
        yield from [isinstance(vector, Powers) and vector.persons] * vector.width


def _few_cells(table: BoundedTable, keys: list[str], own: list[str]) -> str:
    assert table.each is not None
    if not keys:
        return ""
    order = ", ".join([f"hash({', '.join([*keys, *own])})", *keys])
    return f" QUALIFY row_number() OVER (PARTITION BY p ORDER BY {order}) <= {table.each.cells}"


def _each_slot(table: BoundedTable, rows: str, keys: list[str]) -> str:
    """As `_each`, for the rows by slot: those of one person and cell together weigh no more."""
    assert table.each is not None
    by, most = ["p", *keys], table.each.rows
    own = f"SELECT {', '.join([*by, 'slot'])}, COUNT(*) AS n FROM {rows}{_by([*by, 'slot'])}"
    whole = (
        f"SELECT {', '.join(by)}, list(n ORDER BY slot) AS parts, list(slot ORDER BY slot) AS slots, SUM(n) AS t "
        f"FROM ({own}){_by(by)}"
    )
    few = f"SELECT * FROM ({whole}){_few_cells(table, keys, ['parts', 'slots'])}"
    spread = f"SELECT {', '.join([*keys, 't', 'unnest(parts) AS m', 'unnest(slots) AS slot'])} FROM ({few})"
    cut = f"CASE WHEN t > {most} THEN m::HUGEINT * {most} // t ELSE m END AS n"
    return f"(SELECT {', '.join([*keys, 'slot', cut])} FROM ({spread}))"


def _finished(
    table: BoundedTable, coding: Coding, cells: str, columns: list[str], names: list[str], slot: bool = False
) -> str:
    """The grouping sets of what is below, saturated, with codes for their numbers."""
    keys = [f"k{i}" for i in range(len(table.keys))]
    more = ["slot"] if slot else []
    sets = ", ".join(f"({', '.join([*(keys[i] for i in s), *more])})" for s in table.sets)
    which = f"grouping({', '.join(keys)})" if keys else "0"
    inner = (
        f"SELECT {', '.join([f'{which} AS g', *keys, *more, *columns])} FROM {cells} GROUP BY GROUPING SETS ({sets})"
    )
    shown = ["g::BIGINT AS g", *(coding.shown(i) for i in range(len(keys))), *(f"{s}::BIGINT AS {s}" for s in more)]
    shown += [f"CAST(least(coalesce({n}, 0), {MOST}) AS BIGINT) AS {n}" for n in names]
    return f"SELECT {', '.join(shown)} FROM ({inner}){_on_lists(table)}"


def _on_lists(table: BoundedTable) -> str:
    """No more cells than a register has, also where rows have values that it does not know."""
    found = []
    for number, (key, values) in enumerate(zip(table.keys, table.lists, strict=False)):
        if values is not None:
            texts = ", ".join(literal_text(Literal(v, key.type)) for v in values)
            found.append(f"(k{number} IS NULL OR k{number} IN ({texts or 'NULL'}))")
    return f" WHERE {' AND '.join(found)}" if found else ""


def _sum_of(name: str, persons: bool = False) -> str:
    return f"{'COUNT(DISTINCT p)' if persons else f'SUM({name})'} AS {name}"


def _by(keys: list[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""
