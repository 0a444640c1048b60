"""The DuckDB engine: from a plan to a job frame, and from an Arrow stream to evidence or to a Breach."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from broker.domain.errors import Breach
from broker.domain.plans import Key, Measure, Plan, PlannedOutput, Statistic
from broker.domain.ports import Limits, Vault, VaultTable
from broker.domain.relations import Join, JoinHow, Scan, ScanColumn
from broker.domain.scalars import Call, Column, Type
from broker.engine.duckdb_engine import DuckDBEngine, tables_read

LIMITS = Limits(60, 2**30, 2**20, 10, 64, 2, 2**20)
CENSUS = Scan("npd.census", (ScanColumn(1, "LA", Type.INT), ScanColumn(2, "Score", Type.DECIMAL)), 3, frozenset({2019}))
SCHOOLS = Scan("ref.schools", (ScanColumn(4, "LA", Type.INT),), None, None)
JOINED = Join(CENSUS, SCHOOLS, JoinHow.INNER, Call("equal", (Column(1, Type.INT), Column(4, Type.INT)), Type.TRUTH), 3)
SCORE = Column(2, Type.DECIMAL)
OUTPUT = PlannedOutput(
    name="table",
    unit="pupil",
    contributions=JOINED,
    person=3,
    keys=(Key(10, Column(1, Type.INT), Type.INT, None, "npd.census.LA"),),
    statistics=(
        Statistic(20, Measure.COUNT_ROWS, None, Type.INT),
        Statistic(21, Measure.SUM, SCORE, Type.DECIMAL),
        Statistic(22, Measure.MEAN, SCORE, Type.DOUBLE),
        Statistic(23, Measure.SUM, Column(1, Type.INT), Type.INT),
    ),
    columns=(),
)
PLAN = Plan((OUTPUT,), ())


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


def test_the_request_names_only_what_is_read(vault: Vault) -> None:
    request = DuckDBEngine().prepare(PLAN, vault, "j1", 3, LIMITS)
    assert (request.job, request.attempt, request.image, request.mount, request.synthetic) == (
        "j1",
        3,
        "sql",
        vault.evidence,
        True,
    )
    ((kind, payload),) = request.frames
    frame = json.loads(payload)
    assert kind == "job"
    assert frame["tables"] == [
        {"schema": "npd", "name": "census", "paths": ["npd.census/schema.parquet", "npd.census/2019.parquet"]},
        {"schema": "ref", "name": "schools", "paths": ["ref.schools/schema.parquet", "ref.schools/all.parquet"]},
    ]
    assert [s["name"] for s in frame["statements"]] == ["table"]
    assert frame["settings"] == {
        "wall_seconds": 60, "memory_bytes": 2**30, "output_bytes": 2**20, "output_files": 10,
        "processes": 64, "threads": 2, "scratch_bytes": 2**20,
    }  # fmt: skip


def test_a_table_that_the_vault_lacks_is_a_breach(vault: Vault) -> None:
    other = Scan("npd.other", (), 3, frozenset({2019}))
    lacking = PlannedOutput("o", "pupil", other, 3, (), (), ())
    with pytest.raises(Breach, match=r"npd\.other"):
        DuckDBEngine().prepare(Plan((lacking,), ()), vault, "j", 1, LIMITS)


def test_years_of_several_scans_are_united() -> None:
    earlier = Scan("npd.census", (), 3, frozenset({2018}))
    second = PlannedOutput("two", "pupil", earlier, 3, (), (), ())
    assert tables_read(Plan((OUTPUT, second), ())) == {"npd.census": frozenset({2018, 2019}), "ref.schools": None}


def run(vault: Vault) -> pa.Table:
    """What the launcher does, without the sandbox."""
    ((_, payload),) = DuckDBEngine().prepare(PLAN, vault, "j", 1, LIMITS).frames
    frame = json.loads(payload)
    with duckdb.connect() as con:
        for table in frame["tables"]:
            files = [str(vault.evidence / path) for path in table["paths"]]
            con.execute(f'CREATE SCHEMA IF NOT EXISTS "{table["schema"]}"')
            con.execute(
                f'CREATE VIEW "{table["schema"]}"."{table["name"]}" AS FROM read_parquet({files}, union_by_name=true)'
            )
        return con.sql(frame["statements"][0]["sql"]).to_arrow_table()


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_evidence_is_exact_and_typed(vault: Vault) -> None:
    (evidence,) = DuckDBEngine().read(PLAN, [("table", stream(run(vault))), ("status", b'{"word": "ended"}')])
    assert evidence.persons == 4
    assert [(c.keys, c.rows, c.persons) for c in evidence.cells] == [((201,), 4, 4), ((202,), 4, 4)]
    first = evidence.cells[0].statistics
    assert (first[20].value, first[20].persons) == (4, 4)
    assert (first[21].value, first[21].persons) == (Decimal("3.00"), 3)
    assert isinstance(first[21].value, Decimal)
    assert (first[21].largest, first[21].second, first[21].low) == (Decimal("1.50"), Decimal("1.00"), Decimal("0.00"))
    assert first[22].value == 0.75
    assert type(first[23].value) is int
    assert first[23].value == 804


Change = Callable[[pa.Table], pa.Table]


def put(column: str, value: object) -> Change:
    def change(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(column)
        kind = table.schema.field(place).type
        return table.set_column(place, column, pa.array([value] * len(table), kind))

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.drop_columns(["rows"]), "other columns"),
        (lambda t: t.append_column("more", t.column("rows")), "other columns"),
        (lambda t: t.select([1, 0, *range(2, t.num_columns)]), "other columns"),
        (lambda t: t.set_column(1, "rows", t.column("rows").cast("int32")), "type int32"),
        (lambda t: t.set_column(0, "k0", t.column("k0").cast("string")), "type string"),
        (lambda t: pa.concat_tables([t, t]), "a cell twice"),
        (put("k0", None), "a cell twice"),
        (put("population", 5000), "another population"),
        (put("population", 1), "another population"),
        (lambda t: t.set_column(3, "population", pa.array([4, 3])), "one population"),
        (put("rows", -1), "a count that is none"),
        (put("rows", None), "a count that is none"),
        (put("rows", 0), "more persons than rows"),
        (put("persons", 5), "more persons than rows"),
        (put("s20_persons", 5), "more in a statistic"),
        (put("s22_rows", 5), "more in a statistic"),
        (put("s21_second", Decimal(99)), "out of order"),
        (put("s21_low", Decimal(99)), "out of order"),
        (put("s22_value", float("nan")), "not finite"),
    ],
)
def test_anything_else_is_a_breach(vault: Vault, change: Change, why: str) -> None:
    with pytest.raises(Breach, match=why):
        DuckDBEngine().read(PLAN, [("table", stream(change(run(vault))))])


@pytest.mark.parametrize("payload", [b"", b"no arrow", b"\xff" * 64])
def test_bytes_that_are_no_stream(payload: bytes) -> None:
    with pytest.raises(Breach):
        DuckDBEngine().read(PLAN, [("table", payload)])


def test_every_cut_of_a_stream_is_a_breach_or_less(vault: Vault) -> None:
    """A stream that lacks its end is never taken for more than it holds; frames above are hashed as well."""
    whole = stream(run(vault))
    for length in range(0, len(whole) - 16, 97):
        try:
            (evidence,) = DuckDBEngine().read(PLAN, [("table", whole[:length])])
        except Breach:
            continue
        assert evidence.cells == ()


@pytest.mark.parametrize("kinds", [[], ["table", "table"], ["file"], ["status"], ["table", "log"]])
def test_other_frames_are_a_breach(vault: Vault, kinds: list[str]) -> None:
    with pytest.raises(Breach, match="frames"):
        DuckDBEngine().read(PLAN, [(kind, stream(run(vault))) for kind in kinds])
