"""The state that binding steps share: of the queries of one output, and of one SELECT. Binding continues after a
refusal, so that all refusals, and the uses of refused text, are reported at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlglot import exp

from broker.domain.plans.operators import Relation, Window, WindowColumn
from broker.domain.plans.scalars import Scalar
from broker.domain.plans.variable_uses import Usage
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import Catalogue, CatalogueTable
from broker.query.analysis.coarse_bands import finely_read
from broker.query.binder.draft_tables import DraftTable
from broker.query.binder.impossible_conditions import ImpossibleConditions
from broker.query.binder.saved_catalogue import SavedCatalogue
from broker.query.bound_relations import BindTarget, BoundQuery, BoundRows, CteDefinition, Ctes, column_list
from broker.query.diagnostics import NO_POSITION, BindError, Diagnostics, check_arguments, unsupported_argument
from broker.query.dialects.base import Dialect
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.name_resolution import Scope
from broker.query.symbols import SymbolTable
from broker.query.tree_walks import flatten

Node = TypeVar("Node", bound=exp.Expr)


MAX_QUERIES = 1000
NAMES_ALIASES = (exp.Order, exp.Group, exp.Having, exp.Qualify)
"""Clauses that may name a column of the SELECT list."""


class BindingAborted(Exception):
    """The text is too large to continue. The diagnostics say why."""


BindNode = Callable[["Binder", exp.Expr, Ctes, Scope | None, BindTarget], BoundQuery | None]
"""Binds a query without brackets, with the CTEs and the scope around it. Raises BindError if it refuses the query."""


@dataclass(slots=True)
class Binder:
    """State of the queries of one output. `bind_node` binds a query by its kind. `threshold`: fewest persons of a group
    that can be released. `in_parts`: each branch of a total is protected separately."""

    bind_node: BindNode
    dialect: Dialect
    catalogue: Catalogue
    project: ResearchProject
    max_scans: int
    threshold: int
    diagnostics: Diagnostics
    saved: SavedCatalogue
    in_parts: bool = True
    symbols: SymbolTable = field(default_factory=SymbolTable)
    draft_tables: list[DraftTable] = field(default_factory=list)
    advice: dict[str, None] = field(default_factory=dict)
    original_spelling: dict[str, str] = field(default_factory=dict)
    """Spelling of column names where they were last written, by their case-folded form."""
    bound_count: int = 0
    public_relations: list[BoundRows] = field(default_factory=list)
    """Public relations that groups are joined with."""
    bound_queries: dict[int, exp.Expr] = field(default_factory=dict)
    """Bound queries, by id of their node. Their uses are in the symbol table, whatever happens to the expression around
    them."""
    syntax_of: dict[Scalar, exp.Expr] = field(default_factory=dict)
    """The syntax node of each condition and computation."""
    impossible: ImpossibleConditions = field(init=False)
    saved_name_nodes: dict[int, exp.Expr] = field(default_factory=dict)
    """Node at which the job names the saved query that a node, by its id, belongs to."""
    partial_relations: list[Relation] = field(default_factory=list)
    """Relations of every SELECT so far, inner ones first. They give the years of refused text."""

    def __post_init__(self) -> None:
        self.impossible = ImpossibleConditions(self.catalogue)

    def checkpoint(self) -> Callable[[], None]:
        """Return a function that restores the binder once to its present state, for a query that is bound again in
        another way."""
        symbols, refusals, advice = self.symbols.copy(), self.diagnostics.snapshot(), dict(self.advice)
        draft_tables, bound_queries = list(self.draft_tables), dict(self.bound_queries)
        public_relations, partial_relations = list(self.public_relations), list(self.partial_relations)

        def restore() -> None:
            self.symbols.restore_from(symbols)
            self.diagnostics.restore(refusals)
            self.advice.clear()  # changed in place, because expression binders hold a reference to it
            self.advice.update(advice)
            self.draft_tables, self.bound_queries = draft_tables, bound_queries
            self.public_relations, self.partial_relations = public_relations, partial_relations

        return restore

    def abort(self, code: str, message: str, advice: str, node: exp.Expr) -> None:
        """Add a refusal and end the binding of a text that grows without limit. Raises BindingAborted."""
        self.diagnostics.add(code, message, advice, node)
        raise BindingAborted

    def bind_query(
        self, node: exp.Expr, ctes: Ctes, outer_scope: Scope | None, target: BindTarget
    ) -> BoundQuery | None:
        """Bind a query. None if it was refused (the diagnostics say why). Its uses are recorded either way."""
        self.bound_count += 1
        if self.bound_count > MAX_QUERIES:  # each use of a CTE binds it again, so a text can grow exponentially
            message = f"The query has more than {MAX_QUERIES} SELECTs, counting a CTE at each use."
            self.abort("too-many-tables", message, "Use fewer.", node)
        self.bound_queries[id(node)] = node
        node = self._without_brackets(node)
        self.bound_queries[id(node)] = node  # callers may hold the node with or without brackets
        try:
            return self.bind_node(self, node, ctes, outer_scope, target)
        except BindError as error:
            self.diagnostics.add_error(error)
            return None

    def _without_brackets(self, node: exp.Expr) -> exp.Expr:
        """Remove the brackets around a query. Clauses on the brackets are refused."""
        while isinstance(node, exp.Paren) or (isinstance(node, exp.Subquery) and not node.args.get("pivots")):
            self.check_clauses(node, "this", "alias")
            node = node.this
        return node

    def new_scan(self, table: CatalogueTable, node: exp.Table) -> int:
        """Add a scan of the table that a node of FROM names."""
        if len(self.symbols.tables) >= self.max_scans:  # each use of a CTE scans its tables again
            self.abort("too-many-tables", f"The query reads more than {self.max_scans} tables.", "Use fewer.", node)
        alias = node.args.get("alias")
        if alias is not None:
            check_arguments(alias, "this")
        return self.symbols.new_scan(table, self.diagnostics.position_of(node))

    def check_clauses(self, node: exp.Expr, *allowed: str) -> None:
        """Refuse each clause that is not supported, by its name."""
        for key, value in node.args.items():
            if value and key not in allowed:
                part = value if isinstance(value, exp.Expr) else value[0] if isinstance(value, list) else None
                error = unsupported_argument(node, key)
                place = part if isinstance(part, exp.Expr) else node
                self.diagnostics.add(error.code, error.message, error.advice, place)

    def visible_ctes(self, query: exp.Expr, outer: Ctes) -> Ctes:
        """CTEs that a query sees. Each CTE sees those before it."""
        visible: dict[str, CteDefinition] = dict(outer)
        clause = query.args.get("with_")
        if clause is not None:
            self.check_clauses(clause, "expressions")
            for cte in clause.expressions:
                self.check_clauses(cte, "this", "alias", "materialized")
                # a copy, because a CTE sees only those before it
                visible[cte.alias.casefold()] = CteDefinition(cte.this, column_list(cte), dict(visible))
        return visible


class ClauseBinder(ExpressionBinder):
    """Binds the expressions in the clauses of one SELECT, and records what they use."""

    def __init__(self, binder: Binder, scope: Scope, syntax_of: dict[Scalar, exp.Expr] | None = None) -> None:
        """`syntax_of`: instead of that of the whole output."""
        known = binder.syntax_of if syntax_of is None else syntax_of
        super().__init__(binder.dialect, binder.symbols, scope, binder.advice, known)
        self.binder = binder

    def saw_condition(self, node: exp.Expr, condition: Scalar) -> None:
        if not self.binder.diagnostics.is_attributed:  # a saved text was judged when it was saved
            self.binder.impossible.judge(node, condition, self.symbols)

    def try_bind(self, node: Node, how: Usage, bind: Callable[[Node], Scalar]) -> Scalar | None:
        """Bind one expression. If it is refused, its columns are still recorded as used, and the result is None."""
        before = len(self.columns_seen)
        try:
            found = bind(node)
            self.symbols.check_weight(found, node)
        except BindError as error:
            self.binder.diagnostics.add_error(error)
            self._see_all_columns(node)
            self.record_uses(how, before)
            return None
        banded = how is Usage.GROUPED and finely_read([found], self.symbols) is None
        self.record_uses(how, before, Usage.JOINED, banded)
        return found

    def conjuncts(self, clause: exp.Expr | None, how: Usage) -> list[Scalar]:
        """Conjuncts of an ON, or of a WHERE or a similar clause, each bound separately."""
        if clause is None:
            return []
        top = clause.this if isinstance(clause, exp.Where | exp.Having | exp.Qualify) else clause
        found = [self.try_bind(part, how, self.conjunct) for part in flatten(top, exp.And)]
        return [f for f in found if f is not None]

    def order_value(self, node: exp.Expr, before: Sequence[Scalar]) -> Scalar:
        """Bind an item of ORDER BY of groups. `before`: the items before it."""
        return self.value(node)

    def record_uses(self, how: Usage, before: int = 0, how_of_keys: Usage | None = None, banded: bool = False) -> None:
        """Record the columns seen since `before` as used in the way `how`. Bound link keys are recorded in the way
        `how_of_keys` instead. `banded`: quasi-identifiers are read only in coarse bands."""
        for column, column_node in self.columns_seen[before:]:
            known = column.ident in self.symbols.positions
            is_key = self.symbols.key_domain(column.ident) is not None
            used = how_of_keys if how_of_keys is not None and is_key and how is not Usage.READ else how
            position = NO_POSITION if known else self.binder.diagnostics.position_of(column_node)
            self.symbols.record_use(column, used, position, banded)
        del self.columns_seen[before:]

    def record_clause_uses(self, clause: exp.Expr | None, how: Usage) -> None:
        """Record the columns of a clause that is otherwise ignored."""
        if clause is not None:
            before = len(self.columns_seen)
            select = clause.parent
            items = select.selects if isinstance(clause, NAMES_ALIASES) and isinstance(select, exp.Select) else []
            self._see_all_columns(clause, frozenset(item.alias.casefold() for item in items))
            self.record_uses(how, before)

    def _see_all_columns(self, node: exp.Expr, aliases: frozenset[str] = frozenset()) -> None:
        """See the columns below a refused expression. Subqueries that are not bound yet are bound for their uses alone.
        `aliases`: names of the SELECT list, which need not be variables."""
        stack: list[exp.Expr] = [node]
        while stack:
            part = stack.pop()
            if id(part) in self.binder.bound_queries:  # its uses are recorded already
                continue
            if isinstance(part, exp.Query):
                self.binder.bind_query(part, self.scope.ctes, self.scope, BindTarget.ROWS)
                continue
            if isinstance(part, exp.Column) and not isinstance(part.this, exp.Star):
                try:
                    self.raw_column(part)
                except BindError as error:
                    if part.table or part.name.casefold() not in aliases:
                        self.binder.diagnostics.add_error(error)
                continue
            stack += part.iter_expressions()


@dataclass(slots=True)
class SelectBinding:
    """The rows of one SELECT while its clauses are bound. Subqueries and windows become columns of these rows."""

    expression_binder: ClauseBinder
    select: exp.Select
    target: BindTarget
    restore: Callable[[], None]
    rows: BoundRows | None = None
    windows: list[WindowColumn] = field(default_factory=list)
    allows_windows: bool = False
    pending: list[Callable[[BoundRows], BoundRows]] = field(default_factory=list)
    unfiltered: BoundRows | None = None
    where: list[Scalar] = field(default_factory=list)

    @property
    def binder(self) -> Binder:
        return self.expression_binder.binder

    def apply_pending(self) -> BoundRows:
        """Return the rows with every column that was requested so far."""
        assert self.rows is not None
        for attach in self.pending:  # Subqueries come before windows, which may read them.
            self.rows = attach(self.rows)
        self.pending.clear()
        if self.windows:
            self.rows = replace(self.rows, relation=Window(self.rows.relation, tuple(self.windows), self.rows.person))
            self.windows.clear()
        return self.rows
