"""Tests of the researcher's library, with the wheel installed beside pandas, Polars and DuckDB: an environment that
`tests/integration/library` makes and runs these in."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from npd.place import Place, settle, tables_in

KEY = "PupilMatchingRefAnonymous"
HEADER = f"""# input: npd.absence
# input: npd.spring_census [{KEY}, LA, EthnicGroupMinor, EntryDate, AcademicYear]
# output: absence.csv | Absence by authority
# output: model.csv | A model
# output: chart.png | A figure of absence.csv
# output: note.txt | A note
"""


def absence(year: int) -> pa.Table:
    return pa.table(
        {
            KEY: ["P1", "P2", "P3", "P1"],
            "AcademicYear": [f"{year}/{year + 1}"] * 4,
            "LA": pa.array([301, 301, None, 302], pa.int32()),
            "OverallAbsence_6HalfTerms": pa.array([10, 20, 30, None], pa.int32()),
            "FSMeligible": pa.array([1, 0, None, 1], pa.int8()),
            "IDACI_S_home": pa.array([Decimal("0.1250"), None, Decimal("0.5"), Decimal("0.25")], pa.decimal128(5, 4)),
            "late": [True, None, False, True],
            "whole": pa.array([1, 2, 3, 4], pa.int64()),
        }
    )


def census(year: int) -> pa.Table:
    return pa.table(
        {
            KEY: ["P1", "P2", "P3"],
            "AcademicYear": [f"{year}/{year + 1}"] * 3,
            "LA": pa.array([301, 301, 302], pa.int32()),
            "EthnicGroupMinor": ["WBRI", None, "CHNE"],
            "EntryDate": [date(2019, 9, 1), None, date(2020, 1, 6)],
        }
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A vault of two tables and three years, as the sandbox mounts one; a column is new in 2021."""
    for name, rows in (("npd.absence", absence), ("npd.spring_census", census)):
        home = tmp_path / "data" / name
        home.mkdir(parents=True)
        pq.write_table(rows(2020).slice(0, 0), home / "schema.parquet")
        for year in (2019, 2020, 2021):
            pq.write_table(rows(year) if year > 2019 else rows(year).drop_columns(["LA"]), home / f"{year}.parquet")
    return tmp_path / "data"


@pytest.fixture
def place(data: Path, tmp_path: Path) -> Place:
    """A real run: nothing is previewed, and the header above declares four outputs."""
    out = tmp_path / "out"
    out.mkdir()
    made = Place(tables_in(data), out, preview=False, text=HEADER)
    settle(made)
    return made
