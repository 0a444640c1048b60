"""Hints that a refused text looks like another dialect than the one that it is checked in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.domain.errors import Refusal, TextEdit

WRITTEN_BY_NOBODY_ELSE: Mapping[str, Mapping[str, str]] = {
    "tsql": {
        "TOP": r"\bselect\s+(?:distinct\s+)?top\s*\(?\s*\d",
        "[name]": r"\[[A-Za-z_][A-Za-z0-9_ ]*\](?!\s*\()",
        "ISNULL": r"\bisnull\s*\(",
        "GETDATE": r"\bgetdate\s*\(",
        "#table": r"(?:\binto|\bfrom|\bjoin|\btable)\s+#\w",
        "@variable": r"\bdeclare\s+@\w",
        "CONVERT": r"\bconvert\s*\(\s*\w+\s*(?:\(\s*\d+\s*\)\s*)?,",
        "NOLOCK": r"\bwith\s*\(\s*nolock\s*\)",
    },
    "duckdb": {
        "LIMIT": r"\blimit\s+\d+",
        "::": r"::\s*[A-Za-z]",
        "ILIKE": r"\bilike\b",
        "FILTER": r"\bfilter\s*\(\s*where\b",
        "QUALIFY": r"\bqualify\b",
        "EXCLUDE": r"\*\s*exclude\b",
        "GROUP BY ALL": r"\bgroup\s+by\s+all\b",
        "USING": r"\busing\s*\(",
        "USING SAMPLE": r"\busing\s+sample\b",
    },
}
"""Forms that one dialect alone has, by the dialect: how a hint names each, and its pattern."""
PRODUCTS = {"tsql": "T-SQL", "duckdb": "DuckDB"}
NO_CODE = re.compile(r"'[^']*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
BRACKETED = re.compile(r"\[([A-Za-z_]\w*)\]")
OTHER_NAMES: Mapping[str, Mapping[str, str]] = {
    "tsql": {"mean": "AVG", "make_date": "DATEFROMPARTS"},
    "duckdb": {"isnull": "coalesce", "count_big": "count", "datefromparts": "make_date", "eomonth": "last_day"},
}
"""Functions of other dialects that have the same arguments under another name, by the dialect that the text is in."""
WORD = re.compile(r"\w+")
BRACKET_CODES = frozenset({"list", "syntax", "function", "statement"})
"""Codes of refusals of a name in brackets, where these make lists."""


def with_dialect_hint(refusals: Sequence[Refusal], text: str, dialect: str) -> tuple[Refusal, ...]:
    """Return the refusals. The advice of the first one says so if the text looks like another dialect."""
    if not refusals or dialect not in WRITTEN_BY_NOBODY_ELSE:
        return tuple(refusals)
    plain = NO_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text.replace("\r\n", "\n"))
    other = _other_dialect(plain, dialect)
    if other is None:
        return tuple(refusals)
    first, *rest = refusals
    name, forms = other
    hint = (
        f"The text looks like {PRODUCTS[name]} ({', '.join(forms)}) and is checked as {PRODUCTS[dialect]}. If it is "
        f"{PRODUCTS[name]}, begin it with the line  -- dialect: {name}"
    )
    edit = first.edit or (_without_brackets(first, plain, text) if "[name]" in forms else None)
    return (replace(first, advice=f"{first.advice} {hint}".strip(), edit=edit), *rest)


def with_function_names(refusals: Sequence[Refusal], text: str, dialect: str) -> tuple[Refusal, ...]:
    """Return the refusals. That of a function which the dialect has under another name gives this name."""
    lines, names = text.replace("\r\n", "\n").split("\n"), OTHER_NAMES.get(dialect, {})
    return tuple(_named(r, lines, names) if r.code == "function" else r for r in refusals)


def _named(refusal: Refusal, lines: Sequence[str], names: Mapping[str, str]) -> Refusal:
    if refusal.line is None or refusal.column is None:
        return refusal
    word = WORD.match(lines[refusal.line - 1], refusal.column - 1)
    name = names.get(word[0].casefold()) if word is not None else None
    if word is None or name is None:
        return refusal
    edit = TextEdit(refusal.line, refusal.column, len(word[0]), name)
    return replace(refusal, advice=f"Write {name}, with the same arguments.", edit=edit)


def _other_dialect(plain: str, dialect: str) -> tuple[str, list[str]] | None:
    """The dialect that has more of its own forms in a text than the text's dialect has, with these forms."""
    found = {
        name: [form for form, pattern in forms.items() if re.search(pattern, plain, re.IGNORECASE)]
        for name, forms in WRITTEN_BY_NOBODY_ELSE.items()
    }
    name = max(found, key=lambda one: len(found[one]))
    return (name, found[name]) if name != dialect and len(found[name]) > len(found[dialect]) else None


def _without_brackets(refusal: Refusal, plain: str, text: str) -> TextEdit | None:
    """All names of the text without their brackets, as one edit."""
    names = list(BRACKETED.finditer(plain))
    if refusal.code not in BRACKET_CODES or not names:
        return None
    start, end = names[0].start(), names[-1].end()
    line = plain.count("\n", 0, start) + 1
    column = start - (plain.rfind("\n", 0, start) + 1) + 1
    written, pieces, at = text.replace("\r\n", "\n"), [], start
    for name in names:
        pieces += [written[at : name.start()], name[1]]
        at = name.end()
    return TextEdit(line, column, end - start, "".join(pieces))
