"""Statements that change nothing about a result, by closed list, and the names of all others that are refused. Tokens
are enough: nothing here is parsed."""

from broker.query.refusing import Report
from broker.query.text.splitting import Piece, is_guard

SETTINGS = frozenset({
    ("nocount", "on"), ("nocount", "off"), ("xact_abort", "on"), ("xact_abort", "off"), ("ansi_nulls", "on"),
    ("ansi_warnings", "on"), ("ansi_padding", "on"), ("ansi_null_dflt_on", "on"), ("quoted_identifier", "on"),
    ("concat_null_yields_null", "on"), ("arithabort", "on"), ("numeric_roundabort", "off"), ("statistics", "io", "on"),
    ("statistics", "time", "on"), ("statistics", "io", "off"), ("statistics", "time", "off"),
    ("transaction", "isolation", "level", "read", "uncommitted"),
    ("transaction", "isolation", "level", "read", "committed"),
})  # fmt: skip
"""Settings that leave every value as it is; `ANSI_NULLS OFF` and the like change what a comparison means."""
DATABASE = "npd"
ADVICE = {
    "if": "Leave it out; only IF OBJECT_ID('tempdb..#t') IS NOT NULL DROP TABLE #t is understood.",
    "else": "Use CASE WHEN … THEN … ELSE … END in a SELECT.",
    "while": "Write one SELECT over all years or groups.",
    "begin": "Leave BEGIN and END out.",
    "end": "Leave BEGIN and END out.",
    "print": "Leave it out: only tables leave.",
    "exec": "Write the statement itself.",
    "execute": "Write the statement itself.",
    "merge": "Write INSERT INTO #t SELECT …, or UPDATE #t SET … WHERE ….",
    "truncate": "Write DELETE FROM #t.",
    "alter": "Name all columns where the #temp table is made.",
    "create": "Write SELECT … INTO #temp, or CREATE TEMP TABLE x AS SELECT … in DuckDB.",
    "drop": "Only temporary tables of this text can be dropped.",
    "use": "Leave it out, or write USE NPD.",
    "set": "Leave the setting out.",
}
ELSE = "Write SELECT, or keep rows in a #temp table with SELECT … INTO."


def changes_nothing(piece: Piece, text: str) -> bool:
    """Whether a SET of a setting or a USE is one of the list."""
    words = tuple(text[t.start : t.end].strip('[]"').lower() for t in piece.tokens)
    return (piece.words[0] == "set" and words[1:] in SETTINGS) or words == ("use", DATABASE)


def refuse(piece: Piece, report: Report) -> None:
    """A statement that is refused by its name."""
    word = piece.words[0]
    shown = word.upper() if word.isalpha() and len(word) <= 20 else "This"
    report.add("statement", f"{shown} is not understood here.", ADVICE.get(word, ELSE), report.at(piece.start))


def indexed(piece: Piece, text: str) -> str | None:
    """The table of CREATE INDEX … ON x (…) or DROP INDEX … ON x, which only make a server faster."""
    words = list(piece.words)
    if "index" not in words[1:4] or not set(words[1 : words.index("index")]) <= {"unique", "clustered", "nonclustered"}:
        return None
    if "on" not in words or (at := words.index("on") + 1) >= len(words):
        return None
    rest, depth = words[at + 1 :], 0
    for word in rest:
        depth += (word == "(") - (word == ")")
        if word not in {"(", ")", "include", "with", ","} and depth == 0:
            return None
    name = text[piece.tokens[at].start : piece.tokens[at].end]
    return name if (words[0] == "drop") == (not rest) and {"select"}.isdisjoint(words) else None


def dropped(piece: Piece, text: str) -> tuple[list[tuple[str, int]], bool] | None:
    """The tables of DROP TABLE, where they stand, and whether one may be missing; with the guard that everybody
    writes before it."""
    tokens = list(piece.tokens)
    at = next((i for i, t in enumerate(tokens) if t.word == "drop"), 0)
    guarded = at > 0
    if guarded and not is_guard(tokens[:at]):
        return None
    words = [t.word for t in tokens[at:]]
    if words[:2] != ["drop", "table"]:
        return None
    exists = words[2:4] == ["if", "exists"]
    rest = tokens[at + (4 if exists else 2) :]
    names = rest[::2]
    if not names or len(rest) % 2 == 0 or any(t.word != "," for t in rest[1::2]):
        return None
    if any(t.kind not in {"word", "name"} for t in names):
        return None
    found = [(unquoted(text[t.start : t.end]), t.start) for t in names]
    if guarded and not _guards(piece, text, found):
        return None
    return found, exists or guarded


def _guards(piece: Piece, text: str, found: list[tuple[str, int]]) -> bool:
    literal = next(t for t in piece.tokens if t.kind == "string")
    asked = text[literal.start + 1 : literal.end - 1].casefold()
    return len(found) == 1 and asked in {f"{d}{found[0][0].casefold()}" for d in ("tempdb..", "tempdb.dbo.")}


def unquoted(name: str) -> str:
    if name[:1] == "[":
        return name[1:-1].replace("]]", "]")
    return name[1:-1].replace('""', '"') if name[:1] == '"' else name
