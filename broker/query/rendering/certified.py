"""A planned table to DuckDB at little more than the plain query's price: every cell from one look at the rows, and of
doubtful cells alone a second look at each person. The same columns as `render`, from the same rows.

What the evidence means then stands with `StatisticEvidence`. Why each certificate holds:
- one row a person: rows are persons;
- persons are at least rows / most rows of one person, and at least first rows / years;
- nobody dominates a total of at least `margin` times the largest that one person can have;
- as many different totals, as many persons less one who do not have the common one.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from collections.abc import Callable, Iterator

from broker.domain.plans import Needs, PlannedTable
from broker.query.rendering.certificates import PERSONS, Field, Part, counted, over, part_of
from broker.query.rendering.ground import Ground
from broker.query.rendering.looks import BOUNDS, Looks
from broker.query.rendering.people import FIELDS
from broker.query.rendering.stored import Coded, Rows, rows_of

DRAWN = 16
"""One person in so many is drawn to see how totals differ, and `FEWEST` at least: numbers are random, rows ordered."""
FEWEST = 50_000


def render_certified(table: PlannedTable, needs: Needs, ground: Ground) -> Looks:
    """See `broker.query.render`."""
    keys = [f"k{i}" for i in range(len(table.keys))]
    parts = {s.ident: part_of(s, needs, ground) for s in table.statistics}
    rows = rows_of(table, needs, ground)
    steps = {
        "copied": _copied(keys, table, parts, rows),
        "people": _people(keys, parts),
        "exact": f"SELECT {_listed(keys, ['COUNT(p) AS persons', *_of(parts, lambda p: p.exact)])} "
        f"FROM people{_by(keys)}",
    }
    kept = {"copied", "exact"}
    texts = [f"{n} AS {'MATERIALIZED ' if n in kept else ''}(\n{text}\n)" for n, text in steps.items()]
    order = f" ORDER BY {', '.join(f'b.{k} NULLS LAST' for k in keys)}" if keys else ""
    order += "" if table.most is None else f" LIMIT {table.most + 1}"
    certain = ", ".join(_shown(rows.coded, table, parts, needs, ground, again=False))
    looked = ", ".join(_shown(rows.coded, table, parts, needs, ground, again=True))
    return Looks(
        text=f"SELECT {certain} FROM {BOUNDS} b{order}",
        first=_bounds(keys, parts, needs, ground, rows.text),
        doubt=f"SELECT coalesce(bool_or({_any_doubt(parts)}), FALSE) FROM {BOUNDS}",
        second="WITH "
        + ",\n".join(texts)
        + f"\nSELECT {looked} FROM {BOUNDS} b LEFT JOIN exact x ON {_same(keys, 'b', 'x')}{order}",
    )


def _listed(keys: list[str], more: list[str]) -> str:
    return ", ".join([*keys, *more])


def _by(keys: list[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def _same(keys: list[str], one: str, other: str) -> str:
    """Keys that are NULL meet too."""
    return " AND ".join(f"{one}.{k} IS NOT DISTINCT FROM {other}.{k}" for k in keys) or "TRUE"


def _of(parts: dict[int, Part], texts: Callable[[Part], tuple[str, ...]]) -> list[str]:
    return [text for part in parts.values() for text in texts(part)]


def _any_doubt(parts: dict[int, Part]) -> str:
    return " OR ".join(["w", *(name for p in parts.values() for name, _, _ in p.doubts)])


def _bounds(keys: list[str], parts: dict[int, Part], needs: Needs, ground: Ground, rows: str) -> str:
    """The first look, with what follows from it alone and where that leaves a doubt."""
    first = [] if ground.is_single else [f"{counted('r = 0')} AS f"]
    firsts = _listed(keys, ["COUNT(*) AS n", *first, *_of(parts, lambda p: p.firsts)])
    columns = ["f.*", *(name.rpartition(" AS ")[2] for name in _of(parts, lambda p: p.sampled))]
    columns.append(f"{_persons(ground, 'n', 'f')} AS lb")
    columns += _of(parts, lambda p: p.bounds)
    columns.append(f"{_wholly(needs, ground)} AS w")
    columns += [f"(w OR {doubt}) IS TRUE AS {name}" for p in parts.values() for name, doubt, _ in p.doubts]
    sampled = _sampled(keys, parts, _drawn(keys, parts, rows, ground))
    beside = f" LEFT JOIN ({sampled}) s ON {_same(keys, 'f', 's')}" if sampled else ""
    return f"SELECT {', '.join(columns)} FROM (SELECT {firsts} FROM {rows}{_by(keys)}) f{beside}"


def _drawn(keys: list[str], parts: dict[int, Part], rows: str, ground: Ground) -> str:
    """The totals of some persons, whoever they are: their numbers are random and dense."""
    totals = [f"SUM(a{i}) AS t{i}" for i, part in parts.items() if part.sampled]
    some = max(ground.people // DRAWN, FEWEST)
    return f"SELECT {_listed(keys, totals)} FROM {rows} WHERE p < {some} GROUP BY {', '.join([*keys, 'p'])}"


def _sampled(keys: list[str], parts: dict[int, Part], drawn: str) -> str:
    found = _of(parts, lambda p: p.sampled)
    return f"SELECT {_listed(keys, found)} FROM ({drawn}){_by(keys)}" if found else ""


def _persons(ground: Ground, rows: str, first: str) -> str:
    """Persons of so many rows, so many of them first rows of a person and year, at least."""
    return rows if ground.is_single else f"greatest({over(rows, ground.most)}, {over(first, ground.years)})"


def _wholly(needs: Needs, ground: Ground) -> str:
    """Whether all of a cell's rows are looked at: few persons, rows that one could dominate; and the smallest of the
    cells in which anybody may have more than one row, since a count of rows is rounded by its persons."""
    if ground.is_single:
        return "FALSE"
    repeated = "(CASE WHEN n > lb THEN n ELSE 0 END)"
    few = f"(n > lb AND SUM({repeated}) OVER (ORDER BY n) <= {needs.exact_rows})"
    dominated = "" if needs.margin is None else f" OR n < {needs.margin * ground.most!r}"
    return f"(lb < {needs.least}{dominated} OR {few})"


def _copied(keys: list[str], table: PlannedTable, parts: dict[int, Part], rows: Rows) -> str:
    """The rows that doubtful cells need, from a second look at all. Codes alone tell of most rows that they are not."""
    doubts = [(name, needed) for p in parts.values() for name, _, needed in p.doubts]
    columns = [f"c.{k}" for k in keys] + ["c.p", *(f"c.a{s.ident}" for s in table.statistics if s.argument is not None)]
    needed = " OR ".join(["d.w", *(f"(d.{name} AND {rows_of})" for name, rows_of in doubts)])
    doubtful = ", ".join([*keys, "w", *(name for name, _ in doubts)])
    cells = f"(SELECT {doubtful} FROM {BOUNDS} WHERE {_any_doubt(parts)})"
    near = "" if rows.number is None else f" WHERE {rows.number} IN (SELECT {rows.number} FROM {cells})"
    return (
        f"SELECT {', '.join(columns)} FROM (SELECT * FROM {rows.text}{near}) c JOIN {cells} d "
        f"ON {_same(keys, 'c', 'd')} WHERE {needed}"
    )


def _people(keys: list[str], parts: dict[int, Part]) -> str:
    columns = [*keys, "p", 'COUNT(*) AS "rows"', *_of(parts, lambda p: p.people)]
    return f"SELECT {', '.join(columns)} FROM copied GROUP BY {', '.join([*keys, 'p'])}"


def _shown(
    coded: list[Coded | None], table: PlannedTable, parts: dict[int, Part], needs: Needs, ground: Ground, *, again: bool
) -> Iterator[str]:
    """The columns of the result; `again`: with what a second look tells."""
    yield from (f"{f'b.k{i}' if c is None else c.text(f'b.k{i}')} AS k{i}" for i, c in enumerate(coded))
    yield 'b.n AS "rows"'
    persons = _persons_shown(ground, again)
    yield f"{persons} AS persons"
    yield f"{_population(needs, ground, again)} AS population"
    for s in table.statistics:
        fields = parts[s.ident].fields
        for name in FIELDS[s.measure]:
            yield f"{_field(fields[name], persons, again)} AS s{s.ident}_{name}"


def _field(field: Field, persons: str, again: bool) -> str:
    if field is PERSONS:
        return persons
    return field.text if again else field.bound


def _persons_shown(ground: Ground, again: bool) -> str:
    if ground.is_single:
        return "b.n"
    looked = "(CASE WHEN b.w THEN coalesce(x.persons, 0) ELSE greatest(b.lb, coalesce(x.persons, 0)) END)"
    return looked if again else "b.lb"


def _population(needs: Needs, ground: Ground, again: bool) -> str:
    """Everybody: exact where there are fewer than `least`, for then all rows were copied."""
    if ground.is_single:
        return f"(SELECT CAST(coalesce(SUM(n), 0) AS BIGINT) FROM {BOUNDS})"
    rows, first = "coalesce(SUM(n), 0)", "coalesce(SUM(f), 0)"
    bound = f"(SELECT CAST({_persons(ground, rows, first)} AS BIGINT) FROM {BOUNDS})"
    if not again:
        return bound
    exact = "(SELECT COUNT(DISTINCT p) FROM copied)"
    everybody = f"CASE WHEN {bound} < {needs.least} THEN {exact} ELSE {bound} END"
    return f"greatest((SELECT coalesce(MAX(persons), 0) FROM exact), {everybody})"
