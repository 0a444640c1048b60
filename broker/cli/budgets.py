"""Commands about privacy budgets: a project's, the whole ledger for administrators, and proving or restoring it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from broker.cli.documents import document, head_in, print_head, print_state, say_chain
from broker.cli.here import ports_here
from broker.cli.remote import client
from broker.cli.show import minute, print_json, print_table, say

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Document = Annotated[str, typer.Argument(help="A JSON file; - reads standard input.")]

budget = typer.Typer(name="budget", help="Privacy budgets and their ledger.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.add_typer(budget)


@budget.callback()
def show(
    context: typer.Context,
    project: Annotated[str | None, typer.Option(help="The project; without it all of yours.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every account of the ledger (administrators).")] = False,
    as_json: AsJson = False,
) -> int:
    """Show what a project may spend of each person's privacy, what it has spent and what is left."""
    if context.invoked_subcommand is not None:
        return 0
    hand = client()
    if everything:
        return _ledger(hand.ledger(), as_json)
    wanted = [project] if project is not None else [p["ident"] for p in hand.projects()]
    found = [hand.budget(one) for one in wanted]
    if as_json:
        print_json(found[0] if project is not None else found)
        return 0
    for one in found:
        _project(one)
    return 0


def _ledger(found: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print_json(found)
        return 0
    _accounts(found["accounts"])
    for name in found["over"]:
        say(f"{name} is allotted more than its unit's cap.")
    return 0


def _project(found: dict[str, Any]) -> None:
    if not found["accounts"]:
        say(f"{found['project']} has no privacy budget.")
        return
    _accounts(found["accounts"])
    rows = [
        [minute(p["at"]), p["job"], p["state"], _of(account), p["spent"]["text"], p["reserved"]["text"]]
        for account in found["accounts"]
        for p in account["history"]
    ]
    if rows:
        say("")
        print_table(["when", "job", "move", "budget", "spent", "reserved"], rows)
    for aside in found["beside"]:
        what = "release" if aside["kind"] == "exact" else "public table"
        say(f"beside the claim about {aside['dataset']}: {what} {aside['source']}")


def _accounts(accounts: list[dict[str, Any]]) -> None:
    rows = [
        [_of(a), a["project"], *(a[k]["text"] for k in ("cap", "spent", "reserved", "left")), f"{a['share_left']:.1%}"]
        for a in accounts
    ]
    print_table(["budget", "project", "may spend", "spent", "reserved", "left", "share left"], rows)


def _of(account: dict[str, Any]) -> str:
    """Whose, and of what: the unit, or one data set about it."""
    return f"{account['unit']} in {account['dataset']}" if account["dataset"] else str(account["unit"])


@budget.command()
def verify(
    head: Annotated[Path | None, typer.Option(help="A head that was exported: is it in the ledger still?")] = None,
    as_json: AsJson = False,
) -> int:
    """Verify the ledger's chain, its signed heads and every total, on the store itself."""
    found = ports_here().store.verify_ledger([] if head is None else [head_in(head)])
    told = {
        "holds": found.holds,
        "entries": found.entries,
        "broken_at": found.broken,
        "forgotten": [{"number": h.number, "signature": h.signature} for h in found.forgotten],
        "differs": list(found.differs),
    }
    if as_json:
        print_json(told)
    else:
        _say_check(told)
    return 0 if found.holds else 1


def _say_check(found: dict[str, Any]) -> None:
    say_chain("ledger", found)
    for name in found["differs"]:
        say(f"{name} says something else than the entries")


@budget.command()
def head(as_json: AsJson = False) -> int:
    """Export the ledger's signed head, to be kept elsewhere (administrators). It has no figures."""
    return print_head(client().ledger_head(), as_json)


@budget.command()
def reenter(file: Document, as_json: AsJson = False) -> int:
    """After a restored back-up: enter what the ledger forgot, once two administrators ask for the same."""
    return print_state(client().reenter(document(file)), as_json)


@budget.command()
def vouch(file: Document, as_json: AsJson = False) -> int:
    """Where the signed head itself was lost: take an exported one, once two administrators ask for the same."""
    return print_state(client().vouch(document(file)), as_json)
