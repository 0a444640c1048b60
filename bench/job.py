"""Jobs from submission over HTTP to their end, through store, queue and sandbox, against a bare `docker run` of the
same image: a group-by over a million rows to its checked result, and `print(1)` to its output before a checker.

All of it is as in operation: SQLite that syncs fully, every audit event, every rule. A sandbox waits for the job when
it comes, as it does a moment after the job before; the time in which it is made ready is in nobody's figure. Policy is
as it stands but for one word: a script is not tried on synthetic data first, which would be a second run.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as parquet

from bench.harness import Line, compare
from broker.client import BrokerClient
from broker.demo.demo_processes import environment, free_port, lock_folder, running
from broker.demo.demo_setup import prepare
from broker.demo.run_demo import token_for
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.ports import Ports
from broker.sandbox.built_images import BuiltImages
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.settings import Settings

ROUNDS = 9
PUPILS = 100_000
PROJECT = "P0421"
RUNTIMES = ("runc", "runsc")
TABLE = "npd.nccis"
SQL_SHARE, PYTHON_SHARE = 0.5, 0.8
"""What is promised of a bare `docker run`."""

WHERE = "NCCIS_ACADYR IN ('2018/2019', '2019/2020', '2020/2021', '2021/2022', '2022/2023') GROUP BY NCCIS_MonthNo"
SELECT = "SELECT NCCIS_MonthNo, COUNT(*) AS n FROM"
QUERY = f"{SELECT} {TABLE} WHERE {WHERE}"
BARE = f"""import sys
sys.path.append("/opt/site")
import duckdb
print(duckdb.sql(\"\"\"{SELECT} '/data/{TABLE}/*.parquet' WHERE {WHERE}\"\"\").fetchall())"""
SCRIPT = """# input: npd.absence [FSMeligible] 2022/2023
# output: one.csv | the number one
print(1)
print(1, file=open("/out/one.csv", "w"))"""
FIRST = "python_synthetic_first: true"
POLL_SECONDS = 0.01
READY_SECONDS = 120


@dataclass(frozen=True)
class Site:
    """A broker that runs, its data, and two of its people's hands."""

    settings: Settings
    researcher: BrokerClient
    checker: BrokerClient
    runtime: str
    mounts: tuple[Path, Path]

    def image(self, name: str) -> str:
        return BuiltImages(self.settings.images_root).digest_of(name)


def job_lines() -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="broker-bench-") as folder:
        settings = Settings(data=Path(folder), synthetic_only=True, policies=without_synthetic_run(Path(folder)))
        ports = prepare(settings, PUPILS)
        return [line for runtime in RUNTIMES for line in lines_on(settings, ports, runtime)]


def without_synthetic_run(folder: Path) -> Path:
    """The project's policy files, in which scripts meet the vault at once."""
    policies = folder / "policies"
    shutil.copytree(Settings().policies, policies)
    service = policies / "service.yaml"
    text = service.read_text(encoding="utf-8")
    if FIRST not in text:
        raise SystemExit(f"policy does not say {FIRST!r}")
    service.write_text(text.replace(FIRST, FIRST.replace("true", "false")), encoding="utf-8")
    return policies


def lines_on(settings: Settings, ports: Ports, runtime: str, rounds: int = ROUNDS) -> list[Line]:
    with site(settings, ports, runtime) as here:
        return [sql_line(here, rounds), python_line(here, rounds)]


@contextmanager
def site(settings: Settings, ports: Ports, runtime: str) -> Iterator[Site]:
    """A worker and a web server on one runtime; each kind of job has been sent once, so that a vault is there."""
    tokens = [token_for(ports, ident) for ident in ("demo-researcher", "demo-checker-1")]
    env = environment(settings.root, free_port(8000), runtime)
    with (
        lock_folder(settings.root) as lock,
        running(env, settings.root / "logs", lock) as address,
        closing(BrokerClient(address, tokens[0])) as researcher,
        closing(BrokerClient(address, tokens[1])) as checker,
    ):
        first = Site(settings, researcher, checker, runtime, (settings.root, settings.root))
        for _ in range(2):  # the second of a kind tells the pool what to keep ready
            sql_job(first)
            python_job(first)
        vault = next((settings.root / "vaults").glob("v*"))
        yield Site(settings, researcher, checker, runtime, (vault / "evidence", vault / "script"))


def sql_line(here: Site, rounds: int) -> Line:
    evidence, _ = here.mounts
    rows = sum(parquet.read_metadata(f).num_rows for f in (evidence / TABLE).glob("*.parquet"))
    return compare(
        f"job: SQL group-by over {rows:,} rows on {here.runtime}",
        ("submit over HTTP to checked result", lambda: sql_job(here)),
        (f"docker run --runtime {here.runtime} of the raw query", lambda: run_bare(here, "sql", BARE)),
        rounds,
        f"at most {SQL_SHARE} is promised",
        lambda: await_ready(here),
    )


def python_line(here: Site, rounds: int) -> Line:
    return compare(
        f"job: print(1) in Python on {here.runtime}",
        ("submit over HTTP to output in review", lambda: python_job(here)),
        (f"docker run --runtime {here.runtime} of print(1)", lambda: run_bare(here, "python", "print(1)")),
        rounds,
        f"at most {PYTHON_SHARE} is promised",
        lambda: await_ready(here),
    )


def sql_job(here: Site) -> None:
    """Checked: every output has its verdict and stands where the researcher would see it."""
    job = _accepted(here, Submission(PROJECT, JobKind.SQL, "", QUERY, "bench", "bench"))
    while here.researcher.job(job)["state"] in {"queued", "running"}:
        time.sleep(POLL_SECONDS)


def python_job(here: Site) -> None:
    """In review: a checker sees the job's output wait for a vote. (A researcher is told later, in slots of time.)"""
    job = _accepted(here, Submission(PROJECT, JobKind.PYTHON, "", SCRIPT, "bench", "bench"))
    while [output["state"] for output in here.checker.job(job)["outputs"]] != ["in_review"]:
        time.sleep(POLL_SECONDS)


def _accepted(here: Site, submission: Submission) -> str:
    job = here.researcher.submit(submission)
    if job["state"] == "refused":
        raise SystemExit(f"the bench's job is refused: {job['refusals']}")
    return job["ident"]


def run_bare(here: Site, image: str, program: str) -> None:
    mount = here.mounts[0 if image == "sql" else 1]
    command = ["docker", "run", "--rm", "--network", "none", "--runtime", here.runtime, "-v", f"{mount}:/data:ro"]
    command += ["--entrypoint", "/sandbox/python", here.image(image), "-I", "-S", "-B", "-c", program]
    subprocess.run(command, check=True, capture_output=True)


def await_ready(here: Site) -> None:
    """Until a sandbox of each kind waits, and the machine has come to rest after making it."""
    shelf = DockerSandbox(here.settings.root, here.runtime, here.settings.images_root).warm_registry
    until = time.monotonic() + READY_SECONDS
    while len(shelf.waiting()) < max(2, len(shelf.wanted())):
        if time.monotonic() > until:
            raise SystemExit("no sandbox became ready")
        time.sleep(0.1)
    time.sleep(0.3)
