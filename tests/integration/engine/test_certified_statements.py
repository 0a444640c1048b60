"""The engine uses a vault's certificates: the same request gives another statement, and the rules decide the same."""

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from broker.domain.evidence import CellEvidence, TableEvidence, VaultProof
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Scan, ScanColumn, TableRef
from broker.domain.plans.plan import EvidenceNeeds, GroupKey, Plan, PlannedOutput, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.domain.ports import SandboxLimits, Vault, VaultTable
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.hardened_duckdb import result_statement
from broker.engine.result_frames import read_table

LIMITS = SandboxLimits(60, 2**30, 2**20, 10, 64, 2, 2**20)
NEEDS = EvidenceNeeds(10, margin=2.1, digits=0, exact_rows=0)
COLUMNS = (ScanColumn(1, "LA", ScalarType.INT), ScanColumn(2, "Score", ScalarType.DECIMAL))
ROWS = """SELECT p % 3 + 201 AS LA, ((p * 7 + r * 3) % 40 / 2)::DECIMAL(18,2) AS Score, p::UINTEGER AS __p,
r::UTINYINT AS __r FROM range(90) a(p), range({rows}) b(r) ORDER BY __p, __r"""


def planned(year: int) -> PlannedTable:
    score = ColumnRef(2, ScalarType.DECIMAL)
    return PlannedTable(
        Scan("npd.census", COLUMNS, 3, frozenset({year})),
        3,
        (GroupKey(10, ColumnRef(1, ScalarType.INT), ScalarType.INT, None, "npd.census.LA"),),
        (PlannedStatistic(20, Measure.COUNT_ROWS, None, ScalarType.INT),
            PlannedStatistic(21, Measure.SUM, score, ScalarType.DECIMAL),
         PlannedStatistic(22, Measure.MEAN, score, ScalarType.DOUBLE)),
    )  # fmt: skip


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """One row a person in 2018, three in 2019."""
    (tmp_path / "npd.census").mkdir()
    with duckdb.connect() as con:
        for year, rows in ((2018, 1), (2019, 3)):
            con.execute(f"COPY ({ROWS.format(rows=rows)}) TO '{tmp_path}/npd.census/{year}.parquet' (FORMAT parquet)")
    paths = tuple(f"npd.census/{y}.parquet" for y in (2018, 2018, 2019))
    table = VaultTable("npd.census", paths, (None, 2018, 2019))
    proofs = {"npd.census": {2018: VaultProof(1), 2019: VaultProof(3, {"Score": 60}, {"Score": 0})}}
    return Vault("v", "s", "P", tmp_path, tmp_path, (table,), True, proofs, 90)


def evidence(vault: Vault, year: int) -> tuple[str, TableEvidence]:
    plan = Plan((PlannedOutput("t", "pupil", (planned(year),), TableRef(0), ()),), ())
    ((_, payload),) = DuckDBEngine().prepare(plan, vault, "j", 1, LIMITS, NEEDS).frames
    (statement,) = json.loads(payload)["statements"]
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA npd")
        con.execute(f"CREATE VIEW npd.census AS FROM read_parquet('{vault.evidence}/npd.census/{year}.parquet')")
        found, sink = con.sql(result_statement(con, statement)).to_arrow_table(), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return statement["sql"], read_table(planned(year), bytes(sink.getvalue()))


@pytest.mark.parametrize(("year", "second"), [(2018, 1), (2019, None)])
def test_certificates_replace_scans_by_bounds(vault: Vault, year: int, second: int | None) -> None:
    certified, told = evidence(vault, year)
    exact, truth = evidence(replace(vault, proofs={}), year)
    assert certified != exact
    assert told.persons == truth.persons == 90
    for cell, true in zip(told.cells, truth.cells, strict=True):
        assert (cell.keys, cell.rows, cell.persons) == (true.keys, true.rows, true.persons)
        assert (cell.statistics[20].largest, cell.statistics[20].second) == (true.statistics[20].largest, second)
        _bounded(cell, true)


def _bounded(cell: CellEvidence, true: CellEvidence) -> None:
    for ident in (21, 22):
        one, other = cell.statistics[ident], true.statistics[ident]
        assert (one.value, one.rows, one.total) == (other.value, other.rows, other.total)
        assert 10 <= one.persons <= other.persons
        assert one.second is None
        assert one.others is not None
        assert one.others >= 10
        assert one.largest >= other.largest  # type: ignore[operator]
