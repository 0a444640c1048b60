"""Names of the package and of its tests: one word for a thing and one thing for a word, as docs/glossary.md lists
them."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.architecture.import_graph import ROOT, tree_of

pytestmark = pytest.mark.slow

MODULES = sorted(p for p in (ROOT / "broker").rglob("*.py") if "demo/jobs" not in str(p))
MIGRATIONS = "broker/storage/migrations/"
"""Once run, a migration does not change."""
IN_ANY_PACKAGE = frozenset({"__init__.py"})
"""Names of modules that several packages may have."""
STORED = frozenset({
    "ask", "asked_at", "asked_by", "beside", "kept", "reenter", "reenter_memory", "rehearsals_kept", "tell",
    "tell_failure", "told", "told_at", "told_by", "vouch", "vouch_memory", "withheld_told_after_hours",
})  # fmt: skip
"""Names that are stored, or that the API, pages, commands or policy files have."""
TESTS = sorted(p for p in (ROOT / "tests").rglob("*.py") if "attacks/decoders" not in str(p))


def identifiers(tree: ast.Module) -> Iterator[str]:
    """Every name that a module gives: definitions, parameters, variables, fields, captures."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.alias(asname=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name


def words(name: str) -> set[str]:
    parts = (re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", part) for part in name.split("_"))
    return {word.lower() for found in parts for word in found}


def unused_words() -> set[str]:
    """The words in code font of the last column of the glossary."""
    rows = [line for line in (ROOT / "docs" / "glossary.md").read_text().splitlines() if line.startswith("|")]
    return {word for row in rows for word in re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])}


def test_no_name_has_a_word_that_the_glossary_does_not_use() -> None:
    unused = unused_words()
    assert len(unused) > 30
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if MIGRATIONS not in str(path)
        for name in (path.stem, *identifiers(tree_of(path)))
        if words(name) & unused and name not in STORED
    }
    assert not found


def test_no_test_has_a_word_that_the_glossary_does_not_use() -> None:
    """Modules, functions and classes; variables inside a test may have any name."""
    unused, definitions = unused_words(), (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = {
        name: str(path.relative_to(ROOT))
        for path in TESTS
        for name in (path.stem, *(n.name for n in ast.walk(tree_of(path)) if isinstance(n, definitions)))
        if words(name) & unused
    }
    assert found == {}


def test_no_two_classes_have_one_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_two_modules_have_one_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        places[path.name].append(str(path.parent.relative_to(ROOT)))
    assert {n: where for n, where in places.items() if len(where) > 1 and n not in IN_ANY_PACKAGE} == {}
