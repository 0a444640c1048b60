"""Binds a query by its kind: SELECT, set operation or VALUES. The only module that knows all kinds."""

from sqlglot import exp

from broker.query.binder import select_binding, set_operations
from broker.query.binder.bind_state import Binder
from broker.query.bound_relations import BindTarget, BoundQuery, Ctes
from broker.query.diagnostics import NAMED, BindError
from broker.query.name_resolution import Scope


def bind_query_node(
    binder: Binder, node: exp.Expr, ctes: Ctes, outer_scope: Scope | None, target: BindTarget
) -> BoundQuery | None:
    """See `bind_state.BindNode`."""
    if isinstance(node, exp.Select):
        return select_binding.bind_select(binder, node, ctes, outer_scope, target)
    if isinstance(node, exp.SetOperation):
        return set_operations.bind_set_operation(binder, node, ctes, outer_scope, target)
    if isinstance(node, exp.Values):
        return set_operations.bind_values(binder, node, outer_scope)
    code, message, advice = NAMED.get(type(node), ("statement", "This is not a SELECT.", "Write one SELECT."))
    raise BindError(code, message, advice, node)
