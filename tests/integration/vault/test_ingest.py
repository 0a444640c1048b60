"""Ingest: extracts become one snapshot, whole or not at all, and every problem is told at once."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from broker.domain.errors import Breach, Invalid, Unknown
from broker.domain.projects.erasures import ErasedPersons
from broker.policy.code_lists import CodeYears
from broker.vault.extract_files import ExtractProblem, IngestRefused
from broker.vault.snapshot_files import read_snapshot, register_values, remove_snapshot
from tests.integration.expected_errors import expect
from tests.integration.vault.conftest import NOW, file, rows

pytestmark = pytest.mark.long


CENSUS, ATTAINMENT = "npd.census/2018", "npd.attainment/2019"


@pytest.fixture
def refused(take, tmp_path):
    """The problems for which extracts are refused; nothing of them is stored."""

    def problems(given, **more) -> set[ExtractProblem]:
        found = expect(IngestRefused, take, given, **more)
        assert not list((tmp_path / "snapshots").iterdir())
        return set(found.problems)

    return problems


def test_a_snapshot_holds_normalised_rows(snapshot):
    assert snapshot.synthetic
    census, attainment = file(snapshot, CENSUS), file(snapshot, ATTAINMENT)
    assert rows(f"SELECT DISTINCT Gender FROM {census} ORDER BY 1") == [("F",), ("M",)]
    assert rows(f"SELECT count_if(PMR = ''), count_if(PMR IS NULL) FROM {census}") == [(0, 3)]
    assert rows(f"SELECT DISTINCT typeof(FSM), typeof(URN) FROM {census}") == [("TINYINT", "BIGINT")]
    kinds = rows(f"SELECT DISTINCT typeof(Score), typeof(Start), typeof(Distance), Term FROM {attainment}")
    assert kinds == [("DECIMAL(18,2)", "DATE", "DOUBLE", "Autumn")]


def test_instant_identifiers_are_not_stored(snapshot):
    for path in Path(snapshot.path).rglob("*"):
        assert path.is_dir() or (b"Surname" not in path.read_bytes() and b"NAME1" not in path.read_bytes())


def test_facts_are_proved_from_rows(snapshot):
    facts = json.loads(snapshot.facts)
    census = facts["npd.census"]["2018"]
    assert (census["rows"], census["persons"], census["max_rows"], census["one_row"]) == (44, 42, 2, False)
    assert census["rows_without_key"] == census["nulls"]["PMR"] == 3
    assert (census["largest"]["URN"], census["person_total"]["URN"]) == (100004, 200004)
    assert facts["npd.attainment"]["2019"]["largest"]["Score"] == "39.25"
    assert facts["swc.staff"]["2019"]["one_row"]
    assert facts["ref.schools"]["all"]["unique"]


def test_persons_are_components_of_linked_keys(snapshot):
    """AE_ID 9000 leads to P0 and P31, P2 to AE_IDs 9002 and 9999; a staff key 'P1' is not the pupil P1."""
    census, links, staff = (file(snapshot, name) for name in (CENSUS, "leo.ae_pmr/all", "swc.staff/2019"))
    persons = "SELECT count(DISTINCT __person) FROM"
    assert rows(f"{persons} {census} WHERE PMR IN ('P0', 'P31')") == [(1,)]
    assert rows(f"{persons} {links} WHERE AE_ID IN (9002, 9999)") == [(1,)]
    assert rows(f"{persons} {census} WHERE PMR IS NULL") == [(3,)]
    assert rows(f"SELECT count(*) FROM {staff} JOIN {census} USING (__person)") == [(0,)]


def test_numbers_disclose_nothing_of_keys(snapshot):
    found = [n for (n,) in rows(f"SELECT __person FROM {file(snapshot, 'swc.staff/2019')} ORDER BY StaffRef")]
    assert found not in (sorted(found), sorted(found, reverse=True))


def test_the_private_map_is_for_its_owner_only(data):
    modes = [stat.S_IMODE((data / "private" / name).stat().st_mode) for name in ("persons.parquet", "")]
    assert modes == [0o600, 0o700]


def test_the_same_data_twice_is_one_snapshot_and_progress_counts_up_to_the_end(take, good, tmp_path):
    steps: list[tuple[int, int]] = []
    first = take(good, lambda what, done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert steps[-1] == (13, 13)
    steps.clear()
    again = take(good, lambda what, done, total: steps.append((done, total)), at=NOW + timedelta(days=365))
    assert first == again == read_snapshot(tmp_path, first.ident)
    assert steps == []


def test_a_later_snapshot_has_the_same_numbers(take, good, tmp_path):
    first = take(good)
    good["npd.attainment/2018"] = good[ATTAINMENT].replace("2019/2020", "2018/2019").replace("40)", "60)")
    second = take(good)
    assert first.ident != second.ident
    old, new = (file(s, CENSUS) for s in (first, second))
    both = f"{old} a JOIN {new} b ON a.PMR = b.PMR AND a.URN = b.URN"
    assert rows(f"SELECT count(*), count_if(a.__person <> b.__person) FROM {both}") == [(41, 0)]
    same = "SELECT list(__person ORDER BY __person) FROM {} WHERE PMR IS NULL"
    assert rows(same.format(old)) == rows(same.format(new))
    known = f"read_parquet('{tmp_path}/private/persons.parquet')"
    assert rows(f"SELECT count(*) FROM {known} WHERE domain = 'pmr'") == [(60,)]
    assert rows(f"SELECT min(number) >= 66 FROM {known} WHERE key IN ('P50', 'P59')") == [(True,)]


def test_joined_and_parted_persons(take, good):
    """A new link joins two persons under the smaller number; a link that goes lets one part keep the number."""

    def numbers(extracts):
        return dict(rows(f"SELECT PMR, min(__person) FROM {file(take(extracts), ATTAINMENT)} GROUP BY 1"))

    first = numbers(good)
    assert first["P0"] == first["P31"]
    second = numbers(good | {"leo.ae_pmr/all": "SELECT 1 AE_ID, 'P5' PMR UNION ALL SELECT 1, 'P6'"})
    assert second["P5"] == second["P6"] == min(first["P5"], first["P6"])
    assert second["P0"] != second["P31"]
    assert first["P0"] in {second["P0"], second["P31"]}
    assert len(set(second.values())) == 39


def broken(good: dict[str, str], stem: str, old: str, new: str) -> dict[str, str]:
    assert old in good[stem]
    return good | {stem: good[stem].replace(old, new)}


@pytest.mark.parametrize(
    ("stem", "old", "new", "problem"),
    [
        (ATTAINMENT, "i + 0.25 Score", "i + 60.25 Score", ("Score", "high", 10)),
        (ATTAINMENT, "i + 0.25 Score", "i - 2.5 Score", ("Score", "low", 3)),
        (ATTAINMENT, "i + 0.25 Score", "'x' || i Score", ("Score", "type", 40)),
        (ATTAINMENT, "'AUTUMN' Term", "CASE i WHEN 3 THEN 'winter' END Term", ("Term", "code", 1)),
        (ATTAINMENT, "1 RecordStatus", "1.5 RecordStatus", ("RecordStatus", "type", 40)),
        (ATTAINMENT, "i / 7 Distance", "'nan'::DOUBLE Distance", ("Distance", "type", 40)),
        (ATTAINMENT, "DATE '2019-09-01' + i::INT AS Start", "'1/9/2019' AS Start", ("Start", "type", 40)),
        (ATTAINMENT, "'2019/2020'", "'2018/2019'", ("AcademicYear", "year", 40)),
        (ATTAINMENT, "'2019/2020'", "NULL::VARCHAR", ("AcademicYear", "year", 40)),
        (ATTAINMENT, "'P' || i PMR", "'P ' || i PMR", ("PMR", "key", 40)),
        (ATTAINMENT, "'P' || i PMR", "'P' || i // 4 PMR", ("PMR", "rows-per-person", 10)),
        (CENSUS, "100000 + i % 5 URN", "100000 + i % 8 URN", ("URN", "most", 8)),
        (ATTAINMENT, "1 RecordStatus, ", "", ("RecordStatus", "missing-column", 1)),
        (ATTAINMENT, "1 RecordStatus, ", "1 RecordStatus, 2 shoe_size, ", ("shoe_size", "unknown-column", 1)),
        (CENSUS, "(i % 3 = 0)::TINYINT FSM", "CASE i WHEN 7 THEN 2 ELSE 1 END FSM", ("FSM", "type", 1)),
        ("swc.staff/2019", "2019 CensusYear", "2018 CensusYear", ("CensusYear", "year", 20)),
        ("ref.schools/all", "100000 + i URN", "100000 + i // 2 URN", ("URN", "unique-key", 2)),
        ("ref.schools/all", "100000 + i URN", "nullif(i, 0) URN", ("URN", "missing", 1)),
    ],
)
def test_a_problem_names_file_column_rule_and_count(refused, good, stem, old, new, problem):
    column, rule, count = problem
    found = refused(broken(good, stem, old, new))
    assert ExtractProblem(f"{stem}.parquet", column, rule, count) in found
    assert {p.file for p in found} == {f"{stem}.parquet"}


def test_all_problems_are_reported_at_once_without_values(take, draw, good):
    worse = broken(good, ATTAINMENT, "'AUTUMN'", "'a secret code'")
    worse = broken(worse, CENSUS, "' f '", "'secret sex'")
    source = draw(worse | {"npd.census/1999": good[CENSUS], "npd.nothing/2018": "SELECT 1 x"})
    (source / "npd.attainment" / "2018.parquet").write_bytes(b"no parquet at all")
    (source / "notes.txt").write_text("x")
    found = expect(IngestRefused, take, source)
    assert {(p.file, p.rule, p.count) for p in found.problems} == {
        ("npd.attainment/2019.parquet", "code", 40),
        ("npd.census/2018.parquet", "code", 20),
        ("npd.census/1999.parquet", "unknown-year", 1),
        ("npd.nothing", "unknown-table", 1),
        ("npd.attainment/2018.parquet", "unreadable", 1),
        ("notes.txt", "unknown-file", 1),
    }
    assert "secret" not in str(found)
    assert isinstance(found, Invalid)
    assert found.code == "ingest-refused"
    assert "npd.census/2018.parquet: Gender has values outside its code list (20 times) [code]" in str(found)


def cut(census: Path) -> None:
    content = census.read_bytes()
    census.write_bytes(content[: len(content) // 2] + content[-400:])


def with_a_narrow_head(census: Path) -> None:
    """A delivery of another year stands above this one's: half of it must not be taken for the whole."""
    as_csv(census)
    text = census.with_suffix(".csv")
    narrow = "".join(f"{line.rpartition(',')[0]}\n" for line in text.read_text().splitlines())
    text.write_text(narrow + text.read_text())


