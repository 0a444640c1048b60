"""From extracts to evidence: institutions and record keys of cells equal what plain Python counts in the extracts."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from broker.domain.errors import Breach
from broker.domain.evidence import CellEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Aggregate, Filter, Join, JoinHow, Relation, Scan, ScanColumn, TableRef, Union
from broker.domain.plans.plan import EvidenceNeeds, GroupKey, Plan, PlannedOutput, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, ScalarType
from broker.domain.ports import SandboxLimits, Vault
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.hardened_duckdb import result_statement
from broker.policy.data_catalogue import Catalogue
from broker.policy.policy_set import PolicySet
from broker.vault.ingest import ingest
from broker.vault.pseudonyms import owner_salt
from broker.vault.vault_store import VaultStore
from tests.integration.vault.conftest import NOW

LIMITS = SandboxLimits(60, 2**30, 2**20, 10, 64, 2, 2**20)
Extracts = dict[str, str]
Draw = Callable[[Extracts], Path]
Rows = Callable[[str], list[tuple[Any, ...]]]
BOTH = frozenset({2018, 2019})

PUPILS = [(i, 100000 + (i * i) % 7 if i % 11 else None, "M" if i % 2 else "F", i % 4 == 0) for i in range(60)]
"""(number, school or none, gender, FSM) of each pupil in 2019; in 2018 everybody is one school further."""

pytestmark = pytest.mark.long
SCORES = {i: i % 13 + 0.25 for i in range(50)}


def drawn() -> Extracts:
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


@pytest.fixture
def keeper(data: Path, policies: PolicySet) -> VaultStore:
    return VaultStore(data, lambda: policies)


@pytest.fixture
def one(draw: Draw, data: Path, catalogue: Catalogue, keeper: VaultStore) -> Vault:
    return keeper.ensure("ONE", ingest(draw(drawn()), data, catalogue, NOW).ident)


def census(first: int, years: frozenset[int]) -> Filter:
    """Columns from `first` on: Gender, URN; the person is `first` + 9."""
    names = {"Gender": ScalarType.TEXT, "URN": ScalarType.INT, "AcademicYear": ScalarType.TEXT}
    columns = tuple(ScanColumn(first + n, name, kind) for n, (name, kind) in enumerate(names.items()))
    year = ColumnRef(first + 2, ScalarType.TEXT)
    written = [Call("equal", (year, Literal(f"{y}/{y + 1}", ScalarType.TEXT)), ScalarType.TRUTH) for y in sorted(years)]
    scan = Scan("npd.census", columns, first + 9, years)
    return Filter(scan, Call("or", tuple(written), ScalarType.TRUTH) if len(written) > 1 else written[0])


ATTAINMENT = Scan("npd.attainment", (ScanColumn(20, "Score", ScalarType.DECIMAL),), 29, frozenset({2019}))


def joined(left: Relation, person: int, right: Relation, other: int) -> Join:
    on = Call("equal", (ColumnRef(person, ScalarType.INT), ColumnRef(other, ScalarType.INT)), ScalarType.TRUTH)
    return Join(left, right, JoinHow.INNER, on, person)


SCORED = joined(census(1, frozenset({2019})), 10, ATTAINMENT, 29)


def planned(relation: Relation, person: int, *statistics: PlannedStatistic, by: int | None = 1) -> PlannedTable:
    """By gender, or all in one cell."""
    expression = Literal("all", ScalarType.TEXT) if by is None else ColumnRef(by, ScalarType.TEXT)
    key = GroupKey(40, expression, ScalarType.TEXT, None, None)
    return PlannedTable(relation, person, (key,), statistics)


def run(
    vault: Vault,
    table: PlannedTable,
    needs: EvidenceNeeds,
    change: Callable[[pa.Table], pa.Table] = lambda found: found,
) -> dict[Any, CellEvidence]:
    """Cells by their first key, through the engine's own request and reading; no sandbox."""
    plan = Plan((PlannedOutput("table", "pupil", (table,), TableRef(0), ()),), ())
    ((_, payload),) = DuckDBEngine().prepare(plan, vault, "j", 1, LIMITS, needs).frames
    frame = json.loads(payload)
    with duckdb.connect() as con:
        for mounted in frame["tables"]:
            files = [str(vault.evidence / path) for path in mounted["paths"]]
            con.execute(f'CREATE SCHEMA IF NOT EXISTS "{mounted["schema"]}"')
            con.execute(f'CREATE VIEW "{mounted["schema"]}"."{mounted["name"]}" AS FROM read_parquet({files})')
        found = change(con.sql(result_statement(con, frame["statements"][0])).to_arrow_table())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    (evidence,) = DuckDBEngine().read(plan, [("table", bytes(sink.getvalue()))], needs).outputs
    return {cell.keys[0]: cell for cell in evidence.tables[0].cells}


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


