"""Commands of researchers, for a running broker: submit, status, outputs, withdraw, release, register."""

import os
import time
from collections.abc import Container
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.command_options import AsJson
from broker.cli.output import console
from broker.cli.output.check_output import print_refusals
from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.sql_dialects import SQL_DIALECTS

if TYPE_CHECKING:
    from broker.client import BrokerClient
    from broker.client.api_answers import JobAnswer, OutputAnswer

Job = Annotated[str, typer.Argument(help="The job's id.")]

PAUSE_SECONDS = 1.0
UNDER_WAY = frozenset({"queued", "running"})
WAITING = "waiting for a decision"

NEXT_STEPS: dict[str, str] = {
    "refused": "Nothing ran. Fix the problems above and submit again.",
    "queued": "The job starts when a worker is free.",
    "running": "The job is running, or its outputs are being assessed.",
    WAITING: "The results need a decision by the rules or by a checker. Outputs are listed here once they are decided.",
    "failed": "The job failed and has no outputs. Check the text and submit again.",
    "limit": "The job reached a limit of time, memory or size, and has no outputs. Request less and submit again.",
    "released": "Download the results with `broker release {job} --out FOLDER`.",
    "recalled": "The released results were recalled. Do not use them any more.",
    "not released": "None of the results can be released. `broker outputs {job}` shows the reasons, if there are any.",
    "returned": "`broker outputs {job}` shows the reasons. Change the job and submit it with --replaces {job}.",
    "kept": "The job requested no output. `broker saved` lists the saved cohorts and lookups.",
    "withdrawn": "The job was withdrawn or stopped, and has no outputs.",
}
"""What a researcher may do next, by the displayed state. It depends on nothing finer than that state."""


def broker_client() -> "BrokerClient":
    """Return a client from BROKER_URL and BROKER_TOKEN. A token is never an argument of a command, because others can
    read those."""
    from broker.client import BrokerClient

    return BrokerClient(os.environ.get("BROKER_URL", "http://127.0.0.1:8000"), os.environ.get("BROKER_TOKEN", ""))


