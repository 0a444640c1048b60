"""The expression binder: binds each checked sqlglot node to a scalar, by dialect and types."""

from collections.abc import Callable

from sqlglot import exp

from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, integer, truth_call
from broker.query.diagnostics import BindError, check_arguments, unsupported_node
from broker.query.dialects.base import Dialect
from broker.query.name_resolution import Scope
from broker.query.symbols import SymbolTable

BOUND_BY_QUERY = (exp.Exists, exp.Subquery, exp.Query, exp.Window, exp.Any, exp.All)
"""Nodes that the SELECT around an expression binds."""


def _refuse_subquery_or_window(node: exp.Expr) -> Scalar:
    raise unsupported_node(node.args["query"] if isinstance(node, exp.In) else node)


class ExpressionBinder:
    """Binds the expressions of one SELECT."""

    def __init__(
        self, dialect: Dialect, symbols: SymbolTable, scope: Scope, advice: dict[str, None],
        syntax_of: dict[Scalar, exp.Expr],
    ) -> None:  # fmt: skip
        """`syntax_of` receives the node of each condition, computation and column: of its first place."""
        self.dialect, self.symbols, self.scope, self.advice, self.syntax_of = dialect, symbols, scope, advice, syntax_of
        self.bind_subquery_or_window: Callable[[exp.Expr], Scalar] = _refuse_subquery_or_window
        """Binds a subquery or window as a column. The SELECT around the expression provides it."""
        self.hidden_code = "identifier"
        self.columns_seen: list[tuple[ColumnRef, exp.Column]] = []
        """Columns bound since the caller last read this list, with their nodes."""
        self.facts: list[Scalar] = []
        """Conditions of the enclosing CASE that hold on the row."""

    lacks_keys = False
    """Whether a GROUP BY key was refused. An expression that is no key may then be that key."""

    is_rows = True
    """Whether the engine computes the expressions on rows. Above the aggregates, the broker computes them."""

    def advise(self, sentence: str) -> None:
        """Add a sentence that the researcher should read although the query is accepted; each once."""
        self.advice[sentence] = None

    def scalar(self, node: exp.Expr) -> Scalar:
        found = self._scalar(node)
        if found.type is ScalarType.TRUTH or isinstance(found, Call | ColumnRef):
            self.syntax_of.setdefault(found, node)
        return found

    def _scalar(self, node: exp.Expr) -> Scalar:
        if isinstance(node, BOUND_BY_QUERY) or (isinstance(node, exp.In) and node.args.get("query")):
            return self.bind_subquery_or_window(node)
        known = self.dialect.handler_of(node)
        if known is None:
            raise unsupported_node(node)
        handler, args = known
        check_arguments(node, *args)
        return handler(self, node)

    def value(self, node: exp.Expr) -> Scalar:
        """Bind a value. A predicate raises BindError."""
        found = self.scalar(node)
        if found.type is ScalarType.TRUTH and not isinstance(found, Literal):
            raise BindError(
                "predicate",
                "A condition is used where a value is needed.",
                "Write CASE WHEN … THEN 1 ELSE 0 END.",
                node,
            )
        return (
            integer(int(bool(found.value))) if isinstance(found, Literal) and found.type is ScalarType.TRUTH else found
        )

    def predicate(self, node: exp.Expr) -> Scalar:
        found = self.scalar(node)
        if found.type is not ScalarType.TRUTH:
            raise BindError(
                "predicate", "A value is used where a condition is needed.", "Write a comparison, such as x = 1.", node
            )
        return found

    def raw_column(self, node: exp.Column) -> ColumnRef:
        """Bind a column, including link keys and identifiers. The caller must know that they are allowed in this
        place."""
        found = self.scope.resolve(node)
        self.columns_seen.append((found, node))
        return found

    def column(self, node: exp.Expr) -> Scalar:
        assert isinstance(node, exp.Column)
        found = self.raw_column(node)
        hidden = self.hidden_behind(found)
        if hidden is not None:
            origin = self.symbols.origin(found)
            # in a conjunct, where link keys may be compared, they have a refusal of their own
            is_key = (origin is not None and origin.key_domain) or self.symbols.key_domain(found.ident)
            code = self.hidden_code if is_key else "identifier"
            advice = "You can join link keys with link keys, and count them with COUNT(DISTINCT …)."
            raise BindError(code, f"{hidden} identifies a person.", advice, node, hidden)
        return found

    def conjunct(self, node: exp.Expr) -> Scalar:
        """Bind one conjunct of a WHERE or ON, the only place where two link keys may be compared, by equality."""
        self.hidden_code = "link-key"
        try:
            return self._link_key_equality(node) or self.predicate(node)
        finally:
            self.hidden_code = "identifier"

    def _link_key_equality(self, node: exp.Expr) -> Scalar | None:
        if not isinstance(node, exp.EQ):
            return None
        sides = [s.unnest() for s in (node.this, node.expression)]
        if not all(isinstance(s, exp.Column) for s in sides):
            return None
        found = [self.scope.resolve(s) for s in sides]
        if not self.are_link_keys(*found):
            return None
        self.columns_seen += list(zip(found, sides, strict=True))
        return truth_call("equal", *found)

    def is_link_key(self, node: exp.Expr) -> bool:
        """Whether a node is simply the name of a link key."""
        if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
            return False
        return self.symbols.key_domain(self.scope.resolve(node).ident) is not None

    def link_key(self, node: exp.Expr) -> ColumnRef | None:
        """Bind a node that is simply the name of a link key; None if it is anything else."""
        return self.raw_column(node) if isinstance(node, exp.Column) and self.is_link_key(node) else None

    def are_link_keys(self, left: ColumnRef, right: ColumnRef) -> bool:
        """Whether both columns are link keys of one domain, and so may be compared."""
        domain = self.symbols.key_domain(left.ident)
        return domain is not None and domain == self.symbols.key_domain(right.ident)

    def division_is_safe(self, divisor: Scalar) -> bool:
        """Whether a divisor cannot be zero. A division by zero would end the job, and so reveal one row."""
        if isinstance(divisor, Literal):
            return bool(divisor.value)
        # NULLIF(x, 0) is NULL where x is 0
        return isinstance(divisor, Call) and divisor.op == "nullif" and not getattr(divisor.args[1], "value", 1)

    def hidden_behind(self, scalar: Scalar) -> str | None:
        names = [
            self.symbols.origins[i].full_name for i in self.symbols.base(scalar) if self.symbols.origins[i].is_hidden
        ]
        return min(names) if names else None

    def written_integer(self, node: exp.Expr, what: str) -> int:
        """Value of a whole number that the text must write as a literal. Raises BindError otherwise."""
        found = self.scalar(node)
        if not isinstance(found, Literal) or found.type is not ScalarType.INT or not isinstance(found.value, int):
            raise BindError("literal", f"{what} must be a whole number.", "Write the number.", node)
        return found.value