COUNT = PlannedStatistic(50, Measure.COUNT_ROWS, None, ScalarType.INT)
SUM = PlannedStatistic(51, Measure.SUM, ColumnRef(20, ScalarType.DECIMAL), ScalarType.DECIMAL)


def test_institutions_of_a_cell_are_those_of_its_rows_in_all_years(one: Vault) -> None:
    """Two years: a pupil counts once, a school once in both. Rows without a school may be of the largest."""
    cell = run(one, planned(census(1, BOTH), 10, COUNT, by=None), EvidenceNeeds(10, institutions=True))["all"]
    rows = [(i, school_of(i, year)) for i, *_ in PUPILS for year in BOTH]
    institutions, largest, _ = spread([(s, 1.0) for _, s in set(rows)])
    assert (cell.institutions, cell.largest_institution) == (institutions, largest)
    _, most, second = spread([(s, 1.0) for _, s in rows])
    told = cell.statistics[50]
    assert (told.institution_largest, told.institution_second) == (most, second)


def test_totals_of_institutions_where_the_rows_start_from_pupils_with_a_school(one: Vault) -> None:
    """Attainment has no school of its own: joined to the census, its scores are of the census's schools."""
    table = planned(SCORED, 10, SUM)
    cells = run(one, table, EvidenceNeeds(10, institutions=True))
    for gender in ("F", "M"):
        pairs = [(school_of(i, 2019), x) for i, x in SCORES.items() if PUPILS[i][2] == gender]
        told = cells[gender].statistics[51]
        found = (cells[gender].institutions, float(told.institution_largest), float(told.institution_second))  # type: ignore[arg-type]
        assert found == spread(pairs)


def test_a_filter_by_the_school_of_another_scan_leaves_one_institution(one: Vault) -> None:
    """Who was in one school in 2018 are pupils of one school, whatever school the rows start from."""
    earlier = Filter(
        joined(census(1, frozenset({2019})), 10, census(60, frozenset({2018})), 69),
        Call("less", (ColumnRef(61, ScalarType.INT), Literal(100002, ScalarType.INT)), ScalarType.TRUTH),
    )
    cells = run(one, planned(earlier, 10, COUNT), EvidenceNeeds(10, institutions=True))
    assert {cell.institutions for cell in cells.values()} == {1}


def early(person: int) -> Filter:
    """Rows of 2018 of the pupils of the school with the lowest number that year."""
    school = ColumnRef(person - 8, ScalarType.INT)
    return Filter(
        census(person - 9, frozenset({2018})), Call("less", (school, Literal(100002, ScalarType.INT)), ScalarType.TRUTH)
    )


def test_an_outer_join_discloses_no_school_of_rows_without_a_match(one: Vault) -> None:
    """Some pupils of a cell have a row more, all of one school: the cell has the schools that its own rows have."""
    needs = EvidenceNeeds(10, institutions=True)
    inner = joined(census(1, frozenset({2019})), 10, early(69), 69)
    alone = run(one, planned(census(1, frozenset({2019})), 10, COUNT, by=None), needs)["all"]
    beside = run(one, planned(replace(inner, how=JoinHow.LEFT), 10, COUNT, by=None), needs)["all"]
    assert (beside.institutions, beside.largest_institution) == (alone.institutions, alone.largest_institution)
    assert run(one, planned(inner, 10, COUNT, by=None), needs)["all"].institutions == 1


def test_years_that_are_united_are_one_table(one: Vault) -> None:
    """UNION ALL of two years: schools and pupils are as in one scan of both; of two tables they cannot be counted."""
    needs = EvidenceNeeds(10, institutions=True)
    parts = (census(1, frozenset({2018})), census(60, frozenset({2019})))
    united = run(one, planned(Union(parts, (), (90, (10, 69))), 90, COUNT, by=None), needs)["all"]
    assert united == run(one, planned(census(1, BOTH), 10, COUNT, by=None), needs)["all"]
    mixed = Union((parts[0], ATTAINMENT), (), (90, (10, 29)))
    assert run(one, planned(mixed, 90, COUNT, by=None), needs)["all"].institutions is None


