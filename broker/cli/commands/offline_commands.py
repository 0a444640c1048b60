"""Commands that need no server: check, assess, attack, synth. They judge nothing themselves."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.command_options import POLICIES, AsJson, PoliciesFolder
from broker.cli.local_broker import find_project, read_policy_folder
from broker.cli.output.check_document import check_document
from broker.cli.output.check_output import print_check
from broker.cli.output.console import print_answer, print_line, print_table, read_input
from broker.cli.output.cost_output import print_cost
from broker.cli.output.fixed_output import print_fixed
from broker.cli.output.forecast_output import offline_forecast, with_private_spend
from broker.cli.output.progress_bar import progress_bar
from broker.domain.errors import Invalid, Unknown
from broker.domain.jobs.job import JobKind
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds
from broker.domain.projects import saved_definitions
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.domain.stated_values import LocatedValue
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.files.yaml_reader import read_file, read_yaml
from broker.policy.policy_set import PolicySet
from broker.policy.service_limits import ServiceLimits
from broker.workflow.submission.save_definition import read_lookup

if TYPE_CHECKING:
    from broker.evidence.tabulation import Tabulation
    from broker.workflow.checking.submission_check import CheckedSubmission

QUARTERS = (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"))
TOTAL = "(total)"


def assess(
    microdata: Annotated[Path, typer.Argument(help="A CSV or Parquet file with one row for each record.")],
    unit: Annotated[str, typer.Option(help="The column with the id of the person.")],
    by: Annotated[str, typer.Option(help="Dimensions, separated by commas.")],
    count: Annotated[bool, typer.Option("--count", help="Count rows.")] = False,
    sum_: Annotated[list[str] | None, typer.Option("--sum", help="A column to sum.")] = None,
    mean: Annotated[list[str] | None, typer.Option("--mean", help="A column to average.")] = None,
    median: Annotated[list[str] | None, typer.Option("--median", help="A column for a median.")] = None,
    quantile: Annotated[
        list[str] | None, typer.Option("--quantile", help="A column and a fraction for a quantile, for example X:0.9.")
    ] = None,
    sd: Annotated[list[str] | None, typer.Option("--sd", help="A column for a standard deviation.")] = None,
    min_: Annotated[list[str] | None, typer.Option("--min", help="A column for a smallest value.")] = None,
    max_: Annotated[list[str] | None, typer.Option("--max", help="A column for a largest value.")] = None,
    mode: Annotated[list[str] | None, typer.Option("--mode", help="A column for a most common value.")] = None,
    box: Annotated[list[str] | None, typer.Option("--box", help="A column for a box plot.")] = None,
    totals: Annotated[bool, typer.Option("--totals", help="Add totals over each dimension.")] = False,
    institution: Annotated[str | None, typer.Option(help="The column with the id of the institution.")] = None,
    profile: Annotated[
        str, typer.Option(help="The name of disclosure rules, or a YAML file with them.")
    ] = "npd-default",
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Apply disclosure rules to a file with rows of persons. The result is for staff only."""
    from broker.disclosure.microdata.judge_microdata import judge_microdata as judge_file
    from broker.evidence.tabulation import StatisticRequest, TabulationRequest
    from broker.wiring.data_intake import tabulate_file

    chosen = find_rules(read_policy_folder(policies), profile)
    points = _quantile_points(median or [], quantile or [], box or [], chosen)
    wanted = [StatisticRequest(Measure.QUANTILE, *point) for point in points]
    others = {Measure.DEVIATION: sd, Measure.LOWEST: min_, Measure.HIGHEST: max_, Measure.MODE: mode}
    wanted += [StatisticRequest(measure, name) for measure, names in others.items() for name in names or ()]
    request = TabulationRequest(
        unit=unit,
        by=tuple(name.strip() for name in by.split(",") if name.strip()),
        count=count,
        sums=tuple(dict.fromkeys(sum_ or ())),
        means=tuple(dict.fromkeys(mean or ())),
        totals=totals,
        institution=institution,
        places=tuple(dict.fromkeys(wanted)),
        needs=EvidenceNeeds(chosen.t, digits=chosen.mean_digits),
    )
    with progress_bar("assess", quiet=as_json) as report:
        tabulation = tabulate_file(microdata, request, report)
        document = judge_file(tabulation, chosen, report)
    return print_answer(document, as_json, lambda _: _print_assessment(document, tabulation, chosen))


def find_rules(policies: PolicySet, name: str) -> DisclosureRules:
    """Return disclosure rules by name, or from a YAML file."""
    if name.endswith((".yaml", ".yml")):
        return read_file(Path(name), DisclosureRules)
    found = next((p for p in policies.profiles if p.name == name), None)
    if found is None:
        raise Unknown("profile", name)
    return found


