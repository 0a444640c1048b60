"""@variables: their values, as expressions over constants, are written out where they are used. No data is read."""

from collections.abc import Collection

from sqlglot import exp

from broker.policy.service import Service
from broker.query.refusing import FOLLOWS, Report, Stop
from broker.query.script.declared import check_constant, converted, declared_type

Declared = tuple[exp.DataType, exp.Expr]


class Variables:
    """The variables of one batch. None stands for one whose declaration was refused."""

    def __init__(self, service: Service, report: Report) -> None:
        self.report, self.service = report, service
        self.found: dict[str, Declared | None] = {}
        self.words_left = service.max_tokens

    def end_of_batch(self) -> None:
        self.found.clear()

    def declare(self, tree: exp.Declare, words: Collection[str]) -> None:
        """Each variable of a DECLARE; one sees those before it."""
        for item in tree.expressions:
            for name in _names(item):
                try:
                    self._declare(name, item, words)
                except Stop as stop:
                    self.found[name] = None
                    self.report.stopped(stop)

    def _declare(self, name: str, item: exp.Expr, words: Collection[str]) -> None:
        kind = item.args.get("kind")
        if isinstance(kind, exp.Schema):
            message, advice = "Table variables are not understood.", "Write SELECT … INTO #temp."
            raise Stop("table-variable", message, advice, item)
        if name in self.found:
            raise Stop("variable", "A variable is declared twice.", "Write SET @x = … for the second.", item)
        kind = declared_type(kind, words, item)
        self.found[name] = kind, converted(self._value(item.args.get("default") or exp.Null()), kind)

    def assign(self, tree: exp.Expr) -> None:
        """SET @x = value."""
        item = tree.expressions[0].this if len(tree.expressions) == 1 else None
        if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Parameter):
            raise Stop("statement", "This SET is not understood.", "Write SET @x = value.", tree)
        name = _name(item.this)
        declared = self._of(item.this)
        try:
            self.found[name] = declared[0], converted(self._value(item.expression), declared[0])
        except Stop:
            self.found[name] = None
            raise

    def _value(self, value: exp.Expr) -> exp.Expr:
        whole: exp.Expr = self.written_out(exp.Paren(this=value)).this
        check_constant(whole)
        if _height(whole) > self.service.max_depth:
            raise Stop("too-deep", "The value of a variable is nested too deeply.", "Write the constant.", value)
        return whole

    def written_out(self, tree: exp.Expr) -> exp.Expr:
        """The tree with values for its variables; the root itself is none."""
        for parameter in list(tree.find_all(exp.Parameter)):
            if isinstance(parameter.parent, exp.Parameter | exp.TableAlias) or parameter.arg_key == "alias":
                continue
            value = self._of(parameter)[1].copy()
            self.words_left -= sum(1 for _ in value.walk())
            if self.words_left < 0:
                message = f"The text has more than {self.service.max_tokens} words with its variables written out."
                raise Stop("too-long", message, "Use fewer variables.", parameter)
            for node in value.walk():
                node.meta.clear()
            parameter.replace(value)
        return tree

    def _of(self, parameter: exp.Parameter) -> Declared:
        name = _name(parameter)
        declared = self.found.get(name)
        if declared is None:
            code = FOLLOWS if name in self.found else "undeclared"
            message, advice = "A variable is used that is not declared in this batch.", "Write DECLARE @x type = value."
            raise Stop(code, message, advice, parameter)
        return declared


def _names(item: exp.Expr) -> list[str]:
    this = item.this
    return [_name(p) for p in (this if isinstance(this, list) else [this]) if isinstance(p, exp.Parameter)]


def _name(parameter: exp.Parameter) -> str:
    """`@@rowcount` is a parameter of a parameter: never declared."""
    return "@" + parameter.name.casefold() if isinstance(parameter.this, exp.Parameter) else parameter.name.casefold()


def _height(tree: exp.Expr) -> int:
    deepest, stack = 0, [(tree, 1)]
    while stack:
        node, height = stack.pop()
        deepest = max(deepest, height)
        stack += [(child, height + 1) for child in node.iter_expressions()]
    return deepest
