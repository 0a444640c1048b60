"""Names that tests, proofs, documents and benchmarks import from the package are there. The type checker reads the
package alone, and a proof is not imported every day."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from tests.architecture.import_graph import ROOT, tree_of

pytestmark = pytest.mark.slow


def imported() -> Iterator[tuple[str, str, str]]:
    """(file, module, name)"""
    for path in (p for folder in ("tests", "bench", "docs") for p in sorted((ROOT / folder).rglob("*.py"))):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("broker"):
                yield from ((str(path.relative_to(ROOT)), node.module, alias.name) for alias in node.names)


def is_there(module: str, name: str) -> bool:
    if hasattr(importlib.import_module(module), name):
        return True
    try:
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


def test_every_name_that_is_imported_from_the_package_is_there() -> None:
    found = dict.fromkeys(imported())
    assert len(found) > 1_000
    assert [one for one in found if not is_there(*one[1:])] == []


def replaced() -> Iterator[tuple[str, str]]:
    """(file, dotted name) of what a test or a proof replaces by its name."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(tree_of(path)):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"broker(\.\w+){2,}", text):
                yield str(path.relative_to(ROOT)), text


def is_found(dotted: str) -> bool:
    try:
        pkgutil.resolve_name(dotted)
    except (AttributeError, ImportError):
        return False
    return True


def test_every_name_that_a_test_replaces_is_there() -> None:
    found = dict.fromkeys(replaced())
    assert found
    assert [one for one in found if not is_found(one[1])] == []
