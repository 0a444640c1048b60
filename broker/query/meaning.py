"""What an expression means: each checked sqlglot node to a scalar, by dialect and types. A form whose meaning cannot be
followed exactly is refused with the form to write. No aggregates, no relations."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from sqlglot import exp

from broker.domain.scalars import NULL, Call, Case, Column, Literal, Scalar, Type
from broker.query import arithmetic, comparing, texts
from broker.query.book import Book
from broker.query.refusing import Stop, refuse_argument, refuse_node
from broker.query.resolve import Names

Handler = Callable[["Meaning", exp.Expr], Scalar]


class Meaning:
    """Translates the expressions of one SELECT."""

    def __init__(self, dialect: str, book: Book, names: Names) -> None:
        self.dialect, self.book, self.names = dialect, book, names
        self.hidden_code = "identifier"
        self.seen: list[tuple[Column, exp.Column]] = []
        """Columns met since the caller last looked, with where they stood."""

    is_rows = True
    """Whether expressions are computed on rows, by the engine; above the aggregates the broker computes them."""

    @property
    def is_tsql(self) -> bool:
        return self.dialect == "tsql"

    def scalar(self, node: exp.Expr) -> Scalar:
        known = HANDLERS.get(type(node))
        if known is None:
            raise refuse_node(node)
        handler, args = known
        check_arguments(node, args)
        return handler(self, node)

    def value(self, node: exp.Expr) -> Scalar:
        """A scalar that is a value and not a predicate."""
        found = self.scalar(node)
        if found.type is Type.TRUTH and not isinstance(found, Literal):
            raise Stop(
                "predicate", "A predicate stands where a value is needed.", "Write CASE WHEN … THEN 1 ELSE 0 END.", node
            )
        return (
            Literal(int(bool(found.value)), Type.INT)
            if isinstance(found, Literal) and found.type is Type.TRUTH
            else found
        )

    def predicate(self, node: exp.Expr) -> Scalar:
        found = self.scalar(node)
        if found.type is not Type.TRUTH:
            raise Stop(
                "predicate", "A value stands where a predicate is needed.", "Write a comparison, such as x = 1.", node
            )
        return found

    def raw_column(self, node: exp.Column) -> Column:
        """A column, link keys and identifiers too: the caller knows that they are in place."""
        found = self.names.column(node)
        self.seen.append((found, node))
        return found

    def column(self, node: exp.Expr) -> Scalar:
        assert isinstance(node, exp.Column)
        found = self.raw_column(node)
        hidden = self.hidden_behind(found)
        if hidden is not None:
            origin = self.book.origin(found)
            code = self.hidden_code if origin is not None and origin.key_domain else "identifier"
            advice = "Link keys can be joined with link keys, and counted with COUNT(DISTINCT …)."
            raise Stop(code, f"{hidden} tells who somebody is.", advice, node, hidden)
        return found

    def conjunct(self, node: exp.Expr) -> Scalar:
        """One part of a WHERE or ON: the only place where two link keys may meet, by equality."""
        self.hidden_code = "link-key"
        try:
            return self._keys_equal(node) or self.predicate(node)
        finally:
            self.hidden_code = "identifier"

    def _keys_equal(self, node: exp.Expr) -> Scalar | None:
        if not isinstance(node, exp.EQ):
            return None
        sides = [s.unnest() for s in (node.this, node.expression)]
        if not all(isinstance(s, exp.Column) for s in sides):
            return None
        found = [self.names.column(s) for s in sides]
        domains = [o.key_domain if (o := self.book.origin(f)) else None for f in found]
        if domains[0] is None or domains[0] != domains[1]:
            return None
        self.seen += list(zip(found, sides, strict=True))
        return comparing.truth("equal", *found)

    def division_is_safe(self, divisor: Scalar) -> bool:
        """Whether a divisor cannot be zero: a division by zero would tell of one row by ending the job."""
        if isinstance(divisor, Literal):
            return bool(divisor.value)
        return isinstance(divisor, Call) and divisor.op == "nullif" and not getattr(divisor.args[1], "value", 1)

    def hidden_behind(self, scalar: Scalar) -> str | None:
        names = [self.book.origins[i].full_name for i in self.book.base(scalar) if self.book.origins[i].is_hidden]
        return min(names) if names else None

    def whole(self, node: exp.Expr, what: str) -> int:
        """A whole number that is written out."""
        found = self.scalar(node)
        if not isinstance(found, Literal) or found.type is not Type.INT or not isinstance(found.value, int):
            raise Stop("literal", f"{what} must be a whole number.", "Write the number.", node)
        return found.value


def check_arguments(node: exp.Expr, allowed: frozenset[str]) -> None:
    """Closed world: a clause that is set and not on the list is refused, never dropped."""
    for key, value in node.args.items():
        if value and key not in allowed:
            raise refuse_argument(node, key)


def _literal(_: Meaning, node: exp.Expr) -> Scalar:
    text = str(node.this)
    if node.args.get("is_string") or isinstance(node, exp.National):
        return Literal(text, Type.TEXT)
    if text.isdigit():
        if len(text) > 18:
            raise Stop("literal", "The number is too long.", "Write a shorter number.", node)
        return Literal(int(text), Type.INT)
    digits = text.replace(".", "", 1)
    if digits.isdigit() and len(digits) <= 18:
        return Literal(Decimal(text), Type.DECIMAL)
    raise Stop("literal", "The number is not written plainly.", "Write digits with at most one point.", node)


def _boolean(_: Meaning, node: exp.Expr) -> Scalar:
    return Literal(bool(node.this), Type.TRUTH)


def _null(_: Meaning, __: exp.Expr) -> Scalar:
    return NULL


def _paren(m: Meaning, node: exp.Expr) -> Scalar:
    return m.scalar(node.this)


def _case(m: Meaning, node: exp.Expr) -> Scalar:
    """CASE with and without an operand."""
    pairs: list[tuple[Scalar, Scalar]] = []
    for arm in node.args["ifs"]:
        check_arguments(arm, frozenset({"this", "true"}))
        condition = comparing.equal(m, node.this, arm.this) if node.this else m.predicate(arm.this)
        pairs.append((condition, m.value(arm.args["true"])))
    otherwise = m.value(node.args["default"]) if node.args.get("default") else NULL
    return build_case(pairs, otherwise, node)


def _if(m: Meaning, node: exp.Expr) -> Scalar:
    otherwise = m.value(node.args["false"]) if node.args.get("false") else NULL
    return build_case([(m.predicate(node.this), m.value(node.args["true"]))], otherwise, node)


def build_case(pairs: Sequence[tuple[Scalar, Scalar]], otherwise: Scalar, node: exp.Expr) -> Scalar:
    kind = arithmetic.common_type([v.type for _, v in pairs] + [otherwise.type], node)
    return Case(tuple(pairs), otherwise, kind)


def _coalesce(m: Meaning, node: exp.Expr) -> Scalar:
    args = tuple(m.value(a) for a in [node.this, *node.expressions])
    if len(args) == 1:
        return args[0]
    return Call("coalesce", args, arithmetic.common_type([a.type for a in args], node))


def _nullif(m: Meaning, node: exp.Expr) -> Scalar:
    left, right = m.value(node.this), m.value(node.expression)
    if left.type is Type.TEXT and not comparing.is_exact(m, left, right):
        raise Stop("text-compare", "NULLIF on text without a code list is not understood.", "Use CASE WHEN.", node)
    left, right = comparing.alike(m, left, right, node)
    return Call("nullif", (left, right), left.type)


def _rule(handler: Handler, *args: str) -> tuple[Handler, frozenset[str]]:
    return handler, frozenset(args)


_TWO = ("this", "expression")
HANDLERS: dict[type[exp.Expr], tuple[Handler, frozenset[str]]] = {
    exp.Column: _rule(Meaning.column, "this", "table", "db", "catalog"),
    exp.Literal: _rule(_literal, "this", "is_string"),
    exp.National: _rule(_literal, "this"),
    exp.Boolean: _rule(_boolean, "this"),
    exp.Null: _rule(_null),
    exp.Paren: _rule(_paren, "this"),
    exp.Case: _rule(_case, "this", "ifs", "default"),
    exp.If: _rule(_if, "this", "true", "false"),
    exp.Coalesce: _rule(_coalesce, "this", "expressions", "is_null", "is_nvl"),
    exp.Nullif: _rule(_nullif, *_TWO),
    exp.EQ: _rule(comparing.equal_node, *_TWO),
    exp.NEQ: _rule(comparing.unequal_node, *_TWO),
    exp.LT: _rule(comparing.ordered_node, *_TWO),
    exp.LTE: _rule(comparing.ordered_node, *_TWO),
    exp.GT: _rule(comparing.ordered_node, *_TWO),
    exp.GTE: _rule(comparing.ordered_node, *_TWO),
    exp.And: _rule(comparing.connective, *_TWO),
    exp.Or: _rule(comparing.connective, *_TWO),
    exp.Not: _rule(comparing.negation, "this"),
    exp.In: _rule(comparing.membership, "this", "expressions"),
    exp.Between: _rule(comparing.between, "this", "low", "high"),
    exp.Is: _rule(comparing.is_null, *_TWO),
    exp.Like: _rule(comparing.like, *_TWO),
    exp.Add: _rule(arithmetic.binary, *_TWO),
    exp.Sub: _rule(arithmetic.binary, *_TWO),
    exp.Mul: _rule(arithmetic.binary, *_TWO),
    exp.Div: _rule(arithmetic.division, *_TWO, "typed", "safe"),
    exp.Neg: _rule(arithmetic.negation, "this"),
    exp.Abs: _rule(arithmetic.unary, "this"),
    exp.Floor: _rule(arithmetic.unary, "this"),
    exp.Ceil: _rule(arithmetic.unary, "this"),
    exp.Round: _rule(arithmetic.rounding, "this", "decimals"),
    exp.Cast: _rule(arithmetic.cast, "this", "to"),
    exp.Convert: _rule(arithmetic.convert, *_TWO),
    exp.Upper: _rule(texts.change, "this"),
    exp.Lower: _rule(texts.change, "this"),
    exp.Trim: _rule(texts.change, "this"),
    exp.Length: _rule(texts.length, "this"),
    exp.Left: _rule(texts.side, *_TWO),
    exp.Right: _rule(texts.side, *_TWO),
    exp.Substring: _rule(texts.substring, "this", "start", "length"),
    exp.DPipe: _rule(texts.concat, *_TWO, "safe"),
    exp.Year: _rule(texts.part_of_date, "this"),
    exp.Month: _rule(texts.part_of_date, "this"),
}
"""The allow-list: a class that is not here is refused by name, and so is an argument."""
