"""Commands about the memory of everything released: the caps' gauge, proving that it is whole, and restoring it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.documents import document, head_in, print_head, print_state, say_chain
from broker.cli.here import member_files_here, ports_here
from broker.cli.publishing import public
from broker.cli.remote import client
from broker.cli.show import print_json, print_table, say

if TYPE_CHECKING:
    from broker.domain.remembered import NewEntry

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Document = Annotated[str, typer.Argument(help="A JSON file; - reads standard input.")]

memory = typer.Typer(name="memory", help="The memory of everything released.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    memory.add_typer(public)
    app.add_typer(memory)


@memory.command()
def caps(
    snapshot: Annotated[str, typer.Option(help="The snapshot; without it the newest.")] = "",
    search: Annotated[str, typer.Option(help="Words of the population, for example LA=301 2019.")] = "",
    page: Annotated[int, typer.Option(help="Which fifty of them.", min=1)] = 1,
    as_json: AsJson = False,
) -> int:
    """Show how many exact figures split each reference population, the fullest first (administrators)."""
    found = client().caps(snapshot, search, page)
    if as_json:
        print_json(found)
        return 0
    _say_caps(found)
    return 0


def _say_caps(found: dict[str, Any]) -> None:
    if not found["snapshot"]:
        say("Nothing is measured yet: it is, when the first table is compared.")
        return
    rows = [
        [_population(c), *(str(c[k]) for k in ("persons", "used", "cap")), f"{c['share']:.1%}{' full' * c['full']}"]
        for c in found["caps"]
    ]
    print_table([f"snapshot {found['snapshot']}", "persons", "figures", "cap", "used"], rows)
    say(f"page {found['page']} of {found['pages']}; {found['full']} of {found['populations']} are full")


def _population(cap: dict[str, Any]) -> str:
    return f"{cap['table']} {cap['year'] or ''} {cap['keys'] or cap['name']}"


@memory.command()
def verify(
    head: Annotated[Path | None, typer.Option(help="A head that was exported: is it in the memory still?")] = None,
    as_json: AsJson = False,
) -> int:
    """Verify the memory's chain, its signed heads, its tables and every file of members, on the worker's machine."""
    from broker.workflow.release_history.reentering import verify as follow

    found = follow(ports_here().store, member_files_here(), [] if head is None else [head_in(head)])
    told = {
        "holds": found.holds,
        "entries": found.store.lines,
        "broken_at": found.store.broken,
        "forgotten": [{"number": h.number, "signature": h.signature} for h in found.store.forgotten],
        "differs": list(found.store.differs),
        "without_members": list(found.files),
    }
    if as_json:
        print_json(told)
    else:
        _say_check(told)
    return 0 if found.holds else 1


def _say_check(found: dict[str, Any]) -> None:
    say_chain("memory", found)
    for number in found["differs"]:
        say(f"entry {number} says something else than the chain")
    for number in found["without_members"]:
        say(f"entry {number} has no file of members that can be opened and is about it")


@memory.command()
def forgotten(
    case: Annotated[str, typer.Option(help="The number of the decision to go on with what the files tell.")],
) -> int:
    """After a restored back-up: print what the memory has forgotten, as its files tell it, on the worker's machine."""
    from broker.workflow.release_history.reentering import forgotten_tables

    store = ports_here().store
    lost = store.lost_memory_head()
    if lost is None:
        typer.echo("The memory has forgotten nothing that a head was signed for.", err=True)
        return 1
    entries, broken = forgotten_tables(store, member_files_here())
    for name in broken:
        typer.echo(f"{name} cannot be read, and is not among them", err=True)
    for entry in entries:
        typer.echo(_release(entry), err=True)
    files = [{"name": e.members.name, "sha256": e.members.digest} for e in entries if e.members is not None]
    print_json({"lost": {"number": lost.number, "signature": lost.signature}, "files": files, "case": case})
    return 0


def _release(new: "NewEntry") -> str:
    entry = new.entry
    of = f"release {entry.release} of {entry.project}, output {entry.output}" if entry.release else "a public table"
    return f"{of}, table {entry.table}, {entry.when.isoformat()}"


@memory.command()
def head(as_json: AsJson = False) -> int:
    """Export the memory's signed head, to be kept elsewhere (administrators). It has no figures."""
    return print_head(client().memory_head(), as_json)


@memory.command()
def reenter(file: Document, as_json: AsJson = False) -> int:
    """After a restored back-up: have the worker enter what was forgotten, once two administrators ask for the same."""
    return print_state(client().reenter_memory(document(file)), as_json)


@memory.command()
def vouch(file: Document, as_json: AsJson = False) -> int:
    """Where the signed head itself was lost: take an exported one, once two administrators ask for the same."""
    return print_state(client().vouch_memory(document(file)), as_json)
