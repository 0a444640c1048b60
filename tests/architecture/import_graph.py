"""The modules of the package and what they import from each other, read from their text. Imports for types alone and
those inside functions count too."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a module; nobody changes it."""
    return ast.parse(path.read_text())


@dataclass(frozen=True)
class Modules:
    """The modules of a package, by dotted name."""

    paths: Mapping[str, Path]

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        return {name: tree_of(path) for name, path in self.paths.items()}

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """By module, the other modules of the package that it names."""
        return {name: set(self._imported(name, tree)) for name, tree in self.trees.items()}

    def _imported(self, name: str, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [module if module in self.paths else node.module for module in whole]
            yield from (module for module in found if module in self.paths and module != name)

    def circle(self) -> list[str]:
        """Modules that import each other by way of others, the first one again at the end; empty if there are none."""
        try:
            TopologicalSorter(self.imports).prepare()
        except CycleError as found:
            names: list[str] = found.args[1]
            return names
        return []


def modules_of(folder: Path) -> Modules:
    """The modules of a package; a demo job is a submission, not a module."""
    paths = sorted(p for p in folder.rglob("*.py") if "demo/jobs" not in str(p))
    names = (".".join(p.relative_to(folder.parent).with_suffix("").parts) for p in paths)
    return Modules({name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)})


@cache
def package() -> Modules:
    return modules_of(ROOT / "broker")
