"""`broker catalogue`: searches variables by words in the policy files. Needs no server, reads no data."""

from collections.abc import Iterator
from itertools import count
from typing import Annotated

import typer

from broker.cli.command_options import POLICIES, AsJson, PoliciesFolder
from broker.cli.local_broker import find_project, read_policy_folder
from broker.cli.output.console import print_answer, print_line, print_table
from broker.domain.plans.variable_uses import Years
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import CatalogueTable, Variable


def catalogue(
    words: Annotated[
        list[str] | None, typer.Argument(help="Words in the table, name or description of a variable.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Show the years that this project was granted.")] = None,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Search tables and variables: class, years and, with --project, what the project was granted."""
    from broker.workflow.submission.preview import matching_variables

    loaded = read_policy_folder(policies)
    chosen_project = None if project is None else find_project(loaded, project)
    found = [_entry(t, v, chosen_project) for t, v in matching_variables(loaded, words or [])]
    return print_answer({"variables": found}, as_json, lambda _: _print(found, chosen_project is not None))


def _entry(table: CatalogueTable, variable: Variable, project: ResearchProject | None) -> dict[str, object]:
    """Return the entry. With a project it has `granted`: false, the years, or null if the table has no years."""
    entry: dict[str, object] = {
        "table": table.full_name,
        "variable": variable.name,
        "class": variable.cls.value,
        "years": _years(table.years),
        "description": variable.description,
    }
    if project is not None:
        granted = project.granted_years(table.full_name, variable.name)
        entry["granted"] = granted if isinstance(granted, bool) else _years(granted)
    return entry


def _years(years: Years | None) -> list[int] | None:
    return None if years is None else sorted(years)


def _print(found: list[dict[str, object]], granted: bool) -> None:
    if not found:
        print_line("No variables match all of these words.")
        return
    names = ["class", "years", *(["granted"] if granted else []), "description"]
    rows = [[f"{e['table']}.{e['variable']}", *(_value_text(e[name]) for name in names)] for e in found]
    print_table(["variable", *names], rows)


def _value_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_year_spans(value))
    if value is None:
        return "any"
    return "no" if value is False else str(value)


def _year_spans(years: list[int]) -> Iterator[str]:
    """Yield first calendar years as spans: 2011-2019, 2021-2023."""
    for year in years:
        if year - 1 in years:
            continue
        last = next(y for y in count(year) if y + 1 not in years)
        yield str(year) if last == year else f"{year}-{last}"
