"""A researcher tries to isolate a few pupils with two releases, or with one release and public knowledge, through the
workflow on the synthetic NPD. The attacker shares no code with the comparison: the test reads the members of the shown
cells and compares them with everybody in the snapshot's own files."""

import duckdb
import numpy as np
import pytest

from broker.disclosure.differencing.functionals import amounts_of_total
from broker.domain.ports import WorkerPorts
from broker.evidence.member_tables import MemberTable
from broker.workflow.release_history.history_tables import pending_table
from tests.integration.release_history.conftest import PROJECT, made_of, submitted
from tests.one_worker import complete_job, run_job

pytestmark = pytest.mark.long

CENSUS, YEARS, T = "npd.spring_census", (2018, 2019), 10


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The census of two years."""
    return made_of({CENSUS}, range(YEARS[0], YEARS[-1] + 1), 3000, tmp_path_factory.mktemp("attacked"))


RARE, BUT = "{0}.OnRoll = 0 AND {0}.FSMeligible = 1", "({0}.OnRoll <> 0 OR {0}.FSMeligible <> 1)"


def test_the_condition_leaves_out_a_few(made):
    _, stage = made
    vault = stage.vaults.ensure(PROJECT, stage.snapshot)
    (table,) = (t for t in vault.tables if t.name == CENSUS)
    path = vault.evidence / table.paths[table.years.index(YEARS[0])]
    ((all_of, left),) = duckdb.sql(
        f"SELECT count(DISTINCT __p), count(DISTINCT __p) FILTER (OnRoll <> 0 OR FSMeligible <> 1) FROM '{path}'"
    ).fetchall()
    assert 2 <= all_of - left < T


def released_tables(ports: WorkerPorts, text: str) -> list[MemberTable]:
    """The tables of a job as they leave by themselves, or once a checker has approved them."""
    job = submitted(ports, text)
    run_job(ports, job)
    complete_job(ports, job)
    outputs = ports.store.outputs_of(job)
    assert all(o.memory_version is not None for o in outputs)
    kept = [k for o in outputs for k in ports.store.pending_history(o.ident)]
    return [pending_table(ports, k) for k in kept]


def isolated(ports: WorkerPorts, tables: list[MemberTable], years: tuple[int, ...] = YEARS) -> list[str]:
    """What is told of 1 to t-1 persons by one table and everybody of a year."""
    found = []
    for number, table in enumerate(tables):
        persons, cells = table.members.rows()
        for figure in (f for f in table.figures if f.is_count and f.shown):
            given = amounts_of_total(table.members, figure.amount, figure.once)
            shown = [(persons[cells == c], given[cells == c]) for c in figure.shown]
            for year in years:
                least = least_apart(shown, people(ports, table.entry.snapshot, year))
                if least < T:
                    found.append(f"table {number} and everybody of {year}: {least}")
    return found


def least_apart(cells: list[tuple[np.ndarray, np.ndarray]], everybody: np.ndarray) -> int:
    """Of all unions of cells, the fewest persons whom one counts otherwise than once for everybody; not none."""
    size = 1 + max(int(p.max(initial=0)) for p in [everybody, *(p for p, _ in cells)])
    wanted, least = np.bincount(everybody, minlength=size), size + T
    counts = [np.bincount(p, weights=a, minlength=size) for p, a in cells if len(p)]
    assert len(counts) < 16
    for chosen in range(1 << len(counts)):
        added = sum((c for n, c in enumerate(counts) if chosen >> n & 1), np.zeros(size, int))
        apart = int(np.count_nonzero(added != wanted))
        least = min(least, apart or least)
    return least


def people(ports: WorkerPorts, snapshot: str, year: int, where: str = "true") -> np.ndarray:
    (path,) = ports.release_history.populations._data.glob(f"snapshots/{snapshot}/{CENSUS}/{year}.parquet")
    return duckdb.sql(f"SELECT DISTINCT __person FROM '{path}' WHERE {where}").fetchnumpy()["__person"]


FIRST = "a.AcademicYear = '2018/2019'"
KEY = "PupilMatchingRefAnonymous"
WAYS = {
    "the first row of each": """SELECT COUNT(*) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY a.{key}
        ORDER BY a.PHASE) AS r FROM npd.spring_census AS a WHERE {first} AND {but}) AS x WHERE x.r = 1""",
    "grouped by pupil": """SELECT COUNT(*) AS n FROM (SELECT a.{key} AS k, MAX(a.PHASE) AS p
        FROM npd.spring_census AS a WHERE {first} AND {but} GROUP BY a.{key}) AS x""",
    "in two parts": """SELECT COUNT(*) AS n FROM (SELECT a.{key} AS k, MAX(a.PHASE) AS p FROM npd.spring_census AS a
        WHERE {first} AND {but} AND a.Gender = 'F' GROUP BY a.{key} UNION ALL SELECT a.{key} AS k, MAX(a.PHASE) AS p
        FROM npd.spring_census AS a WHERE {first} AND {but} AND (a.Gender IS NULL OR a.Gender <> 'F')
        GROUP BY a.{key}) AS x""",
    "by a subquery": """SELECT COUNT(*) AS n FROM (SELECT a.{key} AS k, MAX(a.PHASE) AS p
        FROM npd.spring_census AS a WHERE {first} AND EXISTS (SELECT 1 FROM npd.spring_census AS b
        WHERE b.AcademicYear = '2018/2019' AND b.{key} = a.{key} AND {inner}) GROUP BY a.{key}) AS x""",
    "two years": """SELECT x.y, COUNT(*) AS n FROM (SELECT a.AcademicYear AS y, a.{key} AS k, MAX(a.PHASE) AS p
        FROM npd.spring_census AS a WHERE a.AcademicYear IN ('2018/2019', '2019/2020') AND NOT ({first} AND {is_rare})
        GROUP BY a.AcademicYear, a.{key}) AS x GROUP BY x.y""",
    "two years, and only what is large": """SELECT x.y, COUNT(*) AS n FROM (SELECT a.AcademicYear AS y, a.{key} AS k,
        MAX(a.PHASE) AS p FROM npd.spring_census AS a WHERE a.AcademicYear IN ('2018/2019', '2019/2020') AND {but}
        GROUP BY a.AcademicYear, a.{key}) AS x GROUP BY x.y HAVING COUNT(*) > 20""",
}  # fmt: skip


def written(way: str) -> str:
    words = {"first": FIRST, "is_rare": RARE.format("a"), "but": BUT.format("a"), "inner": BUT.format("b")}
    words |= {"key": KEY}
    return f"-- output: t\n{WAYS[way].format(**words)}"


@pytest.mark.parametrize("way", WAYS)
def test_one_release_of_all_but_a_few_does_not_isolate_them(town, way):
    assert isolated(town, released_tables(town, written(way))) == []


TWICE = """-- output: t
SELECT {total} AS m FROM npd.spring_census AS a WHERE {first}"""
TOTALS = {
    "a sum": "SUM(CASE WHEN a.FSMeligible = 1 THEN 2 ELSE 1 END)",
    "a sum of large constants": "SUM(CASE WHEN a.FSMeligible = 1 THEN 1001 ELSE 1000 END)",
    "a mean": "AVG(CASE WHEN a.FSMeligible = 1 THEN 2.0 ELSE 1.0 END)",
}
FEWER = """-- output: t
SELECT COUNT(*) AS n FROM npd.spring_census AS a WHERE {first} AND a.FSMeligible = 1 AND a.OnRoll <> 0"""


@pytest.mark.parametrize("way", TOTALS)
def test_a_condition_in_the_constants_of_a_total_is_compared_with_counts(town, way):
    """What a total has beyond one for each row is the count of those whom it counts twice. Then a count of these that
    leaves out a few counts them, too."""
    assert released_tables(town, TWICE.format(total=TOTALS[way], first=FIRST))
    assert town.store.history_entries(), "it has left"
    eligible = people(town, town.store.latest_snapshot().ident, YEARS[0], "FSMeligible = 1")
    for table in released_tables(town, FEWER.format(first=FIRST)):
        persons, cells = table.members.rows()
        shown = np.isin(cells, [c for f in table.figures for c in f.shown])
        apart = len(np.setxor1d(persons[shown], eligible))
        assert not shown.any() or apart == 0 or apart >= T