def _quantile_points(
    medians: list[str], quantiles: list[str], boxes: list[str], profile: DisclosureRules
) -> list[tuple[str, Decimal, bool]]:
    """Return the column and fraction of each quantile, and whether it belongs to a box plot."""
    end = Decimal(str(profile.whisker))
    points = [(name, Decimal("0.5"), False) for name in medians]
    points += [(*_read_quantile(text), False) for text in quantiles]
    # A box plot has five quantiles: the ends of its whiskers and the quarters.
    points += [(name, at, True) for name in boxes for at in (end, *QUARTERS, 1 - end)]
    return points


def _read_quantile(text: str) -> tuple[str, Decimal]:
    """Return column and fraction of `X:0.9`. Raises Invalid unless the fraction is between 0 and 1."""
    name, _, written = text.rpartition(":")
    try:
        at = Decimal(written).normalize()
    except InvalidOperation:
        at = Decimal(0)
    if not name or not 0 < at < 1:
        raise Invalid(
            "quantile", f"Write a column and a fraction between 0 and 1, for example X:0.9, not {text!r}.", "--quantile"
        )
    return name, at


def _print_assessment(document: dict[str, Any], tabulation: "Tabulation", profile: DisclosureRules) -> None:
    """Print the cells as a table, findings on patterns of zeros, and counts at the end."""
    from broker.disclosure.microdata.judge_microdata import zero_cell_patterns

    cells = document["cells"]
    columns = [*tabulation.by, "statistic", "value", "released", "persons", "verdict", "rules"]
    print_table(columns, [_assessed_cell(cell, profile) for cell in cells])
    print_line("")
    for place, finding in zero_cell_patterns(tabulation, profile):
        at = ", ".join(f"{d}={c}" for d, c in zip(tabulation.by, place, strict=True) if c is not None)
        number = dict(finding.figures)["cells"]
        print_line(f"{finding.rule} {at or TOTAL}: {number} {'cell' if number == '1' else 'cells'}. {finding.sentence}")
    verdicts = Counter(cell["verdict"] for cell in cells)
    counts = ", ".join(f"{verdicts[v]} {v}" for v in ("publish", "suppress", "review", "refuse") if verdicts[v])
    print_line(f"{len(cells)} figures by {profile.name}: {counts or 'none'}")
    print_line(
        f"after repair: {document['audit']['exact']} exactly derivable, {document['audit']['narrow']} too closely"
    )
    print_cost(document["cost"])


def _assessed_cell(cell: dict[str, Any], profile: DisclosureRules) -> list[str]:
    released = profile.suppressed_symbol if cell["released"] is None else str(cell["released"])
    value = "" if cell["value"] is None else str(cell["value"])
    return [
        *(TOTAL if c is None else c for c in cell["by"].values()),
        cell["statistic"], value, released, str(cell["persons"]), cell["verdict"], " ".join(cell["rules"]),
    ]  # fmt: skip


DIALECT_LINE = re.compile(r"^\s*--\s*dialect\s*:\s*(\w+)\s*$", re.IGNORECASE | re.MULTILINE)


def check(
    file: Annotated[str, typer.Argument(help="A .sql or .py file; - reads standard input.")],
    project: Annotated[str, typer.Option(help="The project to check for.")] = "P0421",
    dialect: Annotated[str | None, typer.Option(help=f"{' or '.join(SQL_DIALECTS)}.")] = None,
    kind: Annotated[str | None, typer.Option(help="sql or python; taken from the file's ending by default.")] = None,
    saved: Annotated[
        Path | None, typer.Option(help="A YAML or JSON file with the saved cohorts and lookups of the project.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Check a private question, and show how accurate the answer would be.")
    ] = False,
    epsilon: Annotated[str | None, typer.Option(help="With --private: the epsilon to spend.")] = None,
    rho: Annotated[
        str | None, typer.Option(help="With --private: the rho to spend, if losses are counted as rho.")
    ] = None,
    error: Annotated[str | None, typer.Option(help="With --private: the mean error that counts may have.")] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Apply the advice that is an edit, and print the text. The file stays.")
    ] = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="With --fix: write the text into the file.")] = False,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Check a submission against a project's grants. Nothing is sent, nothing runs."""
    from broker.workflow.checking.submission_check import check_submission
    from broker.workflow.checking.text_edits import fix_text

    # A text that is not UTF-8 is refused with its place, as a broker would do.
    text = read_input(file, "surrogateescape")
    loaded = read_policy_folder(policies)
    found = find_project(loaded, project)
    chosen = submission_kind(file, kind)
    definitions = (
        read_saved_file(saved, loaded.service) if saved is not None else saved_definitions.NO_READABLE_DEFINITIONS
    )
    chosen_dialect, today = submission_dialect(text, dialect, found.dialect), datetime.now(UTC).date()
    if chosen is JobKind.SQL:
        text = with_private_spend(text, chosen_dialect, private, {"epsilon": epsilon, "rho": rho, "error": error})

    def check_text(written: str) -> "CheckedSubmission":
        return check_submission(written, chosen, chosen_dialect, found, loaded, today, definitions)

    if fix or in_place:
        return print_fixed(file, fix_text(text, check_text), in_place, as_json)
    checked = check_text(text)
    document = check_document(checked, offline_forecast(checked, found, loaded))
    print_answer(document, as_json, lambda _: print_check(document, text))
    return 0 if checked.accepted else 2


