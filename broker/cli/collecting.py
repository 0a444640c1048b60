"""What left a broker, at a terminal: a job's release with its files, and the public register."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.remote import client
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
    as_json: AsJson = False,
) -> int:
    """Collect what was released of a job: its manifest, and with --out its files, hash-checked.

    Exit 1 where something of it was recalled: what was taken back is not to be used."""
    hand = client()
    manifest, shown = _manifest(hand, job), hand.job(job)
    files = [_written(hand, o, folder) for o in shown["outputs"] if o["state"] == "released"] if folder else []
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


def _written(hand: "BrokerClient", output: "OutputAnswer", folder: Path) -> str:
    from hashlib import sha256

    content = hand.download(output["ident"])
    if sha256(content).hexdigest() != output["sha256"]:
        raise Invalid("hash", f"{output['name']} is not what was released.", output["ident"])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _file_name(output["name"], output["media_type"])
    target.write_bytes(content)
    return str(target)


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