def test_schools_are_lost_in_a_group_below_and_keys_are_not(one: Vault) -> None:
    """γ with the link key: one row a pupil, whatever schools the pupil's rows are of."""
    key = ColumnRef(10, ScalarType.INT)
    pupils = Aggregate(census(1, BOTH), ((80, key),), (), 10, 90)
    cell = run(one, planned(pupils, 90, COUNT, by=None), EvidenceNeeds(10, True, True))["all"]
    assert (cell.institutions, cell.largest_institution, cell.persons) == (None, None, len(PUPILS))
    whole = run(one, planned(census(1, BOTH), 10, COUNT, by=None), EvidenceNeeds(10, record_keys=True))["all"]
    assert cell.cell_key == whole.cell_key


@pytest.mark.parametrize(
    "relation", [ATTAINMENT, joined(ATTAINMENT, 29, replace(ATTAINMENT, person=39, columns=()), 39)]
)
def test_where_no_school_is_granted_institutions_are_unknown(one: Vault, relation: Relation) -> None:
    cell = run(one, planned(relation, 29, SUM, by=None), EvidenceNeeds(10, institutions=True))["all"]
    told = cell.statistics[51]
    assert (cell.institutions, cell.largest_institution) == (None, None)
    assert (told.institution_largest, told.institution_second) == (None, None)


def global_numbers(keeper: VaultStore, vault: Vault, rows: Rows) -> dict[Any, Any]:
    return dict(rows(f"SELECT __p, global FROM read_parquet('{keeper.person_map(vault)}')"))


def key_of(data: Path, number: int) -> int:
    secret = owner_salt(data / "private", "record keys")
    return int(hashlib.sha256(f"{secret}:{number}".encode()).hexdigest()[:8], 16)


def record_keys(keeper: VaultStore, vault: Vault, table: str, rows: Rows) -> dict[Any, Any]:
    """Record keys by global number, as a table's files hold them."""
    numbers = global_numbers(keeper, vault, rows)
    found: dict[Any, Any] = {}
    for path in sorted((vault.evidence / table).glob("*.parquet")):
        for p, k in rows(f"SELECT DISTINCT __p, __k FROM read_parquet('{path}')"):
            assert found.setdefault(numbers[p], k) == k
    return found


def test_a_record_key_is_the_owners_and_the_same_in_every_project_and_snapshot(
    one: Vault, keeper: VaultStore, data: Path, draw: Draw, catalogue: Catalogue, rows: Rows
) -> None:
    two = keeper.ensure("TWO", one.snapshot)
    first = record_keys(keeper, one, "npd.census", rows)
    assert first == {number: key_of(data, number) for number in first}
    assert len(set(first.values())) == len(first) == len(PUPILS)
    assert record_keys(keeper, two, "npd.census", rows) == first
    later = drawn() | {"swc.staff/2019": "SELECT 'S' || i StaffRef, 2019 CensusYear, 1.5 Pay FROM range(20) t(i)"}
    again = keeper.ensure("ONE", ingest(draw(later), data, catalogue, NOW).ident)
    assert again.snapshot != one.snapshot
    assert record_keys(keeper, again, "npd.census", rows) == first


def test_keys_and_numbers_of_institutions_are_in_no_file_of_scripts(one: Vault) -> None:
    for path in one.script.rglob("*.parquet"):
        assert not {"__i", "__k", "__p"} & set(parquet.read_schema(path).names)


def test_a_school_has_one_number_in_a_project_and_another_in_the_next(
    one: Vault, keeper: VaultStore, data: Path, policies: PolicySet, rows: Rows
) -> None:
    """Numbers run from 1 without order; 0 stands for no school, and for one that is not granted (project TWO)."""
    pairs = f"SELECT DISTINCT URN, __i FROM read_parquet('{one.evidence}/npd.census/20*.parquet') WHERE URN IS NOT NULL"
    numbers = dict(rows(pairs))
    schools = {school_of(i, y) for i in range(len(PUPILS)) for y in BOTH} - {None}
    assert len(rows(pairs)) == len(numbers) == len(schools)
    assert sorted(numbers.values()) == list(range(1, len(schools) + 1))
    none = f"SELECT DISTINCT __i FROM read_parquet('{one.evidence}/npd.census/2018.parquet') WHERE URN IS NULL"
    assert rows(none) == [(0,)]
    ungranted = keeper.ensure("TWO", one.snapshot).evidence
    assert rows(f"SELECT DISTINCT __i FROM read_parquet('{ungranted}/npd.census/2018.parquet')") == [(0,)]
    (granted,) = (p for p in policies.projects if p.ident == "ONE")
    more = replace(policies, projects=(replace(granted, ident="OTHER"),))
    other = VaultStore(data, lambda: more).ensure("OTHER", one.snapshot)
    assert dict(rows(pairs.replace(str(one.evidence), str(other.evidence)))) != numbers


