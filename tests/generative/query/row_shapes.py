"""Shapes of queries whose rows stay those of one person until the top: filters, joins, unions, semi-joins, subqueries."""

# ruff: noqa: E501 - one query a line reads as a table

from pieces import ABSENCE, CENSUS, CIN, EXCLUSIONS, KS2, KS4, PUPILS, SCHOOLED, STAFF, VALUES, YEARS, Source, Words


def _grouped_by(w: Words, a: str, s: Source, source: str, where: str) -> str:
    key = w.key(a, s)
    return f"SELECT {key} AS k0, {w.aggregates(a, s)} FROM {source}{where} GROUP BY {key}"


def plain(w: Words) -> str:
    s = w.source()
    if w.chance(0.3):
        return f"SELECT {w.aggregates('a', s)} FROM {s.name} a{w.where(('a', s))}"
    return _grouped_by(w, "a", s, f"{s.name} a", w.where(("a", s)))


EVENTS = (
    (EXCLUSIONS, "Reason"), (EXCLUSIONS, "Category"), (EXCLUSIONS, "Term"), (CIN, "CIN_PrimaryNeedCode"),
    (STAFF, "Post"),
)  # fmt: skip


def events(w: Words) -> str:
    """Rows of a table of events by a filter that the catalogue ranks within, wherever a query may have it; at times
    with a line that says how many count of a person and year."""
    s, cat = w.rng.choice(EVENTS)
    x, z = VALUES[cat][0], VALUES[cat][1]
    filters = [
        f"e.{cat} = {x}", f"{x} = e.{cat}", f"e.{cat} IN ({x}, {z})", f"NOT (e.{cat} <> {z})", f"e.{cat} LIKE {x}",
        f"(e.{cat} = {x} OR e.{cat} IS NULL)", f"CASE WHEN e.{cat} = {x} THEN 'y' ELSE 'n' END = 'y'",
    ]  # fmt: skip
    if s is EXCLUSIONS:
        filters.append("e.Category = 'FIXD' AND e.Reason IN ('PP', 'PA')")
    condition, guard = w.one(filters), w.guard("e", s)
    line = f"-- rows: {s.name} {w.rng.randint(1, 2)}\n" if w.chance(0.5) else ""
    match w.rng.randrange(5):
        case 0:
            key, source = f"e.{cat}", f"(SELECT * FROM {s.name} e WHERE {condition}) e"
            return f"{line}SELECT {key} AS k0, {w.aggregates('e', s)} FROM {source} WHERE {guard} GROUP BY {key}"
        case 1 if s is not STAFF:
            on = f"a.{CENSUS.key} = e.{s.key} AND a.{CENSUS.year} = e.{s.year}"
            more = [f" AND {condition} WHERE {guard}", f" WHERE {condition} AND {guard}"]
            how = w.one(["INNER", "LEFT"])
            return line + _grouped_by(w, "a", CENSUS, f"{CENSUS.name} a {how} JOIN {s.name} e ON {on}", w.one(more))
        case 2:
            part = f"SELECT e.{cat} AS c, e.{s.nums[0]} AS v FROM {s.name} e WHERE {guard}"
            both = f"({part} AND {condition} UNION ALL {part}) AS u"
            return f"{line}SELECT COUNT(*) AS n, SUM(u.v) AS t FROM {both} WHERE u.c = {x}"
    return line + _grouped_by(w, "e", s, f"{s.name} e", f" WHERE {guard} AND {condition}")


def conditional(w: Words) -> str:
    s = w.source()
    return (
        f"SELECT SUM(CASE WHEN {w.guard('a', s)} THEN 1 ELSE 0 END) AS n, SUM(CASE WHEN {w.condition('a', s)} THEN {w.argument('a', s)} ELSE 0 END) AS m"
        f" FROM {s.name} a{w.where(('a', s), guarded=0.6)}"
    )


