"""Commands about privacy budgets: a project's, the whole ledger for administrators, and its verification or
restoration."""

from pathlib import Path
from typing import Annotated, Any

import typer

from broker.cli.command_options import AsJson
from broker.cli.commands.job_commands import broker_client
from broker.cli.commands.log_commands import add_log_commands
from broker.cli.local_broker import local_ports
from broker.cli.output import chain_documents
from broker.cli.output.console import format_minute, print_answer, print_line, print_lines, print_table
from broker.domain.signed_log import LogName

budget = typer.Typer(help="Privacy budgets and their ledger.", invoke_without_command=True)


@budget.callback()
def show(
    context: typer.Context,
    project: Annotated[str | None, typer.Option(help="The project; all of yours by default.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every account of the ledger (administrators).")] = False,
    as_json: AsJson = False,
) -> int:
    """Show what a project may spend of each person's privacy, what it has spent and what is left."""
    if context.invoked_subcommand is not None:
        return 0
    client = broker_client()
    if everything:
        return print_answer(client.ledger(), as_json, _print_ledger)
    wanted = [project] if project is not None else [p["ident"] for p in client.projects()]
    found = [client.budget(one) for one in wanted]
    return print_answer(found[0] if project is not None else found, as_json, lambda _: _print_projects(found))


def _print_ledger(found: dict[str, Any]) -> None:
    _print_accounts(found["accounts"])
    print_lines(f"{name} is allotted more than its unit's cap." for name in found["over"])


def _print_projects(found: list[dict[str, Any]]) -> None:
    for one in found:
        _print_project(one)


def _print_project(found: dict[str, Any]) -> None:
    if not found["accounts"]:
        print_line(f"{found['project']} has no privacy budget.")
        return
    _print_accounts(found["accounts"])
    rows = [_move_cells(account, move) for account in found["accounts"] for move in account["history"]]
    if rows:
        print_line("")
        print_table(["when", "job", "move", "budget", "spent", "reserved"], rows)
    for aside in found["beside"]:
        what = "release" if aside["kind"] == "exact" else "public table"
        print_line(f"not covered by the budget, about {aside['dataset']}: {what} {aside['source']}")


def _move_cells(account: dict[str, Any], move: dict[str, Any]) -> list[str]:
    spent, reserved = move["spent"]["text"], move["reserved"]["text"]
    return [format_minute(move["at"]), move["job"], move["state"], _account_name(account), spent, reserved]


def _print_accounts(accounts: list[dict[str, Any]]) -> None:
    columns = ["budget", "project", "may spend", "spent", "reserved", "left", "share left"]
    print_table(columns, [_account_cells(account) for account in accounts])


def _account_cells(account: dict[str, Any]) -> list[str]:
    amounts = [account[name]["text"] for name in ("cap", "spent", "reserved", "left")]
    return [_account_name(account), account["project"], *amounts, f"{account['share_left']:.1%}"]


def _account_name(account: dict[str, Any]) -> str:
    """Return the account's name: the unit, or one table about it."""
    return f"{account['unit']} in {account['dataset']}" if account["dataset"] else str(account["unit"])


@budget.command()
def verify(
    head: Annotated[Path | None, typer.Option(help="An exported head: check that the ledger still has it.")] = None,
    as_json: AsJson = False,
) -> int:
    """Verify the ledger's chain, its signed heads and every total, on the store itself."""
    found = local_ports().store.ledger.verify(chain_documents.read_heads(head))
    print_answer(chain_documents.chain_document(found), as_json, _print_check)
    return 0 if found.holds else 1


def _print_check(found: dict[str, Any]) -> None:
    chain_documents.print_chain(LogName.LEDGER, found)
    print_lines(f"{name} differs from the entries" for name in found["differs"])


add_log_commands(budget, LogName.LEDGER, "enter the lost entries again")
