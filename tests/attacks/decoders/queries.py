"""The grammar's queries: what is read, what rows are kept, by which keys they are counted, and what stands above.
`job` spells a whole submission, `series` several that follow each other on one history."""

# ruff: noqa: E501 - a template a line reads as what it spells

from tests.attacks.decoders.amounts import amount, statistic
from tests.attacks.decoders.choices import Choices
from tests.attacks.decoders.conditions import Words, Y, child, condition, missing, others, secret
from tests.attacks.decoders.ordinary import FEW, near_tables, ordinary
from tests.attacks.decoders.towns import ABSENCE, KEY, YEARS

ALL_YEARS = str(tuple(f"{y}/{y + 1}" for y in YEARS))
PLAIN_KEYS = (
    "SENprovision", "FSMeligible", "MonthOfBirth", "LA", "NCyearActual", "URN", "EthnicGroupMinor",
    "OverallAbsence_6HalfTerms", "YearOfBirth", "AcademicYear",
)  # fmt: skip
PADS = (
    "", "a.MonthOfBirth <> {p}", "a.NCyearActual <> '3'", "a.NCyearActual <> '8'", "a.MonthOfBirth NOT IN ({p}, {q})",
    "a.EthnicGroupMinor <> 'AIND'", "a.EthnicGroupMinor <> 'APKN'", "a.EthnicGroupMinor <> 'MOTH'",
    "a.NCyearActual <> 'R'", "a.NCyearActual NOT IN ('2', '3')", "a.EthnicGroupMinor NOT IN ('BAFR', 'AOTH')",
    "a.MonthOfBirth <> {q}", "a.EthnicGroupMinor <> 'OOTH'",
)  # fmt: skip
"""Conditions that leave out some whom the child is not among: a text with another pad is the same question."""


def padding(words: Words, number: int) -> str:
    month = int(str(words.own["month"]))
    pad = PADS[number % len(PADS)].format(p=1 + (month + 2) % 12, q=1 + (month + 6) % 12)
    return f" AND {pad}" if pad else ""


def one_job(c: Choices, words: Words, pad: int = 0) -> tuple[str, ...]:
    return (job(c, words, pad),)


def series(c: Choices, words: Words, pad: int = 0) -> tuple[str, ...]:
    """One submission, or a few that follow each other, which may be about nearly the same persons."""
    more = c.pick((0, 0, 0, 0, 1, 2, None))
    if more is None:
        return tuple(f"-- output: t0\n{text}" for text in near_tables(c, words, padding(words, pad)))
    return tuple(job(c, words, pad) for _ in range(1 + more))


def job(c: Choices, words: Words, pad: int = 0) -> str:
    outputs = 1 + c.pick((0, 0, 0, 0, 1))
    return "\n;\n".join(f"-- output: t{n}\n{query(c, words, pad)}" for n in range(outputs))


def query(c: Choices, words: Words, pad: int = 0) -> str:
    attacks = (
        _plain, _plain, _plain, _plain, _by_number, _per_person, _union, _but, _distinct, _joined, _derived_key, _applied,
        _numbered,
    )  # fmt: skip
    shapes = (*attacks, *[ordinary] * len(attacks))
    return c.pick(shapes)(c, words, padding(words, pad))


def _where(c: Choices, words: Words, pad: str) -> str:
    """The rows of a year, and often a condition; or the rows of other years for some."""
    kind = c.number(7)
    if kind < 2:
        return f"a.AcademicYear = {Y}{pad}"
    if kind == 2:
        return f"a.AcademicYear = {Y}{pad} AND {condition(c, words)}"
    if kind == 3:
        return f"a.AcademicYear = {Y}{pad} AND ({others(c, words, 'a')} OR {child(c, words, 'a')} AND {secret(c, words, 'a')})"
    if kind == 4:
        own = f"{child(c, words, 'a')} AND {secret(c, words, 'a')}"
        return f"a.AcademicYear IN {ALL_YEARS}{pad} AND (a.AcademicYear = {Y} AND {others(c, words, 'a')} OR {own})"
    if kind == 5:
        return f"a.AcademicYear = {Y}{pad} AND NOT ({child(c, words, 'a')} AND {secret(c, words, 'a')})"
    return f"a.AcademicYear = {Y}{pad} AND {others(c, words, 'a')}"


def _keys(c: Choices, words: Words) -> list[str]:
    kind = c.number(8)
    if kind < 2:
        return []
    if kind == 7:
        return [missing(c, words)]
    if kind < 5:
        return [f"a.{c.pick(PLAIN_KEYS)}"]
    if kind == 5:
        first = c.pick(PLAIN_KEYS)
        return [f"a.{first}", f"a.{c.pick([k for k in FEW[ABSENCE] if k != first])}"]
    return [f"CASE WHEN {condition(c, words)} THEN 'x' ELSE 'y' END"]


