"""Shapes of queries with an aggregation or window below or above the top one, batches, and physical names."""

# ruff: noqa: E501 - one query a line reads as a table

from pieces import NUMBERS, PHYSICAL, PUPILS, SCHOOLED, VALUES, YEARS, Source, Words


def _person(w: Words, s: Source, a: str = "a") -> str:
    inner = w.one([f"SUM({a}.{w.one(s.nums)})", "COUNT(*)", f"MAX({a}.{w.one(s.nums)})", f"AVG(1.0 * {a}.{w.one(s.nums)})", f"MAX({a}.{w.one(s.flags)})"])  # fmt: skip
    having = w.one(["", "", " HAVING COUNT(*) > 1", f" HAVING MIN({a}.{s.year}) >= {s.written(YEARS[1])}"])
    return f"SELECT {a}.{s.key} AS pk, {inner} AS x, MIN({a}.{w.one(s.cats)}) AS c FROM {s.name} {a}{w.where((a, s))} GROUP BY {a}.{s.key}{having}"


def per_person(w: Words) -> str:
    inner = _person(w, w.source())
    return w.one([
        f"SELECT d.x AS k0, COUNT(*) AS n FROM ({inner}) d GROUP BY d.x", f"SELECT COUNT(*) AS n, AVG(1.0 * d.x) AS m FROM ({inner}) d",
        f"WITH d AS ({inner}) SELECT d.c AS k0, COUNT(*) AS n, SUM(d.x) AS m FROM d WHERE d.x > 1 GROUP BY d.c",
        f"SELECT CASE WHEN d.x > 2 THEN 'many' ELSE 'few' END AS k0, COUNT(DISTINCT d.pk) AS n FROM ({inner}) d GROUP BY CASE WHEN d.x > 2 THEN 'many' ELSE 'few' END",
    ])  # fmt: skip


def per_person_join(w: Words) -> str:
    s, t = w.source(PUPILS), w.source(PUPILS)
    key = w.key("a", s)
    return f"SELECT {key} AS k0, COUNT(*) AS n, SUM(d.x) AS m FROM {s.name} a {w.one(['INNER', 'LEFT'])} JOIN ({_person(w, t, 'b')}) d ON d.pk = a.{s.key}{w.where(('a', s))} GROUP BY {key}"


def window_key(w: Words) -> str:
    s = w.source()
    num, every = w.one(s.nums), ", ".join(f"a.{cat}" for cat in s.cats)
    along = f"PARTITION BY a.{s.key} ORDER BY a.{s.year}, a.{num}, {every}"
    function = w.one([f"ROW_NUMBER() OVER (PARTITION BY a.{s.key} ORDER BY a.{s.year} DESC, a.{num}, {every})", f"LAG(a.{num}) OVER ({along})", f"LEAD(a.{num}) OVER ({along})",
        f"FIRST_VALUE(a.{num}) OVER ({along})", f"DENSE_RANK() OVER ({along})", f"NTILE(2) OVER ({along})", f"PERCENT_RANK() OVER ({along})", f"CUME_DIST() OVER ({along})",
        f"COUNT(*) OVER (PARTITION BY a.{s.key})", f"MAX(a.{num}) OVER (PARTITION BY a.{s.key})", f"SUM(a.{num}) OVER (PARTITION BY a.{s.key}, a.{s.year})"])  # fmt: skip
    y = s.written(w.rng.choice(YEARS))
    above = w.one([" WHERE d.r = 1", f" WHERE d.yr = {y}", "", f" WHERE d.r >= 1 AND d.yr >= {y}"])
    inner = f"SELECT a.{w.one(s.cats)} AS c, a.{s.year} AS yr, a.{num} AS x, {function} AS r FROM {s.name} a{w.where(('a', s), guarded=0.6)}"
    return f"SELECT d.c AS k0, COUNT(*) AS n, SUM(d.x) AS m FROM ({inner}) d{above} GROUP BY d.c"


