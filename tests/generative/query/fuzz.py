"""Broken submissions by the thousand through the path of `broker check`: always a verdict, soon, in little memory.

A script of its own, so that memory is that of the check alone: `python fuzz.py SEED COUNT` prints figures as JSON.
"""

# ruff: noqa: E501 - one figure a line reads as a table

import json
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TOKEN = re.compile(r"'(?:[^']|'')*'|[A-Za-z_@#][\w@#]*|[0-9.]+|\s+|<>|>=|<=|::|.", re.DOTALL)
TODAY = date(2026, 11, 24)
AGAIN = 9
HANGS_AFTER = 5
"""Seconds of processor time, whatever else the machine does, after which a check is stopped, so that one that never
ends is told like any other fault."""


class Hang(Exception):
    """A check did not end."""


def peak_megabytes() -> int:
    """The most memory that this process held. `ru_maxrss` would count what its parent held when it was started."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def _stop(_: int, __: object) -> None:
    raise Hang


KEYWORDS = [
    "SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "ORDER", "TOP", "DISTINCT", "UNION", "ALL", "EXCEPT",
    "INTERSECT", "JOIN", "LEFT", "FULL", "OUTER", "CROSS", "APPLY", "LATERAL", "ON", "AND", "OR", "NOT", "IN",
    "EXISTS", "BETWEEN", "LIKE", "IS", "NULL", "CASE", "WHEN", "THEN", "ELSE", "END", "AS", "WITH", "OVER",
    "PARTITION", "ROWS", "UNBOUNDED", "PRECEDING", "GROUPING", "SETS", "ROLLUP", "CUBE", "PIVOT", "UNPIVOT", "VALUES",
    "INTO", "INSERT", "UPDATE", "DELETE", "DROP", "TABLE", "DECLARE", "SET", "EXEC", "GO", "IF", "BEGIN", "WHILE",
    "PRINT", "USE", "CAST", "CONVERT", "TRY_CAST", "COALESCE", "NULLIF", "COUNT", "SUM", "AVG", "MIN", "MAX",
    "ROW_NUMBER", "RANK", "NTILE", "LAG", "LEAD", "PERCENTILE_CONT", "WITHIN", "FILTER", "QUALIFY", "LIMIT", "OFFSET",
    "FETCH", "FOR", "XML", "JSON", "OPTION", "TABLESAMPLE", "COLLATE", "ESCAPE", "ANY", "SOME", "STRUCT", "ARRAY",
    "MAP", "LIST", "UNNEST", "EXCLUDE", "REPLACE", "COLUMNS", "USING", "NATURAL", "SEMI", "ANTI", "ASOF", "RECURSIVE",
    "MATERIALIZED", "#t", "@x", "::", "->", "=>", "[", "]", "{", "}", ";", ",", ".", "*", "?", "$1", "||", "--", "/*",
    "*/", "'", '"',
]  # fmt: skip
STRANGE = [
    "\u202e", "\u00e9", "\U0001f600", "\u0000", "\ud800", "\u00a0", "\ufeff", "\u212a", "\u0130", "\u200b", "\uff07",
    "\x85", "\r", "\t", "\\",
]  # fmt: skip
NUMBERS = [
    "0", "-1", "1e308", "1e400", "9" * 40, "0.0000000000000000000001", "0x7f", "1_000", "99999999999999999999", "1.", ".5",
    "00", "2147483648",
]  # fmt: skip


def seeds_of_text(count: int) -> list[str]:
    """The sample submissions, and generated queries."""
    from shapes import sample

    found = []
    for name, mark in (("queries.sql", r"-- @@ .*\n"), ("hostile_sql.txt", r"@@ .*\n")):
        blocks = re.split(mark, (ROOT / "tests" / "fixtures" / name).read_text())[1:]
        found += [b.strip() for b in blocks if not b.startswith("GEN:")]
    return found + [sample(i).text for i in range(count)]


def mutate(text: str, pool: list[str], rng: Random) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        tokens = TOKEN.findall(text) or [" "]
        text = "".join(rng.choice(MUTATIONS)(tokens, pool, rng))
    return text


def _at(tokens: list[str], rng: Random) -> int:
    return rng.randrange(len(tokens))


def _swap(t: list[str], _: list[str], rng: Random) -> list[str]:
    a, b = _at(t, rng), _at(t, rng)
    t[a], t[b] = t[b], t[a]
    return t


def _delete(t: list[str], _: list[str], rng: Random) -> list[str]:
    a = _at(t, rng)
    return t[:a] + t[a + rng.choice((1, 1, 2, 5, 20)) :]


def _double(t: list[str], _: list[str], rng: Random) -> list[str]:
    a = _at(t, rng)
    b = min(len(t), a + rng.choice((1, 3, 10, 40)))
    return t[:b] + t[a:b] * rng.choice((1, 1, 2, 30)) + t[b:]


def _brackets(t: list[str], _: list[str], rng: Random) -> list[str]:
    a, n = _at(t, rng), rng.choice((1, 2, 30, 59, 61, 400))
    opening = rng.choice(("(", "((", "CASE WHEN 1=1 THEN ", "[", "NOT ", "-", "SELECT (", "f(", "+("))
    return [*t[:a], opening * n, *t[a : a + 3], (")" * n if rng.random() < 0.6 else ""), *t[a + 3 :]]


def _splice(t: list[str], _: list[str], rng: Random) -> list[str]:
    a = _at(t, rng)
    return [*t[:a], " ", *(f"{rng.choice(KEYWORDS)} " for _ in range(rng.choice((1, 1, 2, 4)))), *t[a:]]


def _replace(t: list[str], _: list[str], rng: Random) -> list[str]:
    t[_at(t, rng)] = rng.choice(KEYWORDS)
    return t


def _strange(t: list[str], _: list[str], rng: Random) -> list[str]:
    a = _at(t, rng)
    return [*t[:a], rng.choice(STRANGE) * rng.choice((1, 1, 200)), *t[a:]]


def _number(t: list[str], _: list[str], rng: Random) -> list[str]:
    places = [i for i, x in enumerate(t) if x[0].isdigit()] or [_at(t, rng)]
    t[rng.choice(places)] = rng.choice(NUMBERS)
    return t


def _cut(t: list[str], _: list[str], rng: Random) -> list[str]:
    text = "".join(t)
    return [text[: rng.randrange(len(text) + 1)]]


def _graft(t: list[str], pool: list[str], rng: Random) -> list[str]:
    """A piece of another text: the way to near-valid queries of a new shape."""
    other = TOKEN.findall(rng.choice(pool)) or [" "]
    a, b = _at(t, rng), _at(other, rng)
    return t[:a] + other[b : b + rng.choice((1, 2, 8, 30))] + t[a:]


def _rename(t: list[str], pool: list[str], rng: Random) -> list[str]:
    """A word for another word of another text."""
    words = [w for w in TOKEN.findall(rng.choice(pool)) if w[0].isalpha()] or ["x"]
    places = [i for i, x in enumerate(t) if x[0].isalpha()] or [_at(t, rng)]
    t[rng.choice(places)] = rng.choice(words)
    return t


MUTATIONS: list[Callable[[list[str], list[str], Random], list[str]]] = [
    _swap, _delete, _double, _brackets, _splice, _replace, _strange, _number, _cut, _graft, _graft, _rename, _rename,
]  # fmt: skip
LARGE = {
    "a megabyte of text": "SELECT COUNT(*) AS n FROM npd.absence WHERE LA = 1 " + "OR LA = 1 " * 105_000,
    "a megabyte of one literal": "SELECT '" + "x" * 1_048_576,
    "10,000 brackets": "SELECT " + "(" * 10_000 + "1" + ")" * 10_000,
    "10,000 brackets that are not closed": "(" * 10_000,
    "10,000 CASE": "SELECT " + "CASE WHEN 1 = 1 THEN " * 10_000,
    "10,000 NOT": "SELECT COUNT(*) AS n FROM npd.absence WHERE " + "NOT " * 10_000 + "LA = 1",
    "10,000 minus": "SELECT COUNT(*) AS n FROM npd.absence WHERE LA = " + "- " * 10_000 + "1",
    "5,000 unions": " UNION ALL ".join(["SELECT 1"] * 5_000),
    "3,000 conditions": "SELECT COUNT(*) AS n FROM npd.absence WHERE " + " OR ".join(["LA = 1"] * 3_000),
    "doubling WITH": "WITH t0 AS (SELECT LA FROM npd.absence)"
    + "".join(f", t{i} AS (SELECT a.LA FROM t{i - 1} a, t{i - 1} b)" for i in range(1, 40))
    + " SELECT COUNT(*) AS n FROM t39",
    "subqueries without a name": "SELECT COUNT(*) AS n, AVG(1.0 * FSMeligible) OVER (PARTITION BY LASELECT "
    + "(SELECT " * 29 + "LA" + ") FROM npd.absence" * 29 + ") AS k FROM npd.absence",
    "doubling columns": "WITH t0 AS (SELECT LA AS a, LA AS b FROM npd.absence)"
    + "".join(f", t{i} AS (SELECT a + b AS a, b + a AS b FROM t{i - 1})" for i in range(1, 40))
    + " SELECT SUM(a) AS n FROM t39",
}  # fmt: skip


def main(seed: int, count: int) -> dict[str, object]:
    sys.path[:0] = [str(HERE), str(HERE.parents[1] / "spec" / "query"), str(ROOT)]
    from broker.domain.jobs.job import JobKind
    from broker.domain.sql_dialects import SQL_DIALECTS
    from broker.policy.files import load_policies
    from broker.workflow.checking.submission_check import check_submission
    from tests.policy_sets import TEST_POLICIES

    policies = load_policies(TEST_POLICIES)
    projects = [p for p in (policies.project("P0421"), policies.project("FIXTURE")) if p is not None]
    signal.signal(signal.SIGPROF, _stop)
    rng, pool = Random(seed), seeds_of_text(400)
    verdicts: Counter[str] = Counter()
    faults: list[dict[str, object]] = []
    slowest = slowest_wall = 0.0
    slow: list[str] = []

    def check(text: str, dialect: str, project: int) -> float:
        """Its processor time: what else the machine does makes it longer and never shorter, so that of what seems slow
        the least of a few times is told."""
        nonlocal slowest, slowest_wall
        took, wall = once(text, dialect, project)
        for _ in range(AGAIN):
            if took <= 1:
                break
            time.sleep(1)  # until what slows the machine is over
            took, wall = min((took, wall), once(text, dialect, project))
        slowest, slowest_wall = max(slowest, took), max(slowest_wall, wall)
        if took > 1:
            slow.append(text[:2000])
        return took

    def once(text: str, dialect: str, project: int) -> tuple[float, float]:
        began, wall = time.process_time(), time.perf_counter()
        signal.setitimer(signal.ITIMER_PROF, HANGS_AFTER)
        try:
            checked = check_submission(text, JobKind.SQL, dialect, projects[project], policies, TODAY)
            verdicts["accepted" if checked.accepted else checked.refusals[0].code] += 1
            for bare in (r.code for r in checked.refusals if not (r.code and r.message and r.advice)):
                faults.append({"fault": f"refusal {bare} without sentence or advice", "text": text[:2000]})
        except Exception as error:
            told = f"{type(error).__name__}: {error}"[:200]
            faults.append({"fault": told, "dialect": dialect, "project": project, "text": text[:2000]})
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return time.process_time() - began, time.perf_counter() - wall

    for _ in range(count):
        check(mutate(rng.choice(pool), pool, rng), rng.choice(SQL_DIALECTS), rng.randrange(2))
    fuzzed = slowest
    large = {name: round(max(check(text, d, 0) for d in SQL_DIALECTS), 3) for name, text in LARGE.items()}
    return {
        "submissions": count, "accepted": verdicts["accepted"], "codes": len(verdicts), "tracebacks_and_faults": len(faults),
        "faults": faults[:20], "slow": slow[:5], "slowest_cpu_seconds": round(fuzzed, 3), "slowest_wall_seconds": round(slowest_wall, 3),
        "rss_megabytes": peak_megabytes(), "large": large,
    }  # fmt: skip


if __name__ == "__main__":
    json.dump(main(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
