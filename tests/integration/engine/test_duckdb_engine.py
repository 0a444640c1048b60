"""The DuckDB engine: from a plan to a job frame, and from an Arrow stream to evidence or to a Breach."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from broker.domain.errors import Breach
from broker.domain.evidence import OutputEvidence, VaultProof
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Join, JoinHow, Scan, ScanColumn, TableRef
from broker.domain.plans.plan import (
    DeviationForm,
    EvidenceNeeds,
    GroupKey,
    Plan,
    PlannedOutput,
    PlannedStatistic,
    PlannedTable,
    QuantileForm,
)
from broker.domain.plans.scalars import Call, ColumnRef, ScalarType
from broker.domain.ports import SandboxLimits, Vault, VaultTable
from broker.engine.duckdb_engine import DuckDBEngine, statements, tables_read
from broker.engine.in_process_engine import InProcessEngine
from tests.integration.expected_errors import expect

LIMITS = SandboxLimits(60, 2**30, 2**20, 10, 64, 2, 2**20)
INT = ScalarType.INT
CENSUS_COLUMNS = (ScanColumn(1, "LA", INT), ScanColumn(2, "Score", ScalarType.DECIMAL))
CENSUS = Scan("npd.census", CENSUS_COLUMNS, 3, frozenset({2019}))
SCHOOLS = Scan("ref.schools", (ScanColumn(4, "LA", INT),), None, None)
SAME_LA = Call("equal", (ColumnRef(1, INT), ColumnRef(4, INT)), ScalarType.TRUTH)
JOINED = Join(CENSUS, SCHOOLS, JoinHow.INNER, SAME_LA, 3)
SCORE = ColumnRef(2, ScalarType.DECIMAL)
TABLE = PlannedTable(
    contributions=JOINED,
    person=3,
    keys=(GroupKey(10, ColumnRef(1, INT), INT, None, "npd.census.LA"),),
    statistics=(
        PlannedStatistic(20, Measure.COUNT_ROWS, None, INT),
        PlannedStatistic(21, Measure.SUM, SCORE, ScalarType.DECIMAL),
        PlannedStatistic(22, Measure.MEAN, SCORE, ScalarType.DOUBLE),
        PlannedStatistic(23, Measure.SUM, ColumnRef(1, INT), INT),
    ),
)
OUTPUT = PlannedOutput("table", "pupil", (TABLE,), TableRef(0), ())
PLAN = Plan((OUTPUT,), ())
T = 10


def output(name: str, *scans: Scan) -> PlannedOutput:
    """An output that counts the rows of each scan in a table of its own."""
    counted = (PlannedStatistic(20, Measure.COUNT_ROWS, None, ScalarType.INT),)
    return PlannedOutput(name, "pupil", tuple(PlannedTable(s, 3, (), counted) for s in scans), TableRef(0), ())


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    rows = "SELECT i % 2 + 201 AS LA, (i / 4)::DECIMAL(18,2) AS Score, (i // 2)::UINTEGER AS __p FROM range(8) t(i)"
    with duckdb.connect() as con:
        for path, query in {
            "npd.census/schema": f"SELECT * FROM ({rows}) WHERE false",
            "npd.census/2018": rows,
            "npd.census/2019": rows,
            "ref.schools/schema": "SELECT 1::BIGINT AS LA WHERE false",
            "ref.schools/all": "SELECT unnest([201, 202])::BIGINT AS LA",
        }.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            con.execute(f"COPY ({query}) TO '{tmp_path}/{path}.parquet' (FORMAT parquet)")
    census = tuple(f"npd.census/{f}.parquet" for f in ("schema", "2018", "2019"))
    tables = (
        VaultTable("npd.census", census, (None, 2018, 2019)),
        VaultTable("ref.schools", ("ref.schools/schema.parquet", "ref.schools/all.parquet"), (None, None)),
        VaultTable("npd.unused", ("npd.unused/schema.parquet",), (None,)),
    )
    return Vault("v1", "s1", "P", tmp_path, tmp_path / "script", tables, synthetic=True)


def test_the_request_names_only_what_is_read(vault):
    request = DuckDBEngine().prepare(PLAN, vault, "j1", 3, LIMITS, EvidenceNeeds(T))
    told = (request.job, request.attempt, request.image, request.mount, request.synthetic)
    assert told == ("j1", 3, "sql", vault.evidence, True)
    ((kind, payload),) = request.frames
    frame = json.loads(payload)
    assert kind == "job"
    assert frame["tables"] == [
        {"schema": "npd", "name": "census", "paths": ["npd.census/schema.parquet", "npd.census/2019.parquet"]},
        {"schema": "ref", "name": "schools", "paths": ["ref.schools/schema.parquet", "ref.schools/all.parquet"]},
    ]
    assert [s["name"] for s in frame["statements"]] == ["table#0"]
    assert frame["settings"] == {
        "wall_seconds": 60, "memory_bytes": 2**30, "output_bytes": 2**20, "output_files": 10,
        "processes": 64, "threads": 2, "scratch_bytes": 2**20,
    }  # fmt: skip


def test_a_table_that_the_vault_lacks_is_a_breach(vault):
    lacking = Plan((output("o", Scan("npd.other", (), 3, frozenset({2019}))),), ())
    expect(Breach, DuckDBEngine().prepare, lacking, vault, "j", 1, LIMITS, EvidenceNeeds(T), match=r"npd\.other")


def test_what_the_vault_proves_of_its_rows_is_used(vault):
    """That the rules decide the same is tested with generated queries (`test_certified_evidence`)."""
    plan, needs = Plan((output("o", CENSUS),), ()), EvidenceNeeds(T, margin=2.1, digits=0, exact_rows=0)
    proved = replace(vault, proofs={"npd.census": {2019: VaultProof(1)}}, persons=90)
    told = {DuckDBEngine().prepare(plan, v, "j", 1, LIMITS, needs).frames for v in (vault, proved)}
    assert len(told) == 2


def test_years_of_several_scans_are_united():
    earlier = Scan("npd.census", (), 3, frozenset({2018}))
    assert tables_read(Plan((OUTPUT, output("two", earlier)), ())) == {
        "npd.census": frozenset({2018, 2019}),
        "ref.schools": None,
    }


def run(vault: Vault, plan: Plan = PLAN) -> list[tuple[str, bytes]]:
    """What the launcher does, without the sandbox: a frame for each statement, and how it ended."""
    return list(InProcessEngine().run(DuckDBEngine().prepare(plan, vault, "j", 1, LIMITS, EvidenceNeeds(T))).frames)


def whole(vault: Vault) -> pa.Table:
    return pa.ipc.open_stream(run(vault)[0][1]).read_all()


def read(plan: Plan, frames: Sequence[tuple[str, bytes]]) -> tuple[OutputEvidence, ...]:
    """Without joint tables."""
    return DuckDBEngine().read(plan, frames, EvidenceNeeds(T)).outputs


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_evidence_is_exact_and_typed(vault):
    (evidence,) = read(PLAN, run(vault))
    (table,) = evidence.tables
    assert table.persons == 4
    assert [(c.keys, c.rows, c.persons) for c in table.cells] == [((201,), 4, 4), ((202,), 4, 4)]
    first = table.cells[0].statistics
    assert (first[20].value, first[20].persons) == (4, 4)
    assert (first[21].value, first[21].persons) == (Decimal("3.00"), 3)
    assert isinstance(first[21].value, Decimal)
    assert (first[21].largest, first[21].second, first[21].low) == (Decimal("1.50"), Decimal("1.00"), Decimal("0.00"))
    assert first[22].value == 0.75
    assert type(first[23].value) is int
    assert first[23].value == 804


def test_each_planned_table_has_its_statement_and_its_frame(vault):
    """Two outputs, of one table and of two: three statements in order, three frames back, each to its output."""
    columns = (ScanColumn(1, "LA", ScalarType.INT),)
    late, all_years = (Scan("npd.census", columns, 3, frozenset(y)) for y in ({2019}, {2018, 2019}))
    plan = Plan((output("a", late), output("b", late, all_years)), ())
    assert [name for name, _ in statements(plan)] == ["a#0", "b#0", "b#1"]
    frames = run(vault, plan)
    a, b = read(plan, frames)
    assert (a.name, len(a.tables), b.name, len(b.tables)) == ("a", 1, "b", 2)
    expect(Breach, read, plan, frames[:2], match="frames")


HALF, DOUBLE = QuantileForm(Decimal("0.5")), ScalarType.DOUBLE
DISCRETE = QuantileForm(Decimal("0.5"), discrete=True)
QUANTILES = (
    PlannedStatistic(30, Measure.QUANTILE, SCORE, DOUBLE, form=HALF),
    PlannedStatistic(31, Measure.DEVIATION, SCORE, DOUBLE, form=DeviationForm()),
    PlannedStatistic(32, Measure.QUANTILE, ColumnRef(1, INT), INT, form=DISCRETE),
)
PLACES = PlannedTable(CENSUS, 3, (), QUANTILES)


@pytest.mark.parametrize(
    ("kinds", "fits"), [(("float64", "float64", "int64"), True), (("float64", "int64", "int64"), False),
                        (("float64", "float64", "float64"), False)],
)  # fmt: skip
def test_quantiles_and_deviations_are_read_by_their_types(kinds, fits):
    counts = {"rows": 40, "persons": 20, "population": 20}
    columns = {name: pa.array([n], "int64") for name, n in counts.items()}
    for ident, kind in zip((30, 31, 32), kinds, strict=True):
        columns[f"s{ident}_value"] = pa.array([7], kind)
        columns |= {f"s{ident}_{name}": pa.array([counts[name]], "int64") for name in ("rows", "persons")}
        if ident != 31:
            columns |= {f"s{ident}_{name}": pa.array([1], "int64") for name in ("largest", "step_number")}
    plan = Plan((PlannedOutput("q", "pupil", (PLACES,), TableRef(0), ()),), ())
    frames = [("table", stream(pa.table(columns)))]
    if not fits:
        expect(Breach, read, plan, frames, match="type")
        return
    (evidence,) = read(plan, frames)
    found = evidence.tables[0].cells[0].statistics
    assert [(found[i].value, found[i].rows, found[i].persons) for i in (30, 31, 32)] == [(7, 40, 20)] * 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.drop_columns(["rows"]), "other columns"),
        (lambda t: t.append_column("more", t.column("rows")), "other columns"),
        (lambda t: t.select([1, 0, *range(2, t.num_columns)]), "other columns"),
        (lambda t: t.set_column(1, "rows", t.column("rows").cast("int32")), "type int32"),
        (lambda t: t.set_column(0, "k0", t.column("k0").cast("string")), "type string"),
        (lambda t: pa.concat_tables([t, t]), "a cell twice"),
    ],
)
def test_anything_else_is_a_breach(vault, change, why):
    expect(Breach, read, PLAN, [("table", stream(change(whole(vault))))], match=why)


@pytest.mark.parametrize("payload", [b"", b"no arrow", b"\xff" * 64])
def test_bytes_that_are_no_stream(payload):
    expect(Breach, read, PLAN, [("table", payload)])


def test_every_cut_of_a_stream_is_a_breach_or_less(vault):
    """A stream that lacks its end is never taken for more than it holds; frames above are hashed as well."""
    content = stream(whole(vault))
    for length in range(0, len(content) - 16, 97):
        try:
            (evidence,) = read(PLAN, [("table", content[:length])])
        except Breach:
            continue
        assert evidence.tables[0].cells == ()


@pytest.mark.parametrize("kinds", [[], ["table", "table"], ["file"], ["status"], ["table", "log"]])
def test_other_frames_are_a_breach(vault, kinds):
    expect(Breach, read, PLAN, [(kind, stream(whole(vault))) for kind in kinds], match="frames")