def chosen(w: Words) -> str:
    """A value that is chosen among a person's rows. SQL Server has no such aggregates, and refuses the text."""
    s = w.source()
    num, cat, flag = w.one(s.nums), w.one(s.cats), w.one(s.flags)
    keys = f"a.{s.year}{w.one(['', ' DESC'])}, a.{num} NULLS FIRST, a.{cat}"
    function = w.one([f"first(a.{cat} ORDER BY {keys})", f"last(a.{cat} ORDER BY {keys})", f"any_value(a.{cat} ORDER BY {keys})", f"mode(a.{cat} ORDER BY a.{cat})", f"bool_or(a.{num} > {NUMBERS.get(num, 2)})", f"bool_and(a.{flag} = 1)",
        f"arg_max(a.{num}, a.{num})", f"list(a.{cat} ORDER BY {keys})[1]", f"max(a.{cat}) FILTER (WHERE {w.guard('a', s)})", f"list_contains(list(a.{cat}), {VALUES[cat][0]})", f"len(list(a.{num}))"])  # fmt: skip
    inner = (
        f"SELECT a.{s.key} AS pk, {function} AS x FROM {s.name} a{w.where(('a', s), guarded=0.6)} GROUP BY a.{s.key}"
    )
    return w.one([f"SELECT d.x AS k0, COUNT(*) AS n FROM ({inner}) d GROUP BY d.x", f"SELECT COUNT(d.x) AS n FROM ({inner}) d", f"SELECT COUNT(*) AS n FROM ({inner}) d WHERE d.x IS NOT NULL"])  # fmt: skip


def window_of_groups(w: Words) -> str:
    s = w.source()
    cat, num = w.one(s.cats), w.one(s.nums)
    function = w.one([f"ROW_NUMBER() OVER (PARTITION BY a.{s.key} ORDER BY COUNT(*) DESC, a.{cat})", f"SUM(COUNT(*)) OVER (PARTITION BY a.{s.key})", f"RANK() OVER (PARTITION BY a.{s.key} ORDER BY MAX(a.{num}) DESC)", f"LAG(MAX(a.{num})) OVER (PARTITION BY a.{s.key} ORDER BY a.{cat})"])  # fmt: skip
    inner = f"SELECT a.{s.key} AS pk, a.{cat} AS c, {function} AS r FROM {s.name} a{w.where(('a', s), guarded=0.6)} GROUP BY a.{s.key}, a.{cat}"
    return f"SELECT d.c AS k0, COUNT(*) AS n FROM ({inner}) d{w.one(['', ' WHERE d.r = 1'])} GROUP BY d.c"


def window_of_the_cell(w: Words) -> str:
    s = w.source()
    cat, num, flag = w.one(s.cats), w.one(s.nums), w.one(s.flags)
    function = w.one(["COUNT(*)", f"COUNT(a.{num})", f"AVG(1.0 * a.{num})", f"SUM(a.{num})"])
    value = w.one(["MAX(d.r)", "MIN(d.r)"])
    part, value = w.one([f"a.{cat} | {value}", f"a.{cat}, a.{flag} | MAX(CASE WHEN d.f = 1 THEN d.r END)"]).split(" | ")
    inner = f"SELECT a.{cat} AS c, a.{flag} AS f, a.{s.year} AS yr, {function} OVER (PARTITION BY {part}) AS r FROM {s.name} a{w.where(('a', s), guarded=0.6)}"
    return f"SELECT d.c AS k0, {value} AS m FROM ({inner}) d{w.one(['', ' WHERE d.r > 1'])} GROUP BY d.c"


