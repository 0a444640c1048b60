"""Random queries, each with the same meaning in plain Python, and random tiny tables to run both on."""

# ruff: noqa: E501 - one case a line reads as a table

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from query_kit import WRITTEN

Row = Mapping[str, Any]
Tables = dict[str, list[dict[str, Any]]]
Truth = bool | None


def both(*truths: Truth) -> Truth:
    return False if False in truths else None if None in truths else True


def either(*truths: Truth) -> Truth:
    return True if True in truths else None if None in truths else False


def compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Truth]:
    return lambda a, b: None if a is None or b is None else test(a, b)


eq, ge, gt = compare(lambda a, b: a == b), compare(lambda a, b: a >= b), compare(lambda a, b: a > b)


@dataclass(frozen=True)
class Condition:
    text: str
    truth: Callable[[Row], Truth]


@dataclass(frozen=True)
class From:
    """A FROM with its rows in Python; `columns` tells which of a.* and b.* it gives."""

    text: str
    rows: Callable[[Tables], list[dict[str, Any]]]
    has_b: bool


def _a(t: Tables) -> list[dict[str, Any]]:
    """Rows of a; each knows the rows of b, for subqueries."""
    return [{**{f"a.{k}": v for k, v in row.items()}, "of b": t["npd.b"]} for row in t["npd.a"]]


def _b(t: Tables) -> list[dict[str, Any]]:
    return [{f"b.{k}": v for k, v in row.items()} for row in t["npd.b"]]


def _join(t: Tables, on: Callable[[Row], Truth], left: bool) -> list[dict[str, Any]]:
    found = []
    for a in _a(t):
        matched = [{**a, **b} for b in _b(t) if on({**a, **b}) is True]
        found += matched or ([a] if left else [])
    return found


def _keys(r: Row) -> Truth:
    return eq(r["a.Key"], r["b.Key"])


READ = ("Key", "Y", "Sex", "LA", "Flag", "Score")
"""The columns of a that anything reads, also from a derived table in its place."""


def _place(row: Row, *names: str) -> list[tuple[bool, Any]]:
    """Where a row stands in the order of these columns; NULL comes first."""
    return [(row[n] is not None, row[n]) for n in names]


ENDS = ("a.Y", "a.Score", "a.LA", "a.Sex", "a.Flag")
ORDER = ", ".join(n.removeprefix("a.") for n in ENDS)


def _people(t: Tables) -> list[list[dict[str, Any]]]:
    """The rows of each person in order; rows without a key are by people of their own."""
    rows = sorted(_a(t), key=lambda r: _place(r, *ENDS))
    return [[r for r in rows if r["a.p"] == p] for p in sorted({r["a.p"] for r in rows})]


