"""`broker demo`: a broker from nothing, jobs from submission to release, and the pages, which stay up."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

from broker.client import BrokerClient
from broker.demo import demo_processes
from broker.demo.demo_setup import DEMO_PEOPLE, prepare, sign_ins
from broker.demo.demo_steps import console, demo_step, say
from broker.domain.errors import Unavailable
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ports import Ports
from broker.settings import Settings, read_settings
from broker.wiring.execution_adapters import engine_answers
from broker.workflow.administration.user_accounts import make_token

PROJECT, PRIVATE_PROJECT = "P0421", "P0733"
WAIT_SECONDS = 180


def run_story(dashboard: BrokerClient, researcher: BrokerClient, checker: BrokerClient) -> None:
    """Submit, review and collect the jobs of the demo."""
    # The private job goes first, because it ends only when its time slot is over; the others fill that time.
    private = _submit_privately(dashboard)
    sql = _submit_job(
        researcher, JobKind.SQL, "absence.sql", "Absence by SEN provision", "absence_by_sen", "Absence by provision"
    )
    python = _submit_job(
        researcher, JobKind.PYTHON, "phases.py", "SEN by phase", "sen_by_phase.csv", "Pupils with SEN by phase"
    )
    _submit_refused(researcher)
    for title, job in (("SQL job", sql), ("Python job", python)):
        _follow_job(researcher, title, job)
        _review_job(checker, job)
        _collect_release(researcher, title, job)
    _follow_job(dashboard, "private job", private)
    _collect_release(dashboard, "private job", private)
    _print_budget(dashboard)


def _submit_privately(client: BrokerClient) -> str:
    with demo_step("forecast attendance.sql, under differential privacy"):
        _print_forecast(client.check(PRIVATE_PROJECT, "sql", _job_text("attendance.sql"))["private"])
    return _submit_job(
        client, JobKind.SQL, "attendance.sql", "Attendance by year group", "attendance", "Noisy counts and means",
        PRIVATE_PROJECT,
    )  # fmt: skip


def _print_forecast(found: Mapping[str, Any]) -> None:
    share = "" if found["share"] is None else f", {found['share']:.1%} of what the project has left"
    say(f"it costs epsilon {found['spend']['epsilon']:g}{share}")
    for e in found["expected"]:
        # One size of cell is enough for a first look.
        if e["persons_in_the_cell"] in {None, 1000}:
            where = "" if e["persons_in_the_cell"] is None else " in a cell of 1,000"
            say(f"{e['figure']}{where} will be off by {e['error']:g} in the mean")


def _print_budget(client: BrokerClient) -> None:
    with demo_step("private job: what it cost"):
        for account in client.budget(PRIVATE_PROJECT)["accounts"]:
            if account["spent"]["micro"]:
                say(f"{account['dataset']}: spent {account['spent']['text']} of {account['cap']['text']}")


def _submit_job(client: BrokerClient, kind: JobKind, file: str, title: str, output: str, description: str,
            project: str = PROJECT) -> str:  # fmt: skip
    text = _job_text(file)
    with demo_step(f"submit {file}"):
        job = client.submit(_submission(kind, text, title, ((output, description),), project))
        tables = sorted({use["table"] for use in job["uses"]})
        say(f"job {job['ident']} is {job['state']}; it uses {', '.join(tables)}")
    if job["state"] == "refused":
        raise Unavailable(f"{file} was refused: {job['refusals']}")
    return job["ident"]


def _submission(
    kind: JobKind, text: str, title: str, descriptions: tuple[tuple[str, str], ...] = (), project: str = PROJECT
) -> Submission:
    purpose = "A demonstration of the way through the broker."
    return Submission(project, kind, "", text, title, purpose, descriptions)


def _submit_refused(client: BrokerClient) -> None:
    with demo_step("submit out_of_scope.sql"):
        job = client.submit(_submission(JobKind.SQL, _job_text("out_of_scope.sql"), "Out of scope"))
        for refusal in job["refusals"]:
            say(f"{refusal['line']}:{refusal['column']} {refusal['code']}: {refusal['message']}")
            if refusal["advice"]:
                say(f"    {refusal['advice']}")
    if job["state"] != "refused":
        raise Unavailable("a job outside the project's grant was accepted")


def _follow_job(client: BrokerClient, title: str, job: str) -> None:
    with demo_step(f"{title}: queue, sandbox, assess"):
        deadline, seen = time.monotonic() + WAIT_SECONDS, ""
        while (state := str(client.job(job)["state"])) in {"queued", "running"}:
            if state != seen:
                say(state)
                seen = state
            if time.monotonic() > deadline:
                raise Unavailable(f"job {job} did not end within {WAIT_SECONDS} s")
            time.sleep(0.05)
        say(state)
    if state in {"failed", "limit"}:
        raise Unavailable(f"job {job}: {state}")


def _review_job(client: BrokerClient, job: str) -> None:
    with demo_step("review: a checker looks at evidence and candidate, and votes"):
        for waiting in _in_review(client, job):
            seen = client.evidence(waiting["output"])
            say(f"{seen['name']}: the rules say {seen['verdict']}; {len(seen['staff'].get('findings', []))} findings")
            client.vote(waiting["output"], VoteChoice.APPROVE, "meets-rules", seen)


def _in_review(client: BrokerClient, job: str) -> list[dict[str, Any]]:
    """Return the job's outputs in the checker's inbox. They get there a moment after the sandbox has ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := [w for w in client.inbox() if w["job"] == job]):
        if time.monotonic() > deadline:
            raise Unavailable(f"no output of job {job} came to review within {WAIT_SECONDS} s")
        time.sleep(0.1)
    return found


