"""CREATE and DROP of temporary tables and indexes, settings without effect, and refusals of other statements."""

from dataclasses import replace

from sqlglot import exp

from broker.query.diagnostics import BindError, Diagnostics, present_arguments
from broker.query.dialects.base import Dialect
from broker.query.parser import column_types, inserts, temporary_tables
from broker.query.parser.statement_splitter import StatementTokens
from broker.query.parser.temporary_tables import TempTable, TempTables, temp_name

SWITCHES = frozenset({
    "nocount", "xact_abort", "ansi_padding", "ansi_null_dflt_on", "arithabort", "arithignore", "numeric_roundabort",
    "implicit_transactions", "noexec", "forceplan",
})  # fmt: skip
"""Settings that change no value, on or off."""
SETTINGS = frozenset({
    ("ansi_nulls", "on"), ("ansi_warnings", "on"), ("ansi_warnings", "off"), ("quoted_identifier", "on"),
    ("concat_null_yields_null", "on"), ("statistics", "io", "on"), ("statistics", "time", "on"),
    ("statistics", "io", "off"), ("statistics", "time", "off"),
})  # fmt: skip
"""Settings that change no value. `ANSI_NULLS OFF` and similar settings change what a comparison means."""
IGNORED_SETTINGS = frozenset({"transaction", "language", "dateformat", "deadlock_priority", "lock_timeout", "textsize"})
"""Settings of the server, and of how it reads dates: the broker reads only forms that no setting changes."""
IGNORED_STATEMENTS = frozenset({"print", "raiserror", "use", "commit", "waitfor", "checkpoint"})
"""Statements that change no table."""
STATEMENT_ADVICE = {
    "exec": "Write the statement itself.",
    "execute": "Write the statement itself.",
    "alter": "Use ALTER TABLE only for a #temp table.",
    "create": "Write SELECT … INTO #temp, or CREATE TEMP TABLE x AS SELECT … in DuckDB.",
    "drop": "You can drop only temporary tables of this text.",
    "set": "Remove the setting.",
    "rollback": "Remove it: nothing is undone here.",
    "return": "Remove it, or put what follows into IF.",
}
OTHER_ADVICE = "Write SELECT, or store rows in a #temp table with SELECT … INTO."


def is_without_effect(statement: StatementTokens, text: str) -> bool:
    """Whether a statement changes no table and no value."""
    words = tuple(text[t.start : t.end].strip('[]"').lower() for t in statement.tokens)
    match words:
        case ("set", option, "on" | "off") if option in SWITCHES:
            return True
        case ("set", option, *_) if option in IGNORED_SETTINGS or words[1:] in SETTINGS:
            return True
        case ("begin", "tran" | "transaction", *_) | ("update", "statistics", *_):
            return True
    return words[0] in IGNORED_STATEMENTS


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
    """Tables of a DROP TABLE with their offsets, and whether one may be missing. None for other statements."""
    words, tokens = statement.words, statement.tokens
    if words[0] != "drop" or words[1:2] not in {("table",), ("view",)}:
        return None
    exists = words[2:4] == ("if", "exists")
    rest = tokens[4 if exists else 2 :]
    names = rest[::2]  # names and commas alternate
    if not names or len(rest) % 2 == 0 or any(t.word != "," for t in rest[1::2]):
        return None
    if any(t.kind not in {"word", "name"} for t in names):
        return None
    return [(unquoted(text[t.start : t.end]), t.start) for t in names], exists


def unquoted(name: str) -> str:
    if name[:1] == "[":
        return name[1:-1].replace("]]", "]")
    return name[1:-1].replace('""', '"') if name[:1] == '"' else name


