"""Reads a text into the queries that it contains. Temporary tables and variables are resolved into the syntax trees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.projects.saved_definitions import NAME_PATTERN, PROJECT_SCHEMA
from broker.policy.service_limits import ServiceLimits
from broker.query.bound_relations import Ctes
from broker.query.diagnostics import CONSEQUENTIAL, BindError, Diagnostics
from broker.query.dialects.base import Dialect
from broker.query.parser import (
    changes,
    control_flow,
    inserts,
    list_rewrites,
    named_windows,
    number_series,
    pivot_statements,
    semi_joins,
    table_statements,
    tree_rewrites,
)
from broker.query.parser.constants import TEMPORARY, condition_holds
from broker.query.parser.declarations import BatchVariables
from broker.query.parser.macros import Macros
from broker.query.parser.scanner import OUTPUT_NAME, OutputLabel, ScannedText, scan_text
from broker.query.parser.statement_splitter import StatementTokens, canonical_text, split_statements, standalone_text
from broker.query.parser.syntax_trees import SyntaxTrees
from broker.query.parser.table_statements import TableStatements
from broker.query.parser.temporary_tables import TempTable, TempTables, temp_name

QUERY_WORDS = frozenset({"select", "with", "(", "insert", "update", "delete", "merge"})
INTO = frozenset({"into"})
TARGET_WORDS = {
    "select": INTO, "with": INTO, "(": INTO, "insert": INTO | {"insert"}, "merge": INTO | {"merge"},
    "update": frozenset({"update", "from"}), "delete": frozenset({"delete", "from"}),
    **dict.fromkeys(("create", "alter", "truncate"), frozenset({"table", "view"})),
}  # fmt: skip
"""Words before the name that a statement makes or changes, by the first word of the statement."""
MACROS = frozenset({"MACRO", "FUNCTION"})
DEFAULT_NAME = "output"
STEPS_A_STATEMENT = 10
"""Rounds of WHILE may run so many times the statements that a text may have."""


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
    reader.read_all(statements.statements)
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
        self.temps = TempTables(service)
        self.variables = BatchVariables(service, self.temps, diagnostics)
        self.macros = Macros()
        self.table_statements = TableStatements(scanned.text, dialect, self.temps, diagnostics)
        self.queries: list[tuple[ScriptQuery, int]] = []
        self.labels = list(scanned.labels)
        self.label: OutputLabel | None = None
        self.batch = 0
        self.is_nested, self.steps = False, 0
        self.definitions: list[StatementTokens] = []
        """Statements so far that give no query. A saved query may need them."""

    def read_all(self, statements: Sequence[StatementTokens]) -> None:
        if not self.dialect.has_procedures:
            for statement in statements:
                self.read(statement)
            return
        try:
            for unit, inside in control_flow.units_of(statements):
                self._read_unit(unit, inside)
        except BindError as error:  # without its parts, the rest of the script is not understood either
            self.diagnostics.add_error(error)

    def _read_unit(self, unit: control_flow.Unit, statements: Sequence[StatementTokens]) -> None:
        before = len(self.queries)
        self.is_nested = len(statements) > 1
        try:
            control_flow.run(unit, self._holds, self.read)
        except BindError as error:
            self.diagnostics.add_error(error)
            self._forget(statements)
        except control_flow.LoopControl as control:
            table_statements.refuse_statement(control.statement, self.diagnostics)
        if self.is_nested and len(self.queries) == before:
            self.definitions += statements
        self.is_nested = False

    def _holds(self, condition: StatementTokens) -> bool:
        """Whether a condition of IF or WHILE is true. Raises BindError if the text does not decide it."""
        self._count_step(condition)
        tree = self.trees.parse_condition(condition)
        if tree is None:
            raise BindError(CONSEQUENTIAL, "The condition was refused.", "", condition.start)
        whole = self.variables.written_out(exp.Paren(this=tree))
        return condition_holds(whole, self._exists)

    def _exists(self, name: str) -> bool | None:
        """Whether a table of this text exists; None for a name that is not one of a temporary table."""
        found = TEMPORARY.match(name)
        return None if found is None else found["name"].casefold() in self.temps.tables

    def _forget(self, statements: Sequence[StatementTokens]) -> None:
        """Mark what statements would have made as refused, so that its uses are not reported as unknown."""
        for statement in statements:
            target = self._target_name(statement)
            if target:
                self.temps.tables[target] = None
            if statement.words[0] in {"set", "declare"}:
                for word in statement.words[1:]:
                    if word.startswith("@"):
                        self.variables.declared[word[1:]] = None

    def _count_step(self, statement: StatementTokens) -> None:
        self.steps += 1
        if self.steps > STEPS_A_STATEMENT * self.service.max_statements:
            message = f"The script runs more than {STEPS_A_STATEMENT * self.service.max_statements} statements."
            raise BindError("too-many-statements", message, "Write fewer rounds of WHILE.", statement.start)

    def read(self, statement: StatementTokens, in_try: bool = False) -> None:
        """Read a statement. One in a loop is read once for each round. Inside TRY it may raise StatementFails."""
        self._count_step(statement)
        if statement.batch != self.batch:  # variables end with their batch
            self.batch = statement.batch
            self.variables.end_of_batch()
        self._take_labels(statement)
        target, followed = self._target_name(statement), False
        before = len(self.queries)
        if in_try and self.table_statements.drops_unknown(statement):
            raise control_flow.StatementFails
        try:
            followed = self._statement(statement)
            self.definitions += [statement] if len(self.queries) == before and not self.is_nested else []
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
        if word in QUERY_WORDS or (word in {"from", "pivot", "unpivot"} and self.dialect.begins_with_from):
            return self._tree(statement)
        if word == "create":
            return self._create(statement)
        if word == "drop" and statement.words[1:2] == ("macro",) and not has_procedures:
            self.macros.drop(statement.words[-1])
            return True
        if word == "drop":
            return self.table_statements.drop(statement)
        if word in {"alter", "truncate"}:
            change = self.table_statements.alter if word == "alter" else self.table_statements.truncate
            tree = self._parsed(statement)
            return tree is not None and change(tree, statement)
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
        if "=" not in "".join(statement.words[2:4]):
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
            tree_rewrites.name_table_variables(tree)  # before the variables are replaced
            tree = self._with_values(tree)
            tree_rewrites.strip_hints(tree)
            tree_rewrites.unify_temporary_names(tree)
        else:
            tree = pivot_statements.write_pivots_out(self.macros.written_out(tree))
            tree_rewrites.hoist_joins(tree)
            tree_rewrites.name_derived_tables(tree)
            semi_joins.write_semi_joins_out(tree)
            tree_rewrites.expand_order_by_all(tree)
            list_rewrites.rewrite_lists(tree)
        tree_rewrites.write_exact_functions(tree)
        tree_rewrites.list_written_values(tree)
        number_series.write_series_out(tree)
        named_windows.write_windows_out(tree)
        tree_rewrites.check_clauses(tree, self.diagnostics)
        return tree

    def _with_values(self, tree: exp.Expr) -> exp.Expr:
        """Replace the variables by their values, but for those that a SELECT @x = … sets."""
        if isinstance(tree, exp.Select) and tree_rewrites.sets_variables(tree):
            for item in tree.expressions:
                item.set("expression", self.variables.written_out(exp.Paren(this=item.expression)).this)
            items, tree_items = (
                tree.expressions,
                exp.Select(**{k: v for k, v in tree.args.items() if k != "expressions"}),
            )
            rest = self.variables.written_out(tree_items)
            rest.set("expressions", items)
            return rest
        return self.variables.written_out(tree)

    def _create(self, statement: StatementTokens) -> bool:
        if "index" in statement.words[1:4]:
            return self.table_statements.index(statement)
        tree = self._parsed(statement)
        if tree is not None and not self.dialect.marks_temporary_tables and tree.args.get("kind") in MACROS:
            self.macros.define(tree)
            return True
        saved = tree_rewrites.saved_by_create(tree) if not self.dialect.marks_temporary_tables else None
        if saved is not None:
            self._add_saved(inserts.without_order(saved[1]), saved[0], statement)
            return True
        return tree is not None and self.table_statements.create(tree, statement)

    def _tree(self, statement: StatementTokens) -> bool:
        tree = self._parsed(statement)
        if tree is None:
            return False
        if isinstance(tree, exp.Insert):
            inserts.insert_rows(tree, self.temps)
        elif isinstance(tree, exp.Update):
            changes.rewrite_update(tree, self.temps)
        elif isinstance(tree, exp.Delete):
            changes.rewrite_delete(tree, self.temps)
        elif isinstance(tree, exp.Merge):
            changes.rewrite_merge(tree, self.temps)
        elif isinstance(tree, exp.Select) and tree_rewrites.sets_variables(tree):
            self.variables.assign_selected(tree)
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
            self.temps.define(TempTable(table.name), inserts.without_order(query), table)
        elif self.dialect.has_procedures and table.db.casefold() == PROJECT_SCHEMA and not table.catalog:
            self._add_saved(inserts.without_order(query), table, statement)
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
