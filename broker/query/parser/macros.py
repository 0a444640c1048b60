"""DuckDB's CREATE MACRO f(a, b) AS expression: each call is written out."""

from sqlglot import exp

from broker.query.diagnostics import BindError, find_nodes, present_arguments

MOST_NODES = 20_000
ARGUMENTS = frozenset({"this", "kind", "replace", "expression", "properties"})
ADVICE = "Write CREATE MACRO f(a, b) AS an expression of a and b."


class Macros:
    """The macros of one text."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[str, ...], exp.Expr]] = {}

    def define(self, tree: exp.Expr) -> None:
        """Store a macro. One that it calls is written out at once. Raises BindError for a macro of a table, and for
        parameters with defaults."""
        function = tree.this
        is_plain = isinstance(tree, exp.Create) and present_arguments(tree) <= ARGUMENTS
        if not is_plain or not isinstance(function, exp.UserDefinedFunction) or isinstance(tree.expression, exp.Query):
            raise BindError("statement", "This CREATE MACRO is not understood.", ADVICE, tree)
        names = tuple(p.name.casefold() for p in function.expressions)
        if not all(isinstance(p, exp.Identifier) for p in function.expressions) or len(set(names)) < len(names):
            raise BindError("statement", "This CREATE MACRO is not understood.", ADVICE, tree)
        self._known[function.this.name.casefold()] = (names, self.written_out(exp.Paren(this=tree.expression)))

    def drop(self, name: str) -> None:
        self._known.pop(name.casefold(), None)

    def written_out(self, tree: exp.Expr) -> exp.Expr:
        """The tree with the expression of each macro in the place of its calls."""
        if not self._known:
            return tree
        for call in reversed(list(find_nodes(tree, exp.Anonymous))):  # inner calls first
            found = self._known.get(call.name.casefold())
            if found is not None:
                made = _applied(*found, call)
                if call is tree:
                    return made
                call.replace(made)
                if sum(1 for _ in find_nodes(tree, exp.Expr)) > MOST_NODES:
                    raise BindError("too-long", "Macros make the text too long.", "Use fewer calls.", call)
        return tree


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
