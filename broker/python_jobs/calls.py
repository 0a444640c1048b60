"""A script's calls against its header: tables that it reads and outputs that it names. Literals only; runs nothing.

What a script computes its names from is not followed: the sandbox tells such a script itself.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from broker.domain.errors import Refusal
from broker.domain.nearest import did_you_mean
from broker.policy.catalogue import Catalogue
from broker.python_jobs.header import Header
from broker.python_jobs.names import LOAD, dotted, meanings
from broker.python_jobs.places import place_of

READS = frozenset({LOAD, "npd.table"})
NAMED = {"npd.output.table": 3, "npd.output.regression": 3, "npd.output.figure": 2}
"""Calls that hand an output over, and at which place its name may stand."""
FILE = "npd.output.file"


def check_calls(tree: ast.Module, header: Header, catalogue: Catalogue, lines: Sequence[str]) -> Iterator[Refusal]:
    """What would fail inside the sandbox, in no order."""
    known = meanings(tree)
    mounted = {use.table for use in header.uses}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func, known)
        if called in READS:
            yield from _table(node, header, mounted, catalogue, lines)
        elif called in NAMED:
            yield from _output(node, _argument(node, NAMED[called], "name"), header, lines)
        elif called == FILE:
            yield from _output(node, _argument(node, 0, "path"), header, lines)


def _table(
    call: ast.Call, header: Header, mounted: set[str], catalogue: Catalogue, lines: Sequence[str]
) -> Iterator[Refusal]:
    node = _argument(call, 0, "name")
    written = _text(node)
    if node is None or written is None:
        return
    names = {name: name for table in mounted for name in (table, table.partition(".")[2])}
    found = {table for table in mounted if _answers(table, written)}
    if found:
        yield from _variables(call, header, found, catalogue, lines)
        return
    meant = next((t.full_name for t in catalogue.tables if _answers(t.full_name, written)), None)
    advice = f"Write `# input: {meant or 'npd.absence'}` in the header.{did_you_mean(written, names)}"
    message = f"The script reads {written}, which its header does not mount."
    yield Refusal("table-not-mounted", message, advice, *place_of(node, lines))


def _variables(
    call: ast.Call, header: Header, tables: set[str], catalogue: Catalogue, lines: Sequence[str]
) -> Iterator[Refusal]:
    """Variables that `npd.table` names and no input has. All of a table are there where an input line names none."""
    node = _argument(call, 1, "variables")
    if not isinstance(node, (ast.List, ast.Tuple)):
        return
    held = {use.variable.casefold(): use.variable for use in header.uses if use.table in tables and use.variable}
    for part in node.elts:
        name = _text(part)
        if name is None or name.casefold() in held:
            continue
        table = catalogue.table(min(tables))
        variable = table.find(name)
        advice = f"Write `# input: {table.full_name} [{variable.name}, ...]`." if variable else "Correct the name."
        advice += "" if variable else did_you_mean(name, {n: n for n in held.values()})
        message = f"The script reads {name} of {table.full_name}, which its header does not mount."
        yield Refusal("variable-not-mounted", message, advice, *place_of(part, lines))


def _output(call: ast.Call, node: ast.expr | None, header: Header, lines: Sequence[str]) -> Iterator[Refusal]:
    declared = {PurePosixPath(output.name).stem: output.name for output in header.outputs}
    if node is None:
        if len(declared) != 1 and not any(k.arg is None for k in call.keywords):
            message = f"This output has no name, and the header declares {len(declared)}."
            yield Refusal("output-not-declared", message, "Say name=.", *place_of(call, lines))
        return
    written = _text(node)
    if written is None:
        return
    stem = PurePosixPath(written).stem
    if stem not in declared:
        message = f"The header declares no output {stem}."
        meant = did_you_mean(stem, {each: each for each in declared})
        advice = f"Write `# output: {stem}.csv | what it is` at the top.{meant}"
        yield Refusal("output-not-declared", message, advice, *place_of(node, lines))


def _answers(table: str, written: str) -> bool:
    """Whether a table is meant, as the library `npd` reads names: with or without its schema, in any case."""
    wanted = written.strip().casefold()
    return wanted in {table.casefold(), table.partition(".")[2].casefold()}


def _argument(call: ast.Call, at: int, name: str) -> ast.expr | None:
    """An argument by keyword or place; None where there is none. After `*x`, places are not known."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    before = call.args[: at + 1]
    if any(isinstance(argument, ast.Starred) for argument in before):
        return ast.Name("unknown")
    return before[at] if len(before) > at else None


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
