"""`broker memory public`: tables that were published elsewhere. These commands speak to a server."""

from typing import Annotated, Any

import typer

from broker.cli.remote import client
from broker.cli.show import minute, print_json, print_table, read_text, say

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Ident = Annotated[str, typer.Argument(help="The table's id.")]

public = typer.Typer(name="public", help="Tables that were published elsewhere (administrators).", no_args_is_help=True)


@public.command()
def add(
    recipe: Annotated[str, typer.Argument(help="A .sql file with one query; - reads standard input.")],
    figures: Annotated[str, typer.Argument(help="A CSV file: the recipe's columns, a hole is empty.")],
    name: Annotated[str, typer.Option(help="The table's name, as it was published.")],
    source: Annotated[str, typer.Option(help="Who published it, and where it can be read.")],
    snapshot: Annotated[str, typer.Option(help="The snapshot that it was made from.")],
    rounding: Annotated[str, typer.Option(help="The base of the figures, or column=base,column=base.")] = "",
    dialect: Annotated[str, typer.Option(help="duckdb or tsql.")] = "duckdb",
    as_json: AsJson = False,
) -> int:
    """Ask for a table to be registered. A second administrator confirms it; then a worker runs its recipe."""
    given = {"name": name, "source": source, "snapshot": snapshot, "rounding": rounding, "dialect": dialect}
    made = client().add_public_table(given | {"recipe": read_text(recipe), "figures": read_text(figures)})
    if as_json:
        print_json(made)
    else:
        say(f"public table {made['ident']}: a second administrator confirms it")
    return 0


@public.command()
def confirm(table: Ident, as_json: AsJson = False) -> int:
    """Confirm one that another administrator asked for, as it is: `list` and the page show it."""
    return _moved(client().confirm_public_table, table, as_json)


@public.command()
def withdraw(table: Ident, as_json: AsJson = False) -> int:
    """Withdraw one that is not confirmed."""
    return _moved(client().withdraw_public_table, table, as_json)


def _moved(move: Any, table: str, as_json: bool) -> int:
    move(table)
    found = client().public_table(table)
    if as_json:
        print_json(found)
    else:
        say(f"public table {table}: {found['state']}")
    return 0


@public.command(name="list")
def list_tables(
    table: Annotated[str | None, typer.Argument(help="One table, with its recipe and figures.")] = None,
    as_json: AsJson = False,
) -> int:
    """List registered tables: their state, and how many of their figures the recipe makes."""
    if table is not None:
        return _one(client().public_table(table), as_json)
    found = client().public_tables()
    if as_json:
        print_json(found)
    elif not found:
        say("No table is registered.")
    else:
        rows = [[t["ident"], t["state"], _made(t), t["snapshot"], t["by"], minute(t["at"]), t["name"]] for t in found]
        print_table(["id", "state", "figures made", "snapshot", "asked for by", "at", "name"], rows)
    return 0


def _one(found: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print_json(found)
        return 0
    say(f"{found['name']}: {found['state']} {_made(found)}".rstrip())
    say(f"{found['source']}; snapshot {found['snapshot']}; rounding {found['rounding'] or 'none'}")
    say(found["recipe"])
    say(found["figures"])
    return 0


def _made(table: dict[str, Any]) -> str:
    return "" if table["agreed"] is None else f"{table['agreed']} of {table['compared']}"
