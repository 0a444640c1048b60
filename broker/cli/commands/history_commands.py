"""`broker history`: the release history's caps, verification and restoration, and public tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.command_options import AsJson
from broker.cli.commands.job_commands import broker_client
from broker.cli.commands.log_commands import add_log_commands
from broker.cli.local_broker import local_member_files, local_ports
from broker.cli.output import chain_documents, console
from broker.cli.output.progress_bar import progress_bar
from broker.domain.errors import Conflict, Invalid
from broker.domain.signed_log import LogName
from broker.domain.sql_dialects import SQL_DIALECTS

if TYPE_CHECKING:
    from broker.domain.release_history import NewHistoryEntry

Ident = Annotated[str, typer.Argument(help="The table's id.")]

public_tables_app = typer.Typer(
    name="public", help="Tables that were published elsewhere (administrators).", no_args_is_help=True
)


@public_tables_app.command()
def add(
    recipe: Annotated[str, typer.Argument(help="A .sql file with one query; - reads standard input.")],
    figures: Annotated[str, typer.Argument(help="A CSV file with the recipe's columns; a hidden figure is empty.")],
    name: Annotated[str, typer.Option(help="The table's name, as it was published.")],
    source: Annotated[str, typer.Option(help="Who published it, and where it can be read.")],
    snapshot: Annotated[str, typer.Option(help="The snapshot that the table was made from.")],
    rounding: Annotated[str, typer.Option(help="The base of the figures, or column=base,column=base.")] = "",
    dialect: Annotated[str, typer.Option(help=f"{' or '.join(SQL_DIALECTS)}.")] = "duckdb",
    as_json: AsJson = False,
) -> int:
    """Request that a table is registered. A second administrator confirms it; then a worker runs its recipe."""
    given = {"name": name, "source": source, "snapshot": snapshot, "rounding": rounding, "dialect": dialect}
    made = broker_client().add_public_table(
        given | {"recipe": console.read_input(recipe), "figures": console.read_input(figures)}
    )
    return console.print_answer(made, as_json, f"public table {made['ident']}: a second administrator confirms it")


@public_tables_app.command(name="import")
def import_tables(
    listing: Annotated[Path, typer.Argument(help="A YAML file that names the tables, their files and their recipes.")],
    as_json: AsJson = False,
) -> int:
    """Request every table of a listing of files of explore education statistics. A table whose name is registered
    stays as it is, so the command can be run again."""
    from broker.cli.education_statistics import Listing, table_requests
    from broker.policy.files.yaml_reader import read_file

    # All are read before the first is requested, so a fault in a file leaves nothing half done.
    requests = list(table_requests(read_file(listing, Listing), listing.parent))
    found = []
    with progress_bar("import", quiet=as_json) as report:
        for number, request in enumerate(requests):
            report(request["name"], number, len(requests))
            found.append({"name": request["name"]} | _requested(request))
    rows = [[one["name"], one["ident"], one["result"]] for one in found]
    console.print_list(found, as_json, ["name", "id", "result"], rows, "")
    return int(any(one["result"] not in (REQUESTED, REGISTERED) for one in found))


REQUESTED, REGISTERED = "requested", "already registered"


def _requested(request: dict[str, str]) -> dict[str, str]:
    """Request one table. What is wrong with it does not end the import of the others."""
    try:
        return {"ident": broker_client().add_public_table(request)["ident"], "result": REQUESTED}
    except Conflict:
        return {"ident": "", "result": REGISTERED}
    except Invalid as error:
        return {"ident": "", "result": error.message}


@public_tables_app.command()
def confirm(table: Ident, as_json: AsJson = False) -> int:
    """Confirm a table that another administrator requested: `list` and the page show it."""
    return _print_moved(broker_client().confirm_public_table, table, as_json)


@public_tables_app.command()
def withdraw(table: Ident, as_json: AsJson = False) -> int:
    """Withdraw a request that is not confirmed."""
    return _print_moved(broker_client().withdraw_public_table, table, as_json)


def _print_moved(move: Any, table: str, as_json: bool) -> int:
    move(table)
    found = broker_client().public_table(table)
    return console.print_answer(found, as_json, f"public table {table}: {found['state']}")


@public_tables_app.command(name="list")
def list_tables(
    table: Annotated[str | None, typer.Argument(help="The id of one table, to show its recipe and figures.")] = None,
    as_json: AsJson = False,
) -> int:
    """List registered tables: their state, and how many of their figures the recipe reproduces."""
    if table is not None:
        return console.print_answer(broker_client().public_table(table), as_json, _print_public_table)
    found = broker_client().public_tables()
    rows = [
        [t["ident"], t["state"], _reproduced_text(t), t["snapshot"], t["by"], console.format_minute(t["at"]), t["name"]]
        for t in found
    ]
    columns = ["id", "state", "figures reproduced", "snapshot", "requested by", "at", "name"]
    return console.print_list(found, as_json, columns, rows, "No table is registered.")


def _print_public_table(found: dict[str, Any]) -> None:
    console.print_line(f"{found['name']}: {found['state']} {_reproduced_text(found)}".rstrip())
    console.print_line(f"{found['source']}; snapshot {found['snapshot']}; rounding {found['rounding'] or 'none'}")
    console.print_line(found["recipe"])
    console.print_line(found["figures"])


def _reproduced_text(table: dict[str, Any]) -> str:
    return "" if table["agreed"] is None else f"{table['agreed']} of {table['compared']}"


history = typer.Typer(help="The release history: every table that was released.", no_args_is_help=True)
history.add_typer(public_tables_app)


@history.command()
def caps(
    snapshot: Annotated[str, typer.Option(help="The snapshot; the newest by default.")] = "",
    search: Annotated[str, typer.Option(help="Words of the population, for example LA=301 2019.")] = "",
    page: Annotated[int, typer.Option(help="The page of the list; a page has 50 lines.", min=1)] = 1,
    as_json: AsJson = False,
) -> int:
    """Show how many exact figures each reference population has, the nearest to its cap first (administrators)."""
    return console.print_answer(broker_client().caps(snapshot, search, page), as_json, _print_caps)


def _print_caps(found: dict[str, Any]) -> None:
    if not found["snapshot"]:
        console.print_line("Nothing is counted yet. Counting starts when the first table is compared.")
        return
    columns = [f"snapshot {found['snapshot']}", "persons", "figures", "cap", "used"]
    console.print_table(columns, [_cap_cells(cap) for cap in found["caps"]])
    console.print_line(
        f"page {found['page']} of {found['pages']}; {found['full']} of {found['populations']} have reached their cap"
    )


def _cap_cells(cap: dict[str, Any]) -> list[str]:
    population = f"{cap['table']} {cap['year'] or ''} {cap['keys'] or cap['name']}"
    numbers = [str(cap[name]) for name in ("persons", "used", "cap")]
    return [population, *numbers, f"{cap['share']:.1%}{' full' * cap['full']}"]


@history.command()
def verify(
    head: Annotated[
        Path | None, typer.Option(help="An exported head: check that the release history still has it.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Verify the release history's chain, signed heads, tables and files of members, on the worker's machine."""
    from broker.workflow.release_history.history_files import verify_history as follow

    found = follow(local_ports().store, local_member_files(), chain_documents.read_heads(head))
    check = chain_documents.chain_document(found) | {"without_members": list(found.without_members)}
    console.print_answer(check, as_json, _print_check)
    return 0 if found.holds else 1


