"""The demo's story: a private, a SQL and a Python job from submission to release, a fourth refused, each stage told."""

import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from broker.client import BrokerClient
from broker.client.answers import InboxAnswer
from broker.demo.stages import Stage, stage
from broker.domain.errors import Unavailable
from broker.domain.jobs import Kind, Submission
from broker.domain.reviews import Choice

PROJECT, PRIVATE_PROJECT = "P0421", "P0733"
WAIT_SECONDS = 180


def tell(dashboard: BrokerClient, researcher: BrokerClient, checker: BrokerClient) -> None:
    """The private job goes first: it ends when its slot of time is over, which the others fill."""
    private = _ask_privately(dashboard)
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
    _follow(dashboard, "private job", private)
    _collect(dashboard, "private job", private)
    _budget(dashboard)


def _ask_privately(client: BrokerClient) -> str:
    with stage("forecast attendance.sql, under differential privacy") as told:
        _forecast(client.check(PRIVATE_PROJECT, "sql", _text("attendance.sql"))["private"], told)
    return _submit(
        client, Kind.SQL, "attendance.sql", "Attendance by year group", "attendance", "Noisy counts and means",
        PRIVATE_PROJECT,
    )  # fmt: skip


def _forecast(found: Mapping[str, Any], told: Stage) -> None:
    share = "" if found["share"] is None else f", {found['share']:.1%} of what the project has left"
    told.say(f"it costs epsilon {found['spend']['epsilon']:g}{share}")
    for e in found["expected"]:
        if e["persons_in_the_cell"] in {None, 1000}:
            where = "" if e["persons_in_the_cell"] is None else " in a cell of 1,000"
            told.say(f"{e['figure']}{where} will be off by {e['error']:g} in the mean")


def _budget(client: BrokerClient) -> None:
    with stage("private job: what it cost") as told:
        for account in client.budget(PRIVATE_PROJECT)["accounts"]:
            if account["spent"]["micro"]:
                told.say(f"{account['dataset']}: spent {account['spent']['text']} of {account['cap']['text']}")


def _submit(client: BrokerClient, kind: Kind, file: str, title: str, output: str, description: str,
            project: str = PROJECT) -> str:  # fmt: skip
    text = _text(file)
    with stage(f"submit {file}") as told:
        job = client.submit(_submission(kind, text, title, ((output, description),), project))
        tables = sorted({use["table"] for use in job["uses"]})
        told.say(f"job {job['ident']} is {job['state']}; it uses {', '.join(tables)}")
    if job["state"] == "refused":
        raise Unavailable(f"{file} was refused: {job['refusals']}")
    return job["ident"]


def _submission(
    kind: Kind, text: str, title: str, descriptions: tuple[tuple[str, str], ...] = (), project: str = PROJECT
) -> Submission:
    purpose = "A demonstration of the way through the broker."
    return Submission(project, kind, "", text, title, purpose, descriptions)


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
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := client.job(job))["state"] != "released" and time.monotonic() < deadline:
            time.sleep(0.1)  # a worker compares it once more with everything that was released
        if found["state"] != "released":
            raise Unavailable(f"job {job} is {found['state']}, not released")
        for output in found["outputs"]:
            content = client.download(output["ident"])
            told.say(f"{output['name']}  sha256 {output['sha256']}")
            for line in content.decode().splitlines():
                told.say(f"    {line}")


def _text(file: str) -> str:
    return files("broker.demo").joinpath("jobs", file).read_text()