def submission_kind(file: str, option: str | None) -> JobKind:
    if option is not None:
        if option not in set(JobKind):
            raise Invalid("kind", f"The kind must be sql or python, not {option!r}.", "--kind")
        return JobKind(option)
    if file != "-" and not file.endswith((".sql", ".py")):
        raise Invalid("kind", f"{file} ends in neither .sql nor .py: add --kind sql or --kind python.", "--kind")
    return JobKind.PYTHON if file.endswith(".py") else JobKind.SQL


def submission_dialect(text: str, option: str | None, default: str) -> str:
    """Return the dialect: the option, else that of a line `-- dialect: x`, else the project's."""
    line = DIALECT_LINE.search(text)
    return (option or (line.group(1) if line else default)).lower()


def attack(
    table: Annotated[
        str, typer.Argument(help="A CSV file with dimensions and `value`; an empty value is a hidden figure.")
    ],
    integers: Annotated[bool, typer.Option("--integers", help="All values are whole numbers.")] = False,
    as_json: AsJson = False,
) -> int:
    """Work out what a table with totals reveals about its hidden figures."""
    from broker.disclosure.suppression.published_attack import attack_csv

    with progress_bar("attack", quiet=as_json) as report:
        cells = attack_csv(read_input(table), integers, report)
    return print_answer({"cells": cells}, as_json, lambda _: print_attack(cells))


def synth(
    pupils: Annotated[int, typer.Option(min=100, help="Approximate number of pupils on roll in a year.")],
    years: Annotated[str, typer.Option(help="Years by their first calendar year, for example 2015-2023.")],
    folder: Annotated[Path, typer.Option("--out", help="The folder for the extracts.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same data.")] = 1,
    policies: PoliciesFolder = POLICIES,
    as_json: AsJson = False,
) -> int:
    """Make a synthetic NPD: all catalogue tables as Parquet, with a folder for each table and a file for each year."""
    from broker.wiring.data_intake import make_extracts

    span = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", years)
    if span is None:
        raise Invalid("years", "Write years as 2015-2023 or 2022.", "--years")
    first, last = int(span[1]), int(span[2] or span[1])
    if last < first:
        raise Invalid("years", f"The years {years} are in the wrong order.", "--years")
    catalogue = read_policy_folder(policies).catalogue
    with progress_bar("synthetic NPD", quiet=as_json) as progress:
        summary = make_extracts(catalogue, pupils, (first, last), seed, folder, progress)
    rows = sum(summary.rows.values())
    sentence = f"{summary.files} files with {rows:,} rows of {summary.people:,} people in {folder}"
    return print_answer(asdict(summary), as_json, sentence)


def read_saved_file(path: Path, service: ServiceLimits) -> saved_definitions.ReadableDefinitions:
    """Return the definitions in a file. Cohorts have `name`, `dialect` and the `text` of a SELECT … INTO project.name;
    lookups have `name` and `csv`."""
    if not path.is_file():
        raise Invalid("saved-file", f"There is no file {str(path)!r}.", "--saved")
    saved = read_yaml(path).with_keys({"cohorts", "lookups"})
    found: list[saved_definitions.Definition] = [_read_cohort(node) for node in saved.listed("cohorts")]
    for node in saved.listed("lookups"):
        node.with_keys({"name", "csv"})
        found.append(read_lookup(node.at("name").text(), node.at("csv").text(), service))
    names = [d.name.casefold() for d in found]
    if len(set(names)) != len(names):
        raise Invalid("saved-file", "Two entries in the file have the same name.", str(path))
    return saved_definitions.ReadableDefinitions(tuple(found))


def _read_cohort(node: LocatedValue) -> saved_definitions.Cohort:
    name = node.with_keys({"name", "dialect", "text"}).at("name").text()
    if not saved_definitions.NAME_PATTERN.fullmatch(name):
        raise node.wrong("name", "Use letters, digits and _ for a name, and begin with a letter.", "name")
    return saved_definitions.Cohort(name, node.at("dialect").text(), node.at("text").text(), ())


NO_BOUND = "no bound"


def print_attack(cells: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each hidden figure: its place, its bounds, and whether it is known exactly."""
    if not cells:
        print_line("The table has no hidden figures.")
        return
    dimensions = list(cells[0]["by"])
    print_table([*dimensions, "low", "high", "exactly known"], [_attacked_cell(cell) for cell in cells])
    known = sum(cell["exact"] for cell in cells)
    print_line(f"{len(cells):,} {'hole' if len(cells) == 1 else 'holes'}, {known:,} exactly known")


def _attacked_cell(cell: Mapping[str, Any]) -> list[str]:
    place = [TOTAL if value is None else value for value in cell["by"].values()]
    return [*place, _bound_text(cell["low"]), _bound_text(cell["high"]), "yes" if cell["exact"] else "no"]


def _bound_text(value: float | None) -> str:
    return NO_BOUND if value is None else str(value)
