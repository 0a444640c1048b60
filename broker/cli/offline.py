"""Commands that need no server: check, assess, attack, synth, and the plan of a policy change."""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.check_document import check_document
from broker.cli.here import policies_of, project_of
from broker.cli.show import out, print_json, read_text
from broker.cli.show_check import print_check
from broker.domain.errors import Invalid, Unknown
from broker.domain.jobs import Kind
from broker.domain.saved import NOTHING
from broker.policy.files import load_profile
from broker.policy.models import Policies, Profile

POLICIES = Path("policies")
DIALECT_LINE = re.compile(r"^\s*--\s*dialect\s*:\s*(\w+)\s*$", re.IGNORECASE | re.MULTILINE)

PoliciesFolder = Annotated[Path, typer.Option("--policies", envvar="BROKER_POLICIES", help="Folder of policy files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(assess)
    app.command()(attack)
    app.command()(synth)


def check(
    file: Annotated[str, typer.Argument(help="A .sql or .py file; - reads standard input.")],
    project: Annotated[str, typer.Option(help="The project to check for.")] = "P0421",
    dialect: Annotated[str | None, typer.Option(help="tsql or duckdb.")] = None,
    kind: Annotated[str | None, typer.Option(help="sql or python; by default from the file's ending.")] = None,
    saved: Annotated[
        Path | None, typer.Option(help="A YAML or JSON file of what the project keeps: cohorts and lookups.")
    ] = None,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Check a submission against a project's grants. Nothing is sent, nothing runs."""
    from broker.cli.saved_file import saved_of
    from broker.workflow.check import check_submission

    text = read_text(file)
    loaded = policies_of(policies)
    found = project_of(loaded, project)
    chosen = kind_of(file, kind)
    kept = saved_of(saved, loaded.service) if saved is not None else NOTHING
    today = datetime.now(UTC).date()
    checked = check_submission(text, chosen, dialect_of(text, dialect, found.dialect), found, loaded, today, kept)
    document = check_document(checked)
    if as_json:
        print_json(document)
    else:
        print_check(document, text)
    return 0 if checked.accepted else 2


def kind_of(file: str, asked: str | None) -> Kind:
    if asked is not None:
        if asked not in set(Kind):
            raise Invalid("kind", f"The kind must be sql or python, not {asked!r}.", "--kind")
        return Kind(asked)
    if file != "-" and not file.endswith((".sql", ".py")):
        raise Invalid("kind", f"{file} ends in neither .sql nor .py: say --kind sql or --kind python.", "--kind")
    return Kind.PYTHON if file.endswith(".py") else Kind.SQL


def dialect_of(text: str, asked: str | None, default: str) -> str:
    """The option beats a line `-- dialect: x`, which beats the project's."""
    line = DIALECT_LINE.search(text)
    return (asked or (line.group(1) if line else default)).lower()


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, object]]:
    return [v for v in _list(value) if isinstance(v, dict)]


def profile_of(policies: Policies, name: str) -> Profile:
    """A profile by name, or from a YAML file of its own."""
    if name.endswith((".yaml", ".yml")):
        return load_profile(Path(name))
    found = next((p for p in policies.profiles if p.name == name), None)
    if found is None:
        raise Unknown("profile", name)
    return found


def assess(
    microdata: Annotated[Path, typer.Argument(help="CSV or Parquet with one row a record.")],
    unit: Annotated[str, typer.Option(help="The column that names the person.")],
    by: Annotated[str, typer.Option(help="Dimensions, separated by commas.")],
    count: Annotated[bool, typer.Option("--count", help="Count rows.")] = False,
    sum_: Annotated[list[str] | None, typer.Option("--sum", help="A column to sum.")] = None,
    mean: Annotated[list[str] | None, typer.Option("--mean", help="A column to average.")] = None,
    totals: Annotated[bool, typer.Option("--totals", help="Add totals over each dimension.")] = False,
    institution: Annotated[str | None, typer.Option(help="The column that names the institution.")] = None,
    profile: Annotated[str, typer.Option(help="A profile's name or YAML file.")] = "npd-default",
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Apply the disclosure rules to a file of person rows. The answer is for staff."""
    from broker.disclosure.microdata import assess as judge_file
    from broker.disclosure.tabulate import Asked
    from broker.wiring import tabulate_file

    chosen = profile_of(policies_of(policies), profile)
    dimensions = tuple(name.strip() for name in by.split(",") if name.strip())
    asked = Asked(
        unit=unit,
        by=dimensions,
        count=count,
        sums=tuple(sum_ or ()),
        means=tuple(mean or ()),
        totals=totals,
        institution=institution,
    )
    document = judge_file(tabulate_file(microdata, asked), chosen)
    if as_json:
        print_json(document)
    else:
        for cell in _dicts(document["cells"]):
            out.print(_json_line(cell), markup=False)
        out.print(f"audit: {document['audit']}", markup=False)
    return 0


def _json_line(cell: dict[str, object]) -> str:
    return json.dumps(cell, default=str, ensure_ascii=False)


def attack(
    table: Annotated[str, typer.Argument(help="CSV: dimensions and `value`; an empty value is a hole.")],
    integers: Annotated[bool, typer.Option("--integers", help="Values are whole numbers.")] = False,
    as_json: AsJson = False,
) -> int:
    """What can be derived about the holes of a table with margins."""
    from broker.cli.progress import bar
    from broker.cli.show_attack import print_attack
    from broker.disclosure.published import attack_csv

    with bar("attack", quiet=as_json) as tell:
        cells = attack_csv(read_text(table), integers, tell)
    if as_json:
        print_json({"cells": cells})
    else:
        print_attack(cells)
    return 0


def synth(
    pupils: Annotated[int, typer.Option(min=100, help="Pupils on roll in a year, about.")],
    years: Annotated[str, typer.Option(help="First calendar years, A-B.")],
    folder: Annotated[Path, typer.Option("--out", help="Where the extracts go.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Make a synthetic NPD: all tables of the catalogue as Parquet, one folder a table, one file a year."""
    from broker.cli.progress import bar
    from broker.wiring import make_extracts

    span = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", years)
    if span is None:
        raise Invalid("years", "Years are written as 2015-2023 or 2022.", "--years")
    first, last = int(span[1]), int(span[2] or span[1])
    if last < first:
        raise Invalid("years", f"The years {years} are in the wrong order.", "--years")
    catalogue = policies_of(policies).catalogue
    with bar("synthetic NPD", quiet=as_json) as progress:
        summary = make_extracts(catalogue, pupils, (first, last), seed, folder, progress)
    if as_json:
        print_json(asdict(summary))
    else:
        rows = sum(summary.rows.values())
        out.print(f"{summary.files} files with {rows:,} rows of {summary.people:,} people in {folder}", markup=False)
    return 0
