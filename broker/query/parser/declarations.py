"""Declared types of variables and temporary tables, and the constant values of @variables."""

from collections.abc import Collection

from sqlglot import exp

from broker.policy.service_limits import ServiceLimits
from broker.query.diagnostics import CONSEQUENTIAL, BindError, Diagnostics, find_nodes

WHOLE_NUMBER_RANGES = {
    exp.DType.UTINYINT: (0, 255),
    exp.DType.SMALLINT: (-(2**15), 2**15 - 1),
    exp.DType.INT: (-(2**31), 2**31 - 1),
    exp.DType.BIGINT: (-(2**63), 2**63 - 1),
}
TEXTS = frozenset({exp.DType.VARCHAR, exp.DType.NVARCHAR})
PADDED = frozenset({exp.DType.CHAR, exp.DType.NCHAR})
KNOWN_TYPES = (
    frozenset(WHOLE_NUMBER_RANGES)
    | TEXTS
    | PADDED
    | {exp.DType.BIT, exp.DType.DECIMAL, exp.DType.FLOAT, exp.DType.DATE}
)
CONSTANT_NODES = (
    exp.Literal, exp.Null, exp.Neg, exp.Paren, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Cast, exp.DataType,
    exp.DataTypeParam, exp.Left, exp.Right, exp.Substring, exp.Concat, exp.Upper, exp.Lower,
)  # fmt: skip


def table_variable_error(node: exp.Expr) -> BindError:
    return BindError("table-variable", "Table variables are not understood.", "Write SELECT … INTO #temp.", node)


def declared_type(kind: exp.Expr | None, words: Collection[str], node: exp.Expr) -> exp.DataType:
    """Return the type of a declaration. A text type without a length has one character. `words` are those of the
    statement: the parser reads `real` as `float`, which has twice as many digits. Raises BindError for an unsupported
    type."""
    if not isinstance(kind, exp.DataType) or kind.this not in KNOWN_TYPES or "real" in words or kind.args.get("nested"):
        advice = "Use int, bigint, smallint, tinyint, bit, decimal, float, varchar, nvarchar, char or date."
        raise BindError("type", "This type is not understood in a declaration.", advice, node)
    if kind.this in TEXTS | PADDED and not kind.expressions:
        one = exp.DataTypeParam(this=exp.Literal.number(1))
        return exp.DataType(this=kind.this, expressions=[one], nested=False)
    return kind


