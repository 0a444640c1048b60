"""Rewrites the windows that a WINDOW clause names: each use gets the whole definition. Rewrites nothing else."""

from sqlglot import exp

from broker.query.diagnostics import BindError
from broker.query.tree_walks import find_nodes

DEFINED = ("partition_by", "order", "spec")


def write_windows_out(tree: exp.Expr) -> None:
    """Replace OVER w and OVER (w ORDER BY …) by whole windows. Raises BindError for a name that is not defined before,
    or for a window that repeats what it takes over."""
    for select in find_nodes(tree, exp.Select):
        named: dict[str, exp.Window] = {}
        for window in select.args.get("windows") or ():
            _write_out(window, named)
            named[window.this.name.casefold()] = window
        select.set("windows", None)
        for window in list(_windows_of(select)):
            _write_out(window, named)


def _windows_of(select: exp.Select) -> list[exp.Window]:
    """The windows of a SELECT, without those of the queries inside it."""
    return [w for w in select.find_all(exp.Window) if w.find_ancestor(exp.Select) is select]


def _write_out(window: exp.Window, named: dict[str, exp.Window]) -> None:
    name = window.args.get("alias")
    if name is None:
        return
    found = named.get(name.name.casefold())
    if found is None:
        raise BindError("window", "No WINDOW clause defines this name.", "Write WINDOW name AS (…).", name)
    is_whole = not any(window.args.get(part) for part in DEFINED)
    for part in DEFINED:
        given, own = found.args.get(part), window.args.get(part)
        if not given or (part == "spec" and not is_whole):  # a frame is not taken over by a window that adds to it
            continue
        if own:
            message = "This window repeats a part of the window that it names."
            raise BindError("window", message, "Write the window in full.", window)
        window.set(part, [p.copy() for p in given] if isinstance(given, list) else given.copy())
    window.set("alias", None)
