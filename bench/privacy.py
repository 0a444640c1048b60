"""A private count and mean of 30 million rows, three a person of which two count, in 3,000 public cells: statement,
exact vectors, noise and results against the plain query. Wall time, and processor time of all that takes part, since
others may use the machine too. The statement runs as in the sandbox; the data are made once."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.evidence import AUTHORITIES, DAYS, ETHNICITIES, ROWS, THREADS, peak
from bench.harness import Line, compare
from broker.domain.amounts import Accounting, Amount
from broker.domain.plans import Plan
from broker.domain.proofs import Proof, Proofs
from broker.engine.here import PERFECT_BITS, arrow_stream
from broker.engine.private import Exact, read_private, statements
from broker.policy.files import load_policies
from broker.policy.files.privacy import load_privacy
from broker.privacy.asking.measurable import Given, Measurable, measurable
from broker.privacy.asking.written import written_in
from broker.privacy.design import Design, design
from broker.privacy.noise.client import NoiseProcess
from broker.privacy.results.cells import cells
from broker.query import compile_sql

ROUNDS = 7
PEOPLE, EACH = 10_000_000, 3
FOLDER = Path("build/bench/privacy")
QUERY = f"""-- rows: npd.absence 2
SELECT LA, EthnicGroupMinor, COUNT(*) AS n, AVG({DAYS}) AS missed FROM npd.absence
WHERE AcademicYear = '2020/2021' GROUP BY LA, EthnicGroupMinor"""
PROMISED = 1.5


@dataclass(frozen=True)
class Job:
    """What is fixed before any data are read."""

    plan: Plan
    measured: Measurable
    design: Design
    proofs: Proofs


def privacy_lines() -> list[Line]:
    file, job = _made(), _job()
    with duckdb.connect() as con, NoiseProcess(60) as noise:
        con.execute(f"SET threads={THREADS}")
        con.execute(f"SET perfect_ht_threshold={PERFECT_BITS}")
        con.execute("CREATE SCHEMA npd")
        con.execute(f"CREATE VIEW npd.absence AS FROM read_parquet(['{file}'], union_by_name=true)")
        noise.warm()

        def plain() -> object:
            return con.sql(QUERY).fetchall()

        def exact() -> Exact:
            texts = [sql for _, sql in statements(job.plan, [job.measured], job.proofs)]
            frames = [("table", arrow_stream(con, sql, 2**30)) for sql in texts]
            return read_private(job.plan, [job.measured], job.design, frames)

        def whole() -> object:
            drawn = noise.draw(job.design.bundle, exact().vectors)
            return cells(job.design, drawn, 0, PROFILE)

        memory = f"peak memory {peak(whole)} MB, plain query {peak(plain)} MB"
        title, plainly = "privacy: 30 million rows, 3 a person", ("plain query", plain)
        return [
            compare(f"{title}: exact vectors", ("statement + read", exact), plainly, ROUNDS, _cpu(exact, plain)),
            compare(
                f"{title}: end to end", ("statement + read + noise + results", whole), plainly, ROUNDS,
                f"{PROMISED} x is promised; {_cpu(whole, plain)}; {memory}",
            ),
        ]  # fmt: skip


PROFILE = load_privacy(Path("policies/privacy")).profile("npd-private")


def _job() -> Job:
    policies = load_policies(Path("policies"))
    project = policies.project("P0421")
    assert project is not None
    plan = compile_sql(QUERY, "duckdb", policies.catalogue, project, policies.service).plan
    assert plan is not None
    given = Given(policies.catalogue, PROFILE, {"npd.absence.LA": AUTHORITIES}, written_in(QUERY), lists_only=True)
    measured = measurable(plan.outputs[0], given)
    proofs = {"npd.absence": {2020: Proof(EACH, codes={"EthnicGroupMinor": tuple(sorted(ETHNICITIES))})}}
    return Job(plan, measured, design(measured.tables, Amount(Accounting.APPROXIMATE, 500_000, 0)), proofs)


def _made() -> Path:
    file = FOLDER / f"absence-{PEOPLE}.parquet"
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        text = ROWS.format(
            year="2020/2021", ethnicities=list(ETHNICITIES), days=DAYS, people=PEOPLE, rows=EACH,
            codes=", ".join(f"'{e}'" for e in sorted(ETHNICITIES)),
        )  # fmt: skip
        half = file.with_suffix(".half")
        with duckdb.connect() as con:
            con.execute(f"COPY ({text}) TO '{half}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)")
        half.rename(file)
    return file


def _cpu(ours: Callable[[], object], plain: Callable[[], object]) -> str:
    """Medians of the processor's time, of this process and of the noise process."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for side, times in zip((ours, plain), taken, strict=True):
            began = time.process_time() + _children()
            side()
            times.append(time.process_time() + _children() - began)
    mine, theirs = (statistics.median(t) for t in taken)
    return f"processor {mine:.2f} s of {theirs:.2f} s: {mine / theirs:.2f} x"


def _children() -> float:
    """The processor's time of processes that this one has started, while they run."""
    ticks, own = os.sysconf("SC_CLK_TCK"), str(os.getpid())
    found = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == own:
            found += (int(fields[11]) + int(fields[12])) / ticks
    return found


if __name__ == "__main__":
    for line in privacy_lines():
        print(line.name, line.ours_ms, line.baseline_ms, line.ratio, line.note)
