"""Commands of checkers, for a running broker: review, recall, read. Votes are always on what the checker has seen."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.command_options import AsJson
from broker.cli.commands.job_commands import broker_client
from broker.cli.output.console import format_minute, print_answer, print_line, print_lines, print_list, printable
from broker.cli.output.evidence_output import print_evidence
from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.workflow.reviewing.output_review import APPROVING_REASONS, VOTE_REASONS
from broker.workflow.reviewing.script_failures import SCRIPT_REASONS

if TYPE_CHECKING:
    from broker.client import BrokerClient
    from broker.client.api_answers import EvidenceAnswer


def write_record(client: "BrokerClient", output: str, file: Path) -> str:
    """Write the staff record of one output. It has evidence, so only the owner of the file may read it."""
    return _write_private(file, json.dumps(client.staff_record(output), indent=2, ensure_ascii=False).encode() + b"\n")


def write_acro(client: "BrokerClient", job: str, folder: Path) -> list[str]:
    """Write results.json, the files that it names and their checksums into one folder, for ACRO's viewer."""
    found = client.acro(job)
    results = json.dumps(found["results"], indent=4, ensure_ascii=False).encode() + b"\n"
    written = [_write_private(folder / "results.json", results)]
    return written + [path for f in found["files"] for path in _write_acro_file(folder, f)]


def _write_acro_file(folder: Path, file: dict[str, Any]) -> list[str]:
    if file["content_base64"] is None:
        return []
    name = Path(file["name"]).name
    checksum = (file["sha256"] or "").encode()
    return [
        _write_private(folder / name, base64.b64decode(file["content_base64"])),
        _write_private(folder / "checksums" / f"{name}.txt", checksum),
    ]


