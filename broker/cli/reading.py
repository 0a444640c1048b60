"""The command with which checkers read scripts that ran on real data and came to nothing, say so, and tell why."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.remote import client
from broker.cli.show import minute, plain, print_json, print_table, say
from broker.workflow.looks import RULES

if TYPE_CHECKING:
    from broker.client import BrokerClient

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(read)


def read(
    job: Annotated[str | None, typer.Argument(help="The job's id; none lists those to read.")] = None,
    done: Annotated[bool, typer.Option("--done", help="Say that you have read its text and what it printed.")] = False,
    tell: Annotated[
        str | None,
        typer.Option(help=f"Tell its researchers why, once: words without figures, or one of {', '.join(RULES)}."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """For checkers: scripts that ran on real data and failed, were withdrawn or left nothing usable."""
    hand = client()
    if job is None:
        return _list(hand, as_json)
    if not done and tell is None:
        return _show(hand, job, as_json)
    if tell is not None:
        hand.tell_script(job, tell)
    else:
        hand.read_script(job)
    return _say({"job": job, "read": True, "told": tell is not None}, f"script {job}: read", as_json)


def _say(document: dict[str, Any], sentence: str, as_json: bool) -> int:
    if as_json:
        print_json(document)
    else:
        say(sentence)
    return 0


def _list(hand: "BrokerClient", as_json: bool) -> int:
    found = hand.scripts_to_read()
    if as_json:
        print_json(found)
    elif not found:
        say("No script waits to be read.")
    else:
        rows = [[s["job"], s["project"], minute(s["created"]), s["title"]] for s in found]
        print_table(["job", "project", "submitted", "title"], rows)
    return 0


def _show(hand: "BrokerClient", job: str, as_json: bool) -> int:
    text, printed = hand.job(job)["text"] or "", hand.printed(job).decode("utf-8", "replace")
    if as_json:
        print_json({"job": job, "text": text, "printed": printed})
        return 0
    for heading, words in (("Its text", text), ("What it printed on real data", printed or "(nothing)")):
        say(f"{heading}:")
        for line in words.splitlines():
            say(f"    {plain(line)}")
    return 0
