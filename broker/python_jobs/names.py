"""What the names of a script stand for: modules and their members, as its imports say. Follows no assignment."""

import ast
from collections.abc import Iterator

LOAD = "npd.load"


def meanings(tree: ast.Module) -> dict[str, str]:
    """Name to dotted name: `import npd as n` gives n: npd, `from npd import output` gives output: npd.output. `load` is
    there without an import. A name that the script binds itself stands for nothing."""
    found = {"load": LOAD} | dict(_imported(tree))
    for name in _bound(tree):
        found.pop(name, None)
    return found


def dotted(node: ast.expr, known: dict[str, str]) -> str | None:
    """`n.output.table` as `npd.output.table`; None for what is no path of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in known:
        return None
    return ".".join([known[node.id], *reversed(parts)])


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that are bound otherwise than by an import, anywhere in the script."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