def _selected(c: Choices, words: Words, keys: list[str]) -> tuple[str, str]:
    """The columns, and what comes after the rows."""
    named = [f"{k} AS k{n}" for n, k in enumerate(keys)]
    figures = [statistic(c, words) for _ in range(1 + c.pick((0, 0, 0, 1, 2)))]
    told = [f"{f} AS f{n}" for n, f in enumerate(figures)]
    after = ""
    if keys:
        after = f" GROUP BY {', '.join(keys)}"
        if c.once_in(6) and not any("CASE" in k for k in keys):
            after = f" GROUP BY {c.pick(('ROLLUP', 'CUBE'))} ({', '.join(keys)})"
    above = c.number(10)
    if above == 9:
        after += f" HAVING {statistic(c, words)} > {c.pick((0, 9, 10, 20, 100))}"
    elif above == 8:
        told.append(f"CASE WHEN {figures[0]} > {c.pick((0, 10, 100, 1000))} THEN 'y' ELSE 'n' END AS label")
    elif above == 7 and keys:
        told.append(f"RANK() OVER (ORDER BY {figures[0]} DESC) AS place")
    elif above == 6 and keys:
        told.append(f"1.0 * {figures[0]} / SUM({figures[0]}) OVER () AS part")
    elif above == 5 and keys:
        after += f" ORDER BY {statistic(c, words)} DESC"
    return ", ".join([*named, *told]), after


def _plain(c: Choices, words: Words, pad: str) -> str:
    keys = _keys(c, words)
    columns, after = _selected(c, words, keys)
    return f"SELECT {columns} FROM npd.absence AS a WHERE {_where(c, words, pad)}{after}"


def _by_number(c: Choices, words: Words, pad: str) -> str:
    """Rows by a number of which no list exists, at times with totals by another key."""
    key = c.pick(("a.OverallAbsence_6HalfTerms", "a.AnnualReasonI", "a.AuthorisedAbsence_6HalfTerms"))
    if c.once_in(4):
        key = f"{key} / {c.pick((20, 5))}"
    columns, after = _selected(c, words, [f"a.{c.pick(PLAIN_KEYS)}", key] if c.once_in(3) else [key])
    return f"SELECT {columns} FROM npd.absence AS a WHERE {_where(c, words, pad)}{after}"


def _per_person(c: Choices, words: Words, pad: str) -> str:
    """Totals of each person, and a figure of them; or how many persons have which."""
    weight = c.pick(("SUM", "MAX", "COUNT", "MIN", "AVG", "VAR", "STDEV"))
    inner = c.pick((amount, amount, missing))(c, words)
    rows = f"SELECT a.{KEY} AS k, MAX(a.URN) AS URN, {weight}({inner}) AS w FROM npd.absence AS a WHERE {_where(c, words, pad)} GROUP BY a.{KEY}"
    match c.number(6):
        case 0:
            figures = "SUM(d.w) AS f0"
        case 1:
            figures = "AVG(1.0 * d.w) AS f0, COUNT(*) AS f1"
        case 2:
            return f"SELECT d.w AS k0, COUNT(*) AS f0 FROM ({rows}) AS d GROUP BY d.w"
        case 3:
            return f"SELECT COUNT(*) AS f0 FROM ({rows}) AS d WHERE d.w > {c.pick((0, 1, 2, 5))}"
        case 4:
            return f"SELECT d.URN AS k0, SUM(d.w) AS f0 FROM ({rows}) AS d GROUP BY d.URN"
        case _:
            figures = f"SUM(CASE WHEN d.w > {c.pick((0, 1, 5))} THEN {c.pick(('1', '1000'))} ELSE {c.pick(('0', '1'))} END) AS f0"
    return f"SELECT {figures} FROM ({rows}) AS d"


def _union(c: Choices, words: Words, pad: str) -> str:
    """Rows of everybody, and again those of some."""
    columns = f"a.{KEY} AS k, a.SENprovision AS s, a.FSMeligible AS fsm, a.OverallAbsence_6HalfTerms AS x"
    again = f"SELECT {columns} FROM npd.absence AS a WHERE a.AcademicYear = {Y} AND {condition(c, words)}"
    rows = f"SELECT {columns} FROM npd.absence AS a WHERE {_where(c, words, pad)}"
    many = c.pick((" UNION ALL ", " UNION "))
    rows = many.join([rows, *[again] * (1 + c.pick((0, 0, 2)))])
    return _of_rows(c, rows)


