"""Queries composed from operators to depth 4, and small worlds for them: keys that two persons share, rows without a
key, equal rows. From a seed. Nothing is judged here."""

# ruff: noqa: E501 - one operator a line reads as a table

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

YEARS = ("2017/2018", "2018/2019")


@dataclass
class Drawn:
    """A text being composed, and the names of the operators in it. Every relation of persons has the columns k (link
    key), y, c (text), la (number of an area) and x (number); a public one has la and c."""

    rng: Random
    dialect: str
    used: set[str] = field(default_factory=set)

    def one(self, of: tuple[str, ...]) -> str:
        return self.rng.choice(of)

    def persons(self, depth: int) -> str:
        if depth == 0 or self.rng.random() < 0.12:
            return self.one(SCANS)
        name = self.one(tuple(PERSONS))
        if "APPLY" in name and self.dialect != "tsql":
            name = "filter"
        self.used.add(name)
        return PERSONS[name](self, depth - 1)

    def public(self, depth: int) -> str:
        if depth == 0 or self.rng.random() < 0.5:
            return REGISTER
        name = self.one(tuple(PUBLIC))
        self.used.add(name)
        return PUBLIC[name](self, depth - 1)

    def condition(self, t: str) -> str:
        return self.one(CONDITIONS).format(t=t)

    def two(self, depth: int) -> tuple[str, str]:
        """One of the two sides is deep, so that texts stay short."""
        deep, flat = self.persons(depth), self.persons(min(depth, self.rng.choice((0, 0, 1))))
        return (deep, flat) if self.rng.random() < 0.6 else (flat, deep)


SCANS = (
    "SELECT Key AS k, Y AS y, Sex AS c, LA AS la, Score AS x FROM a",
    "SELECT Key AS k, Y AS y, Sex AS c, LA AS la, Score AS x FROM a WHERE Y = '2017/2018'",
    "SELECT Key AS k, Y AS y, Kind AS c, Wave + 1 AS la, Days AS x FROM b",
)
REGISTER = "SELECT LA AS la, Region AS c FROM ref.las"
CONDITIONS = (
    "{t}.x > 2", "{t}.x IS NULL", "{t}.c = 'M'", "{t}.c IS NOT NULL", "{t}.la <> 2", "({t}.x > 4 OR {t}.la = 1)", "NOT {t}.x > 5", "{t}.y = '2018/2019'",
    "{t}.la IN (2, 3)", "({t}.c = 'F' OR {t}.c IS NULL)", "{t}.k IS NULL", "{t}.k IS NOT NULL", "COALESCE({t}.x, 9) > 3",
)  # fmt: skip
ALL = "t.k, t.y, t.c, t.la, t.x"
Operator = Callable[[Drawn, int], str]


def _over(text: str) -> Operator:
    """An operator over one relation of persons."""
    return lambda d, depth: text.format(p=d.persons(depth), on=d.condition("t"), all=ALL)


def _joining(text: str) -> Operator:
    """An operator over two relations of persons."""

    def made(d: Drawn, depth: int) -> str:
        p, q = d.two(depth)
        return text.format(p=p, q=q, on=d.condition("s"), all=ALL)

    return made


def _with_public_relation(text: str) -> Operator:
    """An operator over persons and a public relation."""
    return lambda d, depth: text.format(p=d.persons(depth), u=d.public(depth), on=d.condition("t"), all=ALL)


