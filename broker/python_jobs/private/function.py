"""Whether a private script has the function that the blocks call, and what it names for them to be warm. Reads a tree;
nothing is ever evaluated here."""

import ast
from collections.abc import Iterator, Sequence

from broker.domain.errors import Refusal
from broker.python_jobs.places import place_of

NAME = "answer"
FORM = "Write  def answer(tables):  at the top level, and let it return the numbers, in the order of the ranges."


def check_answer(tree: ast.Module, lines: Sequence[str], line: int) -> list[Refusal]:
    """`line`: of the private line, where there is no function to point at."""
    last: ast.stmt | None = None
    for node in tree.body:
        if _binds(node):
            last = node
    if last is None:
        return [Refusal("private-answer", "The script has no function answer(tables).", FORM, line, 1)]
    if problem := _problem(last):
        return [Refusal("private-answer", problem, FORM, *place_of(last, lines))]
    return []


def _binds(node: ast.stmt) -> bool:
    """Whether a statement of the top level gives the name a meaning."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == NAME
    if isinstance(node, ast.Assign):
        return any(isinstance(n, ast.Name) and n.id == NAME for t in node.targets for n in ast.walk(t))
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any((a.asname or a.name) == NAME for a in node.names)
    return False


def _problem(node: ast.stmt) -> str | None:
    if isinstance(node, ast.AsyncFunctionDef | ast.ClassDef):
        return "answer is no plain function."
    if not isinstance(node, ast.FunctionDef):
        return None
    taken = node.args
    needed = len(taken.posonlyargs) + len(taken.args) - len(taken.defaults)
    unnamed = [d for d in taken.kw_defaults if d is None]
    if needed > 1 or unnamed or (needed == 0 and not taken.args and not taken.posonlyargs and taken.vararg is None):
        return "answer has to take one thing: the tables of a block."
    inside = [n for n in ast.walk(node) if isinstance(n, ast.Yield | ast.YieldFrom)]
    if inside:
        return "answer yields; it has to return its numbers."
    returned = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    return None if returned else "answer returns nothing."


def modules_of(tree: ast.Module, known: frozenset[str]) -> tuple[str, ...]:
    """Modules that the script imports by name, of those that are `known`: libraries, which run no line of the
    script."""
    return tuple(sorted({m for node in ast.walk(tree) for m in _imported(node) if m.partition(".")[0] in known}))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
