"""Types that a batch declares for its variables and temporary tables, and conversion to them. Nothing is computed."""

from collections.abc import Collection

from sqlglot import exp

from broker.query.refusing import Stop

WHOLE = {
    exp.DType.UTINYINT: (0, 255),
    exp.DType.SMALLINT: (-(2**15), 2**15 - 1),
    exp.DType.INT: (-(2**31), 2**31 - 1),
    exp.DType.BIGINT: (-(2**63), 2**63 - 1),
}
TEXTS = frozenset({exp.DType.VARCHAR, exp.DType.NVARCHAR})
PADDED = frozenset({exp.DType.CHAR, exp.DType.NCHAR})
KNOWN = frozenset(WHOLE) | TEXTS | PADDED | {exp.DType.BIT, exp.DType.DECIMAL, exp.DType.FLOAT, exp.DType.DATE}
CONSTANT = (
    exp.Literal, exp.Null, exp.Neg, exp.Paren, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Cast, exp.DataType,
    exp.DataTypeParam, exp.Left, exp.Right, exp.Substring, exp.Concat, exp.Upper, exp.Lower,
)  # fmt: skip


def declared_type(kind: exp.Expr | None, words: Collection[str], node: exp.Expr) -> exp.DataType:
    """The type of a declaration; a text without a length has one character in a declaration. `words` are those of the
    statement: the parser takes `real` for `float`, which has twice its digits."""
    if not isinstance(kind, exp.DataType) or kind.this not in KNOWN or "real" in words or kind.args.get("nested"):
        advice = "Use int, bigint, smallint, tinyint, bit, decimal, float, varchar, nvarchar, char or date."
        raise Stop("type", "This type is not understood in a declaration.", advice, node)
    if kind.this in TEXTS | PADDED and not kind.expressions:
        one = exp.DataTypeParam(this=exp.Literal.number(1))
        return exp.DataType(this=kind.this, expressions=[one], nested=False)
    return kind


def converted(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """The value as the type; a literal that the type holds as it is stays as it is."""
    return value if _is_held(value, kind) else exp.Cast(this=value, to=kind.copy())


def stored(column: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """A column as INSERT puts it into one of that type. Unlike CAST, INSERT never cuts a text: it would fail."""
    found = converted(column, kind)
    if kind.this in TEXTS | PADDED:
        found.meta["uncut"] = True
    return found


def _is_held(value: exp.Expr, kind: exp.DataType) -> bool:
    if isinstance(value, exp.Literal) and value.is_string and kind.this in TEXTS:
        size = kind.expressions[0].name
        return size.lower() == "max" or (size.isdigit() and len(value.name) <= int(size))
    sign, literal = (-1, value.this) if isinstance(value, exp.Neg) else (1, value)
    if not isinstance(literal, exp.Literal) or not literal.is_int or kind.this not in WHOLE:
        return False
    low, high = WHOLE[kind.this]
    return low <= sign * int(literal.name) <= high


def check_constant(value: exp.Expr) -> None:
    """A value is made of constants only: one that came from data would carry a statistic into a predicate."""
    for node in value.walk():
        if not isinstance(node, CONSTANT):
            message = "A variable or a row of constants is given something that is not a constant."
            raise Stop("variable", message, "Write constants, and expressions over constants.", node)
