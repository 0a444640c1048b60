"""From extracts to evidence: institutions and record keys of cells equal what plain Python counts in the extracts."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.plans.plan import EvidenceNeeds
from broker.domain.ports import SandboxLimits, Vault
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.in_process_engine import InProcessEngine
from broker.policy.files import load_policies
from broker.query import compile_sql
from broker.vault.pseudonyms import owner_salt
from broker.vault.vault_store import VaultStore
from tests.integration.vault.conftest import CATALOGUE, ONE, Owner, owner_of, rows
from tests.policy_sets import TEST_POLICIES

LIMITS = SandboxLimits(60, 2**30, 2**20, 10, 64, 2, 2**20)
LARGE = load_policies(TEST_POLICIES).service

PUPILS = [(i, 100000 + (i * i) % 7 if i % 11 else None, "M" if i % 2 else "F", i % 4 == 0) for i in range(60)]
"""(number, school or none, gender, FSM) of each pupil in 2019; in 2018 everybody is one school further."""

pytestmark = pytest.mark.long
SCORES = {i: i % 13 + 0.25 for i in range(50)}


def drawn() -> dict[str, str]:
    def census(year: int) -> str:
        rows = ", ".join(
            f"('P{i}', '{year}/{year + 1}', 'U{i}', 'N{i}', NULL::INT, '{g}', {int(f)}, "
            f"{'NULL::INT' if s is None else s + 2019 - year}, 201)"
            for i, s, g, f in PUPILS
        )
        names = "PMR, AcademicYear, UPN, Surname, RecordStatus, Gender, FSM, URN, LA"
        return f"SELECT * FROM (VALUES {rows}) t({names})"

    scores = ", ".join(f"('P{i}', '2019/2020', 1, {x}, 'AUTUMN', DATE '2019-09-01', 0.5)" for i, x in SCORES.items())
    names = "PMR, AcademicYear, RecordStatus, Score, Term, Start, Distance"
    return {
        "npd.census/2018": census(2018),
        "npd.census/2019": census(2019),
        "npd.attainment/2019": f"SELECT * FROM (VALUES {scores}) t({names})",
        "leo.ae_pmr/all": "SELECT 9000 + i AE_ID, 'P' || i PMR FROM range(30) t(i)",
        "ref.schools/all": "SELECT 100000 + i URN, 201 + i LA FROM range(9) t(i)",
    }


@pytest.fixture(scope="module")
def owner(draw, tmp_path_factory) -> Owner:
    return owner_of(draw, tmp_path_factory.mktemp("data"), drawn())


def run(vault: Vault, text: str, needs: EvidenceNeeds) -> dict[Any, tuple[CellEvidence, StatisticEvidence]]:
    """Of a query: each cell by its key, or by `all`, with the evidence of its first statistic."""
    plan = compile_sql(text, "duckdb", CATALOGUE, ONE, LARGE, in_parts=False).plan
    engine = DuckDBEngine()
    frames = InProcessEngine().run(engine.prepare(plan, vault, "j", 1, LIMITS, needs)).frames
    (evidence,) = engine.read(plan, frames, needs).outputs
    first = plan.outputs[0].tables[0].statistics[0].ident
    return {cell.keys[0] if cell.keys else "all": (cell, cell.statistics[first]) for cell in evidence.tables[0].cells}


def school_of(i: int, year: int) -> int | None:
    school = PUPILS[i][1]
    return None if school is None else school + 2019 - year


def spread(pairs: list[tuple[int | None, float]]) -> tuple[int, float, float]:
    """Institutions, and the totals of the two largest; what has no institution may be of the largest."""
    totals: dict[int, float] = defaultdict(float)
    for school, amount in pairs:
        if school is not None:
            totals[school] += amount
    ordered = sorted(totals.values(), reverse=True)
    return len(totals), ordered[0] + sum(a for s, a in pairs if s is None), ordered[1]


INSTITUTIONS, KEYS = EvidenceNeeds(10, institutions=True), EvidenceNeeds(10, record_keys=True)
LATE, EARLY = "AcademicYear = '2019/2020'", "AcademicYear = '2018/2019'"
ALL = "SELECT COUNT(*) AS n FROM npd.census WHERE AcademicYear IN ('2018/2019', '2019/2020')"
OF_2019 = f"SELECT COUNT(*) AS n FROM npd.census WHERE {LATE}"
SCORED = f"""SELECT c.Gender, SUM(a.Score) AS s FROM npd.census AS c JOIN npd.attainment AS a ON a.PMR = c.PMR
WHERE c.{LATE} GROUP BY c.Gender"""


def test_institutions_of_a_cell_are_those_of_its_rows_in_all_years(one):
    """Two years: a pupil counts once, a school once in both. Rows without a school may be of the largest."""
    cell, told = run(one, ALL, INSTITUTIONS)["all"]
    rows = [(i, school_of(i, year)) for i, *_ in PUPILS for year in (2018, 2019)]
    institutions, largest, _ = spread([(s, 1.0) for _, s in set(rows)])
    assert (cell.institutions, cell.largest_institution) == (institutions, largest)
    _, most, second = spread([(s, 1.0) for _, s in rows])
    assert (told.institution_largest, told.institution_second) == (most, second)


def test_totals_of_institutions_where_the_rows_start_from_pupils_with_a_school(one):
    """Attainment has no school of its own: joined to the census, its scores are of the census's schools."""
    cells = run(one, SCORED, INSTITUTIONS)
    for gender in ("F", "M"):
        cell, told = cells[gender]
        found = (cell.institutions, float(told.institution_largest), float(told.institution_second))
        assert found == spread([(school_of(i, 2019), x) for i, x in SCORES.items() if PUPILS[i][2] == gender])