def as_csv(path: Path) -> None:
    rows(f"COPY (FROM read_parquet('{path}')) TO '{path.with_suffix('.csv')}' (HEADER)")
    path.unlink()


FILES = {
    "one that is cut": (cut, "2018.parquet", "unreadable"),
    "lines of another width": (with_a_narrow_head, "2018.csv", "unreadable"),
    "two for one year": (lambda census: census.with_suffix(".csv").write_text("PMR\n"), "2018.parquet", "two-files"),
}


@pytest.mark.parametrize(("spoil", "file", "rule"), FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_read_whole_is_refused(refused, draw, good, spoil, file, rule):
    source = draw(good)
    spoil(source / "npd.census" / "2018.parquet")
    assert ExtractProblem(f"npd.census/{file}", None, rule, 1) in refused(source)


def test_a_code_in_a_year_in_which_it_does_not_exist_is_refused(refused, good, catalogue):
    until = (CodeYears(code="F", until=2018),)
    census, *others = catalogue.tables
    variables = tuple(replace(v, code_years=until) if v.name == "Gender" else v for v in census.variables)
    stricter = replace(catalogue, tables=(replace(census, variables=variables), *others))
    assert refused(good, catalogue=stricter) == {ExtractProblem("npd.census/2019.parquet", "Gender", "code-year", 24)}


def test_stripped_identifiers_may_be_absent(take, good):
    keep = "SELECT * EXCLUDE (UPN, Surname) FROM ({})"
    good |= {stem: keep.format(query) for stem, query in good.items() if stem.startswith("npd.census")}
    assert rows(f"SELECT count(UPN) FROM {file(take(good), CENSUS)}") == [(0,)]


def test_csv_reads_like_parquet(take, draw, good, snapshot):
    source = draw(good)
    as_csv(source / f"{ATTAINMENT}.parquet")
    found = take(source)
    assert found.ident != snapshot.ident
    columns = "PMR, AcademicYear, RecordStatus, Score, Term, Start, Distance"
    both = [f"SELECT {columns} FROM {file(s, ATTAINMENT)}" for s in (snapshot, found)]
    assert rows(f"SELECT count(*) FROM ({both[0]} EXCEPT ALL {both[1]})") == [(0,)]


def test_an_empty_folder_and_a_missing_one(take, refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") == {ExtractProblem("empty", None, "no-data", 1)}
    expect(Invalid, take, tmp_path / "nowhere", match="There is no folder")


def test_without_the_mark_data_are_real(take, draw, good):
    source = draw(good)
    (source / "synthetic.json").unlink()
    assert not take(source).synthetic


class Killed(BaseException): ...


def test_a_crash_leaves_nothing_half(take, draw, good, tmp_path):
    def crash(what: str, done: int, total: int) -> None:
        if what.startswith("writing swc"):
            raise Killed

    source = draw(good)
    expect(Killed, take, source, crash)
    assert list((tmp_path / "snapshots").iterdir()) == []
    (tmp_path / "snapshots" / ".half-left").mkdir()
    numbers = f"FROM read_parquet('{tmp_path}/private/persons.parquet') ORDER BY ALL"
    before = rows(numbers)
    take(source)
    assert [p.name[0] for p in (tmp_path / "snapshots").iterdir()] == ["s"]
    assert rows(numbers) == before


@pytest.mark.parametrize("ident", ["s0", "../private", ".", ""])
def test_an_unknown_snapshot(data, ident):
    expect(Unknown, read_snapshot, data, ident)


def test_registers_come_from_the_public_table(take, good, snapshot, catalogue):
    assert register_values(Path(snapshot.path), catalogue) == {"npd.census.LA": (201, 202, 203, 204, 205)}
    del good["ref.schools/all"]
    assert register_values(Path(take(good).path), catalogue) == {}


# --- an erased person ---------------------------------------------------------------------------


def digest(domain: str, key: str) -> str:
    return sha256(f"a secret {domain} {key}".encode()).hexdigest()


def without(*keys: tuple[str, str]) -> ErasedPersons:
    return ErasedPersons(frozenset(digest(*key) for key in keys), digest)


def test_every_row_of_every_key_of_the_person_is_left_out(take, draw, good):
    """AE_ID 9000 leads to P0 and P31: erased by one key, the rows of the other go too. Staff 'P0' is no pupil."""
    source = draw(good)
    before, after = take(source), take(source, erased=without(("pmr", "P0")))
    assert after.ident != before.ident
    for name in (CENSUS, "npd.census/2019", "npd.attainment/2019"):
        gone = rows(f"SELECT PMR FROM {file(before, name)} EXCEPT SELECT PMR FROM {file(after, name)}")
        assert {str(k) for (k,) in gone} == {"P0", "P31"}
    assert rows(f"SELECT count(*) FROM {file(after, 'leo.ae_pmr/all')} WHERE AE_ID = 9000 OR PMR = 'P0'") == [(0,)]
    assert rows(f"SELECT count(*) FROM {file(after, 'swc.staff/2019')} WHERE StaffRef = 'P0'") == [(1,)]
    kept = "SELECT PMR, __person FROM {} WHERE PMR IS NOT NULL AND PMR NOT IN ('P0', 'P31') ORDER BY ALL"
    assert rows(kept.format(file(before, CENSUS))) == rows(kept.format(file(after, CENSUS))), "others keep their number"


def test_no_file_has_the_key_once_earlier_snapshots_are_removed(take, draw, good, tmp_path):
    """Not the snapshot nor the private map; a number that was a person's is nobody else's."""
    good["npd.attainment/2019"] = good["npd.attainment/2019"].replace("'P' || i PMR", "'P' || (i + 500) PMR")
    source = draw(good)
    before = take(source)
    map_file = tmp_path / "private" / "persons.parquet"
    ((number,),) = rows(f"SELECT number FROM '{map_file}' WHERE key = 'P517'")
    after = take(source, erased=without(("pmr", "P517")))
    for _ in range(2):
        remove_snapshot(tmp_path, before.ident)
    assert not Path(before.path).exists()
    for path in [map_file, *Path(after.path).rglob("*.parquet")]:
        assert rows(f"SELECT count_if(contains(t::VARCHAR, 'P517')) FROM '{path}' t") == [(0,)], path
    assert rows(f"SELECT domain FROM '{map_file}' WHERE number = {number}") == [("(erased)",)]
    assert read_snapshot(tmp_path, after.ident) == after


def test_a_person_stays_erased_whichever_key_comes_again_and_the_map_does_not_grow(take, good, tmp_path):
    take(good)
    wanted = without(("ae", "9000"))
    take(good, erased=wanted)
    marks = f"SELECT key, number FROM '{tmp_path}/private/persons.parquet' WHERE domain = '(erased)' ORDER BY ALL"
    first = rows(marks)
    assert len(first) == 3, "AE_ID 9000, P0 and P31"
    unlinked = {name: query for name, query in good.items() if name != "leo.ae_pmr/all"}
    again = take(unlinked, erased=wanted)
    assert rows(f"SELECT count(*) FROM {file(again, CENSUS)} WHERE PMR IN ('P0', 'P31')") == [(0,)]
    assert rows(marks) == first


def test_nothing_is_ingested_without_the_digests_where_somebody_was_erased(take, good):
    take(good, erased=without(("pmr", "P5")))
    good["swc.staff/2019"] = good["swc.staff/2019"].replace("30000.5", "31000.5")
    expect(Breach, take, good)


def test_who_is_in_no_extract_changes_no_row(take, draw, good):
    source = draw(good)
    before, after = take(source), take(source, erased=without(("pmr", "nobody")))
    for name in (CENSUS, "leo.ae_pmr/all", "swc.staff/2019"):
        assert rows(f"FROM {file(before, name)} ORDER BY ALL") == rows(f"FROM {file(after, name)} ORDER BY ALL")