PERSONS: dict[str, Operator] = {
    "filter": _over("SELECT {all} FROM ({p}) t WHERE {on}"),
    "computed": _over("SELECT t.k, t.y, CASE WHEN t.x > 3 THEN 'hi' WHEN t.x IS NULL THEN NULL ELSE t.c END AS c, t.la, t.x + 1 AS x FROM ({p}) t"),
    "flag": _over("SELECT t.k, t.y, t.c, t.la, CASE WHEN {on} THEN 1 ELSE 0 END AS x FROM ({p}) t"),
    "JOIN on the key": _joining("SELECT t.k, t.y, s.c, t.la, s.x FROM ({p}) t JOIN ({q}) s ON s.k = t.k"),
    "JOIN on key and year": _joining("SELECT t.k, t.y, t.c, s.la, s.x FROM ({p}) t JOIN ({q}) s ON s.k = t.k AND s.y = t.y"),
    "LEFT JOIN on the key": _joining("SELECT t.k, t.y, s.c, t.la, s.x FROM ({p}) t LEFT JOIN ({q}) s ON s.k = t.k AND {on}"),
    "RIGHT JOIN on the key": _joining("SELECT s.k, s.y, t.c, s.la, t.x FROM ({p}) t RIGHT JOIN ({q}) s ON s.k = t.k"),
    "FULL JOIN on the key": _joining("SELECT COALESCE(t.k, s.k) AS k, t.y, s.c, COALESCE(t.la, s.la) AS la, t.x FROM ({p}) t FULL JOIN ({q}) s ON s.k = t.k AND s.y = t.y"),
    "persons JOIN public": _with_public_relation("SELECT t.k, t.y, r.c, t.la, t.x FROM ({p}) t JOIN ({u}) r ON r.la = t.la"),
    "persons LEFT JOIN public": _with_public_relation("SELECT t.k, t.y, r.c, t.la, t.x FROM ({p}) t LEFT JOIN ({u}) r ON r.la = t.la AND {on}"),
    "persons CROSS JOIN public": _with_public_relation("SELECT t.k, t.y, r.c, t.la, t.x FROM ({p}) t CROSS JOIN ({u}) r"),
    "persons JOIN public on a range": _with_public_relation("SELECT t.k, t.y, r.c, r.la, t.x FROM ({p}) t JOIN ({u}) r ON r.la >= t.la"),
    "public LEFT JOIN persons": _with_public_relation("SELECT t.k, t.y, r.c, r.la, t.x FROM ({u}) r LEFT JOIN ({p}) t ON t.la = r.la"),
    "public LEFT JOIN persons on a condition": _with_public_relation("SELECT t.k, t.y, r.c, r.la, t.x FROM ({u}) r LEFT JOIN ({p}) t ON t.la = r.la AND {on}"),
    "public LEFT JOIN persons, their columns": _with_public_relation("SELECT {all} FROM ({u}) r LEFT JOIN ({p}) t ON t.la = r.la AND {on}"),
    "persons RIGHT JOIN public": _with_public_relation("SELECT t.k, t.y, t.c, r.la, t.x FROM ({p}) t RIGHT JOIN ({u}) r ON t.la = r.la AND {on}"),
    "persons FULL JOIN public": _with_public_relation("SELECT t.k, t.y, r.c, COALESCE(r.la, t.la) AS la, t.x FROM ({p}) t FULL JOIN ({u}) r ON t.la = r.la AND {on}"),
    "public LEFT JOIN persons, met": _with_public_relation("SELECT t.k, t.y, r.c, r.la, t.x FROM ({u}) r LEFT JOIN ({p}) t ON t.la = r.la AND {on} WHERE t.k IS NOT NULL"),
    "public LEFT JOIN persons, not met": _with_public_relation("SELECT t.k, t.y, r.c, r.la, t.x FROM ({u}) r LEFT JOIN ({p}) t ON t.la = r.la AND {on} WHERE t.k IS NULL"),
    "UNION ALL": _joining("SELECT {all} FROM ({p}) t UNION ALL SELECT s.k, s.y, s.c, s.la, s.x FROM ({q}) s"),
    "UNION": _joining("SELECT {all} FROM ({p}) t UNION SELECT s.k, s.y, s.c, s.la, s.x FROM ({q}) s"),
    "UNION ALL of public rows": _with_public_relation("SELECT {all} FROM ({p}) t UNION ALL SELECT NULL, '2017/2018', r.c, r.la, 1 FROM ({u}) r"),
    "EXCEPT": _joining("SELECT {all} FROM ({p}) t EXCEPT SELECT s.k, s.y, s.c, s.la, s.x FROM ({q}) s"),
    "EXCEPT of fewer columns": _joining("SELECT t.k, t.y, t.c, t.la, t.la AS x FROM ({p}) t EXCEPT SELECT s.k, s.y, s.c, s.la, s.la AS x FROM ({q}) s WHERE {on}"),
    "INTERSECT": _joining("SELECT t.k, t.y, t.c, t.la, t.la AS x FROM ({p}) t INTERSECT SELECT s.k, s.y, s.c, s.la, s.la AS x FROM ({q}) s"),
    "DISTINCT": _over("SELECT DISTINCT {all} FROM ({p}) t"),
    "DISTINCT of fewer columns": _over("SELECT DISTINCT t.k, t.y, t.c, t.la, t.la AS x FROM ({p}) t"),
    "EXISTS": _joining("SELECT {all} FROM ({p}) t WHERE EXISTS (SELECT 1 FROM ({q}) s WHERE s.k = t.k AND {on})"),
    "NOT EXISTS": _joining("SELECT {all} FROM ({p}) t WHERE NOT EXISTS (SELECT 1 FROM ({q}) s WHERE s.k = t.k AND {on})"),
    "EXISTS as a flag": _joining("SELECT t.k, t.y, t.c, t.la, CASE WHEN EXISTS (SELECT 1 FROM ({q}) s WHERE s.k = t.k) THEN 1 ELSE 0 END AS x FROM ({p}) t"),
    "EXISTS of public rows": _with_public_relation("SELECT {all} FROM ({p}) t WHERE EXISTS (SELECT 1 FROM ({u}) r WHERE r.la = t.la)"),
    "IN": _joining("SELECT {all} FROM ({p}) t WHERE t.k IN (SELECT s.k FROM ({q}) s WHERE {on})"),
    "NOT IN": _joining("SELECT {all} FROM ({p}) t WHERE t.k NOT IN (SELECT s.k FROM ({q}) s WHERE s.k IS NOT NULL AND {on})"),
    "IN of public rows": _with_public_relation("SELECT {all} FROM ({p}) t WHERE t.la IN (SELECT r.la FROM ({u}) r WHERE r.c = 'N')"),
    "IN of groups": _joining("SELECT {all} FROM ({p}) t WHERE t.la IN (SELECT s.la FROM ({q}) s GROUP BY s.la HAVING COUNT(*) > 1)"),
    "scalar subquery": _joining("SELECT t.k, t.y, t.c, t.la, (SELECT SUM(s.x) FROM ({q}) s WHERE s.k = t.k) AS x FROM ({p}) t"),
    "scalar subquery over all": _joining("SELECT {all} FROM ({p}) t WHERE t.x > (SELECT AVG(1.0 * s.x) FROM ({q}) s)"),
    "CROSS APPLY": _joining("SELECT t.k, t.y, t.c, t.la, z.x FROM ({p}) t CROSS APPLY (SELECT s.x FROM ({q}) s WHERE s.k = t.k AND {on}) z"),
    "OUTER APPLY": _joining("SELECT t.k, t.y, z.c, t.la, z.x FROM ({p}) t OUTER APPLY (SELECT s.x, s.c FROM ({q}) s WHERE s.k = t.k AND {on}) z"),
    "OUTER APPLY of an aggregate": _joining("SELECT t.k, t.y, t.c, t.la, z.x FROM ({p}) t OUTER APPLY (SELECT SUM(s.x) AS x FROM ({q}) s WHERE s.k = t.k) z"),
    "OUTER APPLY of the first": _joining("SELECT t.k, t.y, t.c, t.la, z.x FROM ({p}) t OUTER APPLY (SELECT TOP 1 s.x FROM ({q}) s WHERE s.k = t.k ORDER BY s.y, s.x, s.la, s.c) z"),
    "APPLY of written rows": _over("SELECT t.k, t.y, v.c, t.la, v.x FROM ({p}) t CROSS APPLY (VALUES ('s', t.x), ('l', t.la)) AS v(c, x)"),
    "rows of each person": _over("SELECT t.k, MIN(t.y) AS y, MIN(t.c) AS c, MAX(t.la) AS la, SUM(t.x) AS x FROM ({p}) t GROUP BY t.k"),
    "rows of each person and year": _over("SELECT t.k, t.y, MAX(t.c) AS c, MIN(t.la) AS la, COUNT(*) AS x FROM ({p}) t GROUP BY t.k, t.y"),
    "rows of each person, HAVING": _over("SELECT t.k, MAX(t.y) AS y, MIN(t.c) AS c, t.la, MAX(t.x) AS x FROM ({p}) t GROUP BY t.k, t.la HAVING COUNT(*) > 1"),
    "window of each person": _over("SELECT t.k, t.y, t.c, t.la, SUM(t.x) OVER (PARTITION BY t.k) AS x FROM ({p}) t"),
    "first row of each person": _over("SELECT z.k, z.y, z.c, z.la, z.x FROM (SELECT {all}, ROW_NUMBER() OVER (PARTITION BY t.k ORDER BY t.y, t.x, t.la, t.c) AS i FROM ({p}) t) z WHERE z.i = 1"),
    "earlier row of each person": _over("SELECT t.k, t.y, t.c, t.la, LAG(t.x) OVER (PARTITION BY t.k ORDER BY t.y, t.x, t.la, t.c) AS x FROM ({p}) t"),
    "window of everybody": _over("SELECT t.k, t.y, t.c, t.la, COUNT(*) OVER (PARTITION BY t.la) AS x FROM ({p}) t"),
    "mean beside each": _joining("SELECT t.k, t.y, t.c, t.la, g.m AS x FROM ({p}) t JOIN (SELECT s.la, AVG(1.0 * s.x) AS m FROM ({q}) s GROUP BY s.la) g ON g.la = t.la"),
    "public IN persons' areas": _joining("SELECT {all} FROM ({p}) t LEFT JOIN (SELECT s.la, COUNT(*) AS n FROM ({q}) s GROUP BY s.la) g ON g.la = t.la WHERE g.n > 1 OR g.n IS NULL"),
}  # fmt: skip
PUBLIC: dict[str, Operator] = {
    "public filter": lambda d, n: f"SELECT r.la, r.c FROM ({d.public(n)}) r WHERE {d.one(('r.la > 1', 'r.c = ' + chr(39) + 'N' + chr(39)))}",
    "public union": lambda d, n: f"SELECT r.la, r.c FROM ({d.public(n)}) r UNION ALL SELECT q.la, 'W' FROM ({REGISTER}) q WHERE q.la < 3",
    "public written rows": lambda d, n: "SELECT v.la, v.c FROM (VALUES (1, 'N'), (2, 'N'), (2, 'N'), (3, 'S')) AS v(la, c)",
    "public distinct": lambda d, n: f"SELECT DISTINCT r.la, r.c FROM ({d.public(n)}) r",
    "public join": lambda d, n: f"SELECT r.la, q.c FROM ({d.public(n)}) r LEFT JOIN ({REGISTER}) q ON q.la = r.la AND q.la <> 2",
}  # fmt: skip
AGGREGATES = (
    "COUNT(*)", "COUNT(*)", "COUNT(*)", "COUNT(t.k)", "COUNT(DISTINCT t.k)", "COUNT(t.x)", "SUM(t.x)", "SUM(t.x)", "AVG(1.0 * t.x)", "COUNT(DISTINCT t.la)",
    "SUM(CASE WHEN t.c = 'M' THEN 1 ELSE 0 END)", "SUM(CASE WHEN t.k IS NULL THEN 1 ELSE 0 END)", "SUM(CASE WHEN t.x > 2 THEN t.x ELSE 0 END)",
    "COUNT(CASE WHEN t.x > 2 THEN 1 END)", "AVG(CASE WHEN t.c = 'M' THEN 1.0 ELSE 0 END)", "SUM(t.la)", "SUM(CASE WHEN t.k IS NULL THEN 5 ELSE t.la END)",
    "COUNT(DISTINCT CASE WHEN t.x > 2 THEN t.k END)",
)  # fmt: skip
TOPS: dict[str, str] = {
    "GROUP BY a text": "SELECT t.c AS k0, {a} FROM ({p}) t GROUP BY t.c",
    "GROUP BY an area": "SELECT t.la AS k0, {a} FROM ({p}) t GROUP BY t.la",
    "GROUP BY two": "SELECT t.c AS k0, t.la AS k1, {a} FROM ({p}) t GROUP BY t.c, t.la",
    "no GROUP BY": "SELECT {a} FROM ({p}) t",
    "WHERE": "SELECT t.la AS k0, {a} FROM ({p}) t WHERE {on} GROUP BY t.la",
    "GROUP BY whether there is a key": "SELECT CASE WHEN t.k IS NULL THEN 'none' ELSE 'some' END AS k0, {a} FROM ({p}) t GROUP BY CASE WHEN t.k IS NULL THEN 'none' ELSE 'some' END",
    "GROUP BY a number": "SELECT t.x AS k0, {a} FROM ({p}) t GROUP BY t.x",
    "ROLLUP": "SELECT t.c AS k0, t.la AS k1, {a} FROM ({p}) t GROUP BY ROLLUP (t.c, t.la)",
    "GROUPING SETS": "SELECT t.c AS k0, t.y AS k1, {a} FROM ({p}) t GROUP BY GROUPING SETS ((t.c), (t.y), ())",
    "HAVING": "SELECT t.c AS k0, {a} FROM ({p}) t GROUP BY t.c HAVING COUNT(*) > 1",
    "share": "SELECT t.c AS k0, COUNT(*) AS n, 100.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS pct FROM ({p}) t GROUP BY t.c",
    "groups of groups": "SELECT d.c AS k0, SUM(d.n) AS m0, AVG(d.m) AS m1 FROM (SELECT t.c, t.la, COUNT(*) AS n, AVG(1.0 * t.x) AS m FROM ({p}) t GROUP BY t.c, t.la) d GROUP BY d.c",
    "DISTINCT of persons at the top": "SELECT COUNT(*) AS n FROM (SELECT DISTINCT t.k, t.c FROM ({p}) t) d",
}  # fmt: skip
DEPTH = 4


