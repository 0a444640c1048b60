"""Evidence and rules for LA x ethnicity x FSM with a count and a mean, against the plain query: on pupils with one row
each, and on absence with three rows a person. The statement runs as in the sandbox; the data are made once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from bench.demo import demo
from bench.harness import Line, compare
from broker.disclosure.rules import evidence_needs
from broker.disclosure.table_findings import evaluate_rules
from broker.domain.evidence import OutputEvidence, TableEvidence, VaultProof, VaultProofs
from broker.domain.plans.plan import PlannedOutput
from broker.engine.duckdb_engine import statement_texts
from broker.engine.hardened_duckdb import PERFECT_BITS, result_statement
from broker.engine.result_frames import read_table
from broker.policy.disclosure_rules import DisclosureRules
from broker.query import compile_sql, two_pass_query
from tests.oracles.judge_output import judge_output

ROUNDS = 11
PEOPLE = 8_000_000
THREADS = 2
FOLDER = Path("build/bench/evidence")
DAYS = "OverallAbsence_6HalfTerms"
ETHNICITIES = (
    "WBRI", "WIRI", "WIRT", "WROM", "WOTH", "MWBC", "MWBA", "MWAS", "MOTH", "AIND", "APKN", "ABAN", "AOTH", "CHNE",
    "BCRB", "BAFR", "BOTH", "OOTH", "REFU", "NOBT",
)  # fmt: skip
AUTHORITIES = tuple(range(201, 353))
ROWS = """
SELECT '{year}' AS "AcademicYear",
       (201 + CASE WHEN moved % 100 < 3 THEN (moved // 100) % 152 ELSE home % 152 END)::BIGINT AS "LA",
       list_extract({ethnicities}, 1 + least(19, (-ln((origin % 10000 + 1) / 10001.0) * 3)::INT)) AS "EthnicGroupMinor",
       (meals % 100 < 18)::TINYINT AS "FSMeligible", ((missed // 100) % 60)::BIGINT AS "{days}",
       p::UINTEGER AS __p, r::UTINYINT AS __r, (1::UTINYINT << (home % 7)::UTINYINT)::UTINYINT AS __ib,
       enum_code("EthnicGroupMinor"::ENUM ({codes}))::UTINYINT AS "__c_EthnicGroupMinor"
FROM (SELECT p, r, hash(p) AS home, hash(p + 100000000) AS origin, hash(p * 7 + 3) AS meals,
             hash(p * 13 + 11 + r * 1000000007) AS missed, hash(p * 17 + r * 999983) AS moved
      FROM range({people}) a(p), range({rows}) b(r))
ORDER BY __p, __r"""
"""Ethnicities from frequent to rare; about 3 in 100 rows are of another authority than the person's first."""


@dataclass(frozen=True)
class Data:
    """One file with `rows` rows a person."""

    name: str
    year: int
    rows: int

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}-{PEOPLE}-coded.parquet"

    @property
    def proofs(self) -> VaultProofs:
        """What a vault's build would prove of the file."""
        codes = {"EthnicGroupMinor": tuple(sorted(ETHNICITIES))}
        return {"npd.absence": {self.year: VaultProof(self.rows, {DAYS: 59 * self.rows}, {DAYS: 0}, codes)}}

    @property
    def query(self) -> str:
        return f"""SELECT LA, EthnicGroupMinor, FSMeligible, COUNT(*) AS n, AVG({DAYS}) AS missed FROM npd.absence
        WHERE AcademicYear = '{self.year}/{self.year + 1}' GROUP BY LA, EthnicGroupMinor, FSMeligible"""

    def make(self) -> None:
        if self.file.exists():
            return
        FOLDER.mkdir(parents=True, exist_ok=True)
        half = self.file.with_suffix(".half")
        text = ROWS.format(
            year=f"{self.year}/{self.year + 1}", ethnicities=list(ETHNICITIES), days=DAYS, people=PEOPLE,
            rows=self.rows,
            codes=", ".join(f"'{e}'" for e in sorted(ETHNICITIES)),
        )  # fmt: skip
        with duckdb.connect() as con:
            con.execute(f"COPY ({text}) TO '{half}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)")
        half.rename(self.file)


def evidence_lines() -> list[Line]:
    policies, project = demo()
    lines = []
    for data, promised in ((Data("pupils", 2018, 1), 1.5), (Data("absence", 2020, 3), 3.0)):
        data.make()
        plan = compile_sql(data.query, "duckdb", policies.catalogue, project, policies.service).plan
        if plan is None:
            raise SystemExit(f"{data.name}: the query is refused")
        lines += _lines(data, plan.outputs[0], policies.disclosure_rules("npd-default"), promised)
    return lines


def _lines(data: Data, output: PlannedOutput, profile: DisclosureRules, promised: float) -> list[Line]:
    asked = statement_texts(two_pass_query(output.tables[0], evidence_needs(profile), data.proofs, PEOPLE))
    registers = {k.variable: AUTHORITIES for k in output.tables[0].keys if k.variable == "npd.absence.LA"}
    with duckdb.connect() as con:
        con.execute(f"SET threads={THREADS}")
        con.execute(f"SET perfect_ht_threshold={PERFECT_BITS}")
        con.execute("CREATE SCHEMA npd")
        con.execute(f"CREATE VIEW npd.absence AS FROM read_parquet(['{data.file}'], union_by_name=true)")

        def plain() -> object:
            return con.sql(data.query).fetchall()

        def evidence() -> TableEvidence:
            return read_table(output.tables[0], _stream(con, asked))

        def rules() -> object:
            return evaluate_rules(output.tables[0], evidence(), profile)

        def whole() -> object:
            return judge_output(output, OutputEvidence(output.name, (evidence(),)), profile, registers)

        title = f"{PEOPLE * data.rows // 10**6} million rows, {data.rows} a person"
        baseline = ("plain query", plain)
        peaks = f"peak memory {peak(evidence)} MB, plain query {peak(plain)} MB"
        statement = ("statement", lambda: _stream(con, asked))
        return [
            compare(f"evidence: {title}: statement alone", statement, baseline, ROUNDS, peaks),
            compare(f"evidence: {title}: read into cells", ("statement + cells", evidence), baseline, ROUNDS),
            replace(
                compare(f"evidence: {title}: with rules", ("statement + cells + rules", rules), baseline, ROUNDS),
                note=f"every rule's word on every figure; {promised} x the plain query is promised",
            ),
            compare(f"evidence: {title}: judged whole", ("statement + judged output", whole), baseline, ROUNDS),
        ]


def _stream(con: duckdb.DuckDBPyConnection, asked: Mapping[str, str]) -> bytes:
    """As the image looks and sends."""
    found, sink = con.sql(result_statement(con, asked)).to_arrow_table(), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return bytes(sink.getvalue())


def peak(work: Callable[[], object]) -> int:
    """The most memory that the process held while it worked, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    work()
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024