def _gathered(t: Tables) -> list[dict[str, Any]]:
    """One row for each person, year, sex and authority."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in _a(t):
        found.setdefault(tuple(row[f"a.{n}"] for n in ("p", "Y", "Sex", "LA")), []).append(row)
    return [
        {**g[0], "a.Flag": max(_some(g, "a.Flag"), default=None),
         "a.Score": sum(_some(g, "a.Score")) if _some(g, "a.Score") else None}
        for g in found.values()
    ]  # fmt: skip


def _lagged(t: Tables) -> list[dict[str, Any]]:
    return [
        {**row, "a.Score": rows[i - 1]["a.Score"] if i else None} for rows in _people(t) for i, row in enumerate(rows)
    ]


def _first_of_b(t: Tables) -> list[dict[str, Any]]:
    found = []
    for a in _a(t):
        own = [b for b in _b(t) if eq(a["a.Key"], b["b.Key"])]
        own.sort(key=lambda r: _place(r, "b.Y", "b.Days", "b.Kind", "b.Wave"))
        found += [{**a, **own[0]}] if own else []
    return found


def _own_b(r: Row) -> list[Row]:
    """The rows of b of the person of a row of a."""
    return [b for b in r["of b"] if eq(b["Key"], r["a.Key"])]


FROMS = [
    From("a", _a, False),
    From("(SELECT Key, Y, Sex, LA, Flag, Score FROM a WHERE Y <> '2019/2020') AS a",
         lambda t: [r for r in _a(t) if r["a.Y"] != "2019/2020"], False),
    From("a JOIN b ON a.Key = b.Key", lambda t: _join(t, _keys, False), True),
    From("a JOIN b ON a.Key = b.Key AND a.Y = b.Y", lambda t: _join(t, lambda r: both(_keys(r), eq(r["a.Y"], r["b.Y"])), False), True),
    From("a LEFT JOIN b ON a.Key = b.Key AND a.Y = b.Y", lambda t: _join(t, lambda r: both(_keys(r), eq(r["a.Y"], r["b.Y"])), True), True),
    From("a LEFT JOIN b ON a.Key = b.Key AND b.Y = '2018/2019'",
         lambda t: _join(t, lambda r: both(_keys(r), eq(r["b.Y"], "2018/2019")), True), True),
    From("a LEFT JOIN b ON a.Key = b.Key AND a.Y = '2017/2018'",
         lambda t: _join(t, lambda r: both(_keys(r), eq(r["a.Y"], "2017/2018")), True), True),
    From("a LEFT JOIN (SELECT Key, Y, Kind, Days, Wave, 'M' AS mark FROM b WHERE Y > '2017/2018') AS b ON a.Key = b.Key",
         lambda t: _join({**t, "npd.b": [r for r in t["npd.b"] if r["Y"] > "2017/2018"]}, _keys, True), True),
    From("a, b", lambda t: _join(t, _keys, False), True),
    From("(SELECT Key, Y, Sex, LA, MAX(Flag) AS Flag, SUM(Score) AS Score FROM a GROUP BY Key, Y, Sex, LA) AS a", _gathered, False),
    From(f"(SELECT {', '.join(READ)} FROM (SELECT {', '.join(READ)}, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY {ORDER}) AS r FROM a) AS x WHERE r = 1) AS a",
         lambda t: [rows[0] for rows in _people(t)], False),
    From(f"(SELECT Key, Y, Sex, LA, Flag, LAG(Score) OVER (PARTITION BY Key ORDER BY {ORDER}) AS Score FROM a) AS a", _lagged, False),
    From(f"(SELECT {', '.join(READ)} FROM a WHERE Y = '2017/2018' UNION ALL SELECT {', '.join(READ)} FROM a WHERE LA = 1) AS a",
         lambda t: [r for r in _a(t) if r["a.Y"] == "2017/2018"] + [r for r in _a(t) if r["a.LA"] == 1], False),
    From("a CROSS APPLY (SELECT TOP 1 e.Key, e.Y, e.Kind, e.Days, e.Wave FROM b AS e WHERE e.Key = a.Key ORDER BY e.Y, e.Days, e.Kind, e.Wave) AS b",
         _first_of_b, True),
]  # fmt: skip

CONDITIONS = [
    Condition("a.Y = '2017/2018'", lambda r: eq(r["a.Y"], "2017/2018")),
    Condition("a.Y >= '2018/2019'", lambda r: ge(r["a.Y"], "2018/2019")),
    Condition("a.Y IN ('2017/2018', '2019/2020')", lambda r: r["a.Y"] in ("2017/2018", "2019/2020")),
    Condition("(a.Y = '2017/2018' AND a.Sex = 'm' OR a.Y = '2018/2019' AND NOT a.Sex = 'F')",
              lambda r: either(both(eq(r["a.Y"], "2017/2018"), eq(r["a.Sex"], "M")),
                               both(eq(r["a.Y"], "2018/2019"), eq(r["a.Sex"], "M")))),
    Condition("LEFT(a.Y, 4) <> '2018'", lambda r: r["a.Y"][:4] != "2018"),
    Condition("a.Score > 0", lambda r: gt(r["a.Score"], 0)),
    Condition("a.Sex IS NOT NULL", lambda r: r["a.Sex"] is not None),
    Condition("a.LA <> 2", lambda r: r["a.LA"] != 2),
    Condition("CASE WHEN a.Y = '2017/2018' THEN 1 ELSE a.LA END = 1",
              lambda r: eq(1 if r["a.Y"] == "2017/2018" else r["a.LA"], 1)),
    Condition("EXISTS (SELECT 1 FROM b AS e WHERE e.Key = a.Key AND e.Y = a.Y)",
              lambda r: any(b["Y"] == r["a.Y"] for b in _own_b(r))),
    Condition("NOT EXISTS (SELECT 1 FROM b AS e WHERE e.Key = a.Key AND e.Y <> '2017/2018')",
              lambda r: not any(b["Y"] != "2017/2018" for b in _own_b(r))),
    Condition("a.Key IN (SELECT e.Key FROM b AS e WHERE e.Y = '2018/2019')",
              lambda r: None if r["a.Key"] is None else any(b["Y"] == "2018/2019" for b in _own_b(r))),
    Condition("(SELECT SUM(e.Days) FROM b AS e WHERE e.Key = a.Key AND e.Y > a.Y) > 2",
              lambda r: (lambda v: sum(v) > 2 if v else None)([b["Days"] for b in _own_b(r) if b["Y"] > r["a.Y"] and b["Days"] is not None])),
]  # fmt: skip
B_CONDITIONS = [
    Condition("b.Y = '2018/2019'", lambda r: eq(r.get("b.Y"), "2018/2019")),
    Condition("(b.Y = '2018/2019' OR b.Y IS NULL)", lambda r: r.get("b.Y") in ("2018/2019", None)),
    Condition("b.Days > 2", lambda r: gt(r.get("b.Days"), 2)),
    Condition("a.Y > b.Y", lambda r: gt(r["a.Y"], r.get("b.Y"))),
    Condition("(a.Y = '2018/2019' AND b.Y = '2017/2018' OR a.Y = '2019/2020' AND b.Y = '2018/2019')",
              lambda r: either(both(eq(r["a.Y"], "2018/2019"), eq(r.get("b.Y"), "2017/2018")),
                               both(eq(r["a.Y"], "2019/2020"), eq(r.get("b.Y"), "2018/2019")))),
    Condition("b.Key IS NULL", lambda r: r.get("b.Key") is None),
]  # fmt: skip
KEYS: list[tuple[str, Callable[[Row], Any], bool]] = [
    ("a.LA", lambda r: r["a.LA"], False),
    ("a.Sex", lambda r: r["a.Sex"], False),
    ("a.Y", lambda r: r["a.Y"], False),
    ("CASE WHEN a.Score > 3 THEN 'high' WHEN a.Score IS NULL THEN 'none' ELSE 'low' END",
     lambda r: "none" if r["a.Score"] is None else "high" if r["a.Score"] > 3 else "low", False),
    ("b.Kind", lambda r: r.get("b.Kind"), True),
    ("b.Wave", lambda r: r.get("b.Wave"), True),
]  # fmt: skip


def _some(rows: Sequence[Row], name: str) -> list[Any]:
    return [r[name] for r in rows if r.get(name) is not None]


def _mean(values: list[Any]) -> Any:
    return float(sum(values)) / len(values) if values else None


AGGREGATES: list[tuple[str, Callable[[Sequence[Row]], Any], bool]] = [
    ("COUNT(*)", len, False),
    ("COUNT(a.Score)", lambda g: len(_some(g, "a.Score")), False),
    ("SUM(a.Score)", lambda g: sum(_some(g, "a.Score")) if _some(g, "a.Score") else None, False),
    ("AVG(1.0 * a.Score)", lambda g: _mean(_some(g, "a.Score")), False),
    ("AVG(1.0 * a.Flag)", lambda g: _mean(_some(g, "a.Flag")), False),
    ("SUM(a.Flag)", lambda g: sum(_some(g, "a.Flag")) if _some(g, "a.Flag") else None, False),
    ("COUNT(DISTINCT a.Key)", lambda g: len({r["a.p"] for r in g if r["a.Key"] is not None}), False),
    ("COUNT(DISTINCT a.LA)", lambda g: len({r["a.LA"] for r in g}), False),
    ("SUM(CASE WHEN a.Score > 2 THEN 1 ELSE 0 END)", lambda g: sum((r["a.Score"] or 0) > 2 for r in g), False),
    ("COUNT(CASE WHEN a.Sex = 'F' THEN a.Score END)",
     lambda g: sum(r["a.Sex"] == "F" and r["a.Score"] is not None for r in g), False),
    ("SUM(CASE WHEN a.Sex = 'F' THEN a.Score ELSE 2 END)",
     lambda g: (lambda v: sum(v) if v else None)([x for r in g if (x := r["a.Score"] if r["a.Sex"] == "F" else 2) is not None]), False),
    ("100.0 * SUM(a.Flag) / NULLIF(COUNT(*), 0)",
     lambda g: 100 * sum(_some(g, "a.Flag")) / len(g) if _some(g, "a.Flag") else None, False),
    ("SUM(b.Days)", lambda g: sum(_some(g, "b.Days")) if _some(g, "b.Days") else None, True),
    ("COUNT(DISTINCT b.Key)", lambda g: len({r["a.p"] for r in g if r.get("b.Key") is not None}), True),
]  # fmt: skip


@dataclass(frozen=True)
class Query:
    text: str
    expected: Callable[[Tables], dict[tuple[Any, ...], tuple[Any, ...]]]


def _build(source: From, conditions: list[Condition], keys: list[Any], aggregates: list[Any]) -> Query:
    names = [f"{k[0]} AS k{i}" for i, k in enumerate(keys)] + [f"{a[0]} AS m{i}" for i, a in enumerate(aggregates)]
    texts = [c.text for c in conditions] + (["a.Key = b.Key"] if source.text == "a, b" else [])
    where = f" WHERE {' AND '.join(texts)}" if texts else ""
    group = f" GROUP BY {', '.join(k[0] for k in keys)}" if keys else ""

    def expected(tables: Tables) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
        for row in source.rows(tables):
            if both(*(c.truth(row) for c in conditions)) is True:
                groups.setdefault(tuple(k[1](row) for k in keys), []).append(row)
        return {key: tuple(a[1](g) for a in aggregates) for key, g in groups.items()}

    return Query(f"SELECT {', '.join(names)} FROM {source.text}{where}{group}", expected)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    source = draw(st.sampled_from(FROMS))
    conditions = CONDITIONS + [c for c in B_CONDITIONS if source.has_b]
    if "UNION" in source.text:  # whether years that went through UNION may be ordered is a matter of the specs
        conditions = [c for c in conditions if not any(o in c.text for o in ("a.Y >", "> a.Y"))]
    keys = [k for k in KEYS if source.has_b or not k[2]]
    aggregates = [a for a in AGGREGATES if source.has_b or not a[2]]
    return _build(
        source,
        draw(st.lists(st.sampled_from(conditions), max_size=3)),
        draw(st.lists(st.sampled_from(keys), max_size=2, unique_by=lambda k: k[0])),
        draw(st.lists(st.sampled_from(aggregates), min_size=1, max_size=4, unique_by=lambda a: a[0])),
    )


_maybe = st.none()
_years = st.sampled_from(sorted(WRITTEN.values()))


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    """Up to five persons, rows of theirs in both tables; person 9's rows have no key and join nothing."""
    people = st.integers(1, 5)

    def keyed(p: int) -> dict[str, Any]:
        return {"p": p, "Key": f"k{p}"}

    a = [
        {**keyed(draw(people)), "Y": draw(_years), "Sex": draw(st.sampled_from(["M", "F", None])), "LA": draw(st.integers(1, 3)),
         "Flag": draw(st.sampled_from([0, 1, None])), "Score": draw(_maybe | st.integers(-5, 20)), "Points": Decimal(draw(st.integers(0, 9))),
         "Note": draw(st.sampled_from(["x", None])), "Idaci": Decimal("0.5"), "UPN": "U"}
        for _ in range(draw(st.integers(0, 8)))
    ]  # fmt: skip
    a += [
        {"p": 90 + i, "Key": None, "Y": draw(_years), "Sex": "F", "LA": 1, "Flag": 1, "Score": 3}
        for i in range(draw(st.integers(0, 2)))
    ]
    b = [
        {**keyed(draw(people)), "Y": draw(_years), "Kind": draw(st.sampled_from(["X", "Z", None])), "Wave": draw(st.integers(0, 1)),
         "Days": draw(_maybe | st.integers(0, 9))}
        for _ in range(draw(st.integers(0, 6)))
    ]  # fmt: skip
    b += [{"p": 95, "Key": None, "Y": draw(_years), "Kind": "X", "Wave": 1, "Days": 1}] if draw(st.booleans()) else []
    return {"npd.a": [{"Points": None, "Note": None, "Idaci": None, "UPN": None, **r} for r in a], "npd.b": b}
