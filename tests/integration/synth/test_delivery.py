"""A delivery is whole, valid by the catalogue in every year, marked as synthetic, and the same for the same seed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from broker.domain.errors import Invalid
from broker.domain.plans.scalars import ScalarType
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable
from broker.synth.generate import generate
from broker.vault.ingest import ingest
from tests.integration.expected_errors import expect

pytestmark = pytest.mark.long


def files_of(catalogue: Catalogue, folder: Path) -> Iterator[tuple[CatalogueTable, Path]]:
    for table in catalogue.tables:
        for path in sorted((folder / table.full_name).iterdir()):
            yield table, path


def breaks(variable: Variable) -> str:
    """A predicate that is true for a value that the catalogue does not allow, written apart from the vault's own."""
    column, parts = f'"{variable.name}"', ["false"]
    if variable.codes is not None:
        codes = ", ".join(f"'{code.upper()}'" for code in variable.codes)
        parts.append(f"trim({column}) <> '' AND upper(trim({column})) NOT IN ({codes})")
    if variable.type is ScalarType.FLAG:
        parts.append(f"upper({column}::VARCHAR) NOT IN ('0', '1', 'Y', 'N')")
    if variable.low is not None:
        parts.append(f"{column} < {variable.low}")
    if variable.high is not None:
        parts.append(f"{column} > {variable.high}")
    if variable.decimals is not None:
        parts.append(f"abs({column} - round({column}, {variable.decimals})) > 1e-9")
    if not variable.missing:
        parts.append(f"{column} IS NULL")
    return " OR ".join(f"({part})" for part in parts)


def invalid_values(catalogue: Catalogue, folder: Path) -> list[str]:
    found = []
    with duckdb.connect() as con:
        for table, path in files_of(catalogue, folder):
            sums = ", ".join(f"count(*) FILTER ({breaks(v)})" for v in table.variables)
            counts = con.execute(f"SELECT {sums} FROM '{path}'").fetchone() or ()
            names = [v.name for v in table.variables]
            found += [f"{path}: {name} {count}" for name, count in zip(names, counts, strict=True) if count]
    return found


def test_every_value_is_valid_in_every_year(catalogue, small, npd):
    assert invalid_values(catalogue, small) == []
    assert invalid_values(catalogue, npd) == []


def test_columns_are_those_of_the_catalogue_in_its_order(catalogue, small):
    for table, path in files_of(catalogue, small):
        assert pq.read_schema(path).names == [v.name for v in table.variables], path


def test_every_table_has_the_years_in_which_it_exists(catalogue, small):
    for table in catalogue.tables:
        years = {"all"} if table.year is None else {str(y) for y in table.year.years if 2001 <= y <= 2023}
        assert {path.stem for path in (small / table.full_name).iterdir()} == years, table.full_name
    for table in ("npd.eyfsp", "npd.ks1", "npd.ks2_pupil", "npd.phonics"):
        assert not {"2019", "2020"} & {path.stem for path in (small / table).iterdir()}, "nobody was tested"
    assert not (small / "npd.absence" / "2019.parquet").exists()


def test_no_person_has_more_rows_than_the_catalogue_allows(catalogue, small):
    with duckdb.connect() as con:
        for table, path in files_of(catalogue, small):
            if table.link_key is None:
                continue
            key = f'"{table.link_key}"'
            query = f"SELECT max(n) FROM (SELECT count(*) n FROM '{path}' WHERE {key}::VARCHAR <> '' GROUP BY {key})"
            (most,) = con.execute(query).fetchone() or (0,)
            assert (most or 0) <= table.max_rows_per_unit_year, path


def test_schools_of_all_tables_are_in_the_register(catalogue, npd):
    with duckdb.connect() as con:
        for table, path in files_of(catalogue, npd):
            for variable in table.variables:
                if variable.register_key:
                    of = variable.register_key.rpartition(".")[2]
                    query = f'SELECT count(*) FROM \'{path}\' WHERE "{variable.name}" NOT IN ' \
                            f'(SELECT "{of}" FROM \'{npd}/ref.schools/all.parquet\')'  # fmt: skip
                    assert con.execute(query).fetchone() == (0,), f"{path}: {variable.name}"


def test_urns_are_unique_and_all_authorities_and_regions_are_there(run_query):
    query = "SELECT count(*), count(DISTINCT URN), count(DISTINCT LA), count(DISTINCT Region) FROM {ref.schools/all}"
    ((rows, urns, authorities, regions),) = run_query(query)
    assert rows == urns
    assert (authorities, regions) == (153, 9)


def test_the_delivery_says_that_it_is_synthetic(npd):
    assert json.loads((npd / "synthetic.json").read_text()) == {
        "synthetic": True, "generator": "broker.synth 1", "seed": 11, "pupils": 20_000, "years": [2018, 2023],
        "catalogue_version": 1,
    }  # fmt: skip


def hashes(folder: Path) -> dict[str, str]:
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(catalogue, tmp_path):
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        generate(catalogue, 800, (2021, 2022), seed, tmp_path / name)
    one, two, other = (hashes(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() == other.keys()
    assert not [name for name in one if one[name] == other[name]]


def test_progress_hears_every_step(catalogue, tmp_path):
    heard: list[tuple[str, int, int]] = []
    summary = generate(catalogue, 800, (2022, 2022), 1, tmp_path / "d", lambda *step: heard.append(step))
    assert [done for _, done, _ in heard] == list(range(1, summary.files + 1))
    assert {total for _, _, total in heard} == {summary.files}
    assert "npd.spring_census 2022" in {name for name, _, _ in heard}
    assert summary.rows["npd.spring_census"] == pq.read_metadata(tmp_path / "d/npd.spring_census/2022.parquet").num_rows


@pytest.mark.parametrize(
    ("pupils", "years", "seed", "code"),
    [
        (10, (2020, 2021), 1, "synth.too_few_pupils"),
        (800, (2021, 2020), 1, "synth.years"),
        (800, (1999, 2020), 1, "synth.years"),
        (800, (2020, 2031), 1, "synth.years"),
        (800, (2020, 2021), -1, "synth.seed"),
    ],
)
def test_bad_arguments_are_errors_and_write_nothing(catalogue, tmp_path, pupils, years, seed, code):
    assert expect(Invalid, generate, catalogue, pupils, years, seed, tmp_path / "d").code == code
    assert not (tmp_path / "d").exists()


def test_a_folder_with_content_is_not_touched(catalogue, tmp_path):
    (tmp_path / "mine").write_text("keep")
    expect(Invalid, generate, catalogue, 800, (2022, 2022), 1, tmp_path, match="not an empty folder")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_catalogue_that_the_generator_does_not_know_is_refused(catalogue, tmp_path):
    table = catalogue.table("npd.phonics")
    extra = replace(table.variables[1], name="PHONICS_NEW")
    more = replace(table, variables=(*table.variables, extra))
    with pytest.raises(Invalid, match="PHONICS_NEW"):
        generate(replace(catalogue, tables=(more,)), 800, (2022, 2022), 1, tmp_path / "a")
    new = replace(table, name="plams")
    with pytest.raises(Invalid, match=r"npd\.plams"):
        generate(replace(catalogue, tables=(new,)), 800, (2022, 2022), 1, tmp_path / "b")
    assert not (tmp_path / "a" / "synthetic.json").exists()


def test_ingest_takes_the_delivery(catalogue, tmp_path):
    generate(catalogue, 800, (2021, 2022), 1, tmp_path / "d")
    snapshot = ingest(tmp_path / "d", tmp_path / "data", catalogue, datetime(2026, 11, 24, tzinfo=UTC))
    assert snapshot.synthetic
