"""The lines of a text that make it private: `-- private: epsilon 0.5`, and those that bound it. Only comments on lines
of their own are read, and what is read is written again in one way."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from broker.domain.errors import Refusal
from broker.domain.jobs import PRIVATE_LINE
from broker.privacy.asking.written import Written, written_in
from broker.query.text.lexing import TOKEN, lex

LINE = re.compile(r"--[ \t]*private[ \t]*:(.*)\Z", re.IGNORECASE)
SPENDING = re.compile(
    r"[ \t]*(epsilon|rho|error)[ \t]+(\d{1,9}(?:\.\d{1,9})?)"
    r"(?:[ \t]+of[ \t]+(\w{1,128})(?:[ \t]+at[ \t]+(\d{1,9}))?)?[ \t]*\Z",
    re.IGNORECASE | re.ASCII,
)
FORM = (
    "Write  -- private: epsilon 0.5  (or rho, where losses are counted so),  -- private: error 5  for counts, or  "
    "-- private: error 0.2 of column at 1000  for a column in cells of so many persons."
)


@dataclass(frozen=True, slots=True)
class Spending:
    """What may be spent: an `epsilon`, a `rho`, or as much as a mean `error` needs: of every count, or of the column
    `figure`, in cells of `persons` where the error depends on how many there are."""

    word: str
    number: Decimal
    figure: str | None = None
    persons: int | None = None

    def __str__(self) -> str:
        of = "" if self.figure is None else f" of {self.figure}"
        at = "" if self.persons is None else f" at {self.persons}"
        return f"{self.word} {self.number:f}{of}{at}"


@dataclass(frozen=True, slots=True)
class PrivateLines:
    """What the lines say. `line`: where the spend is asked for; None: the text asks for none and is not private."""

    spending: Spending | None = None
    line: int | None = None
    written: Written = field(default_factory=Written)
    refusals: tuple[Refusal, ...] = ()

    @property
    def is_private(self) -> bool:
        return self.line is not None

    @property
    def canonical(self) -> str:
        """One line each, in one order and way of writing."""
        lines = [f"{PRIVATE_LINE} {self.spending}"]
        lines += [f"-- clamp: {name} {low:f} {high:f}" for name, (low, high) in sorted(self.written.clamps.items())]
        lines += [f"-- rows: {name} {number}" for name, number in sorted(self.written.rows.items())]
        return "\n".join(lines)


NOT_PRIVATE = PrivateLines()


def private_lines(text: str, dialect: str) -> PrivateLines:
    """Never raises for what the text says. Without a line that says `private`, bounds mean nothing."""
    if dialect not in TOKEN:
        return NOT_PRIVATE
    comments = _lone_comments(text.replace("\r\n", "\n"), dialect)
    asked = [(n, found[1]) for n, line in enumerate(comments, 1) if (found := LINE.match(line))]
    if not asked:
        return NOT_PRIVATE
    refusals = [_once(number) for number, _ in asked[1:]]
    number, rest = asked[0]
    spending = _spending(rest)
    if spending is None:
        refusals.append(
            Refusal("private-line", "This line does not say in numbers what may be spent.", FORM, number, 1)
        )
    written = written_in("\n".join(comments))
    return PrivateLines(spending, number, written, (*refusals, *written.refusals))


def with_spending(text: str, dialect: str, spending: str) -> str:
    """The text with another spend: at its end, so that everything keeps its place."""
    plain = text.replace("\r\n", "\n")
    if dialect not in TOKEN:
        return plain
    comments = _lone_comments(plain, dialect)
    lines = ["" if LINE.match(c) else line for line, c in zip(plain.split("\n"), comments, strict=True)]
    return "\n".join([*lines, f"-- private: {spending}"])


def _lone_comments(text: str, dialect: str) -> list[str]:
    """By line of the text, the comment that it is; nothing for others."""
    found, number, start = [""] * (text.count("\n") + 1), 0, 0
    for token in lex(text, dialect):
        if token.kind == "comment" and not text[start : token.start].strip():
            found[number] = text[token.start : token.end].rstrip()
        ends = text.count("\n", token.start, token.end)
        if ends:
            number, start = number + ends, text.rindex("\n", token.start, token.end) + 1
    return found


def _spending(rest: str) -> Spending | None:
    match = SPENDING.match(rest)
    if match is None or not Decimal(match[2]):
        return None
    word, number, figure, persons = match[1].lower(), Decimal(match[2]).normalize(), match[3], match[4]
    if (figure is not None and word != "error") or (persons is not None and not int(persons)):
        return None
    return Spending(word, number, figure, None if persons is None else int(persons))


def _once(number: int) -> Refusal:
    return Refusal("private-line", "The spend is said twice.", "Leave one of the lines.", number, 1)
