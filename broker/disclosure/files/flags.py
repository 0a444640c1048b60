"""What a checker should look at first in a table that a script wrote: the broker has no evidence of it, only signs.

R3 columns of single persons · T2 text · T3 identifiers · T4 a row for nearly each person · T5 columns of many values ·
F1 figures under the threshold · Q2 extremes. Each is a reason to look, never a reason to let go; F1, Q2 and T3 would be
hidden or refused in a table of the broker's, so each of them has to be set aside before the file can leave.
"""

import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType

from broker.disclosure.files.code_columns import Known, code_columns, holds_codes
from broker.disclosure.files.extremes import extreme_columns, extreme_rows, extremes_in_text
from broker.disclosure.rules.asking import finding
from broker.disclosure.rules.regression import is_per_person
from broker.domain.findings import Finding, Verdict
from broker.policy.profiles import Profile

PSEUDONYM = re.compile(r"(?<![0-9a-f])(?=[0-9]*[a-f])[0-9a-f]{32}", re.ASCII)
"""Of 32 digits at random one in ten million has no letter: without one it is a number."""
WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
SMALL = "Whole numbers of this column are under the threshold: if they count people, they are too few."
CODES = "Whole numbers of this column were taken for codes, which tell the rows apart: look whether they count people."
EXTREME = "A column or row is called like a least, greatest, first or last value: such a figure is one person's own."
Columns = Sequence[str]
Rows = Sequence[Sequence[str]]


def flags_of(
    columns: Columns, rows: Rows, profile: Profile, identifiers: frozenset[str], known: Known = MappingProxyType({})
) -> tuple[Finding, ...]:
    """`identifiers` are the folded names of the catalogue's identifying variables, `known` those of its others."""
    codes = code_columns(columns, rows, known)
    cells = {name: [row[i] for row in rows if row[i]] for i, name in enumerate(columns)}
    return tuple(
        f
        for flags in (
            _of_persons(columns),
            _identifiers(cells, identifiers),
            _row_level(columns, rows, profile),
            _many_values(cells, len(rows), profile),
            _small(cells, profile, codes),
            _extremes(columns, rows, profile, known),
        )
        for f in flags
    )


def of_text(text: str, profile: Profile) -> tuple[Finding, ...]:
    """T2; T3 where pseudonyms stand in it, and Q2 where lines are called like extremes."""
    found = [finding("T2", Verdict.REVIEW, "This is text, or no table: nothing in it was looked at by the broker.")]
    if PSEUDONYM.search(text.casefold()):
        found.append(finding("T3", Verdict.REFUSE, "Something in it looks like pseudonyms."))
    for name in extremes_in_text(text, profile.extreme_percent):
        found.append(finding("Q2", Verdict.REFUSE, EXTREME, name=name))
    return tuple(found)


def _of_persons(columns: Columns) -> Iterator[Finding]:
    for name in columns:
        if is_per_person(name):
            sentence = "A column is called like residuals, fitted values or effects of single persons."
            yield finding("R3", Verdict.REVIEW, sentence, name=name)


def _identifiers(cells: dict[str, list[str]], identifiers: frozenset[str]) -> Iterator[Finding]:
    for name, values in cells.items():
        if name.casefold() in identifiers or any(PSEUDONYM.search(v.casefold()) for v in values):
            yield finding("T3", Verdict.REFUSE, "A column is an identifier, or looks like pseudonyms.", name=name)


def _row_level(columns: Columns, rows: Rows, profile: Profile) -> Iterator[Finding]:
    if len(rows) > profile.many_rows and len(set(map(tuple, rows))) > profile.nearly_all * len(rows):
        sentence = "The table has many rows that are all different, as if each were of one person."
        yield finding("T4", Verdict.REVIEW, sentence, rows=len(rows), columns=len(columns))


def _many_values(cells: dict[str, list[str]], rows: int, profile: Profile) -> Iterator[Finding]:
    for name, values in cells.items():
        distinct = len(set(values))
        if distinct > profile.many_values and distinct > profile.nearly_all * rows:
            yield finding(
                "T5", Verdict.REVIEW, "A column has nearly as many values as rows.", name=name, values=distinct
            )


def _small(cells: dict[str, list[str]], profile: Profile, codes: frozenset[str]) -> Iterator[Finding]:
    """Of columns that are mostly whole numbers from zero on: they may be counts, with a word where one is hidden."""
    for name, values in cells.items():
        counts = [int(v) for v in values if WHOLE.fullmatch(v) and int(v) >= 0]
        low = sum(0 < n < profile.t for n in counts)
        if low and 2 * len(counts) >= len(values):
            yield (
                finding("F1", Verdict.REVIEW, CODES, name=name)
                if name in codes
                else finding("F1", Verdict.REFUSE, SMALL, name=name, cells=low)
            )


def _extremes(columns: Columns, rows: Rows, profile: Profile, known: Known) -> Iterator[Finding]:
    """A first language is a variable of the catalogue, and no first value."""
    figures = [name for i, name in enumerate(columns) if not holds_codes(name, [row[i] for row in rows], known)]
    for name in (*extreme_columns(figures, profile.extreme_percent), *extreme_rows(rows, profile.extreme_percent)):
        yield finding("Q2", Verdict.REFUSE, EXTREME, name=name)