def submit(
    file: Annotated[str, typer.Argument(help="A .sql or .py file; - reads standard input.")],
    project: Annotated[str, typer.Option(help="The project.")],
    title: Annotated[str, typer.Option(help="The title of the job, in one line.")],
    purpose: Annotated[str, typer.Option(help="The purpose of the job.")],
    kind: Annotated[str | None, typer.Option(help="sql or python; taken from the file's ending by default.")] = None,
    dialect: Annotated[str, typer.Option(help=f"{' or '.join(SQL_DIALECTS)}; the project's dialect by default.")] = "",
    describe: Annotated[list[str] | None, typer.Option(help="output=description; once for each output.")] = None,
    replaces: Annotated[str | None, typer.Option(help="The earlier job that this one replaces.")] = None,
    client_id: Annotated[
        str | None, typer.Option(help="Your own id for the submission, so that sending it twice makes one job.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Submit a job. Exit 2 if it is refused, with every reason."""
    from broker.cli.commands.offline_commands import submission_kind
    from broker.domain.jobs.job import Submission

    text = console.read_input(file)
    pairs = tuple(_read_description(d) for d in describe or [])
    sent = Submission(project, submission_kind(file, kind), dialect, text, title, purpose, pairs, client_id, replaces)
    job = broker_client().submit(sent)
    console.print_answer(job, as_json, lambda _: _print_job(job, text))
    return 2 if job["state"] == "refused" else 0


def _read_description(text: str) -> tuple[str, str]:
    name, sign, sentence = text.partition("=")
    if not sign or not name.strip() or not sentence.strip():
        raise Invalid("description", f"Write a description as output=description, not {text!r}.", "--describe")
    return name.strip(), sentence.strip()


def status(
    job: Annotated[str | None, typer.Argument(help="The job's id; leave it out to list the newest jobs.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the job until it needs a decision, or has ended.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show a job with its refusals and the next step, or list the newest jobs that you can see.

    Researchers see times rounded up to the whole minute, because an exact run time could reveal something of the data.
    """
    if job is None:
        return console.print_answer(broker_client().jobs(), as_json, _print_jobs)
    found = follow_job(broker_client(), job) if wait else broker_client().job(job)
    return console.print_answer(found, as_json, _print_job)


def follow_job(client: "BrokerClient", job: str, through: Container[str] = UNDER_WAY) -> "JobAnswer":
    """Return the job once its state is none of `through`. Prints each new state at once."""
    seen = ""
    while (found := client.job(job))["state"] in through:
        if (now := f"{found['state']}{_slot_progress(found)}") != seen:
            seen = now
            console.err.print(f"job {job}: {seen}", markup=False)
        time.sleep(PAUSE_SECONDS)
    return found


def _print_jobs(jobs: "list[JobAnswer]") -> None:
    rows = [[j["ident"], j["project"], console.format_minute(j["updated"]), j["state"], j["title"]] for j in jobs]
    console.print_table(["id", "project", "updated", "state", "title"], rows)


def _print_job(job: "JobAnswer", text: str | None = None) -> None:
    console.print_line(f"job {job['ident']}: {job['state']}{_slot_progress(job)}")
    console.print_lines(job["kept"], "saves ")
    print_refusals(job["refusals"], text)
    after = NEXT_STEPS.get(job["state"])
    if after:
        console.print_line(after.format(job=job["ident"]))


def _slot_progress(job: "JobAnswer") -> str:
    """Return the progress of a job that runs in slots. It follows the schedule, which nothing in its blocks can
    change."""
    progress = job["progress"]
    found = progress["blocks"] if progress else None
    return f", slot {found['slot']} of {found['slots']}" if found else ""


def outputs(job: Job, as_json: AsJson = False) -> int:
    """List the outputs of a job that you can see."""
    found = broker_client().job(job)
    rows = [
        [o["ident"], o["state"], str(o["size"] or ""), o["reason"] or "", o["name"], o["description"]]
        for o in found["outputs"]
    ]
    after = NEXT_STEPS.get(found["state"], "").format(job=job)
    empty = f"This job has no outputs that you can see: it is {found['state']}. {after}"
    columns = ["id", "state", "bytes", "reason", "name", "description"]
    return console.print_list(found["outputs"], as_json, columns, rows, empty)


def withdraw(job: Job, as_json: AsJson = False) -> int:
    """Withdraw a job before its outputs are decided."""
    broker_client().withdraw(job)
    return console.print_answer({"job": job, "state": "withdrawn"}, as_json, f"job {job}: withdrawn")


def release(
    job: Job,
    folder: Annotated[Path | None, typer.Option("--out", help="The folder for the released files.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the job is decided, which can take days.")] = False,
    as_json: AsJson = False,
) -> int:
    """Download the release of a job: its manifest and, with --out, its files and their records. Hashes are checked.

    An approved output is released when a worker is free. Exit 1 if an output was recalled: do not use recalled
    files."""
    client = broker_client()
    if wait:
        follow_job(client, job, UNDER_WAY | {WAITING})
    manifest, shown = _read_manifest(client, job), client.job(job)
    released = [o for o in shown["outputs"] if o["state"] == "released"]
    files = [f for o in released for f in _write_files(client, o, manifest, folder)] if folder else []
    recalled = _recall_sentences(manifest, shown)
    if as_json:
        console.print_json({"manifest": manifest, "files": files, "recalled": list(recalled)})
    else:
        for item in manifest["outputs"]:
            console.print_line(
                f"{item['name']}  {'recalled' if item['output'] in recalled else 'sha256 ' + item['sha256']}"
            )
        console.print_lines(files, "wrote ")
    for sentence in recalled.values():
        console.err.print(f"broker: {sentence}", markup=False)
    return 1 if recalled else 0


def _recall_sentences(manifest: dict[str, Any], shown: "JobAnswer") -> dict[str, str]:
    """Return a sentence for each recalled output. An administrator, who sees only the job's state, gets
    it from that."""
    reasons = {o["ident"]: o["reason"] for o in shown["outputs"] if o["state"] == "recalled"}
    found = {}
    for item in manifest["outputs"]:
        if item["output"] in reasons or shown["state"] == "recalled":
            why = f" ({console.printable(reasons.get(item['output']) or '')})" if reasons.get(item["output"]) else ""
            found[item["output"]] = (
                f"{console.printable(item['name'])} was recalled{why}. You cannot download it: do not use any copy."
            )
    return found


def _read_manifest(client: "BrokerClient", job: str) -> dict[str, Any]:
    try:
        return client.manifest(job)
    except Unknown:
        state = client.job(job)["state"]
        raise Conflict("not-released", f"This job has no released outputs: it is {state}.") from None


def _write_files(client: "BrokerClient", output: "OutputAnswer", manifest: dict[str, Any], folder: Path) -> list[str]:
    """Write the output's file and its record, and return their names. Raises Invalid, before anything is written, if
    one does not match the release."""
    listed: dict[str, Any] = next((o for o in manifest["outputs"] if o["output"] == output["ident"]), {})
    name = _file_name(output["name"], output["media_type"])
    files = {name: (client.download(output["ident"]), output["sha256"])}
    if listed.get("record_sha256"):
        files[f"{name.removesuffix('.csv')}.record.json"] = client.record(output["ident"]), listed["record_sha256"]
    for written, (content, expected) in files.items():
        # All files are checked before the first is written, so no folder has half a release.
        if sha256(content).hexdigest() != expected:
            raise Invalid("hash", f"{written} is not the file that was released.", output["ident"])
    folder.mkdir(parents=True, exist_ok=True)
    for written, (content, _) in files.items():
        (folder / written).write_bytes(content)
    return [str(folder / written) for written in files]


def _file_name(name: str, media_type: str | None) -> str:
    """Return an output's name as a plain file name: the last part of a path, and an ending for a table."""
    # Never a path: a script may have chosen the name.
    plain = Path(name).name or "output"
    return plain if "." in plain or media_type != "text/csv" else f"{plain}.csv"


def register(as_json: AsJson = False) -> int:
    """The public register of releases."""
    return console.print_answer(broker_client().register(), as_json, _print_register)


def _print_register(found: list[dict[str, Any]]) -> None:
    columns = ["release", "project", "released", "state", "outputs", "title"]
    console.print_table(columns, [_release_cells(release) for release in found])


def _release_cells(release: dict[str, Any]) -> list[str]:
    state, outputs = "recalled" if release["recalled"] else "released", ", ".join(release["outputs"])
    at = console.format_minute(release["released_at"])
    return [release["release"], release["project"], at, state, outputs, release["title"]]
