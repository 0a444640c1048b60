"""Line 2: a SQL job from submission to assessed output, through store, queue and sandbox, against a bare `docker run`
of an image that imports DuckDB and counts: the floor of any container per job."""

import subprocess
import tempfile
import time
from pathlib import Path

from bench.harness import Line, compare
from broker.client import BrokerClient
from broker.demo.prepare import prepare
from broker.demo.processes import environment, free_port, running
from broker.demo.run import token_for
from broker.domain.jobs import Kind, Submission
from broker.sandbox.images import Images
from broker.settings import Settings

ROUNDS = 7
PUPILS = 5_000
QUERY = """SELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual"""
BARE = """import sys
sys.path.append("/opt/site")
import duckdb
print(duckdb.sql("select count(*) from range(1000000)").fetchall())"""
POLL_SECONDS = 0.01


def job_lines() -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="broker-bench-") as folder:
        data = Path(folder)
        settings = Settings(data=data, synthetic_only=True)
        ports = prepare(settings, PUPILS)
        token = token_for(ports, "demo-researcher")
        image = Images(settings.images_root).digest_of("sql")
        return [_line(data, token, image, runtime) for runtime in ("runc", "runsc")]


def _line(data: Path, token: str, image: str, runtime: str) -> Line:
    with (
        running(environment(data, free_port(8000), runtime), data / "logs") as address,
        BrokerClient(address, token) as client,
    ):
        return compare(
            f"job: SQL over {PUPILS} pupils on {runtime}",
            ("submit to assessed", lambda: _job(client)),
            (f"docker run --runtime {runtime}", lambda: _bare(image, runtime)),
            ROUNDS,
        )


def _job(client: BrokerClient) -> None:
    job = client.submit(Submission("P0421", Kind.SQL, "", QUERY, "bench", "bench"))
    while client.job(job["ident"])["state"] in {"queued", "running"}:
        time.sleep(POLL_SECONDS)


def _bare(image: str, runtime: str) -> None:
    command = ["docker", "run", "--rm", "--network", "none", "--runtime", runtime, "--entrypoint", "/sandbox/python"]
    subprocess.run([*command, image, "-I", "-S", "-B", "-c", BARE], check=True, capture_output=True)
