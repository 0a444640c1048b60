"""docker-compose.yml for real: built without a registry, started, founded, and a job taken to review on PostgreSQL."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from broker.client import BrokerClient
from broker.domain.jobs.job import JobKind, Submission
from broker.policy.files import load_policies
from tests.api_client import ApiClient
from tests.prove.proof import ROOT, Line

QUERY = """SELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual"""
PORT = 8123


def compose(clone: Path, *arguments: str) -> str:
    """One compose command in the clone; its standard output."""
    env = os.environ | {"BROKER_PUBLISH": f"127.0.0.1:{PORT}", "BROKER_SYNTHETIC_ONLY": "true"}
    ended = subprocess.run(
        ["docker", "compose", *arguments], cwd=clone, env=env, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise RuntimeError(ended.stderr[-2000:])
    return ended.stdout


def broker(clone: Path, *arguments: str) -> str:
    return compose(clone, "exec", "-T", "worker", "python3", "-m", "broker", *arguments)


def compose_line(clone: Path) -> Line:
    began = time.monotonic()
    subprocess.run(["sh", ".ci/compose.sh"], cwd=clone, capture_output=True, check=True)
    try:
        compose(clone, "up", "-d")
        state = _job(clone)
    finally:
        compose(clone, "down", "-v", "--timeout", "2")
    seconds = round(time.monotonic() - began)
    return Line(
        "docker-compose.yml from the project's own base",
        state == "waiting for a decision",
        {"state": state, "seconds": seconds},
    )


def _job(clone: Path) -> str:
    address = f"http://127.0.0.1:{PORT}"
    _await(BrokerClient(address))
    tokens = json.loads(broker(clone, "init", "ada=Ada", "amir=Amir", "--json"))
    policies = load_policies(ROOT / "policies")
    for ident in ("ada", "amir"):
        BrokerClient(address, tokens[ident]).apply_policy(policies.fingerprint, policies.text)
    data = next(line.partition("=")[2] for line in (clone / ".env").read_text().splitlines() if "HOST_DATA" in line)
    extracts = Path(data) / "extracts"
    shutil.rmtree(extracts, ignore_errors=True)
    broker(clone, "synth", "--pupils", "2000", "--years", "2022-2023", "--seed", "5", "--out", str(extracts))
    broker(clone, "ingest", str(extracts))
    researcher = _researcher(tokens, clone, address)
    job = researcher.submit(Submission("P0421", JobKind.SQL, "", QUERY, "Compose", "To see it run."))
    deadline = time.monotonic() + 120
    while (state := researcher.job(job["ident"])["state"]) in {"queued", "running"}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return str(state)


def _await(client: BrokerClient) -> None:
    deadline = time.monotonic() + 60
    while not client.ready():
        if time.monotonic() > deadline:
            raise RuntimeError("the broker in compose is not ready after 60 s")
        time.sleep(0.3)


def _researcher(tokens: dict[str, str], clone: Path, address: str) -> BrokerClient:
    """The demo researcher: an account that two administrators made, a token made on the server."""
    for token in tokens.values():
        ApiClient(address, token).put_person("demo-researcher", "Rosa Researcher", ["researcher"])
    return BrokerClient(address, broker(clone, "token", "demo-researcher").strip())
