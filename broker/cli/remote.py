"""Commands that speak to a running broker: submit, status, outputs, review, release, recall, register."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.show import out, print_json, print_table, read_text
from broker.domain.errors import Invalid

if TYPE_CHECKING:
    from broker.client import BrokerClient

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Job = Annotated[str, typer.Argument(help="The job's id.")]
Output = Annotated[str, typer.Argument(help="The output's id.")]


def register(app: typer.Typer) -> None:
    for command in (submit, status, outputs, review, release, recall):
        app.command()(command)
    app.command(name="register")(show_register)


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
        out.print(f"job {job['ident']}: {job['state']}", markup=False)
        for refusal in job["refusals"]:
            place = f"{refusal['line']}:{refusal['column']}: " if refusal["line"] else ""
            out.print(f"{place}{refusal['code']}: {refusal['message']} {refusal['advice']}", markup=False)
    return 2 if job["state"] == "refused" else 0


def _description(text: str) -> tuple[str, str]:
    name, sign, sentence = text.partition("=")
    if not sign or not name.strip() or not sentence.strip():
        raise Invalid("description", f"A description is written output=what it shows, not {text!r}.", "--describe")
    return name.strip(), sentence.strip()


def status(
    job: Annotated[str | None, typer.Argument(help="The job's id; none lists the newest jobs.")] = None,
    as_json: AsJson = False,
) -> int:
    """Show a job, or list the newest jobs that you may see."""
    found = [client().job(job)] if job else client().jobs()
    if as_json:
        print_json(found[0] if job else found)
    else:
        print_table(
            "Jobs",
            ["id", "project", "title", "state", "updated"],
            [[j["ident"], j["project"], j["title"], j["state"], j["updated"]] for j in found],
        )
    return 0


def outputs(job: Job, as_json: AsJson = False) -> int:
    """List what you may know of a job's outputs."""
    found = client().outputs(job)
    if as_json:
        print_json(found)
    else:
        rows = [[o["ident"], o["name"], o["state"], str(o["size"] or ""), o["description"]] for o in found]
        print_table("Outputs", ["id", "name", "state", "bytes", "description"], rows)
    return 0


def review(
    output: Annotated[str | None, typer.Argument(help="The output's id; none lists your inbox.")] = None,
    choice: Annotated[str | None, typer.Option(help="approve, reject or return; none only looks.")] = None,
    reason: Annotated[str, typer.Option(help="A reason of the closed list.")] = "meets-rules",
    override: Annotated[list[str] | None, typer.Option(help="A finding that you set aside.")] = None,
    as_json: AsJson = False,
) -> int:
    """For checkers: the inbox, an output with its evidence, or a vote on exactly what is looked at now."""
    hand = client()
    if output is None:
        waiting = hand.inbox()
        if as_json:
            print_json(waiting)
        else:
            rows = [[w["output"], w["name"], w["project"], w["title"], w["claimed_by"] or ""] for w in waiting]
            print_table("Inbox", ["output", "name", "project", "title", "claimed by"], rows)
        return 0
    seen = hand.look(output)
    if choice is None:
        print_json(seen)
        return 0
    state = hand.vote(output, choice, reason, seen, tuple(override or []))
    if as_json:
        print_json({"output": output, "state": state})
    else:
        out.print(f"output {output}: {state}", markup=False)
    return 0


def release(
    job: Job,
    folder: Annotated[Path | None, typer.Option("--out", help="Where the released files go.")] = None,
    as_json: AsJson = False,
) -> int:
    """Collect what was released of a job: its manifest, and with --out its files, hash-checked."""
    from hashlib import sha256

    hand = client()
    manifest = hand.manifest(job)
    written: list[str] = []
    for found in hand.outputs(job) if folder else []:
        if folder is None or found["state"] != "released":
            continue
        content = hand.download(found["ident"])
        if sha256(content).hexdigest() != found["sha256"]:
            raise Invalid("hash", f"{found['name']} is not what was released.", found["ident"])
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / _file_name(found["name"], found["media_type"])
        target.write_bytes(content)
        written.append(str(target))
    if as_json:
        print_json({"manifest": manifest, "files": written})
    else:
        for item in manifest["outputs"]:
            out.print(f"{item['name']}  sha256 {item['sha256']}", markup=False)
        for name in written:
            out.print(f"wrote {name}", markup=False)
    return 0


def _file_name(name: str, media_type: str | None) -> str:
    """An output's name as a plain file name: a table gets its ending, a path keeps its last part."""
    plain = Path(name).name or "output"
    return plain if "." in plain or media_type != "text/csv" else f"{plain}.csv"


def recall(
    output: Output, reason: Annotated[str, typer.Option(help="Why it is taken back.")], as_json: AsJson = False
) -> int:
    """Take a released output back."""
    client().recall(output, reason)
    if as_json:
        print_json({"output": output, "state": "recalled"})
    else:
        out.print(f"output {output}: recalled", markup=False)
    return 0


def show_register(as_json: AsJson = False) -> int:
    """The public register of releases."""
    found = client().register()
    if as_json:
        print_json(found)
    else:
        rows = [
            [r["project"], r["title"], ", ".join(r["outputs"]), r["released_at"], "recalled" if r["recalled"] else ""]
            for r in found
        ]
        print_table("Releases", ["project", "title", "outputs", "released", ""], rows)
    return 0
