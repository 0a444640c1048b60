"""Commands of researchers, to a running broker: submit, status, outputs, withdraw. What leaves is `collecting`'s."""

import os
import time
from collections.abc import Container
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.show import err, minute, print_json, print_table, read_text, say
from broker.cli.show_check import print_refusals
from broker.domain.errors import Invalid

if TYPE_CHECKING:
    from broker.client import BrokerClient
    from broker.client.answers import JobAnswer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Job = Annotated[str, typer.Argument(help="The job's id.")]

PAUSE_SECONDS = 1.0
MOVING = frozenset({"queued", "running"})
WAITING = "waiting for a decision"

NEXT: dict[str, str] = {
    "refused": "Nothing ran. Mend what is named above and submit again.",
    "queued": "A worker takes it when one is free.",
    "running": "It runs, or its outputs are being assessed.",
    WAITING: "Rules and people decide what may leave; outputs are listed here once they are decided.",
    "failed": "It did not end as it should, and has no outputs. Check the text and submit again.",
    "limit": "It reached a limit of time, memory or size, and has no outputs. Ask for less and submit again.",
    "released": "Collect it with `broker release {job} --out FOLDER`.",
    "recalled": "What was released was taken back: use it no more.",
    "not released": "Nothing of it leaves; `broker outputs {job}` gives the reasons where there are any.",
    "returned": "The reasons are with `broker outputs {job}`: change the job and submit it with --replaces {job}.",
    "kept": "It asked for no output. `broker saved` lists what the project keeps.",
    "withdrawn": "It was withdrawn or stopped, and has no outputs.",
}
"""What a researcher may do next, by the state as they are told it: nothing finer than that word goes into it."""


def register(app: typer.Typer) -> None:
    for command in (submit, status, outputs, withdraw):
        app.command()(command)


def client() -> "BrokerClient":
    """A client from BROKER_URL and BROKER_TOKEN: a token never stands on a command line."""
    from broker.client import BrokerClient

    return BrokerClient(os.environ.get("BROKER_URL", "http://127.0.0.1:8000"), os.environ.get("BROKER_TOKEN", ""))


def submit(
    file: Annotated[str, typer.Argument(help="A .sql or .py file; - reads standard input.")],
    project: Annotated[str, typer.Option(help="The project.")],
    title: Annotated[str, typer.Option(help="What the job is, in a line.")],
    purpose: Annotated[str, typer.Option(help="What it serves.")],
    kind: Annotated[str | None, typer.Option(help="sql or python; by default from the file's ending.")] = None,
    dialect: Annotated[str, typer.Option(help="tsql or duckdb; by default the project's.")] = "",
    describe: Annotated[list[str] | None, typer.Option(help="output=what it shows; once for each output.")] = None,
    replaces: Annotated[str | None, typer.Option(help="The earlier job that this one replaces.")] = None,
    client_id: Annotated[str | None, typer.Option(help="Your own id: sending the same again is harmless.")] = None,
    as_json: AsJson = False,
) -> int:
    """Send a job. Exit 2 if it is refused, with every reason."""
    from broker.cli.offline import kind_of
    from broker.domain.jobs import Submission

    text = read_text(file)
    pairs = tuple(_description(d) for d in describe or [])
    sent = Submission(project, kind_of(file, kind), dialect, text, title, purpose, pairs, client_id, replaces)
    job = client().submit(sent)
    if as_json:
        print_json(job)
    else:
        _print_job(job, text)
    return 2 if job["state"] == "refused" else 0


def _description(text: str) -> tuple[str, str]:
    name, sign, sentence = text.partition("=")
    if not sign or not name.strip() or not sentence.strip():
        raise Invalid("description", f"A description is written output=what it shows, not {text!r}.", "--describe")
    return name.strip(), sentence.strip()


def status(
    job: Annotated[str | None, typer.Argument(help="The job's id; none lists the newest jobs.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the job until it waits for people, or has ended.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show a job with its refusals and what comes next, or list the newest jobs that you may see.

    A researcher is told times by the whole minute, rounded up: how long a job ran exactly would tell about the data.
    """
    if job is None:
        return _list(client().jobs(), as_json)
    found = followed(client(), job) if wait else client().job(job)
    if as_json:
        print_json(found)
    else:
        _print_job(found)
    return 0


def followed(hand: "BrokerClient", job: str, through: Container[str] = MOVING) -> "JobAnswer":
    """The job once its state is none of these; each new state is told at once."""
    seen = ""
    while (found := hand.job(job))["state"] in through:
        if (now := f"{found['state']}{_far(found)}") != seen:
            seen = now
            err.print(f"job {job}: {seen}", markup=False)
        time.sleep(PAUSE_SECONDS)
    return found


def _list(jobs: "list[JobAnswer]", as_json: bool) -> int:
    if as_json:
        print_json(jobs)
    else:
        rows = [[j["ident"], j["project"], minute(j["updated"]), j["state"], j["title"]] for j in jobs]
        print_table(["id", "project", "updated", "state", "title"], rows)
    return 0


def _print_job(job: "JobAnswer", text: str | None = None) -> None:
    say(f"job {job['ident']}: {job['state']}{_far(job)}")
    for name in job["kept"]:
        say(f"keeps {name}")
    print_refusals(job["refusals"], text)
    after = NEXT.get(job["state"])
    if after:
        say(after.format(job=job["ident"]))


def _far(job: "JobAnswer") -> str:
    """How far a job is that runs in slots: by its schedule, which nothing that its blocks do can change."""
    told = job["progress"]
    found = told["blocks"] if told else None
    return f", slot {found['slot']} of {found['slots']}" if found else ""


def outputs(job: Job, as_json: AsJson = False) -> int:
    """List what you may know of a job's outputs."""
    found = client().job(job)
    if as_json:
        print_json(found["outputs"])
    elif not found["outputs"]:
        say(
            f"You may know of no output of this job: it is {found['state']}. "
            + NEXT.get(found["state"], "").format(job=job)
        )
    else:
        rows = [
            [o["ident"], o["state"], str(o["size"] or ""), o["reason"] or "", o["name"], o["description"]]
            for o in found["outputs"]
        ]
        print_table(["id", "state", "bytes", "reason", "name", "description"], rows)
    return 0


def withdraw(job: Job, as_json: AsJson = False) -> int:
    """Withdraw a job before its outputs are decided."""
    client().withdraw(job)
    if as_json:
        print_json({"job": job, "state": "withdrawn"})
    else:
        say(f"job {job}: withdrawn")
    return 0
