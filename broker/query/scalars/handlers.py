"""Which handler gives a node its meaning, by dialect: built from the tables of functions. A class, an argument or a
name that is not there is refused."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Scalar
from broker.query.scalars.functions import TABLES, Function

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

Handler = Callable[["Meaning", exp.Expr], Scalar]
Rule = tuple[Handler, frozenset[str]]


def _by_class(table: Iterable[Function]) -> dict[type[exp.Expr], Rule]:
    """Several functions of one class share its handler, and its arguments are those of all of them."""
    found: dict[type[exp.Expr], Rule] = {}
    for f in table:
        if f.name is None:
            _, args = found.get(f.node, (f.handler, frozenset()))
            found[f.node] = (f.handler, args | f.args)
    return found


HANDLERS: dict[str, dict[type[exp.Expr], Rule]] = {dialect: _by_class(table) for dialect, table in TABLES.items()}
"""The allow-list: a class that is not here is refused by name, and so is an argument."""

NAMES: dict[str, dict[str, Rule]] = {
    dialect: {f.name: (f.handler, f.args) for f in table if f.name is not None} for dialect, table in TABLES.items()
}
"""Functions that the parser has no class for."""


def handler_of(node: exp.Expr, dialect: str) -> Rule | None:
    if type(node) is exp.Anonymous:
        return NAMES[dialect].get(node.name.upper())
    return HANDLERS[dialect].get(type(node))
