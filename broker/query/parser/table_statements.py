"""CREATE and DROP of temporary tables and indexes, settings without effect, and refusals of other statements."""

from sqlglot import exp

from broker.query.diagnostics import BindError, Diagnostics, present_arguments
from broker.query.dialects.base import Dialect
from broker.query.parser import dml
from broker.query.parser.statement_splitter import StatementTokens, is_drop_guard
from broker.query.parser.temporary_tables import TempTable, TempTables, temp_name

SETTINGS = frozenset({
    ("nocount", "on"), ("nocount", "off"), ("xact_abort", "on"), ("xact_abort", "off"), ("ansi_nulls", "on"),
    ("ansi_warnings", "on"), ("ansi_padding", "on"), ("ansi_null_dflt_on", "on"), ("quoted_identifier", "on"),
    ("concat_null_yields_null", "on"), ("arithabort", "on"), ("numeric_roundabort", "off"), ("statistics", "io", "on"),
    ("statistics", "time", "on"), ("statistics", "io", "off"), ("statistics", "time", "off"),
    ("transaction", "isolation", "level", "read", "uncommitted"),
    ("transaction", "isolation", "level", "read", "committed"),
})  # fmt: skip
"""Settings that change no value. `ANSI_NULLS OFF` and similar settings change what a comparison means."""
USABLE_DATABASE = "npd"
STATEMENT_ADVICE = {
    "if": "Remove it; only IF OBJECT_ID('tempdb..#t') IS NOT NULL DROP TABLE #t is understood.",
    "else": "Use CASE WHEN … THEN … ELSE … END in a SELECT.",
    "while": "Write one SELECT over all years or groups.",
    "begin": "Remove BEGIN and END.",
    "end": "Remove BEGIN and END.",
    "print": "Remove it: only tables can be released.",
    "exec": "Write the statement itself.",
    "execute": "Write the statement itself.",
    "merge": "Write INSERT INTO #t SELECT …, or UPDATE #t SET … WHERE ….",
    "truncate": "Write DELETE FROM #t.",
    "alter": "Name all columns where you make the #temp table.",
    "create": "Write SELECT … INTO #temp, or CREATE TEMP TABLE x AS SELECT … in DuckDB.",
    "drop": "You can drop only temporary tables of this text.",
    "use": "Remove it, or write USE NPD.",
    "set": "Remove the setting.",
}
OTHER_ADVICE = "Write SELECT, or store rows in a #temp table with SELECT … INTO."


def is_without_effect(statement: StatementTokens, text: str) -> bool:
    """Whether a SET of a setting, or a USE, is on the list."""
    words = tuple(text[t.start : t.end].strip('[]"').lower() for t in statement.tokens)
    return (statement.words[0] == "set" and words[1:] in SETTINGS) or words == ("use", USABLE_DATABASE)


def refuse_statement(statement: StatementTokens, diagnostics: Diagnostics) -> None:
    """Refuse a statement by its first word."""
    word = statement.words[0]
    shown = word.upper() if word.isalpha() and len(word) <= 20 else "This"
    advice = STATEMENT_ADVICE.get(word, OTHER_ADVICE)
    diagnostics.add("statement", f"{shown} is not understood here.", advice, statement.start)


def indexed_table(statement: StatementTokens, text: str) -> str | None:
    """Table of CREATE INDEX … ON x (…) or DROP INDEX … ON x, which only make a server faster. None for other
    statements."""
    words = list(statement.words)
    if "index" not in words[1:4] or not set(words[1 : words.index("index")]) <= {"unique", "clustered", "nonclustered"}:
        return None
    if "on" not in words or (at := words.index("on") + 1) >= len(words):
        return None
    rest, depth = words[at + 1 :], 0
    for word in rest:
        depth += (word == "(") - (word == ")")
        if word not in {"(", ")", "include", "with", ","} and depth == 0:  # only a column list in brackets may follow
            return None
    name = text[statement.tokens[at].start : statement.tokens[at].end]
    return name if (words[0] == "drop") == (not rest) and {"select"}.isdisjoint(words) else None


