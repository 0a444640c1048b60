"""The expression binder: binds each checked sqlglot node to a scalar, by dialect and types."""

from collections.abc import Callable

from sqlglot import exp

from broker.domain.plans.scalars import NULL, Call, Case, ColumnRef, Literal, Scalar, ScalarType, integer, truth_call
from broker.query.analysis.implied_statistics import can_be_null
from broker.query.diagnostics import BindError, check_arguments, unsupported_node
from broker.query.dialects.base import Dialect
from broker.query.name_resolution import Scope
from broker.query.symbols import SymbolTable

BOUND_BY_QUERY = (exp.Exists, exp.Subquery, exp.Query, exp.Window, exp.Any, exp.All)
"""Nodes that the SELECT around an expression binds."""


def is_empty_text(node: exp.Expr) -> bool:
    inner = node.unnest()
    return isinstance(inner, exp.Literal) and inner.is_string and not inner.name.strip(" ")


def without_empty_text(node: exp.Expr) -> exp.Expr:
    """The column of NULLIF(column, ''), which is what a link key is written as; any other node as it is."""
    inner = node.unnest()
    is_written = (
        isinstance(inner, exp.Nullif) and isinstance(inner.this, exp.Column) and is_empty_text(inner.expression)
    )
    return inner.this if is_written else inner if isinstance(inner, exp.Column) else node


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

    def note_missing(self, rows: str) -> None:
        """Add a note on rows that have no result. They count as missing here, where the product would fail."""
        self.advise(f"{rows} count as missing; {self.dialect.product} would end the query.")

    def or_null(self, call: Call, rows: str) -> Call:
        """A result that is NULL on the rows on which the engine would fail. `rows` names them."""
        self.note_missing(rows)
        return Call("total", (call,), call.type)

    def scalar(self, node: exp.Expr) -> Scalar:
        found = self._scalar(node)
        if found.type is ScalarType.TRUTH or isinstance(found, Call | ColumnRef):
            self.syntax_of.setdefault(found, node)
        if found.type is ScalarType.TRUTH:
            self.saw_condition(node, found)
        return found

    def saw_condition(self, node: exp.Expr, condition: Scalar) -> None:
        """Take note of a bound condition."""

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
        """Bind a value. A condition is 0 or 1, if the dialect has conditions as values; otherwise it raises
        BindError."""
        found = self.scalar(node)
        if found.type is not ScalarType.TRUTH:
            return found
        if isinstance(found, Literal):
            return NULL if found.value is None else integer(int(bool(found.value)))
        if self.dialect.booleans_are_numbers:
            message, advice = "A condition is used where a value is needed.", "Write CASE WHEN … THEN 1 ELSE 0 END."
            raise BindError("predicate", message, advice, node)
        return self.number_of(found)

    def number_of(self, condition: Scalar) -> Case:
        """A condition as 0, 1 or NULL."""
        if not can_be_null(condition, self.symbols):
            return Case(((condition, integer(1)),), integer(0), ScalarType.INT)
        return Case(((condition, integer(1)), (truth_call("not", condition), integer(0))), NULL, ScalarType.INT)

    def predicate(self, node: exp.Expr) -> Scalar:
        """Bind a condition. A number is true if it is not 0, if the dialect has conditions as values."""
        found = self.scalar(node)
        if found.type is ScalarType.TRUTH:
            return found
        if self.dialect.booleans_are_numbers or not (found.type.is_number or found == NULL):
            message, advice = "A value is used where a condition is needed.", "Write a comparison, such as x = 1."
            raise BindError("predicate", message, advice, node)
        if found == NULL:
            return Literal(None, ScalarType.TRUTH)
        # a condition that was bound as a value is itself again
        match found:
            case Case(whens=((condition, Literal(value=1)),), otherwise=Literal(value=0)) if not can_be_null(
                condition, self.symbols
            ):
                return condition
        return truth_call("not", truth_call("equal", found, integer(0)))

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
        """Whether a node is simply the name of a link key, or NULLIF of one and the empty text."""
        node = without_empty_text(node)
        if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
            return False
        return self.symbols.key_domain(self.scope.resolve(node).ident) is not None

    def link_key(self, node: exp.Expr) -> ColumnRef | None:
        """Bind a node that is simply the name of a link key; None if it is anything else."""
        column = without_empty_text(node)
        return self.raw_column(column) if isinstance(column, exp.Column) and self.is_link_key(column) else None

    def are_link_keys(self, left: ColumnRef, right: ColumnRef) -> bool:
        """Whether both columns are link keys of one domain, and so may be compared."""
        domain = self.symbols.key_domain(left.ident)
        return domain is not None and domain == self.symbols.key_domain(right.ident)

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