def window_school(w: Words) -> str:
    s = w.source(SCHOOLED)
    num = w.one(s.nums)
    function = w.one([f"AVG(1.0 * a.{num})", "COUNT(*)", f"SUM(a.{num})"])
    part = w.one([f"a.{s.school}", f"a.{s.school}, a.{s.year}", f"a.{s.cats[0]}"])
    y = s.written(w.rng.choice(YEARS))
    inner = f"SELECT a.{w.one(s.cats)} AS c, a.{s.year} AS yr, a.{num} AS x, {function} OVER (PARTITION BY {part}) AS r FROM {s.name} a{w.where(('a', s), guarded=0.6)}"
    above = w.one(["", f" WHERE d.yr = {y}", " WHERE d.x > d.r"])
    return f"SELECT d.c AS k0, COUNT(*) AS n, AVG(1.0 * (d.x - d.r)) AS m FROM ({inner}) d{above} GROUP BY d.c"


def having(w: Words) -> str:
    s = w.source()
    key, cat = f"a.{w.one(s.cats)}", f"a.{s.year}"
    y = s.written(w.rng.choice(YEARS))
    test = w.one(["COUNT(*) >= 3", f"COUNT(DISTINCT a.{s.key}) > 2", f"{cat} = {y}", f"{cat} >= {y} AND COUNT(*) > 1", f"AVG(1.0 * a.{w.one(s.nums)}) > {NUMBERS.get(s.nums[0], 2)}"])  # fmt: skip
    return f"SELECT {key} AS k0, {cat} AS k1, {w.aggregates('a', s)} FROM {s.name} a{w.where(('a', s), guarded=0.6)} GROUP BY {key}, {cat} HAVING {test}"


def grouping(w: Words) -> str:
    s = w.source()
    one, two = w.rng.sample(s.cats, 2) if len(s.cats) > 1 else (s.cats[0], s.flags[0])
    if w.chance(0.3):
        two = s.year
    form = w.one(["GROUPING SETS ((a.{0}, a.{1}), (a.{0}), ())", "ROLLUP (a.{0}, a.{1})", "CUBE (a.{0}, a.{1})", "GROUPING SETS ((a.{0}), (a.{1}))"])  # fmt: skip
    of_year = two == s.year and w.chance(0.5)
    tail = f" HAVING a.{s.year} IS NULL OR a.{s.year} = {s.written(YEARS[2])}" if of_year else ""
    return f"SELECT a.{one} AS k0, a.{two} AS k1, {w.aggregates('a', s)} FROM {s.name} a{w.where(('a', s), guarded=0.6)} GROUP BY {form.format(one, two)}{tail}"


def share(w: Words) -> str:
    s = w.source()
    one, two = f"a.{w.one(s.cats)}", f"a.{w.one(s.flags)}"
    over = w.one(["", f"PARTITION BY {one}"])
    return f"SELECT {one} AS k0, {two} AS k1, COUNT(*) AS n, 100.0 * COUNT(*) / SUM(COUNT(*)) OVER ({over}) AS pct FROM {s.name} a{w.where(('a', s))} GROUP BY {one}, {two}"


def rank(w: Words) -> str:
    s = w.source()
    one = f"a.{w.one(s.cats)}"
    function = w.one(["RANK()", "ROW_NUMBER()", "DENSE_RANK()", "NTILE(2)"])
    return f"SELECT {one} AS k0, COUNT(*) AS n, {function} OVER (ORDER BY COUNT(*) DESC, {one}) AS r FROM {s.name} a{w.where(('a', s))} GROUP BY {one}"


def top(w: Words) -> str:
    s = w.source()
    key = f"a.{w.one(s.cats)}"
    first, end = w.limit(w.rng.randint(1, 3))
    return f"SELECT {first}{key} AS k0, COUNT(*) AS n, {w.aggregates('a', s, 1)} FROM {s.name} a{w.where(('a', s))} GROUP BY {key} ORDER BY n {w.one(['DESC', 'ASC'])}, {key}{end}"


