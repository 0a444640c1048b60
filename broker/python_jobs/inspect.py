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
from broker.policy.service import Service
from broker.python_jobs.constructs import FORBIDDEN_MODULES, problem_of
from broker.python_jobs.look import lines_of, look
from broker.python_jobs.places import place_of
from broker.python_jobs.reaching import notes_of

NOT_NEEDED = "The sandbox would stop it: leave it out."
_STANDARD = sys.stdlib_module_names


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the scan found: refusals, notes for the author and for who reviews, and the tree, if there is one."""

    refusals: tuple[Refusal, ...]
    review: tuple[str, ...]
    tree: ast.Module | None = None


def inspect_script(text: str, limits: Service) -> Inspection:
    """Everything that the text shows by itself; a text that cannot be looked at safely is not parsed at all."""
    before = look(text, limits)
    if before:
        return Inspection(before, ())
    tree = _parse(text)
    if isinstance(tree, Refusal):
        return Inspection((tree,), ())
    lines, refusals, notes = lines_of(text), [], []
    modules, tried = dict(_aliases(tree)), _tried(tree)
    for node in ast.walk(tree):
        problem = problem_of(node, modules)
        if problem is not None:
            refusals.append(_refusal(problem[0], problem[1], NOT_NEEDED, node, lines))
        refusals += _modules(node, limits, tried, lines)
        notes += [_placed(note, node, lines) for note in notes_of(node, modules)]
    found = {(r.code, r.line, r.column): r for r in refusals}
    ordered = tuple(sorted(found.values(), key=lambda r: (r.line or 0, r.column or 0)))
    return Inspection(ordered, tuple(note for _, note in sorted(set(notes))), tree)


def _modules(node: ast.AST, limits: Service, tried: frozenset[int], lines: list[str]) -> Iterator[Refusal]:
    """Modules that are not available, and those that the image does not hold; who tries an import knows that."""
    for module in _imported(node)[:1] if isinstance(node, ast.ImportFrom) else _imported(node):
        top = module.split(".")[0]
        held = top in _STANDARD or top in limits.python_modules
        if not held and id(node) not in tried and not {module, top} & FORBIDDEN_MODULES:
            advice = "Leave it out, or use what the image holds: docs/python.md has the list."
            yield _refusal("module-missing", f"The image does not hold the module {top}.", advice, node, lines)
    for module in _imported(node):
        if module in FORBIDDEN_MODULES or module.split(".")[0] in FORBIDDEN_MODULES:
            yield _refusal("module", f"The module {module} is not available to jobs.", NOT_NEEDED, node, lines)


def _tried(tree: ast.Module) -> frozenset[int]:
    """The imports in the body of a `try`."""
    bodies = [part for node in ast.walk(tree) if isinstance(node, ast.Try) for part in node.body]
    return frozenset(id(node) for part in bodies for node in ast.walk(part))


def _placed(note: str, node: ast.AST, lines: list[str]) -> tuple[tuple[int, int], str]:
    line, column = place_of(node, lines)
    return (line or 0, column or 0), f"Line {line}, column {column}: {note}"


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


def _refusal(code: str, message: str, advice: str, node: ast.AST, lines: list[str]) -> Refusal:
    return Refusal(code, message, advice, *place_of(node, lines))
