"""Commands about what projects keep: list, drop, propose a lookup, and a checker's look at one."""

from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.remote import client
from broker.cli.show import minute, plain, print_json, print_table, read_text, say
from broker.domain.errors import Invalid
from broker.domain.saved import SCHEMA
from broker.workflow.lookups import APPROVING, REASONS

if TYPE_CHECKING:
    from broker.client import BrokerClient
    from broker.client.answers import SavedAnswer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Project = Annotated[str, typer.Option(help="The project.")]

ROWS_SHOWN = 100


def register(app: typer.Typer) -> None:
    app.command()(saved)
    app.command()(drop)
    lookups = typer.Typer(
        name="lookup", help="A table of your own, which jobs read as project.name.", no_args_is_help=True
    )
    lookups.command()(add)
    lookups.command()(review)
    app.add_typer(lookups)


def saved(
    project: Annotated[str | None, typer.Option(help="The project; without it all of yours.")] = None,
    as_json: AsJson = False,
) -> int:
    """List what projects keep: cohorts and lookups, with their states."""
    hand = client()
    wanted = [project] if project is not None else [p["ident"] for p in hand.projects()]
    found = [entry for one in wanted for entry in hand.saved(one)]
    if as_json:
        print_json(found)
    elif not found:
        say("Nothing is kept. Keep a query with SELECT … INTO project.name FROM …")
    else:
        _print(found)
    return 0


def _print(found: "list[SavedAnswer]") -> None:
    rows = [
        [e["ident"], e["project"], f"{SCHEMA}.{e['name']}", e["kind"], e["state"], minute(e["created"]),
         ", ".join(e["columns"]), e["about"]]
        for e in found
    ]  # fmt: skip
    print_table(["id", "project", "name", "kind", "state", "made", "columns", "about"], rows)


def drop(
    name: Annotated[str, typer.Argument(help="project.name, as jobs read it.")],
    project: Project,
    as_json: AsJson = False,
) -> int:
    """Drop a cohort or lookup. Jobs that were accepted go on with what they read then."""
    client().drop_saved(project, name)
    if as_json:
        print_json({"name": name, "state": "dropped"})
    else:
        say(f"{name}: dropped")
    return 0


def add(
    file: Annotated[str, typer.Argument(help="A CSV file; - reads standard input.")],
    project: Project,
    name: Annotated[str, typer.Option(help="Jobs will read it as project.name.")],
    about: Annotated[str, typer.Option(help="What it is, and where it comes from.")],
    as_json: AsJson = False,
) -> int:
    """Propose a lookup. It can be read once a checker has approved it."""
    made = client().propose_lookup(project, name, about, read_text(file))
    if as_json:
        print_json(made)
    else:
        say(f"lookup {made['ident']}: {made['state']}")
        say(f"{SCHEMA}.{made['name']} has {', '.join(made['columns'])}. A checker looks at it now.")
    return 0


def review(
    lookup: Annotated[str | None, typer.Argument(help="The lookup's id; none lists those that wait for you.")] = None,
    choice: Annotated[str | None, typer.Option(help="approve or reject; none only looks.")] = None,
    reason: Annotated[str | None, typer.Option(help=f"{', '.join(REASONS)}.")] = None,
    as_json: AsJson = False,
) -> int:
    """For checkers: the lookups that wait, one with its rows, or a decision."""
    hand = client()
    if lookup is None:
        found = hand.lookups()
        if as_json:
            print_json(found)
        elif found:
            _print(found)
        else:
            say("No lookup waits for you.")
        return 0
    if choice is None:
        return _look(hand, lookup, as_json)
    if choice not in {"approve", "reject"}:
        raise Invalid("choice", "The choice must be approve or reject.", "--choice")
    if reason is None and choice == "reject":
        against = ", ".join(r for r in REASONS if r != APPROVING)
        raise Invalid("reason", f"Say why with --reason, one of {against}.", "--reason")
    state = hand.decide_lookup(lookup, choice, reason or APPROVING)
    if as_json:
        print_json({"lookup": lookup, "state": state})
    else:
        say(f"lookup {lookup}: {state}")
    return 0


def _look(hand: "BrokerClient", ident: str, as_json: bool) -> int:
    seen = hand.lookup(ident)
    if as_json:
        print_json(seen)
        return 0
    say(f"{SCHEMA}.{seen['name']} of {seen['project']}: {seen['kind']}, {seen['state']}")
    say(f"by {seen['by']}: {plain(seen['about'])}")
    if seen["text"] is not None:
        say(seen["text"])
        return 0
    print_table(seen["columns"], [[v or "" for v in row] for row in seen["rows"][:ROWS_SHOWN]])
    if len(seen["rows"]) > ROWS_SHOWN:
        say(f"{len(seen['rows']) - ROWS_SHOWN} further rows: --json gives all.")
    return 0
