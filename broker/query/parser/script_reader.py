"""Reads a text into the queries that it contains. Temporary tables and variables are resolved into the syntax trees."""

from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.projects.saved_definitions import NAME_PATTERN, PROJECT_SCHEMA
from broker.policy.service_limits import ServiceLimits
from broker.query.bound_relations import Ctes
from broker.query.diagnostics import BindError, Diagnostics
from broker.query.dialects.base import Dialect
from broker.query.parser import dml, table_statements, tree_rewrites
from broker.query.parser.declarations import BatchVariables
from broker.query.parser.scanner import OUTPUT_NAME, OutputLabel, ScannedText, scan_text
from broker.query.parser.statement_splitter import StatementTokens, canonical_text, split_statements, standalone_text
from broker.query.parser.syntax_trees import SyntaxTrees
from broker.query.parser.table_statements import TableStatements
from broker.query.parser.temporary_tables import TempTable, TempTables, temp_name

QUERY_WORDS = frozenset({"select", "with", "(", "insert", "update", "delete"})
INTO = frozenset({"into"})
TARGET_WORDS = {
    "select": INTO, "with": INTO, "(": INTO, "insert": INTO | {"insert"}, "merge": INTO | {"merge"},
    "update": frozenset({"update", "from"}), "delete": frozenset({"delete", "from"}),
    **dict.fromkeys(("create", "alter", "truncate"), frozenset({"table"})),
}  # fmt: skip
"""Words before the name that a statement makes or changes, by the first word of the statement."""
DEFAULT_NAME = "output"


@dataclass(frozen=True, slots=True)
class ScriptQuery:
    """One output, or one query to save under its name. `saved_text` is then a text of its own that gives it. `visible`
    as in a definition."""

    name: str
    query: exp.Query
    visible: Ctes
    saved_text: str | None = None


@dataclass(frozen=True, slots=True)
class SqlScript:
    """All queries of a text, in their order, and a text without comments that means the same."""

    queries: tuple[ScriptQuery, ...]
    canonical: str


def read_script(text: str, dialect: Dialect, service: ServiceLimits, diagnostics: Diagnostics) -> SqlScript | None:
    """Read the script as far as possible; None if it has no query. All problems are in the diagnostics."""
    scanned = scan_text(text, dialect, service, diagnostics)
    if scanned is None:
        return None
    statements = split_statements(scanned, dialect, diagnostics)
    if len(statements.statements) > service.max_statements:
        message = f"The text has more than {service.max_statements} statements."
        first = statements.statements[service.max_statements]
        diagnostics.add("too-many-statements", message, "Submit the text in parts.", first.start)
        return None
    before = len(diagnostics.refusals)
    reader = ScriptReader(scanned, dialect, service, diagnostics)
    for statement in statements.statements:
        reader.read(statement)
    queries = reader.named_queries()
    if not queries and len(diagnostics.refusals) == before:
        diagnostics.add("nothing-asked", "The text requests no output: no SELECT shows a table.", "End with a SELECT.")
    return SqlScript(queries, canonical_text(scanned, statements)) if queries else None


