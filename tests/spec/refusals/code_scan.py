"""Which codes of refusals the source can give: read from its syntax trees, with the places that give them."""

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
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


@cache
def _trees() -> dict[str, ast.Module]:
    """Every file of the broker by its path."""
    paths = sorted((ROOT / "broker").rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def _nodes(inside: bool) -> Iterator[tuple[str, ast.AST]]:
    """What is written in those rooms, or outside, with its place."""
    for name, tree in _trees().items():
        if any(name == room or name.startswith(f"{room}/") for room in ROOMS) == inside:
            yield from ((f"{name}:{getattr(node, 'lineno', 1)}", node) for node in ast.walk(tree))


def codes_of_source() -> dict[str, str]:
    """Every code with the first place that gives it."""
    found: dict[str, str] = {}
    for place, node in _nodes(inside=True):
        for code in _codes(node):
            found.setdefault(code, place)
    return found


def unread_codes() -> list[str]:
    """Places that give a code which the scan cannot read."""
    return [p for p, node in _nodes(inside=True) if isinstance(node, ast.Call) and _gives(node) and not _is_read(node)]


def refusals_elsewhere() -> list[str]:
    """Places outside those rooms that make a refusal, by whatever name it was imported: their codes are not read."""
    return [
        place
        for place, node in _nodes(inside=False)
        if isinstance(node, ast.Call) and _name(node.func) == "Refusal"
        and place.partition(":")[0] not in ELSEWHERE
    ]  # fmt: skip


def _codes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call():
            if _gives(node):
                yield from _literals(node.args[:1])
            yield from _before_sentences(node.args)
            yield from _literals([k.value for k in node.keywords if k.arg == "code"])
        case ast.Tuple(elts=parts):
            yield from _before_sentences(parts)
        case ast.Assign(targets=[target], value=value) if _name(target).endswith("code"):
            yield from _literals([value])


def _name(node: ast.expr) -> str:
    """The last name of what is called, or of what is given."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _gives(call: ast.Call) -> bool:
    adds = isinstance(call.func, ast.Attribute) and call.func.attr == "add" and _name(call.func.value)
    return bool(call.args) and (_name(call.func) in GIVES or (adds or "").endswith("diagnostics"))


def _is_read(call: ast.Call) -> bool:
    """A literal; a name under which codes are passed on; or `problem[0]`, `INDIVIDUAL[0]`: the first of a code and its
    sentence, which is read where they are written."""
    first = call.args[0]
    known = _name(first) in PASSED_ON or re.fullmatch(r"(problem|[A-Z]+)\[0\]", ast.unparse(first))
    return bool(known or list(_literals(call.args[:1])))


def _literals(nodes: Sequence[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for part in [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]:
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.fullmatch(part.value):
                yield part.value


def _before_sentences(parts: Sequence[ast.expr]) -> Iterator[str]:
    """A code stands before its sentence."""
    for part, following in pairwise(parts):
        if re.search(r"\s.*\.'?\"?$", _text(following)):
            yield from _literals([part])


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