def dropped_tables(statement: StatementTokens, text: str) -> tuple[list[tuple[str, int]], bool] | None:
    """Tables of a DROP TABLE with their offsets, and whether one may be missing. The usual guard before it is accepted.
    None for other statements."""
    tokens = list(statement.tokens)
    at = next((i for i, t in enumerate(tokens) if t.word == "drop"), 0)
    guarded = at > 0
    if guarded and not is_drop_guard(tokens[:at]):
        return None
    words = [t.word for t in tokens[at:]]
    if words[:2] != ["drop", "table"]:
        return None
    exists = words[2:4] == ["if", "exists"]
    rest = tokens[at + (4 if exists else 2) :]
    names = rest[::2]  # names and commas alternate
    if not names or len(rest) % 2 == 0 or any(t.word != "," for t in rest[1::2]):
        return None
    if any(t.kind not in {"word", "name"} for t in names):
        return None
    found = [(unquoted(text[t.start : t.end]), t.start) for t in names]
    if guarded and not _is_guarded(statement, text, found):
        return None
    return found, exists or guarded


def _is_guarded(statement: StatementTokens, text: str, found: list[tuple[str, int]]) -> bool:
    literal = next(t for t in statement.tokens if t.kind == "string")
    tested = text[literal.start + 1 : literal.end - 1].casefold()
    # the guard must test the table that is dropped
    return len(found) == 1 and tested in {f"{d}{found[0][0].casefold()}" for d in ("tempdb..", "tempdb.dbo.")}


def unquoted(name: str) -> str:
    if name[:1] == "[":
        return name[1:-1].replace("]]", "]")
    return name[1:-1].replace('""', '"') if name[:1] == '"' else name


class TableStatements:
    """Reads statements about temporary tables. Each method returns whether the statement was understood; if not, the
    diagnostics say why."""

    def __init__(self, text: str, dialect: Dialect, temps: TempTables, diagnostics: Diagnostics) -> None:
        self.text, self.dialect, self.temps, self.diagnostics = text, dialect, temps, diagnostics

    def drop(self, statement: StatementTokens) -> bool:
        dropped = dropped_tables(statement, self.text)
        if dropped is None:
            return self.index(statement)
        names, may_miss = dropped
        for name, start in names:
            key = name.casefold()
            # IF EXISTS of an unknown name has no effect
            may_be_temporary = key.startswith("#") or (may_miss and not self.dialect.marks_temporary_tables)
            if not may_be_temporary and key not in self.temps.tables:
                refuse_statement(statement, self.diagnostics)
                return False
            if key not in self.temps.tables and not may_miss:
                self._add_unknown(start, "Write DROP TABLE IF EXISTS #t.")
            self.temps.tables.pop(key, None)
        return True

    def index(self, statement: StatementTokens) -> bool:
        name = indexed_table(statement, self.text)
        if name is None or not name.startswith("#"):
            refuse_statement(statement, self.diagnostics)
            return False
        if name.casefold() not in self.temps.tables:
            self._add_unknown(statement.start, "Make the table first: SELECT … INTO #temp.")
        return True

    def create(self, tree: exp.Expr, statement: StatementTokens) -> bool:
        if not isinstance(tree, exp.Create) or tree.args.get("kind") != "TABLE":
            refuse_statement(statement, self.diagnostics)
            return False
        if not self.dialect.marks_temporary_tables:
            return self._create_as(tree, statement)
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        name = temp_name(table)
        if not name.startswith("#"):
            refuse_statement(statement, self.diagnostics)
            return False
        self.check_new(name, table)
        self.temps.tables[name] = dml.created_table(tree, table.name, statement.words)
        return True

    def _create_as(self, tree: exp.Create, statement: StatementTokens) -> bool:
        """Read DuckDB's CREATE TEMP TABLE x AS SELECT …"""
        is_plain = present_arguments(tree) <= {"this", "kind", "replace", "expression", "properties"}
        properties = tree.args.get("properties")
        temporary = properties is not None and [type(p) for p in properties.expressions] == [exp.TemporaryProperty]
        query = tree.expression.unnest() if tree.expression is not None else None
        if not is_plain or not temporary or not isinstance(tree.this, exp.Table) or tree.this.db:
            refuse_statement(statement, self.diagnostics)
            return False
        if not isinstance(query, exp.Select | exp.SetOperation):
            raise BindError(
                "statement", "This CREATE is not understood.", "Write CREATE TEMP TABLE x AS SELECT ….", tree
            )
        name = tree.this.name
        if not tree.args.get("replace"):
            self.check_new(name.casefold(), tree.this)
        self.temps.define(TempTable(name), dml.without_order(query), tree)
        return True

    def check_new(self, name: str, node: exp.Expr) -> None:
        if self.temps.tables.get(name) is not None:
            message = "There is already a temporary table with this name."
            raise BindError("duplicate-temporary", message, "Drop that table first with DROP TABLE.", node)

    def _add_unknown(self, start: int, advice: str) -> None:
        self.diagnostics.add("unknown-temporary", "There is no temporary table with this name.", advice, start)
