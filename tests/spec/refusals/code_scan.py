"""Which codes of refusals the source can give: read from its syntax trees, with the places that give them."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = (
    "broker/query", "broker/scope", "broker/python_jobs", "broker/workflow/checking/submission_check.py",
    "broker/privacy/request", "broker/privacy/profile_limits.py", "broker/workflow/private_jobs",
    "broker/domain/ledger/budget_refusals.py",
)  # fmt: skip
"""The folders and files that judge a submission's text, and what it costs."""
ELSEWHERE = frozenset({"broker/client/connection.py", "broker/domain/jobs/job_check.py"})
"""Make refusals anew that a broker has told."""
CODE = re.compile(r"[a-z]+(-[a-z]+)*")
GIVES = frozenset({"BindError", "Refusal", "refuse", "refused_with", "_refusal"})
"""Calls whose first argument is a code; so is that of `add` on diagnostics."""
PASSED_ON = frozenset({"code", "CONSEQUENTIAL"})
"""Names under which a code may be passed on; what is assigned to the first is read too, the second is never told."""


def codes_of_source() -> dict[str, str]:
    """Every code with the first place that gives it."""
    found: dict[str, str] = {}
    for path, tree in _trees():
        for node in ast.walk(tree):
            for code in _codes(node):
                found.setdefault(code, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}")
    return found


def unread_codes() -> list[str]:
    """Places that give a code which the scan cannot read."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _gives(node) and not _is_read(node)
    ]


def refusals_elsewhere() -> list[str]:
    """Places outside those rooms that make a refusal: their codes would not be read."""
    found = []
    for path in sorted((ROOT / "broker").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name in ELSEWHERE or any(name == room or name.startswith(f"{room}/") for room in ROOMS):
            continue
        found += [f"{name}:{n.lineno}" for n in ast.walk(ast.parse(path.read_text())) if _makes(n)]
    return found


def _makes(node: ast.AST) -> bool:
    """A call of Refusal, by whatever name it was imported."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Refusal"


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        whole = ROOT / room
        for path in [whole] if whole.is_file() else sorted(whole.rglob("*.py")):
            yield path, ast.parse(path.read_text())


def _codes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call():
            if _gives(node):
                yield from _literals(node.args[:1])
            yield from _before_sentences(node.args)
            yield from _literals([k.value for k in node.keywords if k.arg == "code"])
        case ast.Tuple(elts=parts):
            yield from _before_sentences(parts)
        case ast.Assign(targets=[target], value=value) if ast.unparse(target).endswith("code"):
            yield from _literals([value])


def _gives(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in GIVES and bool(call.args)
        case ast.Attribute(attr="add", value=owner):
            return ast.unparse(owner).endswith("diagnostics")
        case ast.Attribute(attr=name):
            return name in GIVES
    return False


def _is_read(call: ast.Call) -> bool:
    first = call.args[0]
    name = first.id if isinstance(first, ast.Name) else first.attr if isinstance(first, ast.Attribute) else None
    return name in PASSED_ON or bool(list(_literals([first]))) or _is_problem(first)


def _is_problem(node: ast.expr) -> bool:
    """`problem[0]` or `INDIVIDUAL[0]`: the first of a code and its sentence, which is read where they are written."""
    return re.fullmatch(r"(problem|[A-Z]+)\[0\]", ast.unparse(node)) is not None


def _literals(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for part in [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]:
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.fullmatch(part.value):
                yield part.value


def _before_sentences(parts: list[ast.expr]) -> Iterator[str]:
    """A code stands before its sentence."""
    for part, following in pairwise(parts):
        if re.search(r"\s.*\.'?\"?$", _text(following)):
            yield from _literals([part])


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
