"""The state that binding steps share: of the queries of one output, and of one SELECT. The steps stand beside it.

Binding goes on after a refusal, so that all of them, and the uses of refused text, are told at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlglot import exp

from broker.domain.plans.operators import Relation, Window, WindowColumn
from broker.domain.plans.scalars import Scalar
from broker.domain.plans.variable_uses import Usage
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import Catalogue
from broker.query.binder.draft_tables import DraftTable
from broker.query.binder.saved_catalogue import SavedCatalogue
from broker.query.bound_relations import BindTarget, BoundQuery, BoundRows, CteDefinition, Ctes, column_list
from broker.query.diagnostics import BindError, Diagnostics, unsupported_argument
from broker.query.dialects.base import Dialect
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.name_resolution import Scope
from broker.query.symbols import MAX_WEIGHT, SymbolTable

Node = TypeVar("Node", bound=exp.Expr)


MAX_QUERIES = 1000


class BindingAborted(Exception):
    """A text is too large to go on with; the report says why."""


BindNode = Callable[["Binder", exp.Expr, Ctes, Scope | None, BindTarget], BoundQuery | None]
"""Binds a query without brackets, with the CTEs and the scope around it. Raises BindError for what is refused."""


@dataclass(slots=True)
class Binder:
    """The state of the queries of one output. `bind_node` binds a query by its kind. `threshold` persons make a group
    that can be released. `in_parts`: each branch of a total is protected by itself."""

    bind_node: BindNode
    dialect: Dialect
    catalogue: Catalogue
    project: ResearchProject
    max_scans: int
    threshold: int
    diagnostics: Diagnostics
    saved: SavedCatalogue = field(default_factory=SavedCatalogue)
    in_parts: bool = True
    symbols: SymbolTable = field(default_factory=SymbolTable)
    draft_tables: list[DraftTable] = field(default_factory=list)
    advice: dict[str, None] = field(default_factory=dict)
    review: dict[str, None] = field(default_factory=dict)
    original_spelling: dict[str, str] = field(default_factory=dict)
    """Names of columns as they were written last, by their folded form."""
    bound_count: int = 0
    public_relations: list[BoundRows] = field(default_factory=list)
    """Public relations that groups are joined with."""
    bound_queries: dict[int, exp.Expr] = field(default_factory=dict)
    """Queries that were bound, by id: whatever becomes of the expression around one, its uses are in the book."""
    syntax_of: dict[Scalar, exp.Expr] = field(default_factory=dict)
    """The text of each condition and computation."""
    saved_name_nodes: dict[int, exp.Expr] = field(default_factory=dict)
    """Where the job names the kept query that a piece of text, by its id, stands in."""
    partial_relations: list[Relation] = field(default_factory=list)
    """The relations of every SELECT so far, inner ones first: they tell the years of what is refused."""

    def checkpoint(self) -> Callable[[], None]:
        """What puts the binder back to where it is now, for a query that is bound again in another way."""
        symbols, draft_tables, refusals, public_relations = (
            self.symbols.copy(),
            list(self.draft_tables),
            self.diagnostics.snapshot(),
            list(self.public_relations),
        )
        advice, review, partial_relations, bound_queries = (
            dict(self.advice),
            dict(self.review),
            list(self.partial_relations),
            dict(self.bound_queries),
        )

        def restore() -> None:
            self.symbols.restore_from(symbols)
            self.draft_tables[:], self.partial_relations[:], self.public_relations[:] = (
                draft_tables,
                partial_relations,
                public_relations,
            )
            for sentences, before in ((self.advice, advice), (self.review, review)):
                sentences.clear()
                sentences.update(before)
            self.bound_queries.clear()
            self.bound_queries.update(bound_queries)
            self.diagnostics.restore(refusals)

        return restore

    def abort(self, code: str, message: str, advice: str, node: exp.Expr) -> None:
        """Ends the binding of a text that grows without end: nothing more of it is looked at."""
        self.diagnostics.add(code, message, advice, self.diagnostics.position_of(node))
        raise BindingAborted

    def bind_query(
        self, node: exp.Expr, ctes: Ctes, outer_scope: Scope | None, target: BindTarget
    ) -> BoundQuery | None:
        """A query bound; None if it was refused (the report says why). Its uses are in the book either way."""
        self.bound_count += 1
        if self.bound_count > MAX_QUERIES:
            message = f"More than {MAX_QUERIES} SELECTs are read, counting a CTE at each use."
            self.abort("too-many-tables", message, "Read fewer.", node)
        self.bound_queries[id(node)] = node
        node = self._without_brackets(node)
        self.bound_queries[id(node)] = node
        try:
            return self.bind_node(self, node, ctes, outer_scope, target)
        except BindError as error:
            self.diagnostics.add_error(error)
            return None

    def _without_brackets(self, node: exp.Expr) -> exp.Expr:
        """A query without the brackets around it; clauses that stand on the brackets are refused."""
        while isinstance(node, exp.Paren) or (isinstance(node, exp.Subquery) and not node.args.get("pivots")):
            self.check_clauses(node, frozenset({"this", "alias"}))
            node = node.this
        return node

    def expression_binder(self, scope: Scope) -> ExpressionBinder:
        return ExpressionBinder(self.dialect, self.symbols, scope, self.advice, self.syntax_of)

    def try_bind(
        self, expression_binder: ExpressionBinder, node: Node, how: Usage, bind: Callable[[Node], Scalar]
    ) -> Scalar | None:
        """One expression; if it is refused, its columns are still noted as used."""
        before = len(expression_binder.columns_seen)
        try:
            found = bind(node)
            if self.symbols.weight(found) > MAX_WEIGHT:
                message = "The expression is too large with its derived columns written out."
                raise BindError("too-deep", message, "Name fewer steps.", node)
        except BindError as error:
            self.diagnostics.add_error(error)
            self.record_all_uses(expression_binder, node)
            self.record_uses(expression_binder, how, before)
            return None
        self.record_uses(expression_binder, how, before, Usage.JOINED)
        return found

    def record_uses(
        self, expression_binder: ExpressionBinder, how: Usage, before: int = 0, how_of_keys: Usage | None = None
    ) -> None:
        """The columns that were met since are used in this way; link keys that are in place, in the other."""
        for column, column_node in expression_binder.columns_seen[before:]:
            known = column.ident in self.symbols.positions
            is_key = self.symbols.key_domain(column.ident) is not None
            used = how_of_keys if how_of_keys is not None and is_key and how is not Usage.READ else how
            self.symbols.record_use(column, used, (None, None) if known else self.diagnostics.position_of(column_node))
        del expression_binder.columns_seen[before:]

    def record_all_uses(self, expression_binder: ExpressionBinder, node: exp.Expr) -> None:
        """The columns below a refused expression; subqueries that were not bound yet are, for their uses alone."""
        stack: list[exp.Expr] = [node]
        while stack:
            part = stack.pop()
            if id(part) in self.bound_queries:
                continue
            if isinstance(part, exp.Query):
                self.bind_query(part, expression_binder.scope.ctes, expression_binder.scope, BindTarget.ROWS)
                continue
            if isinstance(part, exp.Column) and not isinstance(part.this, exp.Star):
                try:
                    expression_binder.raw_column(part)
                except BindError as error:
                    self.diagnostics.add_error(error)
                continue
            stack += part.iter_expressions()

    def record_clause_uses(self, expression_binder: ExpressionBinder, clause: exp.Expr | None, how: Usage) -> None:
        """The columns of a clause of which nothing else is wanted."""
        if clause is not None:
            before = len(expression_binder.columns_seen)
            self.record_all_uses(expression_binder, clause)
            self.record_uses(expression_binder, how, before)

    def check_clauses(self, node: exp.Expr, allowed: frozenset[str]) -> None:
        """All clauses that are not understood, each refused by its name."""
        for key, value in node.args.items():
            if value and key not in allowed:
                part = value if isinstance(value, exp.Expr) else value[0] if isinstance(value, list) else None
                error = unsupported_argument(node, key)
                position = self.diagnostics.position_of(part if isinstance(part, exp.Expr) else node)
                self.diagnostics.add(error.code, error.message, error.advice, position)

    def visible_ctes(self, query: exp.Expr, outer: Ctes) -> Ctes:
        """The CTEs that a query sees: each sees those before it."""
        visible: dict[str, CteDefinition] = dict(outer)
        clause = query.args.get("with_")
        if clause is not None:
            self.check_clauses(clause, frozenset({"expressions"}))
            for cte in clause.expressions:
                self.check_clauses(cte, frozenset({"this", "alias", "materialized"}))
                visible[cte.alias.casefold()] = CteDefinition(cte.this, column_list(cte), dict(visible))
        return visible


@dataclass(slots=True)
class SelectBinding:
    """The rows of one SELECT while its clauses are bound: subqueries and windows become columns of them."""

    binder: Binder
    expression_binder: ExpressionBinder
    select: exp.Select
    restore: Callable[[], None]
    rows: BoundRows | None = None
    windows: list[WindowColumn] = field(default_factory=list)
    allows_windows: bool = False
    pending: list[Callable[[BoundRows], BoundRows]] = field(default_factory=list)
    unfiltered: BoundRows | None = None
    where: list[Scalar] = field(default_factory=list)

    def apply_pending(self) -> BoundRows:
        """The rows with every column that was asked for since."""
        assert self.rows is not None
        for attach in self.pending:
            self.rows = attach(self.rows)
        self.pending.clear()
        if self.windows:
            self.rows = replace(self.rows, relation=Window(self.rows.relation, tuple(self.windows), self.rows.person))
            self.windows.clear()
        return self.rows