def _join(w: Words, how: str, of: int = 2) -> str:
    chosen = [w.source(PUPILS) for _ in range(of)]
    names = "abc"[:of]
    text = f"{chosen[0].name} a"
    for n, s in zip(names[1:], chosen[1:], strict=True):
        on = f"a.{chosen[0].key} = {n}.{s.key}"
        if w.chance(0.5):
            guarded = w.rng.choice([(n, s), ("a", chosen[0])])
            on += f" AND {w.guard(*guarded)}" if w.chance(0.6) else f" AND a.{chosen[0].year} = {n}.{s.year}"
        text += f" {how} JOIN {s.name} {n} ON {on}"
    pairs = list(zip(names, chosen, strict=True))
    where = w.where(*pairs, guarded=0.7)
    if w.chance(0.25):
        (a, s), (b, t) = pairs[:2]
        one, two = (w.rng.choice(YEARS) for _ in range(2))
        mixed = f"({a}.{s.year} = {s.written(one)} AND {b}.{t.year} = {t.written(two)} OR {a}.{s.year} = {s.written(two)} AND {b}.{t.year} = {t.written(one)})"
        where = f"{where} AND {mixed}" if where else f" WHERE {mixed}"
    a, s = w.rng.choice(pairs)
    return _grouped_by(w, a, s, text, where)


def join_inner(w: Words) -> str:
    return _join(w, "INNER")


def join_left(w: Words) -> str:
    return _join(w, "LEFT")


def join_right(w: Words) -> str:
    return _join(w, "RIGHT")


def join_full(w: Words) -> str:
    return _join(w, "FULL")


def join_three(w: Words) -> str:
    return _join(w, w.one(["INNER", "LEFT"]), 3)


def join_comma(w: Words) -> str:
    s, t = w.source(PUPILS), w.source(PUPILS)
    where = f" WHERE a.{s.key} = b.{t.key} AND {w.guard('a', s)} AND {w.guard('b', t)}"
    return _grouped_by(w, "a", s, f"{s.name} a, {t.name} b", where)


def public(w: Words) -> str:
    s = w.source(SCHOOLED)
    how, key = w.one(["INNER", "LEFT"]), w.one(["Region", "Phase", "LA"])
    return f"SELECT r.{key} AS k0, {w.aggregates('a', s)} FROM {s.name} a {how} JOIN ref.schools r ON r.URN = a.{s.school}{w.where(('a', s))} GROUP BY r.{key}"


def derived(w: Words) -> str:
    s = w.source()
    inner = f"SELECT a.{s.key} AS pk, a.{s.year} AS yr, {w.key('a', s)} AS band, {w.argument('a', s)} AS x FROM {s.name} a{w.where(('a', s), guarded=0.6)}"
    y = w.rng.choice(YEARS)
    above = w.one(["", f" WHERE d.yr = {s.written(y)}", f" WHERE d.yr > {s.written(y)}", f" WHERE d.yr = {s.written(y)} OR d.x > 1"])  # fmt: skip
    return f"SELECT d.band AS k0, COUNT(*) AS n, {w.one(['SUM(d.x)', 'AVG(1.0 * d.x)', 'COUNT(DISTINCT d.pk)'])} AS m FROM ({inner}) d{above} GROUP BY d.band"


def cte_twice(w: Words) -> str:
    s = w.source(PUPILS)
    one, two = w.guard("x", s), w.guard("z", s)
    return (
        f"WITH base AS (SELECT a.{s.key}, a.{s.year}, a.{s.cats[0]}, a.{s.nums[0]} FROM {s.name} a{w.where(('a', s), guarded=0.4)})"
        f" SELECT x.{s.cats[0]} AS k0, COUNT(*) AS n, SUM(z.{s.nums[0]}) AS m FROM base x JOIN base z ON x.{s.key} = z.{s.key}"
        f" WHERE {_only(one, s, 'x')} AND {_only(two, s, 'z')} GROUP BY x.{s.cats[0]}"
    )


def _only(guard: str, s: Source, a: str) -> str:
    """A guard that reads only the columns that the CTE has; otherwise the plainest one."""
    return guard if all(f"{a}.{c}" not in guard for c in s.cats[1:]) else f"{a}.{s.year} = {s.written(YEARS[1])}"


def union_years(w: Words) -> str:
    s = w.source()
    cat, num = w.one(s.cats), w.one(s.nums)
    t = s if w.chance(0.7) else w.source((CENSUS, ABSENCE))
    other = (cat, num) if t is s else (w.one(t.cats), w.one(t.nums))
    if t is not s and {cat, other[0]} & {"LA", "CIN_LA", "MonthOfBirth"}:
        t, other = s, (cat, num)
    parts = [f"SELECT 1 AS part, a.{cat} AS band, a.{num} AS x FROM {s.name} a WHERE {w.guard('a', s)}",
             f"SELECT 2, b.{other[0]}, b.{other[1]} FROM {t.name} b WHERE {w.guard('b', t)}"]  # fmt: skip
    word = w.one(["UNION ALL", "UNION ALL", "UNION ALL", "UNION"])
    return f"SELECT u.part, u.band, COUNT(*) AS n, SUM(u.x) AS m FROM ({f' {word} '.join(parts)}) u GROUP BY u.part, u.band"