def _of_rows(c: Choices, rows: str) -> str:
    figure = c.pick(("COUNT(*)", "SUM(d.x)", "AVG(1.0 * d.x)", "COUNT(DISTINCT d.k)", "SUM(d.fsm)"))
    key = c.pick(("", "d.s", "d.fsm", "d.x"))
    if key:
        return f"SELECT {key} AS k0, {figure} AS f0 FROM ({rows}) AS d GROUP BY {key}"
    return f"SELECT {figure} AS f0 FROM ({rows}) AS d"


def _but(c: Choices, words: Words, pad: str) -> str:
    """Rows of everybody without those of some, or with those of some alone."""
    columns = f"a.{KEY} AS k, a.SENprovision AS s, a.FSMeligible AS fsm, a.OverallAbsence_6HalfTerms AS x"
    word = c.pick(("EXCEPT", "INTERSECT"))
    less = f"SELECT {columns} FROM npd.absence AS a WHERE a.AcademicYear = {Y} AND {condition(c, words)}"
    return _of_rows(c, f"SELECT {columns} FROM npd.absence AS a WHERE {_where(c, words, pad)} {word} {less}")


def _distinct(c: Choices, words: Words, pad: str) -> str:
    mark = f"CASE WHEN {condition(c, words)} THEN {c.pick(('a.URN', '2', 'a.MonthOfBirth'))} ELSE 0 END"
    rows = f"SELECT DISTINCT a.{KEY} AS k, a.SENprovision AS s, a.FSMeligible AS fsm, {mark} AS x FROM npd.absence AS a WHERE {_where(c, words, pad)}"
    return _of_rows(c, rows)


def _joined(c: Choices, words: Words, pad: str) -> str:
    """Absence with the census or the register, inside or outside."""
    kind = c.number(5)
    if kind == 4:
        return _joined_computed(c, words, pad)
    keys = _keys(c, words)
    columns, after = _selected(c, words, keys)
    how = c.pick(("JOIN", "LEFT JOIN"))
    if kind == 0:
        other = f"{how} ref.schools AS s ON s.URN = a.URN"
    elif kind == 1:
        other = f"{how} npd.spring_census AS s ON s.{KEY} = a.{KEY} AND s.AcademicYear = {Y} AND {condition(c, words, 's', 0)}"
        other = other.replace("s.OverallAbsence_6HalfTerms", "a.OverallAbsence_6HalfTerms").replace("s.PA10", "a.PA10")
    elif kind == 2:
        other = f"{how} npd.absence AS s ON s.{KEY} = a.{KEY} AND s.AcademicYear = {c.pick((Y, chr(39) + '2017/2018' + chr(39)))} AND {condition(c, words, 's', 0)}"
    else:
        rows = f"SELECT e.{KEY} AS k, SUM({amount(c, words, 'e', 1)}) AS w FROM npd.absence AS e WHERE e.AcademicYear = {Y} GROUP BY e.{KEY}"
        other = f"{how} ({rows}) AS s ON s.k = a.{KEY}"
        columns += f", {c.pick(('COUNT(s.w)', 'SUM(s.w)', 'AVG(1.0 * s.w)'))} AS joined"
    return f"SELECT {columns} FROM npd.absence AS a {other} WHERE {_where(c, words, pad)}{after}"


OF_NO_TABLE = (
    "(SELECT 'x' AS w) AS s", "(VALUES (1)) AS s (w)", "(SELECT MAX(v.w) AS w FROM (VALUES (1), (2)) AS v (w)) AS s"
)  # fmt: skip
KEYS_OF_SOME = (
    "s.w", "s.w", "CASE WHEN s.w IS NULL THEN a.SENprovision ELSE 'x' END",
    "CASE WHEN s.w IS NOT NULL THEN a.NCyearActual ELSE 'y' END",
)  # fmt: skip


def _joined_computed(c: Choices, words: Words, pad: str) -> str:
    """What a table computes that an outer join finds for some: NULL for all others. The table may read no other."""
    if c.number(3) == 0:
        of_no_table = c.pick(OF_NO_TABLE)
        joined = f"{of_no_table} ON {c.pick(('', 'NOT '))}({condition(c, words, 'a', 1)})"
    else:
        # A value and its rows are drawn from conditions of their own.
        flag = f"CASE WHEN {condition(c, words, 'e', 1)} THEN 1 ELSE 0 END"
        value = c.pick(("1", "'x'", "COALESCE(e.FSMeligible, 0)", flag))
        found = f"SELECT e.{KEY} AS k, {value} AS w FROM npd.absence AS e WHERE e.AcademicYear = {Y} AND {condition(c, words, 'e', 1)}"
        joined = f"({found}) AS s ON s.k = a.{KEY}"
    rows = f"FROM npd.absence AS a LEFT JOIN {joined} WHERE {_where(c, words, pad)}"
    kind = c.number(4)
    if kind == 0:
        key = c.pick(KEYS_OF_SOME)
        keys = c.pick(("{}", "ROLLUP ({})", "CUBE ({}, a.FSMeligible)")).format(key)
        return f"SELECT {key} AS k0, COUNT(*) AS f0{', a.FSMeligible AS k1' * ('FSM' in keys)} {rows} GROUP BY {keys}"
    if kind == 1:
        return f"SELECT COUNT(s.w) AS f0, COUNT(*) AS f1 {rows}"
    return _marked(c, f"s.w IS {c.pick(('', 'NOT '))}NULL", amount(c, words), rows)


