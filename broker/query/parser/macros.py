"""DuckDB's CREATE MACRO f(a, b) AS expression: each call is written out."""

from sqlglot import exp

from broker.query.diagnostics import BindError, present_arguments
from broker.query.tree_walks import find_nodes

MOST_NODES = 20_000
ARGUMENTS = frozenset({"this", "kind", "replace", "expression", "properties"})
ADVICE = "Write CREATE MACRO f(a, b) AS an expression of a and b."


class Macros:
    """The macros of one text."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[str, ...], exp.Expr]] = {}
        self._called: set[str] = set()
        self._left = MOST_NODES

    def define(self, tree: exp.Expr) -> None:
        """Store a macro. Those that it calls are written out already. Raises BindError for a macro of a table, and for
        parameters with defaults."""
        function = tree.this
        is_plain = isinstance(tree, exp.Create) and present_arguments(tree) <= ARGUMENTS
        if not is_plain or not isinstance(function, exp.UserDefinedFunction) or isinstance(tree.expression, exp.Query):
            raise BindError("statement", "This CREATE MACRO is not understood.", ADVICE, tree)
        names = tuple(p.name.casefold() for p in function.expressions)
        if not all(isinstance(p, exp.Identifier) for p in function.expressions) or len(set(names)) < len(names):
            raise BindError("statement", "This CREATE MACRO is not understood.", ADVICE, tree)
        name = function.this.name.casefold()
        if name.upper() in exp.FUNCTION_BY_NAME or name in self._called:
            message = "A macro cannot replace a function, or a macro that another one calls."
            raise BindError("statement", message, "Give the macro another name.", tree)
        if any(c.table or c.name.casefold() not in names for c in find_nodes(tree.expression, exp.Column)):
            raise BindError("statement", "A macro can read only its parameters.", ADVICE, tree)
        self._known[name] = (names, exp.Paren(this=tree.expression))

    def drop(self, name: str) -> None:
        self._known.pop(name.casefold(), None)

    def written_out(self, tree: exp.Expr) -> exp.Expr:
        """The tree with the expression of each macro in the place of its calls."""
        if not self._known:
            return tree
        for call in reversed(list(find_nodes(tree, exp.Anonymous))):  # inner calls first
            found = self._known.get(call.name.casefold())
            if found is not None:
                self._called |= {call.name.casefold()} if isinstance(tree, exp.Create) else set()
                self._left -= _size(*found, call)
                if self._left < 0:
                    raise BindError("too-long", "Macros make the text too long.", "Use fewer calls.", call)
                made = _applied(*found, call)
                if call is tree:
                    return made
                call.replace(made)
        return tree


def _size(names: tuple[str, ...], body: exp.Expr, call: exp.Anonymous) -> int:
    """Nodes that a call becomes."""
    sizes = {n: sum(1 for _ in a.walk()) for n, a in zip(names, call.expressions, strict=False)}
    return sum(sizes.get(node.name.casefold(), 1) if isinstance(node, exp.Column) else 1 for node in body.walk())


def _applied(names: tuple[str, ...], body: exp.Expr, call: exp.Anonymous) -> exp.Expr:
    if len(call.expressions) != len(names):
        message = f"This macro needs {len(names)} arguments."
        raise BindError("syntax", message, "Write one argument for each parameter.", call)
    given = dict(zip(names, call.expressions, strict=True))

    def replaced(node: exp.Expr) -> exp.Expr:
        is_parameter = isinstance(node, exp.Column) and not node.table and node.name.casefold() in given
        return exp.Paren(this=given[node.name.casefold()].copy()) if is_parameter else node

    made = body.copy().transform(replaced)
    made.parent = call.parent  # refusals find their position through the parent
    return made
