"""Commands about saved definitions: list, drop, propose a lookup, and view or decide one as a checker."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.command_options import AsJson
from broker.cli.commands.job_commands import broker_client
from broker.cli.output import console
from broker.domain.errors import Invalid
from broker.domain.projects.saved_definitions import PROJECT_SCHEMA
from broker.workflow.submission.save_definition import LOOKUP_APPROVING, LOOKUP_REASONS

if TYPE_CHECKING:
    from broker.client.api_answers import SavedAnswer

Project = Annotated[str, typer.Option(help="The project.")]

ROWS_SHOWN = 100

lookup = typer.Typer(help="A table of your own, which jobs read as project.name.", no_args_is_help=True)


def saved(
    project: Annotated[str | None, typer.Option(help="The project; all of yours by default.")] = None,
    as_json: AsJson = False,
) -> int:
    """List the saved cohorts and lookups of projects, with their states."""
    client = broker_client()
    wanted = [project] if project is not None else [p["ident"] for p in client.projects()]
    found = [entry for one in wanted for entry in client.saved(one)]
    return _print_saved(found, as_json, "Nothing is saved. Save a query with SELECT … INTO project.name FROM …")


def _print_saved(found: "list[SavedAnswer]", as_json: bool, empty: str) -> int:
    rows = [
        [e["ident"], e["project"], f"{PROJECT_SCHEMA}.{e['name']}", e["kind"], e["state"],
         console.format_minute(e["created"]), ", ".join(e["columns"]), e["about"]]
        for e in found
    ]  # fmt: skip
    return console.print_list(
        found, as_json, ["id", "project", "name", "kind", "state", "made", "columns", "about"], rows, empty
    )


def drop(
    name: Annotated[str, typer.Argument(help="The name as jobs read it: project.name.")],
    project: Project,
    as_json: AsJson = False,
) -> int:
    """Drop a cohort or lookup. Jobs that were already accepted are not affected."""
    broker_client().drop_saved(project, name)
    return console.print_answer({"name": name, "state": "dropped"}, as_json, f"{name}: dropped")


@lookup.command()
def add(
    file: Annotated[str, typer.Argument(help="A CSV file; - reads standard input.")],
    project: Project,
    name: Annotated[str, typer.Option(help="The name of the lookup; jobs will read it as project.name.")],
    about: Annotated[str, typer.Option(help="What the lookup is, and where it comes from.")],
    as_json: AsJson = False,
) -> int:
    """Propose a lookup. Jobs can read it once a checker has approved it."""
    made = broker_client().propose_lookup(project, name, about, console.read_input(file))
    return console.print_answer(
        made,
        as_json,
        f"lookup {made['ident']}: {made['state']}\n"
        f"{PROJECT_SCHEMA}.{made['name']} has {', '.join(made['columns'])}. A checker will review it.",
    )


@lookup.command()
def review(
    lookup: Annotated[
        str | None, typer.Argument(help="The lookup's id; leave it out to list the lookups that are waiting for you.")
    ] = None,
    choice: Annotated[str | None, typer.Option(help="approve or reject; leave it out to view the lookup only.")] = None,
    reason: Annotated[str | None, typer.Option(help=f"{', '.join(LOOKUP_REASONS)}.")] = None,
    as_json: AsJson = False,
) -> int:
    """For checkers: list waiting lookups, show one with its rows, or decide."""
    client = broker_client()
    if lookup is None:
        return _print_saved(client.lookups(), as_json, "No lookups are waiting for you.")
    if choice is None:
        return console.print_answer(client.lookup(lookup), as_json, _print_lookup)
    if choice not in {"approve", "reject"}:
        raise Invalid("choice", "The choice must be approve or reject.", "--choice")
    if reason is None and choice == "reject":
        against = ", ".join(r for r in LOOKUP_REASONS if r != LOOKUP_APPROVING)
        raise Invalid("reason", f"Give a reason with --reason, one of {against}.", "--reason")
    state = client.decide_lookup(lookup, choice, reason or LOOKUP_APPROVING)
    return console.print_answer({"lookup": lookup, "state": state}, as_json, f"lookup {lookup}: {state}")


def _print_lookup(seen: dict[str, Any]) -> None:
    console.print_line(f"{PROJECT_SCHEMA}.{seen['name']} of {seen['project']}: {seen['kind']}, {seen['state']}")
    console.print_line(f"by {seen['by']}: {console.printable(seen['about'])}")
    if seen["text"] is not None:
        console.print_line(seen["text"])
        return
    console.print_table(seen["columns"], [[v or "" for v in row] for row in seen["rows"][:ROWS_SHOWN]])
    if len(seen["rows"]) > ROWS_SHOWN:
        console.print_line(f"{len(seen['rows']) - ROWS_SHOWN} further rows: --json gives all.")
