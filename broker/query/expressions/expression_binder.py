"""The expression binder: each checked sqlglot node to a scalar, by dialect and types."""

from collections.abc import Callable

from sqlglot import exp

from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, truth_call
from broker.query.diagnostics import BindError, check_arguments, unsupported_node
from broker.query.dialects.base import Dialect
from broker.query.name_resolution import Scope
from broker.query.symbols import SymbolTable

BOUND_BY_QUERY = (exp.Exists, exp.Subquery, exp.Query, exp.Window, exp.Any, exp.All)
"""What an expression cannot say by itself."""


def _refuse_subquery_or_window(node: exp.Expr) -> Scalar:
    raise unsupported_node(node.args["query"] if isinstance(node, exp.In) else node)


class ExpressionBinder:
    """Translates the expressions of one SELECT."""

    def __init__(
        self, dialect: Dialect, symbols: SymbolTable, scope: Scope, advice: dict[str, None] | None = None,
        syntax_of: dict[Scalar, exp.Expr] | None = None,
    ) -> None:  # fmt: skip
        """`syntax_of` gets the text of each condition and computation."""
        self.dialect, self.symbols, self.scope = dialect, symbols, scope
        self.advice = {} if advice is None else advice
        self.syntax_of = {} if syntax_of is None else syntax_of
        self.bind_subquery_or_window: Callable[[exp.Expr], Scalar] = _refuse_subquery_or_window
        """What makes a column of a subquery or window: the SELECT around the expression knows how."""
        self.hidden_code = "identifier"
        self.columns_seen: list[tuple[ColumnRef, exp.Column]] = []
        """Columns met since the caller last looked, with where they stood."""
        self.facts: list[Scalar] = []
        """What the conditions of the CASE around an expression say about the row."""

    lacks_keys = False
    """Whether a key of GROUP BY was refused, so that what is no key may be it."""

    is_rows = True
    """Whether expressions are computed on rows, by the engine; above the aggregates the broker computes them."""

    def advise(self, sentence: str) -> None:
        """Something the researcher should know although the query is accepted; each sentence once."""
        self.advice[sentence] = None

    def scalar(self, node: exp.Expr) -> Scalar:
        found = self._scalar(node)
        if found.type is ScalarType.TRUTH or isinstance(found, Call):
            self.syntax_of.setdefault(found, node)
        return found

    def _scalar(self, node: exp.Expr) -> Scalar:
        if isinstance(node, BOUND_BY_QUERY) or (isinstance(node, exp.In) and node.args.get("query")):
            return self.bind_subquery_or_window(node)
        known = self.dialect.handler_of(node)
        if known is None:
            raise unsupported_node(node)
        handler, args = known
        check_arguments(node, args)
        return handler(self, node)

    def value(self, node: exp.Expr) -> Scalar:
        """A scalar that is a value and not a predicate."""
        found = self.scalar(node)
        if found.type is ScalarType.TRUTH and not isinstance(found, Literal):
            raise BindError(
                "predicate", "A predicate stands where a value is needed.", "Write CASE WHEN … THEN 1 ELSE 0 END.", node
            )
        return (
            Literal(int(bool(found.value)), ScalarType.INT)
            if isinstance(found, Literal) and found.type is ScalarType.TRUTH
            else found
        )

    def predicate(self, node: exp.Expr) -> Scalar:
        found = self.scalar(node)
        if found.type is not ScalarType.TRUTH:
            raise BindError(
                "predicate", "A value stands where a predicate is needed.", "Write a comparison, such as x = 1.", node
            )
        return found

    def raw_column(self, node: exp.Column) -> ColumnRef:
        """A column, link keys and identifiers too: the caller knows that they are in place."""
        found = self.scope.resolve(node)
        self.columns_seen.append((found, node))
        return found

    def column(self, node: exp.Expr) -> Scalar:
        assert isinstance(node, exp.Column)
        found = self.raw_column(node)
        hidden = self.hidden_behind(found)
        if hidden is not None:
            origin = self.symbols.origin(found)
            is_key = (origin is not None and origin.key_domain) or self.symbols.key_domain(found.ident)
            code = self.hidden_code if is_key else "identifier"
            advice = "Link keys can be joined with link keys, and counted with COUNT(DISTINCT …)."
            raise BindError(code, f"{hidden} tells who somebody is.", advice, node, hidden)
        return found

    def conjunct(self, node: exp.Expr) -> Scalar:
        """One part of a WHERE or ON: the only place where two link keys may meet, by equality."""
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

    def are_link_keys(self, left: ColumnRef, right: ColumnRef) -> bool:
        """Whether both are link keys of one domain, which may meet."""
        domain = self.symbols.key_domain(left.ident)
        return domain is not None and domain == self.symbols.key_domain(right.ident)

    def division_is_safe(self, divisor: Scalar) -> bool:
        """Whether a divisor cannot be zero: a division by zero would tell of one row by ending the job."""
        if isinstance(divisor, Literal):
            return bool(divisor.value)
        return isinstance(divisor, Call) and divisor.op == "nullif" and not getattr(divisor.args[1], "value", 1)

    def hidden_behind(self, scalar: Scalar) -> str | None:
        names = [
            self.symbols.origins[i].full_name for i in self.symbols.base(scalar) if self.symbols.origins[i].is_hidden
        ]
        return min(names) if names else None

    def written_integer(self, node: exp.Expr, what: str) -> int:
        """A whole number that is written out."""
        found = self.scalar(node)
        if not isinstance(found, Literal) or found.type is not ScalarType.INT or not isinstance(found.value, int):
            raise BindError("literal", f"{what} must be a whole number.", "Write the number.", node)
        return found.value
