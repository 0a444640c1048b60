"""Commands of checkers, to a running broker: review and recall. Votes are on what was looked at, never on less."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.evidence import print_look
from broker.cli.recording import write_acro, write_record
from broker.cli.remote import client
from broker.cli.show import print_json, print_table, say
from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.workflow.ballots import APPROVING, REASONS

if TYPE_CHECKING:
    from broker.client import BrokerClient
    from broker.client.answers import LookAnswer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Output = Annotated[str, typer.Argument(help="The output's id.")]

CHOICES = ("approve", "reject", "return")
AGAINST = tuple(r for r in REASONS if r not in APPROVING)


def register(app: typer.Typer) -> None:
    app.command()(review)
    app.command()(recall)


def review(
    output: Annotated[str | None, typer.Argument(help="The output's id; none lists your inbox.")] = None,
    choice: Annotated[str | None, typer.Option(help="approve, reject or return; none only looks.")] = None,
    reason: Annotated[
        str | None, typer.Option(help=f"{', '.join(REASONS)}. Only approving goes without: it is meets-rules then.")
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option(help="A finding that you set aside: F1, or of a script's file F1:pupils=why.")
    ] = None,
    because: Annotated[str, typer.Option(help="Why it can be set aside; kept with the vote.")] = "",
    words: Annotated[str, typer.Option(help="What researchers read beside the reason.")] = "",
    record: Annotated[Path | None, typer.Option(help="Write the output's staff record to this file.")] = None,
    acro: Annotated[
        Path | None, typer.Option(help="Write all outputs of the output's job into this folder for ACRO's viewer.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """For checkers: the inbox, an output with its evidence or records, or a vote on what is looked at now."""
    hand = client()
    if output is None:
        return _inbox(hand, as_json)
    if record is not None or acro is not None:
        return _record(hand, output, choice, record, acro, as_json)
    told = _reason(choice, reason)
    seen = _look(hand, output)
    if choice is None:
        return _show(seen, as_json)
    if seen["state"] != "in_review":
        raise Conflict("wrong-state", f"This output is {seen['state']}: votes are cast while it is in review.")
    whys = dict(_with_why(seen, o) for o in override or [])
    state = hand.vote(output, choice, told, seen, tuple(whys), why=because, words=words, whys=_given(whys))
    if as_json:
        print_json({"output": output, "state": state})
    else:
        say(f"output {output}: {state}")
    return 0


def _with_why(seen: "LookAnswer", override: str) -> tuple[str, str]:
    """A finding that this output has, and what follows its name: names of columns may hold any sign."""
    known = (f["finding"] for f in seen["staff"].get("set_aside", ()))
    finding = next((f for f in known if override.startswith(f"{f}=")), override)
    return finding, override[len(finding) + 1 :]


def _given(whys: dict[str, str]) -> dict[str, str]:
    return {finding: why for finding, why in whys.items() if why}


def _record(
    hand: "BrokerClient", output: str, choice: str | None, record: Path | None, acro: Path | None, as_json: bool
) -> int:
    """Records are written to be read: a vote is a command of its own."""
    if choice is not None:
        raise Invalid("choice", "Vote without --record and --acro, after you have read them.", "--choice")
    files = [] if record is None else [write_record(hand, output, record)]
    if acro is not None:
        files += write_acro(hand, _look(hand, output)["job"], acro)
    if as_json:
        print_json({"output": output, "files": files})
    else:
        for name in files:
            say(f"wrote {name}")
    return 0


def _reason(choice: str | None, reason: str | None) -> str:
    """What a researcher is told of a rejection is chosen, never assumed."""
    if choice is not None and choice not in CHOICES:
        raise Invalid("choice", f"The choice must be one of {', '.join(CHOICES)}.", "--choice")
    if reason is None and choice in {"reject", "return"}:
        raise Invalid("reason", f"Say why with --reason, one of {', '.join(AGAINST)}.", "--reason")
    return reason or "meets-rules"


def _inbox(hand: "BrokerClient", as_json: bool) -> int:
    if "checker" not in hand.me()["roles"]:
        raise Forbidden("not-permitted", "Reviewing is for checkers, and this token is of no checker.")
    waiting = hand.inbox()
    if as_json:
        print_json(waiting)
    elif not waiting:
        say("No output waits for you.")
    else:
        rows = [[w["output"], w["project"], w["claimed_by"] or "", w["name"], w["title"]] for w in waiting]
        print_table(["output", "project", "claimed by", "name", "title"], rows)
    return 0


def _look(hand: "BrokerClient", output: str) -> "LookAnswer":
    try:
        return hand.look(output)
    except Unknown as unknown:
        try:
            job = hand.job(output)
        except Unknown:
            raise unknown from None
        its = ", ".join(o["ident"] for o in job["outputs"]) or "none that you may see"
        raise Invalid("not-an-output", f"{output} is a job. Its outputs: {its}.") from None


def _show(seen: "LookAnswer", as_json: bool) -> int:
    if as_json:
        print_json(seen)
    else:
        print_look(seen)
    return 0


def recall(
    output: Output, reason: Annotated[str, typer.Option(help="Why it is taken back.")], as_json: AsJson = False
) -> int:
    """Take a released output back."""
    client().recall(output, reason)
    if as_json:
        print_json({"output": output, "state": "recalled"})
    else:
        say(f"output {output}: recalled")
    return 0
