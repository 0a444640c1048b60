"""The command `assess`: the disclosure rules on a file of person rows, for staff. Judges nothing itself."""

from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from broker.cli.here import policies_of
from broker.cli.progress import bar
from broker.cli.show import print_json, print_table, say
from broker.domain.errors import Invalid, Unknown
from broker.domain.plans import Measure, Needs
from broker.policy.files import load_profile
from broker.policy.models import Policies
from broker.policy.profiles import Profile

if TYPE_CHECKING:
    from broker.disclosure.files.tabulation import Tabulation, Wanted

POLICIES = Path("policies")
QUARTERS = (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"))
TOTAL = "(total)"


def assess(
    microdata: Annotated[Path, typer.Argument(help="CSV or Parquet with one row a record.")],
    unit: Annotated[str, typer.Option(help="The column that names the person.")],
    by: Annotated[str, typer.Option(help="Dimensions, separated by commas.")],
    count: Annotated[bool, typer.Option("--count", help="Count rows.")] = False,
    sum_: Annotated[list[str] | None, typer.Option("--sum", help="A column to sum.")] = None,
    mean: Annotated[list[str] | None, typer.Option("--mean", help="A column to average.")] = None,
    median: Annotated[list[str] | None, typer.Option("--median", help="A column whose median is wanted.")] = None,
    quantile: Annotated[list[str] | None, typer.Option("--quantile", help="A column and a fraction: X:0.9.")] = None,
    sd: Annotated[list[str] | None, typer.Option("--sd", help="A column whose deviation is wanted.")] = None,
    min_: Annotated[list[str] | None, typer.Option("--min", help="A column whose least value is wanted.")] = None,
    max_: Annotated[list[str] | None, typer.Option("--max", help="A column whose greatest value is wanted.")] = None,
    mode: Annotated[list[str] | None, typer.Option("--mode", help="A column; its most common value.")] = None,
    box: Annotated[list[str] | None, typer.Option("--box", help="A column to draw a box plot of.")] = None,
    totals: Annotated[bool, typer.Option("--totals", help="Add totals over each dimension.")] = False,
    institution: Annotated[str | None, typer.Option(help="The column that names the institution.")] = None,
    profile: Annotated[str, typer.Option(help="A profile's name or YAML file.")] = "npd-default",
    policies: Annotated[
        Path, typer.Option("--policies", envvar="BROKER_POLICIES", help="Folder of policy files.")
    ] = POLICIES,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Apply the disclosure rules to a file of person rows. The answer is for staff."""
    from broker.disclosure.files.microdata import assess as judge_file
    from broker.disclosure.files.tabulation import Asked
    from broker.wiring.data import tabulate_file

    chosen = profile_of(policies_of(policies), profile)
    wanted = _places(median or [], quantile or [], box or [], chosen)
    for measure, names in (
        (Measure.DEVIATION, sd),
        (Measure.LOWEST, min_),
        (Measure.HIGHEST, max_),
        (Measure.MODE, mode),
    ):
        wanted += [_wanted(measure, name) for name in names or ()]
    asked = Asked(
        unit=unit,
        by=tuple(name.strip() for name in by.split(",") if name.strip()),
        count=count,
        sums=tuple(dict.fromkeys(sum_ or ())),
        means=tuple(dict.fromkeys(mean or ())),
        totals=totals,
        institution=institution,
        places=tuple(dict.fromkeys(wanted)),
        needs=Needs(chosen.t, digits=chosen.mean_digits),
    )
    with bar("assess", quiet=as_json) as tell:
        tabulation = tabulate_file(microdata, asked, tell)
        document = judge_file(tabulation, chosen, tell)
    if as_json:
        print_json(document)
    else:
        _print(document, tabulation, chosen)
    return 0


def profile_of(policies: Policies, name: str) -> Profile:
    """A profile by name, or from a YAML file of its own."""
    if name.endswith((".yaml", ".yml")):
        return load_profile(Path(name))
    found = next((p for p in policies.profiles if p.name == name), None)
    if found is None:
        raise Unknown("profile", name)
    return found


def _wanted(measure: Measure, column: str, fraction: Decimal | None = None, box: bool = False) -> "Wanted":
    from broker.disclosure.files.tabulation import Wanted

    return Wanted(measure, column, fraction, box)


def _places(medians: list[str], quantiles: list[str], boxes: list[str], profile: Profile) -> list["Wanted"]:
    end = Decimal(str(profile.whisker))
    asked = [(name, Decimal("0.5"), False) for name in medians]
    asked += [(*_fraction(text), False) for text in quantiles]
    asked += [(name, at, True) for name in boxes for at in (end, *QUARTERS, 1 - end)]
    return [_wanted(Measure.QUANTILE, name, at, box) for name, at, box in asked]


def _fraction(text: str) -> tuple[str, Decimal]:
    """`X:0.9`: a column and where its quantile stands, between nobody and everybody."""
    name, _, written = text.rpartition(":")
    try:
        at = Decimal(written).normalize()
    except InvalidOperation:
        at = Decimal(0)
    if not name or not 0 < at < 1:
        raise Invalid(
            "quantile", f"Write a column and a fraction between 0 and 1, as in X:0.9, not {text!r}.", "--quantile"
        )
    return name, at


def _print(document: dict[str, Any], tabulation: "Tabulation", profile: Profile) -> None:
    """The cells as a table, what a person looks at once, and what stands at the end of it."""
    from broker.disclosure.files.microdata import patterns

    cells = document["cells"]
    columns = [*tabulation.by, "statistic", "value", "released", "persons", "verdict", "rules"]
    print_table(columns, [_line(cell, profile) for cell in cells])
    say("")
    for place, finding in patterns(tabulation, profile):
        at = ", ".join(f"{d}={c}" for d, c in zip(tabulation.by, place, strict=True) if c is not None)
        number = dict(finding.figures)["cells"]
        say(f"{finding.rule} {at or TOTAL}: {number} {'cell' if number == '1' else 'cells'}. {finding.sentence}")
    verdicts = Counter(cell["verdict"] for cell in cells)
    told = ", ".join(f"{verdicts[v]} {v}" for v in ("publish", "suppress", "review", "refuse") if verdicts[v])
    say(f"{len(cells)} figures by {profile.name}: {told or 'none'}")
    say(f"after repair: {document['audit']['exact']} exactly derivable, {document['audit']['narrow']} too closely")


def _line(cell: dict[str, Any], profile: Profile) -> list[str]:
    released = profile.suppressed_symbol if cell["released"] is None else str(cell["released"])
    value = "" if cell["value"] is None else str(cell["value"])
    return [
        *(TOTAL if c is None else c for c in cell["by"].values()),
        cell["statistic"], value, released, str(cell["persons"]), cell["verdict"], " ".join(cell["rules"]),
    ]  # fmt: skip