def _write_private(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Made with its mode before the content is written.
    path.touch(mode=0o600)
    path.write_bytes(content)
    return str(path)


Output = Annotated[str, typer.Argument(help="The output's id.")]

CHOICES = ("approve", "reject", "return")
REASONS_AGAINST = tuple(r for r in VOTE_REASONS if r not in APPROVING_REASONS)


def review(
    output: Annotated[str | None, typer.Argument(help="The output's id; leave it out to list your inbox.")] = None,
    choice: Annotated[
        str | None, typer.Option(help="approve, reject or return; leave it out to view the output only.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help=f"{', '.join(VOTE_REASONS)}. The default for approving is meets-rules.")
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option(help="A finding that you set aside: F1, or F1:pupils=why for a script's file.")
    ] = None,
    because: Annotated[str, typer.Option(help="Why the finding can be set aside; stored with the vote.")] = "",
    words: Annotated[str, typer.Option(help="A message to the researchers, in addition to the reason.")] = "",
    record: Annotated[Path | None, typer.Option(help="Write the output's staff record to this file.")] = None,
    acro: Annotated[
        Path | None, typer.Option(help="Write all outputs of the job into this folder for ACRO's viewer.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """For checkers: show the inbox, show an output with its evidence or records, or vote on an output."""
    client = broker_client()
    if output is None:
        return _show_inbox(client, as_json)
    if record is not None or acro is not None:
        return _write_records(client, output, choice, record, acro, as_json)
    chosen_reason = _checked_reason(choice, reason)
    seen = _read_evidence(client, output)
    if choice is None:
        return print_answer(seen, as_json, print_evidence)
    if seen["state"] != "in_review":
        raise Conflict("wrong-state", f"This output is {seen['state']}. You can vote only while it is in review.")
    whys = dict(_finding_and_why(seen, o) for o in override or [])
    given = {finding: why for finding, why in whys.items() if why}
    state = client.vote(output, choice, chosen_reason, seen, tuple(whys), why=because, words=words, whys=given)
    return print_answer({"output": output, "state": state}, as_json, f"output {output}: {state}")


def _finding_and_why(seen: "EvidenceAnswer", override: str) -> tuple[str, str]:
    """Return a finding that this output has, and the text after its name."""
    # Match against the known findings, because names of columns may contain any character.
    known = (f["finding"] for f in seen["staff"].get("set_aside", ()))
    finding = next((f for f in known if override.startswith(f"{f}=")), override)
    return finding, override[len(finding) + 1 :]


def _write_records(
    client: "BrokerClient", output: str, choice: str | None, record: Path | None, acro: Path | None, as_json: bool
) -> int:
    """Write records. Raises Invalid together with a vote: records should be read before voting."""
    if choice is not None:
        raise Invalid("choice", "Read the records first, then vote without --record and --acro.", "--choice")
    files = [] if record is None else [write_record(client, output, record)]
    if acro is not None:
        files += write_acro(client, _read_evidence(client, output)["job"], acro)
    written = "\n".join(f"wrote {name}" for name in files)
    return print_answer({"output": output, "files": files}, as_json, written)


def _checked_reason(choice: str | None, reason: str | None) -> str:
    """Return the reason. A rejection needs an explicit one, because the researcher reads it."""
    if choice is not None and choice not in CHOICES:
        raise Invalid("choice", f"The choice must be one of {', '.join(CHOICES)}.", "--choice")
    if reason is None and choice in {"reject", "return"}:
        raise Invalid("reason", f"Give a reason with --reason, one of {', '.join(REASONS_AGAINST)}.", "--reason")
    return reason or "meets-rules"


def _show_inbox(client: "BrokerClient", as_json: bool) -> int:
    # For others the inbox would just be empty.
    if "checker" not in client.me()["roles"]:
        raise Forbidden("not-permitted", "Only checkers can review, and this token does not belong to a checker.")
    waiting = client.inbox()
    rows = [[w["output"], w["project"], w["claimed_by"] or "", w["name"], w["title"]] for w in waiting]
    columns = ["output", "project", "claimed by", "name", "title"]
    return print_list(waiting, as_json, columns, rows, "No outputs are waiting for you.")


def _read_evidence(client: "BrokerClient", output: str) -> "EvidenceAnswer":
    try:
        return client.evidence(output)
    # People often give a job's id instead of an output's.
    except Unknown as unknown:
        try:
            job = client.job(output)
        except Unknown:
            raise unknown from None
        its = ", ".join(o["ident"] for o in job["outputs"]) or "none that you can see"
        raise Invalid("not-an-output", f"{output} is a job. Its outputs: {its}.") from None


def recall(
    output: Output, reason: Annotated[str, typer.Option(help="The reason for the recall.")], as_json: AsJson = False
) -> int:
    """Recall a released output."""
    broker_client().recall(output, reason)
    return print_answer({"output": output, "state": "recalled"}, as_json, f"output {output}: recalled")


def read(
    job: Annotated[str | None, typer.Argument(help="The job's id; leave it out to list the scripts to read.")] = None,
    done: Annotated[
        bool, typer.Option("--done", help="Record that you have read the script and what it printed.")
    ] = False,
    tell: Annotated[
        str | None,
        typer.Option(
            help=f"One message to its researchers: words without figures, or one of {', '.join(SCRIPT_REASONS)}."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """For checkers: read scripts that ran on real data and failed, were withdrawn or wrote nothing usable."""
    client = broker_client()
    if job is None:
        return _list_scripts(client, as_json)
    if not done and tell is None:
        return _show_script(client, job, as_json)
    if tell is not None:
        client.report_script_failure(job, tell)
    else:
        client.read_script(job)
    return print_answer({"job": job, "read": True, "told": tell is not None}, as_json, f"script {job}: read")


def _list_scripts(client: "BrokerClient", as_json: bool) -> int:
    found = client.scripts_to_read()
    rows = [[s["job"], s["project"], format_minute(s["created"]), s["title"]] for s in found]
    columns = ["job", "project", "submitted", "title"]
    return print_list(found, as_json, columns, rows, "No scripts are waiting to be read.")


def _show_script(client: "BrokerClient", job: str, as_json: bool) -> int:
    text, printed = client.job(job)["text"] or "", client.printed(job).decode("utf-8", "replace")
    return print_answer({"job": job, "text": text, "printed": printed}, as_json, _print_script)


def _print_script(found: dict[str, str]) -> None:
    for heading, words in (
        ("Text of the script", found["text"]),
        ("What the script printed on real data", found["printed"] or "(nothing)"),
    ):
        print_line(f"{heading}:")
        print_lines(map(printable, words.splitlines()), "    ")