class TableStatements:
    """Reads statements about temporary tables. Each method returns whether the statement was understood; if not, the
    diagnostics say why."""

    def __init__(self, text: str, dialect: Dialect, temps: TempTables, diagnostics: Diagnostics) -> None:
        self.text, self.dialect, self.temps, self.diagnostics = text, dialect, temps, diagnostics
        self.views: frozenset[str] = frozenset()

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

    def drops_unknown(self, statement: StatementTokens) -> bool:
        """Whether a DROP TABLE fails, because there is no temporary table of a name."""
        names, may_miss = dropped_tables(statement, self.text) or ([], True)
        return not may_miss and any(n.startswith("#") and n.casefold() not in self.temps.tables for n, _ in names)

    def index(self, statement: StatementTokens) -> bool:
        name = indexed_table(statement, self.text)
        if name is None or not name.startswith("#"):
            refuse_statement(statement, self.diagnostics)
            return False
        if name.casefold() not in self.temps.tables:
            self._add_unknown(statement.start, "Make the table first: SELECT … INTO #temp.")
        return True

    def create(self, tree: exp.Expr, statement: StatementTokens) -> bool:
        kind = tree.args.get("kind")
        if not isinstance(tree, exp.Create) or kind not in {"TABLE", "VIEW"}:
            refuse_statement(statement, self.diagnostics)
            return False
        if not self.dialect.marks_temporary_tables:
            return self._create_marked(tree, statement)
        if kind == "VIEW":
            refuse_statement(statement, self.diagnostics)
            return False
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        name = temp_name(table)
        if not name.startswith("#") or tree.args.get("replace"):
            refuse_statement(statement, self.diagnostics)
            return False
        self.check_new(name, table)
        self.temps.tables[name] = column_types.created_table(tree, table.name, statement.words)
        return True

    def _create_marked(self, tree: exp.Create, statement: StatementTokens) -> bool:
        """Read DuckDB's CREATE TEMP TABLE x AS SELECT …, CREATE TEMP TABLE x (columns), or CREATE VIEW x AS SELECT …"""
        is_plain = present_arguments(tree) <= {"this", "kind", "replace", "expression", "properties"}
        properties = tree.args.get("properties")
        is_view = tree.args.get("kind") == "VIEW"
        temporary = [type(p) for p in properties.expressions] == [exp.TemporaryProperty] if properties else is_view
        query = tree.expression.unnest() if tree.expression is not None else None
        table = tree.this.this if isinstance(tree.this, exp.Schema) and query is None else tree.this
        if not is_plain or not temporary or not isinstance(table, exp.Table) or table.db:
            refuse_statement(statement, self.diagnostics)
            return False
        name = table.name
        if not tree.args.get("replace"):
            self.check_new(name.casefold(), table)
        if query is None:
            self.temps.tables[name.casefold()] = column_types.created_table(tree, name, statement.words)
            return True
        if not isinstance(query, exp.Select | exp.SetOperation):
            raise BindError(
                "statement", "This CREATE is not understood.", "Write CREATE TEMP TABLE x AS SELECT ….", tree
            )
        if is_view and not self.temps.definitions_in(query).keys() <= self.views:
            message = "A view would follow what later statements change in a temporary table."
            raise BindError("statement", message, "Write CREATE TEMP TABLE x AS SELECT ….", tree)
        self.temps.define(TempTable(name), inserts.without_order(query), tree)
        self.views = self.views | {name.casefold()} if is_view else self.views - {name.casefold()}
        return True

    def alter(self, tree: exp.Expr, statement: StatementTokens) -> bool:
        """Read ALTER TABLE #t ADD, ALTER COLUMN or DROP COLUMN."""
        if not isinstance(tree, exp.Alter) or tree.args.get("kind") != "TABLE":
            refuse_statement(statement, self.diagnostics)
            return False
        temp = temporary_tables.change_target(tree.this, self.temps, tree)
        made, columns = column_types.altered_table(tree, temp, statement.words)
        if temp.definition is None:  # no rows yet
            self.temps.tables[temp.name.casefold()] = made
        else:
            query = exp.Select(expressions=columns, from_=exp.From(this=temporary_tables.table_reference(temp.name)))
            self.temps.define(made, query, tree)
        return True

    def truncate(self, tree: exp.Expr, statement: StatementTokens) -> bool:
        """Read TRUNCATE TABLE #t: the table has no rows, as CREATE TABLE leaves it."""
        tables = tree.expressions if isinstance(tree, exp.TruncateTable) else []
        if len(tables) != 1:
            refuse_statement(statement, self.diagnostics)
            return False
        temp = temporary_tables.change_target(tables[0], self.temps, tree)
        names = temporary_tables.column_names(temp, tree)
        self.temps.tables[temp.name.casefold()] = replace(temp, definition=None, columns=names, size=0, depth=0)
        return True

    def check_new(self, name: str, node: exp.Expr) -> None:
        if self.temps.tables.get(name) is not None:
            message = "There is already a temporary table with this name."
            raise BindError("duplicate-temporary", message, "Drop that table first with DROP TABLE.", node)

    def _add_unknown(self, start: int, advice: str) -> None:
        self.diagnostics.add("unknown-temporary", "There is no temporary table with this name.", advice, start)
