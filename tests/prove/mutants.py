"""Mutation testing in bounded time: one small change of a module, its fast tests; what they do not see survives.

`python -m tests.prove.mutants [MODULE …]` runs some modules; a proof runs all, a seeded sample of the changes of each.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random

from tests.prove.proof import ROOT

SCOPE = ("tests/unit/scope", "tests/spec/scope")
QUERY = ("tests/spec/query", "tests/unit/query")
MODULES = {
    "broker/scope/grants.py": SCOPE,
    "broker/scope/combinations.py": SCOPE,
    "broker/query/analysis/collected_uses.py": QUERY,
    "broker/query/bound_relations.py": QUERY,
}
LANGUAGE_MODULES = {
    f"broker/query/{name}.py": QUERY
    for name in (
        "analysis/coarse_bands", "analysis/determined_keys", "binder/correlated_groups", "binder/moments",
        "binder/row_choices", "parser/number_series", "parser/pivot_statements", "parser/semi_joins",
    )
}  # fmt: skip
TESTS_OF = MODULES | LANGUAGE_MODULES
COPIED = ("broker", "tests", "policies", "docs", "sandbox_images", "pyproject.toml")
NOT_NEEDED = ("cacheprovider", "schemathesis", "hypothesispytest", "xdist")
"""Parts of the test runner whose import takes longer than the tests."""

EVERY_DAY = "not long and not alone"
SECONDS = 90
"""A change that makes the tests run longer than this is seen."""

COMPARISONS = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.In: "not in",
    ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
OPERATIONS = {ast.BitOr: "&", ast.BitAnd: "|", ast.Sub: "+", ast.Add: "-", ast.Mult: "+"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change: the text between two offsets of a module is another."""

    module: str
    line: int
    start: int
    end: int
    text: str
    was: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.was} -> {self.text}"


def mutants_of(module: str) -> list[Mutant]:
    source = (ROOT / module).read_text()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = source.encode()

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + column

    found = []
    for node, text in _changes(ast.parse(source)):
        start = offset(node.lineno, node.col_offset)
        end = offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        found.append(Mutant(module, node.lineno, start, end, text, " ".join(raw[start:end].decode().split())))
    return found


def _changes(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Every expression of a function's body that has another form, with that form. Annotations are not run."""
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        parts = [n for statement in function.body for n in ast.walk(statement)]
        kinds = {id(n) for p in parts if isinstance(p, ast.AnnAssign) for n in ast.walk(p.annotation)}
        for node in parts:
            if isinstance(node, ast.expr) and id(node) not in kinds:
                yield from ((node, t) for t in _others(node))
            yield from _tests(node)


def _tests(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    if isinstance(node, ast.If | ast.While):
        yield node.test, "(False)"
        if isinstance(node, ast.If):
            yield node.test, "(True)"
    if isinstance(node, ast.comprehension):
        yield from ((test, "(True)") for test in node.ifs)
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield node.value, "None"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _others(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(left=left, ops=[one], comparators=[right]) if type(one) in COMPARISONS:
            yield f"({ast.unparse(left)} {COMPARISONS[type(one)]} {ast.unparse(right)})"
        case ast.BoolOp(op=op, values=values):
            word = " or " if isinstance(op, ast.And) else " and "
            yield "(" + word.join(f"({ast.unparse(v)})" for v in values) + ")"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"({ast.unparse(operand)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS and not isinstance(left, ast.JoinedStr):
            yield f"({ast.unparse(left)} {OPERATIONS[type(op)]} {ast.unparse(right)})"
        case ast.IfExp(body=body, orelse=orelse):
            yield f"({ast.unparse(body)})"
            yield f"({ast.unparse(orelse)})"
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() as value):
            yield str(value + 1)


def chosen(module: str, most: int, seed: int) -> list[Mutant]:
    every = mutants_of(module)
    return every if len(every) <= most else sorted(Random(seed).sample(every, most), key=lambda m: m.start)


def house(folder: Path, number: int) -> Path:
    """A copy of what the tests need, for one worker."""
    home = folder / f"house{number}"
    home.mkdir()
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, home / name)
    return home


def survives(mutant: Mutant, home: Path) -> bool:
    whole = (home / mutant.module).read_bytes()
    changed = whole[: mutant.start] + mutant.text.encode() + whole[mutant.end :]
    return passes_with(mutant.module, changed.decode(), TESTS_OF[mutant.module], home)


def passes_with(module: str, text: str, tests: Sequence[str], home: Path, seconds: int = SECONDS) -> bool:
    """Whether tests pass in a copy in which a module has another text."""
    file = home / module
    whole = file.read_bytes()
    file.write_text(text)
    try:
        return passes(tests, home, seconds)
    finally:
        file.write_bytes(whole)


def passes(tests: Sequence[str], home: Path, seconds: int = SECONDS) -> bool:
    """Those of `make test`."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", EVERY_DAY, *(f"-pno:{p}" for p in NOT_NEEDED), *tests]
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(command, cwd=home, env=env, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def run(modules: list[str], most: int, seed: int, workers: int = 2) -> dict[str, object]:
    """Figures and survivors. The tests must pass before anything is changed."""
    began, mutants = time.monotonic(), [m for module in modules for m in chosen(module, most, seed)]
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        homes: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            homes.put(house(Path(name), number))
        home = homes.get()
        failing = [m for m in modules if not passes(TESTS_OF[m], home)]
        homes.put(home)
        if failing:
            return {"mutants": 0, "survivors": [], "tests_fail_without_any_change": failing}

        def one(mutant: Mutant) -> bool:
            home = homes.get()
            try:
                return survives(mutant, home)
            finally:
                homes.put(home)

        with ThreadPoolExecutor(workers) as pool:
            survived = [m for m, alive in zip(mutants, pool.map(one, mutants), strict=True) if alive]
    return {
        "mutants": len(mutants), "of": {m: len(mutants_of(m)) for m in modules}, "killed": len(mutants) - len(survived),
        "score": round(1 - len(survived) / max(1, len(mutants)), 3), "survivors": list(map(str, survived)),
        "seconds": round(time.monotonic() - began),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1:] or list(MODULES), int(os.environ.get("MUTANTS", "60")), 20261124), indent=2))
