"""A private job on data made for it, on the way that a job runs: request, bounded statement, exact vectors, noise,
stored answer, figures, table. Two things are not as in production: the statement runs in this process (what it does is
what the image does), and nothing is written to ledger and shelf. The noise process is warm: a worker starts it at its
first private job and keeps it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from bench.demo import demo
from bench.evidence import AUTHORITIES, DAYS, ETHNICITIES, ROWS, THREADS
from broker.domain.evidence import VaultProof
from broker.domain.findings import Assessment
from broker.domain.jobs.job import JobKind
from broker.domain.ports import SandboxEnd, SandboxRequest, Vault, VaultTable
from broker.engine.hardened_duckdb import PERFECT_BITS
from broker.engine.in_process_engine import InProcessEngine
from broker.engine.private_engine import ExactVectors, PrivateDuckDB
from broker.privacy.noise.noise_client import NoiseClient
from broker.privacy.request.directives import read_directives
from broker.privacy.results.cell_results import GroupingSetResult, results_by_set
from broker.query import compile_sql
from broker.workflow.private_jobs.private_answers import NoisyAnswer, answer_from_bytes, answer_to_bytes, noisy_answer
from broker.workflow.private_jobs.private_outputs import noisy_tables
from broker.workflow.private_jobs.private_request import PrivateQuery, plan_private_query
from broker.workflow.run_context import limits_for

FOLDER = Path("build/bench/private").absolute()
TABLE, YEAR = "npd.absence", 2020
STEPS = 10**9
QUERY = f"""SELECT LA, EthnicGroupMinor, COUNT(*) AS n, AVG({DAYS}) AS missed FROM {TABLE}
WHERE AcademicYear = '{YEAR}/{YEAR + 1}' GROUP BY LA, EthnicGroupMinor"""


@dataclass(frozen=True)
class Data:
    """A vault's rendering of one table: so many people, `each` rows a person."""

    people: int
    each: int

    @property
    def vault(self) -> Vault:
        paths = (f"{TABLE}/schema.parquet", f"{TABLE}/{YEAR}.parquet")
        proof = VaultProof(self.each, codes={"EthnicGroupMinor": tuple(sorted(ETHNICITIES))})
        table, folder = VaultTable(TABLE, paths, (None, YEAR)), FOLDER / f"{self.people}x{self.each}"
        return Vault("v", "s", "P0421", folder, folder, (table,), True, {TABLE: {YEAR: proof}}, self.people)

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(self.vault.evidence / path for path in self.vault.tables[0].paths)

    def make(self) -> None:
        """Once: it stays for the next run."""
        schema, rows = self.files
        if rows.exists():
            return
        rows.parent.mkdir(parents=True, exist_ok=True)
        codes = ", ".join(f"'{e}'" for e in sorted(ETHNICITIES))
        text = ROWS.format(
            year=f"{YEAR}/{YEAR + 1}", ethnicities=list(ETHNICITIES), days=DAYS, people=self.people, rows=self.each,
            codes=codes,
        )  # fmt: skip
        half, form = rows.with_suffix(".half"), "(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
        with duckdb.connect() as con:
            con.execute(f"COPY ({text}) TO '{half}' {form}")
            con.execute(f"COPY (SELECT * FROM read_parquet('{half}') LIMIT 0) TO '{schema}' {form}")
        half.rename(rows)


@dataclass(frozen=True)
class Sides:
    """Both sides of the comparison on the same files."""

    private: PrivateQuery
    request: SandboxRequest
    noise: NoiseClient
    con: duckdb.DuckDBPyConnection

    def plain(self) -> object:
        """The query as it would be asked without privacy, on a connection that is open."""
        return self.con.sql(QUERY).fetchall()

    def exact(self) -> ExactVectors:
        result = InProcessEngine().run(self.request)
        if result.end is not SandboxEnd.ENDED:
            raise SystemExit(f"a private query of the bench: {result.end}")
        return PrivateDuckDB().read(self.private.plan, self.private.measured, self.private.design, result.frames)

    def answer(self) -> NoisyAnswer:
        """As it is stored, before anything else sees it."""
        made, exact = self.private.design, self.exact()
        drawn = self.noise.draw(made.bundle, exact.vectors)
        return answer_from_bytes(made, answer_to_bytes(made, noisy_answer(made, drawn, exact)))

    def figures(self) -> tuple[GroupingSetResult, ...]:
        """Every cell's figures with their intervals."""
        answer = self.answer()
        return results_by_set(self.private.design, answer.drawn, 0, self.private.profile, answer.observed[0])

    def tables(self) -> list[Assessment]:
        """The table that may leave, as people and releases see it."""
        return list(noisy_tables(self.private, self.answer(), STEPS))


@contextmanager
def sides(data: Data, epsilon: str, rows: int) -> Iterator[Sides]:
    """`rows`: of each person that count."""
    data.make()
    policies, project = demo()
    project = replace(project, privacy_raised=True)
    text = f"-- private: epsilon {epsilon}\n-- rows: {TABLE} {rows}\n{QUERY}"
    plan = compile_sql(text, "duckdb", policies.catalogue, project, policies.service, in_parts=False).plan
    if plan is None:
        raise SystemExit("the private query of the bench is refused")
    private = plan_private_query(plan, read_directives(text, "duckdb"), project, policies, {f"{TABLE}.LA": AUTHORITIES})
    limits = limits_for(JobKind.SQL, policies)
    request = PrivateDuckDB().prepare(plan, private.measured, data.vault, "bench", 1, limits)
    with duckdb.connect() as con, closing(NoiseClient(60)) as noise:
        for statement in (
            f"SET threads={THREADS}",
            f"SET perfect_ht_threshold={PERFECT_BITS}",
            "CREATE SCHEMA npd",
            f"CREATE VIEW {TABLE} AS FROM read_parquet({[str(f) for f in data.files]}, union_by_name=true)",
        ):
            con.execute(statement)
        noise.warm()
        yield Sides(private, request, noise, con)