def converted(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """Cast a value to a type. A literal that fits the type stays unchanged."""
    return value if _fits_type(value, kind) else exp.Cast(this=value, to=kind.copy())


def inserted_value(column: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """A column as INSERT stores it in a column of that type. Unlike CAST, INSERT never cuts a text: it would fail."""
    found = converted(column, kind)
    if kind.this in TEXTS | PADDED:
        found.meta["uncut"] = True
    return found


def _fits_type(value: exp.Expr, kind: exp.DataType) -> bool:
    if isinstance(value, exp.Literal) and value.is_string and kind.this in TEXTS:
        size = kind.expressions[0].name
        return size.lower() == "max" or (size.isdigit() and len(value.name) <= int(size))
    sign, literal = (-1, value.this) if isinstance(value, exp.Neg) else (1, value)
    if not isinstance(literal, exp.Literal) or not literal.is_int or kind.this not in WHOLE_NUMBER_RANGES:
        return False
    low, high = WHOLE_NUMBER_RANGES[kind.this]
    return low <= sign * int(literal.name) <= high


def check_constant(value: exp.Expr) -> None:
    """Refuse a value that is not made of constants. A value from data would carry a statistic into a predicate. Raises
    BindError."""
    for node in value.walk():
        if not isinstance(node, CONSTANT_NODES):
            message = "A variable or a row of constants has a value that is not a constant."
            raise BindError("variable", message, "Write constants, and expressions over constants.", node)


Declared = tuple[exp.DataType, exp.Expr]


class BatchVariables:
    """The variables of one batch. None marks a variable whose declaration was refused."""

    def __init__(self, service: ServiceLimits, diagnostics: Diagnostics) -> None:
        self.diagnostics, self.service = diagnostics, service
        self.declared: dict[str, Declared | None] = {}
        self.words_left = service.max_tokens  # limits the text with its variables expanded

    def end_of_batch(self) -> None:
        self.declared.clear()

    def declare(self, tree: exp.Declare, words: Collection[str]) -> None:
        """Declare each variable of a DECLARE. A variable sees those before it."""
        for item in tree.expressions:
            for name in _declared_names(item):
                try:
                    self._declare(name, item, words)
                except BindError as error:
                    self.declared[name] = None  # known as refused, so that its uses are not reported as undeclared
                    self.diagnostics.add_error(error)

    def _declare(self, name: str, item: exp.Expr, words: Collection[str]) -> None:
        kind = item.args.get("kind")
        if isinstance(kind, exp.Schema):
            raise table_variable_error(item)
        if name in self.declared:
            raise BindError("variable", "A variable is declared twice.", "Write SET @x = … for the second.", item)
        kind = declared_type(kind, words, item)
        self.declared[name] = kind, converted(self._value(item.args.get("default") or exp.Null()), kind)

    def assign(self, tree: exp.Expr) -> None:
        """Execute SET @x = value."""
        item = tree.expressions[0].this if len(tree.expressions) == 1 else None
        if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Parameter):
            raise BindError("statement", "This SET is not understood.", "Write SET @x = value.", tree)
        name = _variable_name(item.this)
        declared = self._declared_of(item.this)
        try:
            self.declared[name] = declared[0], converted(self._value(item.expression), declared[0])
        except BindError:
            self.declared[name] = None
            raise

    def _value(self, value: exp.Expr) -> exp.Expr:
        # written_out cannot replace the root of a tree, so the value is wrapped
        whole: exp.Expr = self.written_out(exp.Paren(this=value)).this
        check_constant(whole)
        if _height(whole) > self.service.max_depth:
            raise BindError("too-deep", "The value of a variable is nested too deeply.", "Write the constant.", value)
        return whole

    def written_out(self, tree: exp.Expr) -> exp.Expr:
        """Replace the variables in a tree by their values. The root itself must not be a variable. Raises BindError if
        the text gets too long."""
        for parameter in list(find_nodes(tree, exp.Parameter)):
            if isinstance(parameter.parent, exp.Parameter | exp.TableAlias) or parameter.arg_key == "alias":
                continue
            value = self._declared_of(parameter)[1].copy()
            # Variables made of variables can double in size at each step.
            self.words_left -= sum(1 for _ in value.walk())
            if self.words_left < 0:
                message = f"The text has more than {self.service.max_tokens} words once its variables are written out."
                raise BindError("too-long", message, "Use fewer variables.", parameter)
            for node in value.walk():
                node.meta.clear()  # the value's positions belong to its declaration, not to this use
            parameter.replace(value)
        return tree

    def _declared_of(self, parameter: exp.Parameter) -> Declared:
        name = _variable_name(parameter)
        declared = self.declared.get(name)
        if declared is None:
            code = CONSEQUENTIAL if name in self.declared else "undeclared"
            message = "The text uses a variable that is not declared in this batch."
            raise BindError(code, message, "Write DECLARE @x type = value.", parameter)
        return declared


def _declared_names(item: exp.Expr) -> list[str]:
    this = item.this
    return [_variable_name(p) for p in (this if isinstance(this, list) else [this]) if isinstance(p, exp.Parameter)]


def _variable_name(parameter: exp.Parameter) -> str:
    """Case-folded name of a variable. `@@rowcount` is a parameter of a parameter, and never declared."""
    return "@" + parameter.name.casefold() if isinstance(parameter.this, exp.Parameter) else parameter.name.casefold()


def _height(tree: exp.Expr) -> int:
    deepest, stack = 0, [(tree, 1)]  # with its own stack: a deep tree would exceed Python's recursion limit
    while stack:
        node, height = stack.pop()
        deepest = max(deepest, height)
        stack += [(child, height + 1) for child in node.iter_expressions()]
    return deepest
