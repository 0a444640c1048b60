"""Lines that bound a private submission: `-- clamp: variable low high` and `-- rows: table number`. Nothing else of the
text is read here, and nothing is believed but numbers."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from broker.domain.errors import Refusal
from broker.policy.catalogue import Catalogue

LINE = re.compile(r"[ \t]*--[ \t]*(clamp|rows)[ \t]*:(.*)\Z", re.IGNORECASE)
NAME = r"([A-Za-z_][\w.]{0,200})"
NUMBER = r"([+-]?\d{1,15}(?:\.\d{1,9})?)"
CLAMP = re.compile(rf"[ \t]*{NAME}[ \t]+{NUMBER}[ \t]+{NUMBER}[ \t]*\Z", re.ASCII)
ROWS = re.compile(rf"[ \t]*{NAME}[ \t]+(\d{{1,3}})[ \t]*\Z", re.ASCII)
MOST = 100


@dataclass(frozen=True, slots=True)
class Written:
    """By variable in small letters (low, high); by table in small letters how many rows of a person and year count."""

    clamps: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()


NOTHING = Written()


def written_in(text: str) -> Written:
    found, refusals = Written(), []
    for number, line in enumerate(text.splitlines(), 1):
        match = LINE.match(line)
        if match is not None and not (_clamp if match[1].casefold() == "clamp" else _rows)(match[2], found):
            refusals.append(_not_understood(match[1].casefold(), number))
    return Written(found.clamps, found.rows, tuple(refusals[:MOST]))


def unknown_in(written: Written, catalogue: Catalogue) -> list[Refusal]:
    """A line that bounds what does not exist would be believed to bound something."""
    tables = {n.casefold(): t for t in catalogue.tables for n in (t.name, t.full_name)}
    variables = {v.name.casefold() for t in catalogue.tables for v in t.variables}
    variables |= {f"{name}.{v.name.casefold()}" for name, t in tables.items() for v in t.variables}
    unknown = [*(n for n in written.rows if n not in tables), *(n for n in written.clamps if n not in variables)]
    return [Refusal("private-line", f"There is no {n} in the catalogue.", "Write its name as it is.") for n in unknown]


def _clamp(rest: str, found: Written) -> bool:
    match = CLAMP.match(rest)
    if match is None or not Decimal(match[2]) < Decimal(match[3]):
        return False
    found.clamps[match[1].casefold()] = (Decimal(match[2]), Decimal(match[3]))
    return True


def _rows(rest: str, found: Written) -> bool:
    match = ROWS.match(rest)
    if match is None or int(match[2]) < 1:
        return False
    found.rows[match[1].casefold()] = int(match[2])
    return True


def _not_understood(kind: str, line: int) -> Refusal:
    form = "-- clamp: variable low high" if kind == "clamp" else "-- rows: table number"
    return Refusal(
        "private-line", f"This line is not understood as  {form}.", "Write numbers, the low one first.", line
    )
