"""The modules of the package and what they import from each other, read from their text. Imports for types alone and
those inside functions count too."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Modules:
    """The modules of a package, by dotted name."""

    paths: Mapping[str, Path]

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        return {name: ast.parse(path.read_text()) for name, path in self.paths.items()}

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

    def import_lines(self) -> int:
        found = (
            n for tree in self.trees.values() for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)
        )
        return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in found)

    def all_lines(self) -> int:
        return sum(path.read_text().count("\n") for path in self.paths.values())

    def code_lines(self) -> int:
        """Lines without blanks, comments and docstrings."""
        found = 0
        for name, path in self.paths.items():
            strings = {
                line
                for node in ast.walk(self.trees[name])
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                if isinstance(node.value.value, str)
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
            }
            lines = enumerate(path.read_text().splitlines(), 1)
            found += sum(bool(t.strip()) and not t.lstrip().startswith("#") and n not in strings for n, t in lines)
        return found

    def circles(self) -> list[list[str]]:
        """Groups of modules that import each other, directly or by way of others (Tarjan, without recursion)."""
        index: dict[str, int] = {}
        lowest: dict[str, int] = {}
        stack: list[str] = []
        found: list[list[str]] = []
        for start in self.paths:
            walk = [(start, iter(sorted(self.imports[start])))] if start not in index else []
            while walk:
                name, rest = walk[-1]
                if name not in index:
                    index[name] = lowest[name] = len(index)
                    stack.append(name)
                after = next((m for m in rest if m not in index or m in stack), None)
                if after is not None and after not in index:
                    walk.append((after, iter(sorted(self.imports[after]))))
                    continue
                if after is not None:
                    lowest[name] = min(lowest[name], index[after])
                    continue
                walk.pop()
                if walk:
                    lowest[walk[-1][0]] = min(lowest[walk[-1][0]], lowest[name])
                if lowest[name] == index[name]:
                    group = stack[stack.index(name) :]
                    del stack[stack.index(name) :]
                    found += [group] if len(group) > 1 else []
        return found


def modules_of(folder: Path) -> Modules:
    """The modules of a package; a demo job is a submission, not a module."""
    paths = sorted(p for p in folder.rglob("*.py") if "demo/jobs" not in str(p))
    names = (".".join(p.relative_to(folder.parent).with_suffix("").parts) for p in paths)
    return Modules({name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)})


@cache
def package() -> Modules:
    return modules_of(ROOT / "broker")