def test_a_filter_by_the_school_of_another_scan_leaves_one_institution(one):
    """Who was in one school in 2018 are pupils of one school, whatever school the rows start from."""
    cells = run(one, f"""SELECT c.Gender, COUNT(*) AS n FROM npd.census AS c JOIN npd.census AS b ON b.PMR = c.PMR
        WHERE c.{LATE} AND b.{EARLY} AND b.URN < 100002 GROUP BY c.Gender""", INSTITUTIONS)  # fmt: skip
    assert {cell.institutions for cell, _ in cells.values()} == {1}


def test_an_outer_join_discloses_no_school_of_rows_without_a_match(one):
    """Some pupils of a cell have a row more, all of one school: the cell has the schools that its own rows have."""
    joined = f"""SELECT COUNT(*) AS n FROM npd.census AS c LEFT JOIN
        (SELECT PMR FROM npd.census WHERE {EARLY} AND URN < 100002) AS b ON b.PMR = c.PMR WHERE c.{LATE}"""
    alone, beside = (run(one, text, INSTITUTIONS)["all"][0] for text in (OF_2019, joined))
    assert (beside.institutions, beside.largest_institution) == (alone.institutions, alone.largest_institution)
    assert run(one, joined.replace("LEFT JOIN", "JOIN"), INSTITUTIONS)["all"][0].institutions == 1


def test_years_that_are_united_are_one_table(one):
    """UNION ALL of two years: schools and pupils are as in one scan of both; of two tables they cannot be counted."""
    united = f"""SELECT COUNT(*) AS n FROM (SELECT PMR, URN FROM npd.census WHERE {EARLY}
        UNION ALL SELECT PMR, URN FROM npd.census WHERE {LATE}) AS u"""
    mixed = f"""SELECT COUNT(*) AS n FROM (SELECT PMR FROM npd.census WHERE {EARLY}
        UNION ALL SELECT PMR FROM npd.attainment) AS u"""
    cell, told = run(one, united, INSTITUTIONS)["all"]
    whole, statistic = run(one, ALL, INSTITUTIONS)["all"]
    assert (replace(cell, statistics={}), told) == (replace(whole, statistics={}), statistic)
    assert run(one, mixed, INSTITUTIONS)["all"][0].institutions is None


def test_schools_are_lost_in_a_group_below_and_keys_are_not(one):
    """A group of the link key: one row a pupil, whatever schools the pupil's rows are of."""
    grouped = f"SELECT COUNT(*) AS n FROM ({ALL.replace('COUNT(*) AS n', 'PMR')} GROUP BY PMR) AS u"
    cell, _ = run(one, grouped, EvidenceNeeds(10, True, True))["all"]
    assert (cell.institutions, cell.largest_institution, cell.persons) == (None, None, len(PUPILS))
    assert cell.cell_key == run(one, ALL, KEYS)["all"][0].cell_key


