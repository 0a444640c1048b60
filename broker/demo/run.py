"""The demo's story: a SQL job and a Python job from submission to release, a third refused, each stage told."""

import os
import time
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

from broker.client import BrokerClient
from broker.client.answers import InboxAnswer
from broker.demo.alone import alone, deaf, ended_by_signals
from broker.demo.people import PEOPLE, sign_ins
from broker.demo.prepare import prepare
from broker.demo.processes import environment, free_port, running
from broker.demo.stages import console, stage
from broker.domain.errors import Unavailable
from broker.domain.jobs import Kind, Submission
from broker.domain.ports import Ports
from broker.domain.reviews import Choice
from broker.settings import Settings, read_settings
from broker.wiring import engine_answers
from broker.workflow.administer import make_token

DATA = Path("data/demo")
"""Where the demo's broker lives, unless BROKER_DATA says otherwise."""

PROJECT = "P0421"
WAIT_SECONDS = 180


def run_demo(*, once: bool, pupils: int) -> int:
    """0 when both jobs were released and the third was refused."""
    began = time.monotonic()
    runtime = "auto" if engine_answers() else "bubblewrap"
    data = Path(os.environ.get("BROKER_DATA", DATA))
    settings = read_settings(data=data, synthetic_only=True, demo_sign_in=True, runtime=runtime)
    with ended_by_signals(), alone(settings.root) as claim, ExitStack() as stack:
        ports = prepare(settings, pupils)
        env = environment(settings.root, free_port(settings.port), runtime)
        with stage("web and worker"):
            address = stack.enter_context(running(env, settings.root / "logs", claim))
        stack.callback(deaf)
        _story(ports, address)
        console.print(f"\nfrom nothing to two releases in {time.monotonic() - began:.0f} s", style="bold")
        if not once:
            _farewell(address, settings)
            console.print("Ctrl-C ends it.")
            _until_stopped()
    if once:
        console.print("\nIts web server and worker have ended. `make demo` starts them again, with these sign-ins:")
        _sign_ins(settings)
    return 0


def token_for(ports: Ports, ident: str) -> str:
    return make_token(ports, ports.store.person(ident), ident)


def _story(ports: Ports, address: str) -> None:
    researcher = BrokerClient(address, token_for(ports, "demo-researcher"))
    checker = BrokerClient(address, token_for(ports, "demo-checker-1"))
    sql = _submit(
        researcher, Kind.SQL, "absence.sql", "Absence by SEN provision", "absence_by_sen", "Absence by provision"
    )
    python = _submit(
        researcher, Kind.PYTHON, "phases.py", "SEN by phase", "sen_by_phase.csv", "Pupils with SEN by phase"
    )
    _refused(researcher)
    for title, job in (("SQL job", sql), ("Python job", python)):
        _follow(researcher, title, job)
        _review(checker, job)
        _collect(researcher, title, job)


def _submit(client: BrokerClient, kind: Kind, file: str, title: str, output: str, description: str) -> str:
    text = _text(file)
    with stage(f"submit {file}") as told:
        job = client.submit(_submission(kind, text, title, ((output, description),)))
        tables = sorted({use["table"] for use in job["uses"]})
        told.say(f"job {job['ident']} is {job['state']}; it uses {', '.join(tables)}")
    if job["state"] == "refused":
        raise Unavailable(f"{file} was refused: {job['refusals']}")
    return job["ident"]


def _submission(kind: Kind, text: str, title: str, descriptions: tuple[tuple[str, str], ...] = ()) -> Submission:
    purpose = "A demonstration of the way through the broker."
    return Submission(PROJECT, kind, "", text, title, purpose, descriptions)


def _refused(client: BrokerClient) -> None:
    with stage("submit out_of_scope.sql") as told:
        job = client.submit(_submission(Kind.SQL, _text("out_of_scope.sql"), "Out of scope"))
        for refusal in job["refusals"]:
            told.say(f"{refusal['line']}:{refusal['column']} {refusal['code']}: {refusal['message']}")
            if refusal["advice"]:
                told.say(f"    {refusal['advice']}")
    if job["state"] != "refused":
        raise Unavailable("a job outside the project's grant was accepted")


def _follow(client: BrokerClient, title: str, job: str) -> None:
    with stage(f"{title}: queue, sandbox, assess") as told:
        deadline, seen = time.monotonic() + WAIT_SECONDS, ""
        while (state := str(client.job(job)["state"])) in {"queued", "running"}:
            if state != seen:
                told.say(state)
                seen = state
            if time.monotonic() > deadline:
                raise Unavailable(f"job {job} did not end within {WAIT_SECONDS} s")
            time.sleep(0.05)
        told.say(state)
    if state in {"failed", "limit"}:
        raise Unavailable(f"job {job}: {state}")


def _review(client: BrokerClient, job: str) -> None:
    with stage("review: a checker looks at evidence and candidate, and votes") as told:
        for waiting in _in_review(client, job):
            seen = client.look(waiting["output"])
            told.say(
                f"{seen['name']}: the rules say {seen['verdict']}; {len(seen['staff'].get('findings', []))} findings"
            )
            client.vote(waiting["output"], Choice.APPROVE, "meets-rules", seen)


def _in_review(client: BrokerClient, job: str) -> list[InboxAnswer]:
    """The job's outputs in the checker's inbox, which they reach a moment after the sandbox has ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := [w for w in client.inbox() if w["job"] == job]):
        if time.monotonic() > deadline:
            raise Unavailable(f"no output of job {job} came to review within {WAIT_SECONDS} s")
        time.sleep(0.1)
    return found


def _collect(client: BrokerClient, title: str, job: str) -> None:
    with stage(f"{title}: release") as told:
        found = client.job(job)
        if found["state"] != "released":
            raise Unavailable(f"job {job} is {found['state']}, not released")
        for output in found["outputs"]:
            content = client.download(output["ident"])
            told.say(f"{output['name']}  sha256 {output['sha256']}")
            for line in content.decode().splitlines():
                told.say(f"    {line}")


def _text(file: str) -> str:
    return files("broker.demo").joinpath("jobs", file).read_text()


def _farewell(address: str, settings: Settings) -> None:
    console.print(f"\npage: {address}   register: {address}/register")
    _sign_ins(settings)
    console.print("at a terminal, as one of them:")
    token = f"BROKER_DATA={settings.data} .venv/bin/broker token demo-researcher"
    console.print(f"    export BROKER_URL={address} BROKER_TOKEN=$({token})", markup=False)


def _sign_ins(settings: Settings) -> None:
    passwords = sign_ins(settings.root)
    for ident, _, role in PEOPLE:
        console.print(f"    {role.value:14} {ident:18} {passwords[ident]}", markup=False)


def _until_stopped() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        return