def _derived_key(c: Choices, words: Words, pad: str) -> str:
    """Rows by a band of a number, by a figure of the year before, or by a place among the own rows."""
    kind = c.number(4)
    if kind == 0:
        key = f"CASE WHEN a.OverallAbsence_6HalfTerms < {c.pick((5, 10))} THEN 'low' WHEN {condition(c, words)} THEN 'mid' ELSE 'high' END"
        columns, after = _selected(c, words, [key])
        return f"SELECT {columns} FROM npd.absence AS a WHERE {_where(c, words, pad)}{after}"
    where = _where(c, words, pad)
    if kind == 1:
        rows = f"SELECT a.{KEY} AS k, a.SENprovision AS s, a.FSMeligible AS fsm, COUNT(*) OVER (PARTITION BY a.{KEY}) AS x FROM npd.absence AS a WHERE {where}"
    elif kind == 2:
        before = f"LAG({c.pick(('a.SENprovision', 'a.FSMeligible', 'a.MonthOfBirth'))}) OVER (PARTITION BY a.{KEY} ORDER BY a.AcademicYear)"
        rows = f"SELECT a.{KEY} AS k, {before} AS s, a.FSMeligible AS fsm, {amount(c, words)} AS x FROM npd.absence AS a WHERE {where}"
    else:
        rows = f"SELECT a.{KEY} AS k, a.SENprovision AS s, a.FSMeligible AS fsm, ROW_NUMBER() OVER (PARTITION BY a.{KEY} ORDER BY {amount(c, words)}, a.AcademicYear) AS x FROM npd.absence AS a WHERE {where}"
    return _of_rows(c, rows)


def _applied(c: Choices, words: Words, pad: str) -> str:
    """Each row several times, and a mark that decides which of them count."""
    many = 2 + c.number(7)
    values = ", ".join(f"({n})" for n in range(1, many + 1))
    own = c.pick((secret(c, words, "a"), condition(c, words)))
    mark = f"{own} {c.pick(('OR', 'AND'))} v.i {c.pick(('=', '<=', '>'))} {1 + c.number(many)}"
    rows = f"FROM npd.absence AS a {c.pick(('CROSS APPLY', 'CROSS JOIN'))} (VALUES {values}) AS v (i) WHERE {_where(c, words, pad)}"
    return _marked(c, mark, amount(c, words), rows)


def _numbered(c: Choices, words: Words, pad: str) -> str:
    """Rows with their places among the rows of their person, and a mark that reads both."""
    joined = c.pick(("", f" JOIN npd.spring_census AS b ON b.{KEY} = a.{KEY} AND b.AcademicYear IN {ALL_YEARS}"))
    columns = f"a.SENprovision AS s, a.FSMeligible AS fsm, {amount(c, words)} AS x"
    rows = f"SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY a.{KEY} ORDER BY a.AcademicYear) AS r FROM npd.absence AS a{joined} WHERE {_where(c, words, pad)}"
    own = c.pick(("d.fsm = 1", "d.x > 5", "d.s = 'K'"))
    mark = f"{own} {c.pick(('OR', 'AND'))} d.r = {1 + c.number(3)}"
    return _marked(c, mark, "d.x", f"FROM ({rows}) AS d WHERE 1 = 1")


def _marked(c: Choices, mark: str, value: str, rows: str) -> str:
    """Count or add the rows that have a mark: in an argument, by a key, or in WHERE."""
    key = f"CASE WHEN {mark} THEN 'x' ELSE 'y' END"
    return c.pick((
        f"SELECT SUM(CASE WHEN {mark} THEN 1 ELSE 0 END) AS f0 {rows}",
        f"SELECT SUM(CASE WHEN {mark} THEN {value} ELSE 0 END) AS f0 {rows}",
        f"SELECT AVG(CASE WHEN {mark} THEN 1.0 ELSE 0 END) AS f0 {rows}",
        f"SELECT {key} AS k0, COUNT(*) AS f0 {rows} GROUP BY {key}",
        f"SELECT COUNT(*) AS f0 {rows} AND ({mark})",
    ))  # fmt: skip