@pytest.mark.parametrize("more", ["", " JOIN npd.attainment AS b ON a.PMR = b.PMR"])
def test_where_no_school_is_granted_institutions_are_unknown(one, more):
    cell, told = run(one, f"SELECT SUM(a.Score) AS s FROM npd.attainment AS a{more}", INSTITUTIONS)["all"]
    assert (cell.institutions, cell.largest_institution) == (None, None)
    assert (told.institution_largest, told.institution_second) == (None, None)


def key_of(data: Path, number: int) -> int:
    secret = owner_salt(data / "private", "record keys")
    return int(hashlib.sha256(f"{secret}:{number}".encode()).hexdigest()[:8], 16)


def record_keys(keeper: VaultStore, vault: Vault, table: str) -> dict[Any, Any]:
    """Record keys by global number, as a table's files hold them."""
    numbers = dict(rows(f"SELECT __p, global FROM read_parquet('{keeper.person_map(vault)}')"))
    found: dict[Any, Any] = {}
    for path in sorted((vault.evidence / table).glob("*.parquet")):
        for p, k in rows(f"SELECT DISTINCT __p, __k FROM read_parquet('{path}')"):
            assert found.setdefault(numbers[p], k) == k
    return found


def test_a_record_key_is_the_owners_and_the_same_in_every_project_and_snapshot(one, two, keeper, data, draw):
    first = record_keys(keeper, one, "npd.census")
    assert first == {number: key_of(data, number) for number in first}
    assert len(set(first.values())) == len(first) == len(PUPILS)
    assert record_keys(keeper, two, "npd.census") == first
    later = drawn() | {"swc.staff/2019": "SELECT 'S' || i StaffRef, 2019 CensusYear, 1.5 Pay FROM range(20) t(i)"}
    again = owner_of(draw, data, later).vault("ONE")
    assert again.snapshot != one.snapshot
    assert record_keys(keeper, again, "npd.census") == first


def test_a_school_has_one_number_in_a_project_and_another_in_the_next(one, two, data, policies):
    """Numbers run from 1 without order; 0 stands for no school, and for one that is not granted (project TWO)."""
    pairs = f"SELECT DISTINCT URN, __i FROM read_parquet('{one.evidence}/npd.census/20*.parquet') WHERE URN IS NOT NULL"
    numbers = dict(rows(pairs))
    schools = {school_of(i, y) for i in range(len(PUPILS)) for y in (2018, 2019)} - {None}
    assert len(rows(pairs)) == len(numbers) == len(schools)
    assert sorted(numbers.values()) == list(range(1, len(schools) + 1))
    none = f"SELECT DISTINCT __i FROM read_parquet('{one.evidence}/npd.census/2018.parquet') WHERE URN IS NULL"
    assert rows(none) == [(0,)]
    ungranted = two.evidence
    assert rows(f"SELECT DISTINCT __i FROM read_parquet('{ungranted}/npd.census/2018.parquet')") == [(0,)]
    (granted,) = (p for p in policies.projects if p.ident == "ONE")
    more = replace(policies, projects=(replace(granted, ident="OTHER"),))
    other = VaultStore(data, lambda: more).ensure("OTHER", one.snapshot)
    assert dict(rows(pairs.replace(str(one.evidence), str(other.evidence)))) != numbers


def test_cell_keys_are_sums_over_distinct_persons(one, data):
    """Two rows of a pupil add the key once; a count of ones has the keys of its ones, of the rest, and of both."""
    persons = f"SELECT key, number FROM read_parquet('{data}/private/persons.parquet') WHERE domain = 'pmr'"
    keys = {int(key[1:]): key_of(data, number) for key, number in rows(persons)}

    def together(pupils: Iterable[int]) -> int:
        return sum(keys[i] for i in pupils) % 2**32

    whole, told = run(one, ALL, KEYS)["all"]
    assert whole.cell_key == told.cell_key == together(keys)
    assert (whole.institutions, told.rest_key) == (None, None)
    girls = [i for i, _, g, _ in PUPILS if g == "F"]
    ones = OF_2019.replace("COUNT(*)", "SUM(CASE WHEN Gender = 'F' THEN 1 ELSE 0 END)")
    _, told = run(one, ones, KEYS)["all"]
    assert told.cell_key == together(girls)
    assert told.rest_key == together(set(keys) - set(girls))
    assert told.whole_key == together(keys)
    assert run(one, SCORED, KEYS)["F"][1].cell_key == together(set(girls) & set(SCORES))
