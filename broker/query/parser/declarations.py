"""The @variables of a batch: constants, and queries whose value a variable stands for."""

from collections.abc import Collection

from sqlglot import exp

from broker.policy.service_limits import ServiceLimits
from broker.query.diagnostics import CONSEQUENTIAL, BindError, Diagnostics, present_arguments
from broker.query.parser.column_types import converted, declared_table, declared_type
from broker.query.parser.constants import whole_number
from broker.query.parser.temporary_tables import TempTable, TempTables, aliased, quoted_column, table_reference
from broker.query.tree_walks import find_nodes

CONSTANT_NODES = (
    exp.Literal, exp.Null, exp.Neg, exp.Paren, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Cast, exp.DataType,
    exp.DataTypeParam, exp.Left, exp.Right, exp.Substring, exp.Concat, exp.Upper, exp.Lower,
)  # fmt: skip


def check_constant(value: exp.Expr) -> None:
    """Refuse a value that is not made of constants. A value from data would carry a statistic into a predicate. Raises
    BindError."""
    for node in value.walk():
        if not isinstance(node, CONSTANT_NODES):
            message = "A variable or a row of constants has a value that is not a constant."
            raise BindError("variable", message, "Write constants, and expressions over constants.", node)


SELECTED = "selected"
"""Name of the column of a query that gives a variable its value."""
Declared = tuple[exp.DataType, exp.Expr]


class BatchVariables:
    """The variables of one batch. None marks a variable whose declaration was refused."""

    def __init__(self, service: ServiceLimits, temps: TempTables, diagnostics: Diagnostics) -> None:
        self.diagnostics, self.service, self.temps = diagnostics, service, temps
        self.declared: dict[str, Declared | None] = {}
        self.words_left = service.max_tokens  # limits the text with its variables expanded

    def end_of_batch(self) -> None:
        self.declared.clear()
        for name in [n for n in self.temps.tables if n.startswith("@")]:
            del self.temps.tables[name]

    def declare(self, tree: exp.Declare, words: Collection[str]) -> None:
        """Declare each variable of a DECLARE. A variable sees those before it."""
        for item in tree.expressions:
            for name in _declared_names(item):
                try:
                    if isinstance(item.args.get("kind"), exp.Schema):
                        table = declared_table(item.args["kind"], f"@{name}", words)
                        self.temps.tables[table.name] = table
                    else:
                        self._declare(name, item, words)
                except BindError as error:
                    self.declared[name] = None  # known as refused, so that its uses are not reported as undeclared
                    self.diagnostics.add_error(error)

    def _declare(self, name: str, item: exp.Expr, words: Collection[str]) -> None:
        kind = item.args.get("kind")
        if name in self.declared:
            raise BindError("variable", "A variable is declared twice.", "Write SET @x = … for the second.", item)
        kind = declared_type(kind, words, item)
        self.declared[name] = kind, converted(self._value(name, item.args.get("default") or exp.Null()), kind)

    def assign(self, tree: exp.Expr) -> None:
        """Execute SET @x = value, or SET @x += value."""
        item = tree.expressions[0].this if len(tree.expressions) == 1 else None
        if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Parameter):
            raise BindError("statement", "This SET is not understood.", "Write SET @x = value.", tree)
        name = _variable_name(item.this)
        declared = self._declared_of(item.this)
        try:
            value = whole_number(self._value(name, item.expression))  # so that a counter does not grow
            self.declared[name] = declared[0], converted(value, declared[0])
        except BindError:
            self.declared[name] = None
            raise

    def assign_selected(self, select: exp.Select) -> None:
        """Execute SELECT @x = value. A value that is no constant is the query itself, wherever the variable is used: a
        temporary table under the variable's name keeps what its tables are now."""
        targets = [(_variable_name(i.this), i) for i in select.expressions if isinstance(i.this, exp.Parameter)]
        kinds = [self._declared_of(i.this)[0] for _, i in targets]
        for (name, item), kind in zip(targets, kinds, strict=True):
            self.declared[name] = None  # refused, until it has its value
            if present_arguments(select) == {"expressions"}:
                value = whole_number(self._value(name, item.expression))
            else:
                value = self._selected(name, item.expression, select)
            self.declared[name] = kind, converted(value, kind)

    def _selected(self, name: str, value: exp.Expr, select: exp.Select) -> exp.Expr:
        if select.args.get("having") or select.args.get("qualify"):
            message = "Where HAVING leaves no group, the variable would have its earlier value."
            raise BindError("assignment", message, "Remove HAVING.", select)
        query = select.copy()
        query.set("expressions", [aliased(value.copy(), SELECTED)])
        self.temps.define(TempTable(f"@{name}"), query, select)
        item = quoted_column(SELECTED)
        return exp.Subquery(this=exp.Select(expressions=[item], from_=exp.From(this=table_reference(f"@{name}"))))

    def _value(self, name: str, value: exp.Expr) -> exp.Expr:
        query = value.unnest()
        if isinstance(query, exp.Select) and len(query.expressions) == 1:  # SET @n = (SELECT COUNT(*) FROM …)
            inner = self.written_out(exp.Paren(this=query)).this
            return self._selected(name, inner.expressions[0].unalias(), inner)
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
