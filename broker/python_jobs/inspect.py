"""A courtesy scan of a script's syntax tree: points out early what the sandbox will stop anyway.

It is a tripwire and no boundary: isolation, the mounted vault and the review of outputs hold without it.
Nothing is ever evaluated, compiled or imported here.
"""

import ast
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from broker.domain.errors import Refusal
from broker.policy.models import Service
from broker.python_jobs.constructs import FORBIDDEN_MODULES, NETWORK_MODULES, PROCESS_MODULES, problem_of
from broker.python_jobs.look import lines_of, look

NOT_NEEDED = "The sandbox would stop it: leave it out."
_STANDARD = sys.stdlib_module_names


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the scan found: refusals, and notes for the person who reviews."""

    refusals: tuple[Refusal, ...]
    review: tuple[str, ...]


def inspect_script(text: str, limits: Service) -> Inspection:
    """Everything that the text shows by itself; a text that cannot be looked at safely is not parsed at all."""
    before = look(text, limits)
    if before:
        return Inspection(before, ())
    tree = _parse(text)
    if isinstance(tree, Refusal):
        return Inspection((tree,), ())
    lines, refusals, notes = lines_of(text), [], {}
    modules = dict(_aliases(tree))
    for node in ast.walk(tree):
        problem = problem_of(node, modules)
        if problem is not None:
            refusals.append(_refusal(problem[0], problem[1], node, lines))
        for module in _imported(node):
            notes.update(dict.fromkeys(_note(module, limits)))
            if module in FORBIDDEN_MODULES or module.split(".")[0] in FORBIDDEN_MODULES:
                refusals.append(_refusal("module", f"The module {module} is not available to jobs.", node, lines))
    found = {(r.code, r.line, r.column): r for r in refusals}
    return Inspection(tuple(sorted(found.values(), key=lambda r: (r.line or 0, r.column or 0))), tuple(sorted(notes)))


def _parse(text: str) -> ast.Module | Refusal:
    """ast.parse raises more than SyntaxError: for NUL, for numbers of too many digits, for depth."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        return Refusal("syntax", f"This is no Python: {error.msg}.", "Correct it.", error.lineno, error.offset or None)
    except (ValueError, OverflowError, RecursionError, MemoryError):
        return Refusal("syntax", "This script is too deeply nested or holds a number that is too long.", "Split it.")


def _aliases(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that stand for modules: `import os as o` gives (o, os)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or alias.name.split(".")[0],
                    alias.name if alias.asname else alias.name.split(".")[0],
                )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")]
    return []


def _note(module: str, limits: Service) -> Iterator[str]:
    top = module.split(".")[0]
    if top in NETWORK_MODULES:
        yield f"Imports {top}: there is no network in the sandbox."
    elif top in PROCESS_MODULES:
        yield f"Imports {top}: processes in the sandbox are few, and none outlives the job."
    elif top not in _STANDARD and top not in limits.python_modules:
        yield f"Imports {top}, which the image does not hold."


def _refusal(code: str, message: str, node: ast.AST, lines: list[str]) -> Refusal:
    line, offset = getattr(node, "lineno", None), getattr(node, "col_offset", 0)
    column = None
    if line is not None and line <= len(lines):
        column = len(lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1
    return Refusal(code, message, NOT_NEEDED, line, column)