def _semi(w: Words, form: str) -> str:
    s, t = w.source(PUPILS), w.source(PUPILS)
    inner = w.guard("b", t) + (f" AND {w.condition('b', t)}" if w.chance(0.3) else "")
    if w.chance(0.3):
        inner += f" AND b.{t.year} = a.{s.year}"
    if "EXISTS" in form:
        test = f"{form} (SELECT 1 FROM {t.name} b WHERE b.{t.key} = a.{s.key} AND {inner})"
    else:
        test = f"a.{s.key} {form} (SELECT b.{t.key} FROM {t.name} b WHERE {inner} AND b.{t.key} IS NOT NULL)"
    where = w.where(("a", s), guarded=0.8)
    return _grouped_by(w, "a", s, f"{s.name} a", f"{where} AND {test}" if where else f" WHERE {test}")


def exists(w: Words) -> str:
    return _semi(w, "EXISTS")


def not_exists(w: Words) -> str:
    return _semi(w, "NOT EXISTS")


def in_subquery(w: Words) -> str:
    return _semi(w, "IN")


def not_in_subquery(w: Words) -> str:
    return _semi(w, "NOT IN")


def flag_of_exists(w: Words) -> str:
    s, t = w.source(PUPILS), w.source((EXCLUSIONS, KS4, KS2))
    test = f"EXISTS (SELECT 1 FROM {t.name} b WHERE b.{t.key} = a.{s.key} AND {w.guard('b', t)})"
    return f"SELECT d.had AS k0, COUNT(*) AS n FROM (SELECT CASE WHEN {test} THEN 1 ELSE 0 END AS had FROM {s.name} a{w.where(('a', s))}) d GROUP BY d.had"


def scalar_subquery(w: Words) -> str:
    s, t = w.source(PUPILS), w.source(PUPILS)
    inner = f"(SELECT {w.one(['SUM(', 'AVG(1.0 * ', 'MAX(', 'COUNT('])}b.{w.one(t.nums)}) FROM {t.name} b WHERE b.{t.key} = a.{s.key} AND {w.guard('b', t)})"
    return f"SELECT d.band AS k0, COUNT(*) AS n, SUM(d.x) AS m FROM (SELECT {w.key('a', s)} AS band, {inner} AS x FROM {s.name} a{w.where(('a', s))}) d GROUP BY d.band"


def scalar_of_all(w: Words) -> str:
    s = w.source()
    num = w.one(s.nums)
    where = (
        f" WHERE a.{num} > (SELECT AVG(1.0 * b.{num}) FROM {s.name} b WHERE {w.guard('b', s)}) AND {w.guard('a', s)}"
    )
    return _grouped_by(w, "a", s, f"{s.name} a", where)


def apply_key(w: Words) -> str:
    s, t = w.source(PUPILS), w.source(PUPILS)
    num, cat = w.one(t.nums), w.one(t.cats)
    outer = w.chance(0.5)
    if w.chance(0.6):
        inner = (
            f"SELECT SUM(b.{num}) AS x, COUNT(*) AS n FROM {t.name} b WHERE b.{t.key} = a.{s.key} AND {w.guard('b', t)}"
        )
        select, group = f"SELECT {(k := w.key('a', s))} AS k0, SUM(z.x) AS m, SUM(z.n) AS n", k
    else:
        top, end = w.limit(1)
        order = f"b.{t.year} DESC, b.{num}, b.{cat}"
        inner = f"SELECT {top}b.{cat} AS c FROM {t.name} b WHERE b.{t.key} = a.{s.key} AND {w.guard('b', t)} ORDER BY {order}{end}"
        select, group = "SELECT z.c AS k0, COUNT(*) AS n", "z.c"
    if w.tsql:
        text = f"{'OUTER' if outer else 'CROSS'} APPLY ({inner}) z"
    else:
        text = f"{'LEFT' if outer else 'INNER'} JOIN LATERAL ({inner}) z ON TRUE"
    return f"{select} FROM {s.name} a {text}{w.where(('a', s))} GROUP BY {group}"
