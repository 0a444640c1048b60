"""Commands that need no server: check, assess (in a module of its own), attack, synth."""

import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.check_document import check_document
from broker.cli.here import policies_of, project_of
from broker.cli.private import asked_privately, offline_forecast
from broker.cli.show import out, print_json, read_text
from broker.cli.show_check import print_check
from broker.domain.errors import Invalid
from broker.domain.jobs import Kind
from broker.domain.saved import NOTHING

POLICIES = Path("policies")
DIALECT_LINE = re.compile(r"^\s*--\s*dialect\s*:\s*(\w+)\s*$", re.IGNORECASE | re.MULTILINE)

PoliciesFolder = Annotated[Path, typer.Option("--policies", envvar="BROKER_POLICIES", help="Folder of policy files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    from broker.cli.assessing import assess

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
    private: Annotated[
        bool, typer.Option("--private", help="Ask privately, and tell what the answer would be worth.")
    ] = False,
    epsilon: Annotated[str | None, typer.Option(help="With --private: what may be spent.")] = None,
    rho: Annotated[str | None, typer.Option(help="The same where losses are counted as rho.")] = None,
    error: Annotated[str | None, typer.Option(help="With --private: the mean error that counts may have.")] = None,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Check a submission against a project's grants. Nothing is sent, nothing runs."""
    from broker.cli.saved_file import saved_of
    from broker.workflow.check import check_submission

    text = read_text(file, "surrogateescape")
    loaded = policies_of(policies)
    found = project_of(loaded, project)
    chosen = kind_of(file, kind)
    kept = saved_of(saved, loaded.service) if saved is not None else NOTHING
    spoken, today = dialect_of(text, dialect, found.dialect), datetime.now(UTC).date()
    if chosen is Kind.SQL:
        text = asked_privately(text, spoken, private, {"epsilon": epsilon, "rho": rho, "error": error})
    checked = check_submission(text, chosen, spoken, found, loaded, today, kept)
    document = check_document(checked, offline_forecast(checked, found, loaded))
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


def attack(
    table: Annotated[str, typer.Argument(help="CSV: dimensions and `value`; an empty value is a hole.")],
    integers: Annotated[bool, typer.Option("--integers", help="Values are whole numbers.")] = False,
    as_json: AsJson = False,
) -> int:
    """What can be derived about the holes of a table with margins."""
    from broker.cli.progress import bar
    from broker.cli.show_attack import print_attack
    from broker.disclosure.files.published import attack_csv

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
    from broker.wiring.data import make_extracts

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
