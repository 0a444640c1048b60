"""Directives of a private SQL text: `-- private: epsilon 0.5` and the comment lines that bound contributions."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from broker.domain.errors import Refusal
from broker.domain.jobs.job import PRIVATE_LINE
from broker.policy.data_catalogue import Catalogue
from broker.query.dialects.base import Dialect
from broker.query.dialects.known_dialects import DIALECTS
from broker.query.parser.scanner import lex

BOUND_LINE = re.compile(r"[ \t]*--[ \t]*(clamp|rows)[ \t]*:(.*)\Z", re.IGNORECASE)
NAME_PATTERN = r"([A-Za-z_][\w.]{0,200})"
NUMBER_PATTERN = r"([+-]?\d{1,15}(?:\.\d{1,9})?)"
CLAMP_BOUND = re.compile(rf"[ \t]*{NAME_PATTERN}[ \t]+{NUMBER_PATTERN}[ \t]+{NUMBER_PATTERN}[ \t]*\Z", re.ASCII)
ROWS_BOUND = re.compile(rf"[ \t]*{NAME_PATTERN}[ \t]+(\d{{1,3}})[ \t]*\Z", re.ASCII)
MAX_REFUSALS = 100


@dataclass(frozen=True, slots=True)
class BoundDirectives:
    """`clamps`: (low, high) by variable in lower case. `rows`: by table in lower case, how many rows of a person and
    year count."""

    clamps: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()


NO_BOUNDS = BoundDirectives()


def read_bounds(text: str) -> BoundDirectives:
    bounds, refusals = BoundDirectives(), []
    for number, line in enumerate(text.splitlines(), 1):
        match = BOUND_LINE.match(line)
        if match is not None and not (_read_clamp if match[1].casefold() == "clamp" else _read_rows)(match[2], bounds):
            refusals.append(_malformed_bound(match[1].casefold(), number))  # an ignored bound would be believed
    return BoundDirectives(bounds.clamps, bounds.rows, tuple(refusals[:MAX_REFUSALS]))


def unknown_names(bounds: BoundDirectives, catalogue: Catalogue) -> list[Refusal]:
    """Refuse bounds on names that do not exist: otherwise their author would believe that they bound something."""
    tables = {n.casefold(): t for t in catalogue.tables for n in (t.name, t.full_name)}
    variables = {v.name.casefold() for t in catalogue.tables for v in t.variables}
    variables |= {f"{name}.{v.name.casefold()}" for name, t in tables.items() for v in t.variables}
    unknown = [*(n for n in bounds.rows if n not in tables), *(n for n in bounds.clamps if n not in variables)]
    return [
        Refusal("private-line", f"The catalogue does not have {n}.", "Write the name as it is in the catalogue.")
        for n in unknown
    ]


def _read_clamp(rest: str, bounds: BoundDirectives) -> bool:
    match = CLAMP_BOUND.match(rest)
    if match is None or not Decimal(match[2]) < Decimal(match[3]):
        return False
    bounds.clamps[match[1].casefold()] = (Decimal(match[2]), Decimal(match[3]))
    return True


def _read_rows(rest: str, bounds: BoundDirectives) -> bool:
    match = ROWS_BOUND.match(rest)
    if match is None or int(match[2]) < 1:
        return False
    bounds.rows[match[1].casefold()] = int(match[2])
    return True


def _malformed_bound(kind: str, line: int) -> Refusal:
    form = "-- clamp: variable low high" if kind == "clamp" else "-- rows: table number"
    return Refusal(
        "private-line", f"This line is not understood as  {form}.", "Write numbers, with the lower number first.", line
    )


SPEND_LINE = re.compile(r"--[ \t]*private[ \t]*:(.*)\Z", re.IGNORECASE)
SPEND_PATTERN = re.compile(
    r"[ \t]*(epsilon|rho|error)[ \t]+(\d{1,9}(?:\.\d{1,9})?)"
    r"(?:[ \t]+of[ \t]+(\w{1,128})(?:[ \t]+at[ \t]+(\d{1,9}))?)?[ \t]*\Z",
    re.IGNORECASE | re.ASCII,
)
SPEND_FORM = (
    "Write  -- private: epsilon 0.5  (or rho, if losses are counted as rho),  -- private: error 5  for counts, "
    "or  -- private: error 0.2 of column at 1000  for a column in cells of 1000 persons."
)


@dataclass(frozen=True, slots=True)
class SpendDirective:
    """What may be spent: an `epsilon`, a `rho`, or as much as a mean `error` needs. The error is that of every count,
    or of the column `figure`, in cells of `persons` if it depends on their number."""

    kind: str
    amount: Decimal
    figure: str | None = None
    persons: int | None = None

    def __str__(self) -> str:
        of = "" if self.figure is None else f" of {self.figure}"
        at = "" if self.persons is None else f" at {self.persons}"
        return f"{self.kind} {self.amount:f}{of}{at}"


@dataclass(frozen=True, slots=True)
class PrivateDirectives:
    """The directives of a text. `line`: where the spend is requested; None: nowhere, so the text is not private."""

    spending: SpendDirective | None = None
    line: int | None = None
    bounds: BoundDirectives = field(default_factory=BoundDirectives)
    refusals: tuple[Refusal, ...] = ()

    @property
    def is_private(self) -> bool:
        return self.line is not None

    @property
    def canonical(self) -> str:
        """The directives as text, one on each line, in a fixed order and spelling."""
        lines = [f"{PRIVATE_LINE} {self.spending}"]
        lines += [f"-- clamp: {name} {low:f} {high:f}" for name, (low, high) in sorted(self.bounds.clamps.items())]
        lines += [f"-- rows: {name} {number}" for name, number in sorted(self.bounds.rows.items())]
        return "\n".join(lines)


NOT_PRIVATE = PrivateDirectives()


def read_directives(text: str, dialect_name: str) -> PrivateDirectives:
    """Read directives; never raises, whatever the text says. Without a `private` line, bounds have no effect."""
    dialect = DIALECTS.get(dialect_name)
    if dialect is None:
        return NOT_PRIVATE
    # By the lexer: a line inside a string or block comment is no directive.
    comments = _lone_comments(text.replace("\r\n", "\n"), dialect)
    # Only comments on lines of their own count.
    spend_lines = [(n, found[1]) for n, line in enumerate(comments, 1) if (found := SPEND_LINE.match(line))]
    if not spend_lines:
        return NOT_PRIVATE
    twice, advice = "The spend is stated twice.", "Remove one of the lines."
    refusals = [Refusal("private-line", twice, advice, number, 1) for number, _ in spend_lines[1:]]
    number, rest = spend_lines[0]  # the others are refused
    spending = _read_spending(rest)
    if spending is None:
        message = "This line does not state the spend in numbers."
        refusals.append(Refusal("private-line", message, SPEND_FORM, number, 1))
    bounds = read_bounds("\n".join(comments))
    return PrivateDirectives(spending, number, bounds, (*refusals, *bounds.refusals))


def with_spending(text: str, dialect_name: str, spending: str) -> str:
    """The text with another spend. The new line is added at the end, so that all positions in the text stay the
    same."""
    plain, dialect = text.replace("\r\n", "\n"), DIALECTS.get(dialect_name)
    if dialect is None:
        return plain
    comments = _lone_comments(plain, dialect)
    lines = ["" if SPEND_LINE.match(c) else line for line, c in zip(plain.split("\n"), comments, strict=True)]
    return "\n".join([*lines, f"-- private: {spending}"])


def _lone_comments(text: str, dialect: Dialect) -> list[str]:
    """For each line of the text, the comment if the line is nothing else; otherwise an empty text."""
    found, number, start = [""] * (text.count("\n") + 1), 0, 0
    for token in lex(text, dialect):
        if token.kind == "comment" and not text[start : token.start].strip():
            found[number] = text[token.start : token.end].rstrip()
        ends = text.count("\n", token.start, token.end)
        if ends:
            number, start = number + ends, text.rindex("\n", token.start, token.end) + 1
    return found


def _read_spending(rest: str) -> SpendDirective | None:
    match = SPEND_PATTERN.match(rest)
    if match is None or not Decimal(match[2]):  # a spend of 0 buys nothing
        return None
    word, number, figure, persons = match[1].lower(), Decimal(match[2]).normalize(), match[3], match[4]
    if (figure is not None and word != "error") or (persons is not None and not int(persons)):
        return None
    return SpendDirective(word, number, figure, None if persons is None else int(persons))
