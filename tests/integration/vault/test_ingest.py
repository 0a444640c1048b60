"""Ingest: extracts become one snapshot, whole or not at all, and every problem is told at once."""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.domain.errors import Invalid, Unknown
from broker.policy.code_lists import CodeYears
from broker.policy.data_catalogue import Catalogue
from broker.vault.extract_files import ExtractProblem, IngestRefused
from broker.vault.ingest import ingest
from broker.vault.snapshot_files import read_snapshot, register_values
from tests.integration.vault.conftest import NOW

pytestmark = pytest.mark.long

Extracts = dict[str, str]
Draw = Callable[[Extracts], Path]
Rows = Callable[[str], list[tuple[object, ...]]]


def refused(source: Path, data: Path, catalogue: Catalogue) -> set[ExtractProblem]:
    with pytest.raises(IngestRefused) as caught:
        ingest(source, data, catalogue, NOW)
    assert not list((data / "snapshots").iterdir())
    return set(caught.value.problems)


def test_a_snapshot_holds_normalised_rows(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    snapshot = ingest(draw(good), data, catalogue, NOW)
    assert snapshot.synthetic
    census = f"read_parquet('{snapshot.path}/npd.census/2018.parquet')"
    assert rows(f"SELECT DISTINCT Gender FROM {census} ORDER BY 1") == [("F",), ("M",)]
    assert rows(f"SELECT count(*) FROM {census} WHERE PMR = ''") == [(0,)]
    assert rows(f"SELECT count(*) FROM {census} WHERE PMR IS NULL") == [(3,)]
    assert rows(f"SELECT DISTINCT typeof(FSM), typeof(URN) FROM {census}") == [("TINYINT", "BIGINT")]
    attainment = f"read_parquet('{snapshot.path}/npd.attainment/2019.parquet')"
    kinds = rows(f"SELECT DISTINCT typeof(Score), typeof(Start), typeof(Distance), Term FROM {attainment}")
    assert kinds == [("DECIMAL(18,2)", "DATE", "DOUBLE", "Autumn")]


def test_instant_identifiers_are_not_stored(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    snapshot = ingest(draw(good), data, catalogue, NOW)
    for path in Path(snapshot.path).rglob("*"):
        assert path.is_dir() or (b"Surname" not in path.read_bytes() and b"NAME1" not in path.read_bytes())


def test_facts_are_proved_from_rows(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    facts = json.loads(ingest(draw(good), data, catalogue, NOW).facts)
    census = facts["npd.census"]["2018"]
    assert (census["rows"], census["persons"], census["max_rows"], census["one_row"]) == (44, 42, 2, False)
    assert census["rows_without_key"] == census["nulls"]["PMR"] == 3
    assert (census["largest"]["URN"], census["person_total"]["URN"]) == (100004, 200004)
    assert facts["npd.attainment"]["2019"]["largest"]["Score"] == "39.25"
    assert facts["swc.staff"]["2019"]["one_row"]
    assert facts["ref.schools"]["all"]["unique"]


def test_persons_are_components_of_linked_keys(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    """AE_ID 9000 leads to P0 and P31, P2 to AE_IDs 9002 and 9999; a staff key 'P1' is not the pupil P1."""
    snapshot = ingest(draw(good), data, catalogue, NOW)
    census = f"read_parquet('{snapshot.path}/npd.census/2018.parquet')"
    links = f"read_parquet('{snapshot.path}/leo.ae_pmr/all.parquet')"
    assert rows(f"SELECT count(DISTINCT __person) FROM {census} WHERE PMR IN ('P0', 'P31')") == [(1,)]
    assert rows(f"SELECT count(DISTINCT __person) FROM {links} WHERE AE_ID IN (9002, 9999)") == [(1,)]
    assert rows(f"SELECT count(DISTINCT __person) FROM {census} WHERE PMR IS NULL") == [(3,)]
    staff = f"read_parquet('{snapshot.path}/swc.staff/2019.parquet')"
    assert rows(f"SELECT count(*) FROM {staff} JOIN {census} USING (__person)") == [(0,)]


def test_the_same_data_twice_is_one_snapshot(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    said: list[str] = []
    first = ingest(draw(good), data, catalogue, NOW, lambda what, done, total: said.append(what))
    said.clear()
    again = ingest(
        draw(good), data, catalogue, datetime(2027, 1, 1, tzinfo=UTC), lambda what, done, total: said.append(what)
    )
    assert first == again == read_snapshot(data, first.ident)
    assert said == []


def test_progress_counts_up_to_the_end(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    steps: list[tuple[int, int]] = []
    ingest(draw(good), data, catalogue, NOW, lambda what, done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert steps[-1][0] == steps[-1][1] == 13


def test_a_later_snapshot_has_the_same_numbers(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    first = ingest(draw(good), data, catalogue, NOW)
    good["npd.attainment/2018"] = good["npd.attainment/2019"].replace("2019/2020", "2018/2019").replace("40)", "60)")
    second = ingest(draw(good), data, catalogue, NOW)
    assert first.ident != second.ident
    old, new = (f"read_parquet('{s.path}/npd.census/2018.parquet')" for s in (first, second))
    both = f"{old} a JOIN {new} b"
    assert rows(
        f"SELECT count(*), count_if(a.__person <> b.__person) FROM {both} ON a.PMR = b.PMR AND a.URN = b.URN"
    ) == [(41, 0)]
    same = "SELECT list(__person ORDER BY __person) FROM read_parquet('{}/npd.census/2018.parquet') WHERE PMR IS NULL"
    assert rows(same.format(first.path)) == rows(same.format(second.path))
    known = f"read_parquet('{data}/private/persons.parquet')"
    assert rows(f"SELECT count(*) FROM {known} WHERE domain = 'pmr'") == [(60,)]
    fresh = f"SELECT min(number) >= 66 FROM {known} WHERE key IN ('P50', 'P59')"
    assert rows(fresh) == [(True,)]


def test_joined_and_parted_persons(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows) -> None:
    """A new link joins two persons under the smaller number; a link that goes lets one part keep the number."""

    def numbers(path: str) -> dict[object, object]:
        return dict(
            rows(f"SELECT PMR, min(__person) FROM read_parquet('{path}/npd.attainment/2019.parquet') GROUP BY 1")
        )

    first = numbers(ingest(draw(good), data, catalogue, NOW).path)
    assert first["P0"] == first["P31"]
    changed = good | {"leo.ae_pmr/all": "SELECT 1 AE_ID, 'P5' PMR UNION ALL SELECT 1, 'P6'"}
    second = numbers(ingest(draw(changed), data, catalogue, NOW).path)
    assert second["P5"] == second["P6"] == min(first["P5"], first["P6"])  # type: ignore[type-var]
    assert second["P0"] != second["P31"]
    assert first["P0"] in {second["P0"], second["P31"]}
    assert len(set(second.values())) == 39


def test_numbers_disclose_nothing_of_keys(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    snapshot = ingest(draw(good), data, catalogue, NOW)
    staff = f"SELECT __person FROM read_parquet('{snapshot.path}/swc.staff/2019.parquet') ORDER BY StaffRef"
    found = [n for (n,) in rows(staff)]
    assert found != sorted(found)  # type: ignore[type-var]
    assert found != sorted(found, reverse=True)  # type: ignore[type-var]


def test_the_private_map_is_for_its_owner_only(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    ingest(draw(good), data, catalogue, NOW)
    assert stat.S_IMODE((data / "private" / "persons.parquet").stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "private").stat().st_mode) == 0o700


def broken(good: Extracts, stem: str, old: str, new: str) -> Extracts:
    assert old in good[stem]
    return good | {stem: good[stem].replace(old, new)}


ATTAINMENT = "npd.attainment/2019"
CENSUS = "npd.census/2018"


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
def test_a_problem_names_file_column_rule_and_count(
    draw: Draw,
    good: Extracts,
    data: Path,
    catalogue: Catalogue,
    stem: str,
    old: str,
    new: str,
    problem: tuple[str, str, int],
) -> None:
    column, rule, count = problem
    found = refused(draw(broken(good, stem, old, new)), data, catalogue)
    assert ExtractProblem(f"{stem}.parquet", column, rule, count) in found
    assert {p.file for p in found} == {f"{stem}.parquet"}


def test_all_problems_are_reported_at_once_without_values(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue
) -> None:
    worse = broken(good, ATTAINMENT, "'AUTUMN'", "'a secret code'")
    worse = broken(worse, CENSUS, "' f '", "'secret sex'")
    source = draw(worse | {"npd.census/1999": good[CENSUS], "npd.nothing/2018": "SELECT 1 x"})
    (source / "npd.attainment" / "2018.parquet").write_bytes(b"no parquet at all")
    (source / "notes.txt").write_text("x")
    with pytest.raises(IngestRefused) as caught:
        ingest(source, data, catalogue, NOW)
    assert {(p.file, p.rule, p.count) for p in caught.value.problems} == {
        ("npd.attainment/2019.parquet", "code", 40),
        ("npd.census/2018.parquet", "code", 20),
        ("npd.census/1999.parquet", "unknown-year", 1),
        ("npd.nothing", "unknown-table", 1),
        ("npd.attainment/2018.parquet", "unreadable", 1),
        ("notes.txt", "unknown-file", 1),
    }
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, Invalid)
    assert caught.value.code == "ingest-refused"
    assert "npd.census/2018.parquet: Gender has values outside its code list (20 times) [code]" in str(caught.value)


def test_a_truncated_file_is_unreadable(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    source = draw(good)
    path = source / "npd.census" / "2018.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + content[-400:])
    assert ExtractProblem("npd.census/2018.parquet", None, "unreadable", 1) in refused(source, data, catalogue)


def test_a_code_in_a_year_in_which_it_does_not_exist_is_refused(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue
) -> None:
    until = (CodeYears(code="F", until=2018),)
    census, *others = catalogue.tables
    variables = tuple(replace(v, code_years=until) if v.name == "Gender" else v for v in census.variables)
    found = refused(draw(good), data, replace(catalogue, tables=(replace(census, variables=variables), *others)))
    assert found == {ExtractProblem("npd.census/2019.parquet", "Gender", "code-year", 24)}


def test_stripped_identifiers_may_be_absent(
    draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows
) -> None:
    keep = "SELECT * EXCLUDE (UPN, Surname) FROM ({})"
    good |= {stem: keep.format(query) for stem, query in good.items() if stem.startswith("npd.census")}
    snapshot = ingest(draw(good), data, catalogue, NOW)
    assert rows(f"SELECT count(UPN) FROM read_parquet('{snapshot.path}/npd.census/2018.parquet')") == [(0,)]


def test_csv_reads_like_parquet(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows) -> None:
    as_parquet = ingest(draw(good), data, catalogue, NOW)
    source = draw(good)
    path = source / "npd.attainment" / "2019.parquet"
    rows(f"COPY (FROM read_parquet('{path}')) TO '{path.with_suffix('.csv')}' (HEADER)")
    path.unlink()
    as_csv = ingest(source, data, catalogue, NOW)
    table = "read_parquet('{}/npd.attainment/2019.parquet')"
    a, b = table.format(as_parquet.path), table.format(as_csv.path)
    assert as_csv.ident != as_parquet.ident
    assert rows(f"SELECT count(*) FROM (FROM {a} EXCEPT ALL FROM {b})") == [(0,)]


def test_no_line_of_a_csv_is_left_out(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows) -> None:
    """A delivery of another year stands above this one's: half of it must not be taken for the whole."""
    source = draw(good)
    path = source / "npd.attainment" / "2019.parquet"
    text = path.with_suffix(".csv")
    rows(f"COPY (FROM read_parquet('{path}')) TO '{text}' (HEADER)")
    path.unlink()
    narrow = "".join(f"{line.rpartition(',')[0]}\n" for line in text.read_text().splitlines())
    text.write_text(narrow + text.read_text())
    assert ExtractProblem("npd.attainment/2019.csv", None, "unreadable", 1) in refused(source, data, catalogue)


def test_two_files_for_one_year(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    source = draw(good)
    (source / "npd.census" / "2018.csv").write_text("PMR\n")
    assert ExtractProblem("npd.census/2018.parquet", None, "two-files", 1) in refused(source, data, catalogue)


def test_an_empty_folder_and_a_missing_one(tmp_path: Path, data: Path, catalogue: Catalogue) -> None:
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty", data, catalogue) == {ExtractProblem("empty", None, "no-data", 1)}
    with pytest.raises(Invalid, match="There is no folder"):
        ingest(tmp_path / "nowhere", data, catalogue, NOW)


def test_without_the_mark_data_are_real(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    source = draw(good)
    os.remove(source / "synthetic.json")
    assert not ingest(source, data, catalogue, NOW).synthetic


def test_a_crash_leaves_nothing_half(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue, rows: Rows) -> None:
    class Killed(BaseException):
        pass

    def crash(what: str, done: int, total: int) -> None:
        if what.startswith("writing swc"):
            raise Killed

    source = draw(good)
    with pytest.raises(Killed):
        ingest(source, data, catalogue, NOW, crash)
    assert list((data / "snapshots").iterdir()) == []
    (data / "snapshots" / ".half-left").mkdir()
    numbered = rows(f"FROM read_parquet('{data}/private/persons.parquet') ORDER BY ALL")
    ingest(source, data, catalogue, NOW)
    assert [p.name[0] for p in (data / "snapshots").iterdir()] == ["s"]
    assert rows(f"FROM read_parquet('{data}/private/persons.parquet') ORDER BY ALL") == numbered


@pytest.mark.parametrize("ident", ["s0", "../private", ".", ""])
def test_an_unknown_snapshot(data: Path, ident: str) -> None:
    with pytest.raises(Unknown):
        read_snapshot(data, ident)


def test_registers_come_from_the_public_table(draw: Draw, good: Extracts, data: Path, catalogue: Catalogue) -> None:
    snapshot = ingest(draw(good), data, catalogue, NOW)
    assert register_values(Path(snapshot.path), catalogue) == {"npd.census.LA": (201, 202, 203, 204, 205)}
    del good["ref.schools/all"]
    assert register_values(Path(ingest(draw(good), data, catalogue, NOW).path), catalogue) == {}