class ScriptReader:
    """Reads a text statement by statement. The target of a refused statement becomes unknown, and its uses are not
    reported as further refusals."""

    def __init__(
        self, scanned: ScannedText, dialect: Dialect, service: ServiceLimits, diagnostics: Diagnostics
    ) -> None:
        self.scanned, self.dialect, self.service, self.diagnostics = scanned, dialect, service, diagnostics
        self.trees = SyntaxTrees(scanned, dialect, service, diagnostics)
        self.variables, self.temps = BatchVariables(service, diagnostics), TempTables(service)
        self.table_statements = TableStatements(scanned.text, dialect, self.temps, diagnostics)
        self.queries: list[tuple[ScriptQuery, int]] = []
        self.labels = list(scanned.labels)
        self.label: OutputLabel | None = None
        self.batch = 0
        self.definitions: list[StatementTokens] = []
        """Statements so far that give no query. A saved query may need them."""

    def read(self, statement: StatementTokens) -> None:
        if statement.batch != self.batch:  # variables end with their batch
            self.batch = statement.batch
            self.variables.end_of_batch()
        self._take_labels(statement)
        target, followed = self._target_name(statement), False
        before = len(self.queries)
        try:
            followed = self._statement(statement)
            self.definitions += [statement] if len(self.queries) == before else []
        except BindError as error:
            self.diagnostics.add_error(error)
        if not followed:
            if target:
                self.temps.tables[target] = None  # known as refused, so that its uses are not reported as unknown
            if not self.diagnostics.refusals:  # a text that is not understood must have at least one refusal
                table_statements.refuse_statement(statement, self.diagnostics)

    def _take_labels(self, statement: StatementTokens) -> None:
        """Take the nearest label line before an output. Lines inside a statement are comments."""
        while self.labels and self.labels[0].start < statement.end:
            label = self.labels.pop(0)
            if label.start < statement.start:
                self.label = label

    def _target_name(self, statement: StatementTokens) -> str | None:
        """Name after INTO, UPDATE, TABLE and similar words, by tokens alone. It becomes unknown if the statement is
        refused."""
        text, marks = self.scanned.text, TARGET_WORDS.get(statement.words[0], frozenset())
        for word, token in zip(statement.words, statement.tokens[1:], strict=False):
            name = table_statements.unquoted(text[token.start : token.end]).casefold()
            if word in marks and (name.startswith("#") or not self.dialect.marks_temporary_tables):
                return name
        return None

    def _statement(self, statement: StatementTokens) -> bool:
        """Read one statement. Returns whether it was understood."""
        word, has_procedures = statement.words[0], self.dialect.has_procedures
        if word in QUERY_WORDS or (word == "from" and self.dialect.begins_with_from):
            return self._tree(statement)
        if word == "create":
            return self._create(statement)
        if word == "drop" or (word == "if" and has_procedures):
            return self.table_statements.drop(statement)
        if has_procedures and word == "declare" and statement.words[1:2] and statement.words[1].startswith("@"):
            return self._declare(statement)
        if has_procedures and word == "set" and statement.words[1:2] and statement.words[1].startswith("@"):
            return self._set(statement)
        if has_procedures and table_statements.is_without_effect(statement, self.scanned.text):
            return True
        table_statements.refuse_statement(statement, self.diagnostics)
        return False

    def _declare(self, statement: StatementTokens) -> bool:
        tree = self.trees.parse(statement)
        if isinstance(tree, exp.Declare):
            self.variables.declare(tree, statement.words)
            return True
        if tree is not None:
            table_statements.refuse_statement(statement, self.diagnostics)
        for word in statement.words:
            if word.startswith("@"):
                self.variables.declared[word[1:]] = None  # known as refused, so that its uses are not reported
        return False

    def _set(self, statement: StatementTokens) -> bool:
        if statement.words[2:3] != ("=",):
            self.variables.declared[statement.words[1][1:]] = None
            self.diagnostics.add("statement", "This SET is not understood.", "Write SET @x = value.", statement.start)
            return False
        tree = self.trees.parse(statement)
        if tree is None:
            self.variables.declared[statement.words[1][1:]] = None
            return False
        self.variables.assign(tree)
        return True

    def _parsed(self, statement: StatementTokens) -> exp.Expr | None:
        """Parse a statement, replace its variables by their values and remove harmless hints. None if it was
        refused."""
        tree = self.trees.parse(statement)
        if tree is None:
            return None
        if self.dialect.has_procedures:
            tree_rewrites.check_variables(tree)  # before the variables are replaced
            tree = self.variables.written_out(tree)
            tree_rewrites.strip_hints(tree)
            tree_rewrites.unify_temporary_names(tree)
        else:
            tree_rewrites.name_derived_tables(tree)
            tree_rewrites.expand_order_by_all(tree)
        tree_rewrites.check_clauses(tree, self.diagnostics)
        return tree

    def _create(self, statement: StatementTokens) -> bool:
        if "index" in statement.words[1:4]:
            return self.table_statements.index(statement)
        tree = self._parsed(statement)
        saved = tree_rewrites.saved_by_create(tree) if not self.dialect.marks_temporary_tables else None
        if saved is not None:
            self._add_saved(dml.without_order(saved[1]), saved[0], statement)
            return True
        return tree is not None and self.table_statements.create(tree, statement)

    def _tree(self, statement: StatementTokens) -> bool:
        tree = self._parsed(statement)
        if tree is None:
            return False
        if isinstance(tree, exp.Insert):
            dml.rewrite_insert(tree, self.temps)
        elif isinstance(tree, exp.Update):
            dml.rewrite_update(tree, self.temps)
        elif isinstance(tree, exp.Delete):
            dml.rewrite_delete(tree, self.temps)
        else:
            query = tree.unnest()
            if not isinstance(query, exp.Select | exp.SetOperation):
                table_statements.refuse_statement(statement, self.diagnostics)
                return False
            self._query(query, statement)
        return True

    def _query(self, query: exp.Query, statement: StatementTokens) -> None:
        table = tree_rewrites.take_into(query)
        if table is None:
            self._add_output(query, statement)
            return
        if self.dialect.has_procedures and temp_name(table).startswith("#"):
            self.table_statements.check_new(temp_name(table), table)
            self.temps.define(TempTable(table.name), dml.without_order(query), table)
        elif self.dialect.has_procedures and table.db.casefold() == PROJECT_SCHEMA and not table.catalog:
            self._add_saved(dml.without_order(query), table, statement)
        else:
            message, advice = "SELECT INTO writes a table.", "Write INTO #temp, or INTO project.name to save the query."
            self.diagnostics.add("into", message, advice, table)
            self._add_output(query, statement)

    def _add_output(self, query: exp.Query, statement: StatementTokens) -> None:
        visible = self.temps.definitions_in(query)
        label = self.label or OutputLabel(statement.start, "")
        self.label = None  # a label names one output only
        if label.name and not OUTPUT_NAME.match(label.name):
            message, advice = "Use letters, digits, _ and - for the name of an output.", "Write -- output: my_table"
            self.diagnostics.add("output-name", message, advice, label.start)
        self.queries.append((ScriptQuery(label.name, query, visible), label.start))

    def _add_saved(self, query: exp.Query, table: exp.Table, statement: StatementTokens) -> None:
        visible = self.temps.definitions_in(query)
        if not NAME_PATTERN.fullmatch(table.name):
            message = "Use letters, digits and _ for the name of a saved query, and begin with a letter."
            self.diagnostics.add("kept-name", message, f"Write INTO {PROJECT_SCHEMA}.my_cohort", table)
        # a saved query must run alone, so its text includes the definitions before it
        text = standalone_text(self.scanned, [*self.definitions, statement])
        self.queries.append((ScriptQuery(table.name, query, visible, text), statement.start))

    def named_queries(self) -> tuple[ScriptQuery, ...]:
        """Return the queries. An output without a name is named by its position among the outputs."""
        outputs = [a for a, _ in self.queries if a.saved_text is None]
        if len(outputs) > self.service.max_outputs:
            message = f"The text has more than {self.service.max_outputs} outputs."
            self.diagnostics.add("too-many-outputs", message, "Submit the text in parts.")
        found: list[ScriptQuery] = []
        taken: set[tuple[bool, str]] = set()
        position = 0
        for query, place in self.queries:
            position += query.saved_text is None
            default = DEFAULT_NAME if len(outputs) == 1 else f"{DEFAULT_NAME}_{position}"
            found.append(replace(query, name=query.name or default))
            # an output and a saved query may have the same name
            key = (query.saved_text is None, found[-1].name.casefold())
            if key in taken:
                message, advice = "Two outputs have the same name.", "Write another name in the line -- output: name"
                self.diagnostics.add("duplicate-output", message, advice, place)
            taken.add(key)
        return tuple(found)