def persons_of(keeper: VaultStore, vault: Vault, rows: Rows) -> Mapping[int, int]:
    """Pupil number to global number, through the private map of keys."""
    found = rows(f"SELECT key, number FROM read_parquet('{keeper._private / 'persons.parquet'}') WHERE domain = 'pmr'")
    return {int(key[1:]): number for key, number in found}


FEMALE = Call("equal", (ColumnRef(1, ScalarType.TEXT), Literal("F", ScalarType.TEXT)), ScalarType.TRUTH)
ONES = PlannedStatistic(
    52,
    Measure.ONES,
    Case(((FEMALE, Literal(1, ScalarType.INT)),), Literal(0, ScalarType.INT), ScalarType.INT),
    ScalarType.INT,
)


def test_cell_keys_are_sums_over_distinct_persons(one: Vault, keeper: VaultStore, data: Path, rows: Rows) -> None:
    """Two rows of a pupil add the key once; a count of ones has the keys of its ones, of the rest, and of both."""
    keys = {i: key_of(data, n) for i, n in persons_of(keeper, one, rows).items()}

    def together(pupils: Iterable[int]) -> int:
        return sum(keys[i] for i in pupils) % 2**32

    needs = EvidenceNeeds(10, record_keys=True)
    whole = run(one, planned(census(1, BOTH), 10, COUNT, by=None), needs)["all"]
    assert whole.cell_key == whole.statistics[50].cell_key == together(keys)
    assert (whole.institutions, whole.statistics[50].rest_key) == (None, None)
    told = run(one, planned(census(1, frozenset({2019})), 10, ONES, by=None), needs)["all"].statistics[52]
    girls = [i for i, _, g, _ in PUPILS if g == "F"]
    assert told.cell_key == together(girls)
    assert told.rest_key == together(set(keys) - set(girls))
    assert told.whole_key == together(keys)
    scored = run(one, planned(SCORED, 10, SUM), needs)
    assert scored["F"].statistics[51].cell_key == together(set(girls) & set(SCORES))


@pytest.mark.parametrize(
    "needs", [EvidenceNeeds(10, institutions=True), EvidenceNeeds(10, record_keys=True), EvidenceNeeds(10, True, True)]
)
def test_extra_evidence_leaves_the_cells_unchanged(one: Vault, needs: EvidenceNeeds) -> None:
    table = planned(SCORED, 10, COUNT, SUM, ONES)
    bare, told = run(one, table, EvidenceNeeds(10)), run(one, table, needs)
    assert bare.keys() == told.keys()
    for key, cell in bare.items():
        forgotten = {i: replace(s, **dict.fromkeys(BESIDE)) for i, s in told[key].statistics.items()}
        nothing = {"institutions": None, "largest_institution": None, "cell_key": None}
        assert replace(told[key], statistics=forgotten, **nothing) == cell


BESIDE = ("institution_largest", "institution_second", "cell_key", "rest_key", "whole_key")


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("institutions", -1, "a count that is none"),
        ("institutions", 10**6, "as they cannot be"),
        ("institutions", None, "as they cannot be"),
        ("s51_institution_second", 10**6, "out of order"),
        ("cell_key", 2**32, "a sum of record keys that is none"),
        ("s51_cell_key", None, "a sum of record keys that is none"),
    ],
)
def test_unknown_extra_evidence_is_a_breach(one: Vault, column: str, value: object, why: str) -> None:
    table = planned(SCORED, 10, SUM)

    def changed(found: pa.Table) -> pa.Table:
        place = found.schema.get_field_index(column)
        return found.set_column(place, column, pa.array([value] * len(found)).cast(found.schema.field(place).type))

    with pytest.raises(Breach, match=why):
        run(one, table, EvidenceNeeds(10, True, True), changed)
    with pytest.raises(Breach, match="other columns"):
        run(one, table, EvidenceNeeds(10, True, True), lambda found: found.drop_columns([column]))