@dataclass(frozen=True)
class Question:
    """A text with the operators in it: its shape is the top with the operators below."""

    text: str
    dialect: str
    top: str
    operators: tuple[str, ...]

    @property
    def shape(self) -> str:
        return " / ".join((*self.operators, self.top))


def question(seed: int) -> Question:
    """The seed's question. Each operator begins the relation equally often."""
    rng = Random(seed)
    drawn = Drawn(rng, rng.choice(("tsql", "duckdb")))
    first = tuple(PERSONS)[seed % len(PERSONS)]
    if "APPLY" in first:
        drawn.dialect = "tsql"
    drawn.used.add(first)
    below = PERSONS[first](drawn, rng.choice((0, 1, 1, 2, 3)))
    top = tuple(TOPS)[seed // len(PERSONS) % len(TOPS)]
    found = dict.fromkeys(drawn.one(AGGREGATES) for _ in range(rng.randint(1, 3)))
    asked = ", ".join(f"{a} AS m{i}" for i, a in enumerate(found))
    text = TOPS[top].format(a=asked, p=below, on=drawn.condition("t"))
    return Question(text, drawn.dialect, top, tuple(sorted(drawn.used)))


SECOND = (
    "SELECT t.la AS k0, COUNT(*) AS n, SUM(CASE WHEN {on} THEN t.x ELSE 0 END) AS m FROM ({p}) t GROUP BY t.la",
    "SELECT t.c AS k0, COUNT(*) AS n, AVG(COALESCE(1.0 * t.x, 0)) AS m FROM ({p}) t WHERE {on} GROUP BY t.c",
    "SELECT SUM(CASE WHEN {on} THEN t.x ELSE 1 END) AS m, COUNT(CASE WHEN {on} THEN t.x END) AS o FROM ({p}) t",
    "SELECT t.la AS k0, t.la AS k1, COUNT(*) AS n FROM ({p}) t GROUP BY t.la, t.la",
)  # fmt: skip
"""Of the same persons as another output: with what must be linked, branches, and a key that is given twice."""


def job(seed: int) -> Question:
    """Two outputs over one relation of persons, of no more than two operators."""
    rng = Random(seed)
    drawn = Drawn(rng, rng.choice(("tsql", "duckdb")))
    first = tuple(PERSONS)[seed % len(PERSONS)]
    if "APPLY" in first:
        drawn.dialect = "tsql"
    drawn.used.add(first)
    below, top, on = PERSONS[first](drawn, rng.choice((0, 0, 1))), drawn.one(tuple(TOPS)), drawn.condition("t")
    asked = ", ".join(f"{drawn.one(AGGREGATES)} AS m{i}" for i in range(2))
    one, other = TOPS[top].format(a=asked, p=below, on=on), drawn.one(SECOND).format(p=below, on=on)
    text = f"-- output: one\n{one};\n-- output: other\n{other}"
    return Question(text, drawn.dialect, top, tuple(sorted(drawn.used)))


World = dict[str, list[dict[str, Any]]]
PEOPLE = range(1, 7)


def world(seed: int) -> World:
    """Some persons without rows, some with many, some alike; two persons with one key, and rows without a key."""
    rng = Random(seed)
    found: World = {"npd.a": [], "npd.b": [], "ref.las": []}
    for p in PEOPLE:
        key = None if p == PEOPLE[-1] else f"k{1 if p == 2 and rng.random() < 0.3 else p}"
        for year in YEARS:
            own = {"p": p, "Key": key, "Y": year}
            found["npd.a"] += [
                own | {"Sex": rng.choice("MMF") if rng.random() < 0.9 else None, "LA": rng.randint(1, 3), "Flag": rng.choice((0, 1, None)), "Score": rng.choice((None, 1, 2, 3, 5, 9, -2))}
                for _ in range(rng.choice((0, 0, 1, 1, 2)))
            ]  # fmt: skip
            found["npd.b"] += [
                own | {"Kind": rng.choice(("X", "Z", None)), "Days": rng.choice((None, 0, 3, 4, 7)), "Wave": rng.randint(0, 1)}
                for _ in range(rng.choice((0, 0, 1, 1, 2)))
            ]  # fmt: skip
    for name in ("npd.a", "npd.b"):
        found[name] += [dict(r) for r in rng.sample(found[name], min(2, len(found[name])))]
    areas = [{"LA": 1, "Region": "N"}, {"LA": 2, "Region": "S"}, {"LA": 3, "Region": "S"}]
    found["ref.las"] = areas[: rng.choice((2, 3, 3))]
    return found


CHANGES: dict[str, tuple[Any, ...]] = {
    "Sex": ("M", "F", None), "LA": (1, 2, 3), "Score": (None, 1, 2, 5, 9), "Kind": ("X", "Z", None), "Days": (None, 0, 3, 7), "Wave": (0, 1),
}  # fmt: skip


def changed(world: World, rng: Random) -> tuple[int, World]:
    """One value of one person's row is another; who that is."""
    name = rng.choice([n for n in ("npd.a", "npd.b") if world[n]])
    place = rng.randrange(len(world[name]))
    row = world[name][place]
    variable = rng.choice([v for v in CHANGES if v in row])
    other = {**row, variable: rng.choice(CHANGES[variable])}
    return row["p"], {**world, name: [*world[name][:place], other, *world[name][place + 1 :]]}