def _print_check(found: dict[str, Any]) -> None:
    chain_documents.print_chain(LogName.HISTORY, found)
    console.print_lines(f"entry {number} differs from the chain" for number in found["differs"])
    unmatched = found["without_members"]
    console.print_lines(f"entry {number} has no matching file of members that can be opened" for number in unmatched)


@history.command()
def forgotten(case: Annotated[str, typer.Option(help="The number of the decision to restore from the files.")]) -> int:
    """After a restored back-up: print what the release history lost but its files have, on the worker's machine."""
    from broker.workflow.release_history.history_files import missing_tables

    store = local_ports().store
    lost = store.history.lost_head()
    if lost is None:
        typer.echo("The release history has every entry that a head was signed for.", err=True)
        return 1
    entries, broken = missing_tables(store, local_member_files())
    for name in broken:
        typer.echo(f"{name} cannot be read and is left out", err=True)
    for entry in entries:
        typer.echo(_entry_text(entry), err=True)
    files = [{"name": e.members.name, "sha256": e.members.digest} for e in entries if e.members is not None]
    console.print_json({"lost": {"number": lost.number, "signature": lost.signature}, "files": files, "case": case})
    return 0


def _entry_text(new: "NewHistoryEntry") -> str:
    entry = new.entry
    of = f"release {entry.release} of {entry.project}, output {entry.output}" if entry.release else "a public table"
    return f"{of}, table {entry.table}, {entry.when.isoformat()}"


add_log_commands(history, LogName.HISTORY, "let the worker enter lost tables again")
