"""`broker catalogue`: shows a variable, or searches variables by words, in the policy files. Needs no server, reads no
data."""

from collections.abc import Iterator
from itertools import count
from typing import Annotated, Any

import typer

from broker.cli.command_options import POLICIES, AsJson, PoliciesFolder
from broker.cli.local_broker import find_project, read_policy_folder
from broker.cli.output.console import print_answer, print_line, print_table
from broker.domain.plans.variable_uses import Years
from broker.domain.projects.project import ResearchProject
from broker.domain.spelling_hints import near_names, question
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable


def catalogue(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="A variable, also as table.variable; or words in its table, name or description."),
    ] = None,
    project: Annotated[str | None, typer.Option(help="Show the years that this project was granted.")] = None,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Show a variable with its codes, or search tables and variables: class, years and, with --project, what the
    project was granted."""
    from broker.workflow.submission.preview import matching_variables

    loaded = read_policy_folder(policies)
    chosen_project = None if project is None else find_project(loaded, project)
    named = list(loaded.catalogue.variables_named(words[0])) if words and len(words) == 1 else []
    if named:
        shown = [_entry(t, v, chosen_project) | _details(v, loaded.catalogue) for t, v in named]
        return print_answer({"variables": shown}, as_json, lambda _: _print_details(shown))
    found = [_entry(t, v, chosen_project) for t, v in matching_variables(loaded, words or [])]
    near = [] if found else _near(words or [], loaded.catalogue)
    document = {"variables": found} | ({"near": near} if near else {})
    return print_answer(document, as_json, lambda _: _print(found, near, chosen_project is not None))


def _near(words: list[str], catalogue: Catalogue) -> list[str]:
    """Names that are similar to the last part of the first word."""
    names = {v.name: v.name for table in catalogue.tables for v in table.variables}
    return near_names(words[0].rpartition(".")[2], names) if words else []


def _details(variable: Variable, catalogue: Catalogue) -> dict[str, object]:
    """What the entry of a variable has if it is shown alone. `codes` is null for a variable without a list."""
    codeset = next((c for c in catalogue.codesets if c.name == variable.codeset), None)
    labels = {} if codeset is None else codeset.labels
    ends = {of.code: of for of in variable.code_years}
    codes = [
        {
            "code": str(code),
            "label": labels.get(str(code)),
            "since": ends[str(code)].since if str(code) in ends else None,
            "until": ends[str(code)].until if str(code) in ends else None,
        }
        for code in variable.values or ()
    ]
    bounds = {"low": variable.low, "high": variable.high, "missing": variable.missing}
    return {"type": variable.type.value, **bounds, "codes": codes or None}


def _print_details(found: list[dict[str, Any]]) -> None:
    for number, entry in enumerate(found):
        if number:
            print_line("")
        print_line(f"{entry['table']}.{entry['variable']}: {entry['description']}")
        limits = f" from {entry['low']:g} to {entry['high']:g}" if entry["low"] is not None else ""
        missing = "can be missing" if entry["missing"] else "never missing"
        print_line(f"  {entry['type']}{limits}, {entry['class']}, {missing}")
        print_line(f"  years: {_value_text(entry['years'])}")
        if "granted" in entry:
            print_line(f"  granted: {_value_text(entry['granted'])}")
        for code in entry["codes"] or ():
            ends = [f"{word} {code[word]}" for word in ("since", "until") if code[word] is not None]
            print_line("  " + " ".join(filter(None, [repr(code["code"]), code["label"], *ends])))


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


def _print(found: list[dict[str, object]], near: list[str], granted: bool) -> None:
    if not found:
        print_line("No variables match all of these words." + question(near))
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