def join_of_groups(w: Words) -> str:
    s, t = w.source(SCHOOLED), w.source(SCHOOLED)
    how = w.one(["INNER", "LEFT", "FULL"])
    one = f"SELECT a.{s.school} AS u, COUNT(*) AS n FROM {s.name} a{w.where(('a', s))} GROUP BY a.{s.school}"
    two = f"SELECT b.{t.school} AS u, {w.one(['COUNT(*)', f'SUM(b.{w.one(t.nums)})'])} AS d FROM {t.name} b{w.where(('b', t))} GROUP BY b.{t.school}"
    return f"SELECT x.u AS k0, x.n, z.d, 1.0 * z.d / NULLIF(x.n, 0) AS rate FROM ({one}) x {how} JOIN ({two}) z ON x.u = z.u"


def groups_of_groups(w: Words) -> str:
    s = w.source(SCHOOLED)
    key = f"a.{w.one(s.cats)}"
    inner = f"SELECT a.{s.school} AS u, {key} AS c, COUNT(*) AS n, AVG(1.0 * a.{w.one(s.nums)}) AS m FROM {s.name} a{w.where(('a', s))} GROUP BY a.{s.school}, {key}"
    return f"SELECT d.c AS k0, AVG(d.m) AS mean_of_means, SUM(d.n) AS n FROM ({inner}) d GROUP BY d.c"


def member_with_group(w: Words) -> str:
    """Pupils beside a mean of their school."""
    s = w.source(SCHOOLED)
    num, key = w.one(s.nums), f"a.{w.one(s.cats)}"
    inner = f"SELECT b.{s.school} AS u, AVG(1.0 * b.{num}) AS m FROM {s.name} b WHERE {w.guard('b', s)} GROUP BY b.{s.school}"
    return f"SELECT {key} AS k0, COUNT(*) AS n, AVG(1.0 * a.{num} - g.m) AS gap FROM {s.name} a JOIN ({inner}) g ON g.u = a.{s.school}{w.where(('a', s))} GROUP BY {key}"


def count_distinct(w: Words) -> str:
    s = w.source(SCHOOLED)
    key = f"a.{w.one(s.cats)}"
    return f"SELECT {key} AS k0, COUNT(DISTINCT a.{s.key}) AS n, COUNT(DISTINCT a.{s.school}) AS schools FROM {s.name} a{w.where(('a', s))} GROUP BY {key}"


def percentile(w: Words) -> str:
    s = w.source()
    key, num = f"a.{w.one(s.cats)}", f"a.{w.one(s.nums)}"
    q, where = w.one(["0.5", "0.25", "0.9"]), w.where(("a", s))
    if w.tsql:
        return f"SELECT DISTINCT {key} AS k0, PERCENTILE_CONT({q}) WITHIN GROUP (ORDER BY {num}) OVER (PARTITION BY {key}) AS q FROM {s.name} a{where}"
    return f"SELECT {key} AS k0, quantile_cont({num}, {q}) AS q FROM {s.name} a{where} GROUP BY {key}"


def deviation(w: Words) -> str:
    s = w.source()
    key, num = f"a.{w.one(s.cats)}", f"a.{w.one(s.nums)}"
    names = w.one(["STDEV stddev_samp", "STDEVP stddev_pop", "VAR var_samp", "VARP var_pop"]).split()
    return f"SELECT {key} AS k0, COUNT(*) AS n, {names[0] if w.tsql else names[1]}({num}) AS d FROM {s.name} a{w.where(('a', s))} GROUP BY {key}"


def pivot(w: Words) -> str:
    s = w.source()
    key, flag = w.one(s.cats), w.one(s.flags)
    num, where = w.one(s.nums), w.where(("a", s))
    inner = f"SELECT a.{key} AS k0, a.{flag} AS f, a.{num} AS x FROM {s.name} a{where}"
    if w.tsql:
        return f"SELECT p.k0, p.[0], p.[1] FROM ({inner}) d PIVOT (SUM(x) FOR f IN ([0], [1])) p"
    return f"SELECT d.k0, SUM(CASE WHEN d.f = 0 THEN d.x END) AS a0, SUM(CASE WHEN d.f = 1 THEN d.x END) AS a1 FROM ({inner}) d GROUP BY d.k0"