def _collect_release(client: BrokerClient, title: str, job: str) -> None:
    with demo_step(f"{title}: release"):
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := client.job(job))["state"] != "released" and time.monotonic() < deadline:
            time.sleep(0.1)  # a worker first compares it again with everything that was released
        if found["state"] != "released":
            raise Unavailable(f"job {job} is {found['state']}, not released")
        for output in found["outputs"]:
            content = client.download(output["ident"])
            say(f"{output['name']}  sha256 {output['sha256']}")
            for line in content.decode().splitlines():
                say(f"    {line}")


def _job_text(file: str) -> str:
    return files("broker.demo").joinpath("jobs", file).read_text()


DATA = Path("data/demo")
"""Folder of the demo's broker, unless BROKER_DATA is set."""

STORY_PEOPLE = ("demo-dashboard", "demo-researcher", "demo-checker-1")


def run_demo(*, once: bool, pupils: int) -> int:
    """Return 0 if three jobs were released and the fourth was refused."""
    began = time.monotonic()
    runtime = os.environ.get("BROKER_RUNTIME") or ("auto" if engine_answers() else "bubblewrap")
    data = Path(os.environ.get("BROKER_DATA", DATA))
    settings = read_settings(data=data, synthetic_only=True, demo_sign_in=True, runtime=runtime)
    with (
        demo_processes.interrupted_by_signals(),
        demo_processes.lock_folder(settings.root) as lock,
        ExitStack() as stack,
    ):
        ports = prepare(settings, pupils)
        env = demo_processes.environment(settings.root, demo_processes.free_port(settings.port), runtime)
        with demo_step("web and worker"):
            address = stack.enter_context(demo_processes.running(env, settings.root / "logs", lock))
        # Registered last, so it runs first: nothing may interrupt the ending of the processes.
        stack.callback(demo_processes.ignore_signals)
        run_story(*(BrokerClient(address, token_for(ports, ident)) for ident in STORY_PEOPLE))
        console.print(f"\nfrom nothing to three releases in {time.monotonic() - began:.0f} s", style="bold")
        if not once:
            _print_addresses(address, settings)
            console.print("Ctrl-C ends it.")
            _until_stopped()
    if once:
        console.print("\nIts web server and worker have ended. `make demo` starts them again, with these sign-ins:")
        _print_sign_ins(settings)
    return 0


def token_for(ports: Ports, ident: str) -> str:
    return make_token(ports, ports.store.person(ident), ident)


def _print_addresses(address: str, settings: Settings) -> None:
    console.print(f"\npage: {address}   register: {address}/register")
    _print_sign_ins(settings)
    console.print("at a terminal, as one of them:")
    token = f"BROKER_DATA={settings.data} .venv/bin/broker token demo-researcher"
    console.print(f"    export BROKER_URL={address} BROKER_TOKEN=$({token})", markup=False)


def _print_sign_ins(settings: Settings) -> None:
    passwords = sign_ins(settings.root)
    for ident, _, role in DEMO_PEOPLE:
        console.print(f"    {role.value:14} {ident:18} {passwords[ident]}", markup=False)


def _until_stopped() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        return
