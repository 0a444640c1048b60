"""What left a broker, at a terminal: a job's release with its files, and the public register."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.remote import MOVING, WAITING, client, followed
from broker.cli.show import err, minute, plain, print_json, print_table, say
from broker.domain.errors import Conflict, Invalid, Unknown

if TYPE_CHECKING:
    from broker.client import BrokerClient
    from broker.client.answers import JobAnswer, OutputAnswer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Job = Annotated[str, typer.Argument(help="The job's id.")]


def register(app: typer.Typer) -> None:
    app.command()(release)
    app.command(name="register")(show_register)


def release(
    job: Job,
    folder: Annotated[Path | None, typer.Option("--out", help="Where the released files go.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the job is decided: people may need days.")] = False,
    as_json: AsJson = False,
) -> int:
    """Collect what was released of a job: its manifest, and with --out its files and their records, hash-checked.

    An approved output leaves when a worker is free. Exit 1 where something of it was recalled: what was taken back is
    not to be used."""
    hand = client()
    if wait:
        followed(hand, job, MOVING | {WAITING})
    manifest, shown = _manifest(hand, job), hand.job(job)
    released = [o for o in shown["outputs"] if o["state"] == "released"]
    files = [f for o in released for f in _written(hand, o, manifest, folder)] if folder else []
    recalled = _recalled(manifest, shown)
    if as_json:
        print_json({"manifest": manifest, "files": files, "recalled": list(recalled)})
    else:
        for item in manifest["outputs"]:
            say(f"{item['name']}  {'recalled' if item['output'] in recalled else 'sha256 ' + item['sha256']}")
        for name in files:
            say(f"wrote {name}")
    for sentence in recalled.values():
        err.print(f"broker: {sentence}", markup=False)
    return 1 if recalled else 0


def _recalled(manifest: dict[str, Any], shown: "JobAnswer") -> dict[str, str]:
    """Output → sentence. Whoever may know the job's state alone (an administrator) learns it from that."""
    reasons = {o["ident"]: o["reason"] for o in shown["outputs"] if o["state"] == "recalled"}
    found = {}
    for item in manifest["outputs"]:
        if item["output"] in reasons or shown["state"] == "recalled":
            why = f" ({plain(reasons.get(item['output']) or '')})" if reasons.get(item["output"]) else ""
            found[item["output"]] = f"{plain(item['name'])} was recalled{why}: it cannot be collected; use no copy."
    return found


def _manifest(hand: "BrokerClient", job: str) -> dict[str, Any]:
    try:
        return hand.manifest(job)
    except Unknown:
        state = hand.job(job)["state"]
        raise Conflict("not-released", f"Nothing of this job is released: it is {state}.") from None


def _written(hand: "BrokerClient", output: "OutputAnswer", manifest: dict[str, Any], folder: Path) -> list[str]:
    """The output's file and its record, each only if it is what the release's manifest says."""
    told: dict[str, Any] = next((o for o in manifest["outputs"] if o["output"] == output["ident"]), {})
    name = _file_name(output["name"], output["media_type"])
    files = {name: (hand.download(output["ident"]), output["sha256"])}
    if told.get("record_sha256"):
        files[f"{name.removesuffix('.csv')}.record.json"] = hand.record(output["ident"]), told["record_sha256"]
    for written, (content, expected) in files.items():
        if sha256(content).hexdigest() != expected:
            raise Invalid("hash", f"{written} is not what was released.", output["ident"])
    folder.mkdir(parents=True, exist_ok=True)
    for written, (content, _) in files.items():
        (folder / written).write_bytes(content)
    return [str(folder / written) for written in files]


def _file_name(name: str, media_type: str | None) -> str:
    """An output's name as a plain file name: a table gets its ending, a path keeps its last part."""
    plain = Path(name).name or "output"
    return plain if "." in plain or media_type != "text/csv" else f"{plain}.csv"


def show_register(as_json: AsJson = False) -> int:
    """The public register of releases."""
    found = client().register()
    if as_json:
        print_json(found)
    else:
        rows = [
            [
                r["release"],
                r["project"],
                minute(r["released_at"]),
                "recalled" if r["recalled"] else "released",
                ", ".join(r["outputs"]),
                r["title"],
            ]
            for r in found
        ]
        print_table(["release", "project", "released", "state", "outputs", "title"], rows)
    return 0