def temp_batch(w: Words) -> str:
    s, t = w.source(PUPILS), w.source(PUPILS)
    one = f"SELECT a.{s.key} AS pk, a.{s.year} AS yr, a.{s.cats[0]} AS c{{into}} FROM {s.name} a{w.where(('a', s), guarded=0.7)}"
    two = f"SELECT b.{t.key} AS pk, SUM(b.{w.one(t.nums)}) AS x{{into}} FROM {t.name} b{w.where(('b', t))} GROUP BY b.{t.key}"
    y = s.written(w.rng.choice(YEARS))
    above = w.one(["", f" WHERE p.yr = {y}"])
    last = (
        "SELECT p.c AS k0, COUNT(*) AS n, SUM(e.x) AS m FROM {p} p LEFT JOIN {e} e ON e.pk = p.pk"
        + above
        + " GROUP BY p.c"
    )
    if w.tsql:
        declared = w.rng.random() < 0.5
        head = "DECLARE @y varchar(9) = '2016/2017';\nDROP TABLE IF EXISTS #p;\n" if declared else ""
        return f"{head}{one.format(into=' INTO #p')};\n{two.format(into=' INTO #e')};\n{last.format(p='#p', e='#e')}"
    w.rng.random()
    return f"WITH p AS ({one.format(into='')}), e AS ({two.format(into='')}) {last.format(p='p', e='e')}"


def _physical(w: Words, s: Source, year: int, a: str) -> tuple[str, str]:
    """The item of FROM and the suffix of its columns."""
    assert s.physical is not None
    if not w.tsql:
        return f"(SELECT * FROM {s.name} WHERE {s.year} = {s.written(year)}) {a}", ""
    name, suffix = s.physical
    return f"[NPD].[P0421].[{name.format(y=year + 1)}] {a}", suffix.format(yy=f"{(year + 1) % 100:02d}")


def physical(w: Words) -> str:
    s, year = w.source(PHYSICAL), w.rng.choice(YEARS)
    item, suffix = _physical(w, s, year, "a")
    cat, num = w.one(s.cats), w.one(s.nums)
    test = w.one(["", f" WHERE a.{cat}{suffix} = {VALUES[cat][0]}"])
    return f"SELECT a.{cat}{suffix} AS k0, COUNT(*) AS n, SUM(a.{num}{suffix}) AS m FROM {item}{test} GROUP BY a.{cat}{suffix}"


def physical_union(w: Words) -> str:
    s = w.source(PHYSICAL)
    cat, flag = w.one(s.cats), w.one(s.flags)
    parts = []
    for year in w.rng.sample(YEARS, 2):
        item, suffix = _physical(w, s, year, "a")
        parts.append(f"SELECT {year} AS yr, a.{cat}{suffix} AS c, a.{flag}{suffix} AS f FROM {item}")
    return f"SELECT u.yr, u.c, COUNT(*) AS n, SUM(u.f) AS m FROM ({' UNION ALL '.join(parts)}) u GROUP BY u.yr, u.c"


def set_of_keys(w: Words) -> str:
    s, t = w.source(PUPILS), w.source(PUPILS)
    word = w.one(["EXCEPT", "INTERSECT"])
    inner = f"SELECT a.{s.key} AS pk FROM {s.name} a WHERE {w.guard('a', s)} {word} SELECT b.{t.key} FROM {t.name} b WHERE {w.guard('b', t)}"
    return f"SELECT COUNT(*) AS n FROM ({inner}) d"


def union_of_groups(w: Words) -> str:
    s = w.source()
    cat, where = w.one(s.cats), w.where(("a", s))
    return f"SELECT a.{cat} AS k0, COUNT(*) AS n FROM {s.name} a{where} GROUP BY a.{cat} UNION ALL SELECT NULL, COUNT(*) FROM {s.name} a{w.where(('a', s))}"
