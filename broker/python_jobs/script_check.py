"""The only entry for the text of a Python job: uses, declared outputs, refusals and notes. `broker.scope` judges
grants."""

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import ResearchProject
from broker.domain.spelling_hints import did_you_mean
from broker.policy.data_catalogue import Catalogue
from broker.policy.policy_set import PolicySet
from broker.python_jobs.private_directive import ParsedDirective, is_private, read_private_directive, without_directive
from broker.python_jobs.script_header import DeclaredOutput, ScriptHeader, read_header
from broker.python_jobs.script_text import NPD_LOAD, dotted_name, import_aliases, lines_of, named_modules, node_position
from broker.python_jobs.static_scan import inspect_script

READ_CALLS = frozenset({NPD_LOAD, "npd.table"})
OUTPUT_CALLS = {"npd.output.table": 3, "npd.output.regression": 3, "npd.output.figure": 2}
"""Calls that submit an output, and the position of the argument with its name."""
FILE_CALL = "npd.output.file"


def check_calls(
    tree: ast.Module, header: ScriptHeader, catalogue: Catalogue, lines: Sequence[str]
) -> Iterator[Refusal]:
    """Refusals of calls that would fail inside the sandbox, in no order."""
    aliases = import_aliases(tree)
    mounted = {use.table for use in header.uses}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = dotted_name(node.func, aliases)
        if called in READ_CALLS:
            yield from _table_refusals(node, header, mounted, catalogue, lines)
        elif called in OUTPUT_CALLS:
            yield from _output_refusals(node, _argument(node, OUTPUT_CALLS[called], "name"), header, lines)
        elif called == FILE_CALL:
            yield from _output_refusals(node, _argument(node, 0, "path"), header, lines)


def _table_refusals(
    call: ast.Call, header: ScriptHeader, mounted: set[str], catalogue: Catalogue, lines: Sequence[str]
) -> Iterator[Refusal]:
    node = _argument(call, 0, "name")
    written = _text_constant(node)
    if node is None or written is None:  # a computed name can be checked only at run time
        return
    names = {name: name for table in mounted for name in (table, table.partition(".")[2])}  # with and without schema
    found = {table for table in mounted if _names_table(table, written)}
    if found:
        yield from _variable_refusals(call, header, found, catalogue, lines)
        return
    meant = next((t.full_name for t in catalogue.tables if _names_table(t.full_name, written)), None)
    advice = f"Write `# input: {meant or 'npd.absence'}` in the header.{did_you_mean(written, names)}"
    message = f"The script reads {written}, which its header does not declare."
    yield Refusal("table-not-mounted", message, advice, *node_position(node, lines))


def _variable_refusals(
    call: ast.Call, header: ScriptHeader, tables: set[str], catalogue: Catalogue, lines: Sequence[str]
) -> Iterator[Refusal]:
    """Refusals of variables that `npd.table` names but no input has. An input line without variables mounts all of a
    table."""
    node, table = _argument(call, 1, "variables"), catalogue.find(min(tables))
    # The header's own refusal names a table that the catalogue does not have.
    if table is None or not isinstance(node, (ast.List, ast.Tuple)):
        return
    held = {use.variable.casefold(): use.variable for use in header.uses if use.table in tables and use.variable}
    for part in node.elts:
        name = _text_constant(part)
        if name is None or name.casefold() in held:
            continue
        variable = table.find(name)
        advice = f"Write `# input: {table.full_name} [{variable.name}, ...]`." if variable else "Correct the name."
        advice += "" if variable else did_you_mean(name, {n: n for n in held.values()})
        message = f"The script reads {name} of {table.full_name}, which its header does not declare."
        yield Refusal("variable-not-mounted", message, advice, *node_position(part, lines))


def _output_refusals(
    call: ast.Call, node: ast.expr | None, header: ScriptHeader, lines: Sequence[str]
) -> Iterator[Refusal]:
    declared = {PurePosixPath(output.name).stem: output.name for output in header.outputs}
    if node is None:
        if len(declared) != 1 and not any(k.arg is None for k in call.keywords):  # **kwargs may contain the name
            message = f"This output has no name, but the header declares {len(declared)} outputs."
            yield Refusal("output-not-declared", message, "Add name=.", *node_position(call, lines))
        return
    written = _text_constant(node)
    if written is None:
        return
    stem = PurePosixPath(written).stem
    if stem not in declared:
        message = f"The header does not declare an output {stem}."
        meant = did_you_mean(stem, {each: each for each in declared})
        advice = f"Write `# output: {stem}.csv | what it is` at the top.{meant}"
        yield Refusal("output-not-declared", message, advice, *node_position(node, lines))


def _names_table(table: str, written: str) -> bool:
    """Whether a text names a table, as the library `npd` reads names: with or without schema, ignoring case."""
    wanted = written.strip().casefold()
    return wanted in {table.casefold(), table.partition(".")[2].casefold()}


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """Argument by keyword or position; None if there is none. After `*x`, positions are unknown."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    before = call.args[: position + 1]
    if any(isinstance(argument, ast.Starred) for argument in before):
        return ast.Name("unknown")  # stands for an argument that cannot be read
    return before[position] if len(before) > position else None


def _text_constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


ANSWER_FUNCTION = "answer"
ANSWER_FORM = "Write  def answer(tables):  at the top level, and return the numbers in the order of the ranges."


def check_answer(tree: ast.Module, lines: Sequence[str], line: int) -> list[Refusal]:
    """Refusals of the function `answer`. `line`: line of the directive, used if there is no function to point at."""
    last = next((node for node in reversed(tree.body) if _binds_answer(node)), None)  # it counts, as in Python
    if last is None:
        return [Refusal("private-answer", "The script has no function answer(tables).", ANSWER_FORM, line, 1)]
    if problem := _answer_problem(last):
        return [Refusal("private-answer", problem, ANSWER_FORM, *node_position(last, lines))]
    return []


def _binds_answer(node: ast.stmt) -> bool:
    """Whether a top-level statement binds the name."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == ANSWER_FUNCTION
    if isinstance(node, ast.Assign):
        return any(isinstance(n, ast.Name) and n.id == ANSWER_FUNCTION for t in node.targets for n in ast.walk(t))
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any((a.asname or a.name) == ANSWER_FUNCTION for a in node.names)
    return False


def _answer_problem(node: ast.stmt) -> str | None:
    if isinstance(node, ast.AsyncFunctionDef | ast.ClassDef):
        return "answer is not a plain function."
    if not isinstance(node, ast.FunctionDef):
        return None
    arguments = node.args
    needed = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)  # arguments without a default
    unnamed = [d for d in arguments.kw_defaults if d is None]  # keyword-only arguments without a default
    takes_one = arguments.args or arguments.posonlyargs or arguments.vararg
    if needed > 1 or unnamed or not takes_one:
        return "answer must take one argument: the tables of a block."
    inside = [n for n in ast.walk(node) if isinstance(n, ast.Yield | ast.YieldFrom)]
    if inside:
        return "answer uses yield, but must return its numbers."
    returned = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    return None if returned else "answer does not return anything."


def imported_libraries(tree: ast.Module, known: frozenset[str]) -> tuple[str, ...]:
    """Modules that the script imports by name and that are `known`: libraries, whose import runs no line of the
    script."""
    return tuple(sorted({m for node in ast.walk(tree) for m in named_modules(node) if m.partition(".")[0] in known}))


REVIEWED_BY_PERSON = "A checker always reviews the outputs of a script."


@dataclass(frozen=True, slots=True)
class PythonCheck:
    """What follows from a script's text alone. `uses`: what its inputs name (or the whole grant), for the scope check
    and the sandbox request; computed for refused text too. `canonical`: the text that is stored and run, with \\n line
    ends."""

    uses: tuple[VariableUse, ...]
    outputs: tuple[DeclaredOutput, ...]
    refusals: tuple[Refusal, ...]
    review: tuple[str, ...]
    canonical: str
    private: ParsedDirective = field(default_factory=ParsedDirective)
    """The directive that makes it a private script."""
    modules: tuple[str, ...] = ()
    """Modules that a private script imports."""


def check_python(text: str, project: ResearchProject, policies: PolicySet) -> PythonCheck:
    """Check everything that can be checked before a run. Does not judge scope or combinations of variables."""
    found = inspect_script(text, policies.service)
    if len(text) > policies.service.text_bytes:  # a text that is too long is not read any further
        return PythonCheck((), (), found.refusals, (), "")
    header = read_header(text, project, policies)
    calls = () if found.tree is None else check_calls(found.tree, header, policies.catalogue, lines_of(text))
    refusals = sorted((*header.refusals, *found.refusals, *calls), key=lambda r: (r.line or 0, r.column or 0))
    checked = PythonCheck(
        uses=tuple(header.uses),
        outputs=tuple(header.outputs),
        refusals=tuple(refusals),
        review=(REVIEWED_BY_PERSON, *found.review),
        canonical=_canonical(text),
    )
    return _private_check(checked, text, found.tree, project, policies) if is_private(text) else checked


def _private_check(
    checked: PythonCheck, text: str, tree: ast.Module | None, project: ResearchProject, policies: PolicySet
) -> PythonCheck:
    """Check a private script. Its canonical text begins with its directive in canonical spelling. There is no review,
    because none of its files leave."""
    profile = policies.privacy.profile(project.privacy) if project.privacy else None
    directive = read_private_directive(text, profile, policies.service)
    own = list(directive.refusals)
    if tree is not None:
        own += check_answer(tree, lines_of(text), directive.line or 1)
    own += [_extra_output(o) for o in checked.outputs[1:]]  # the first one is the table of the numbers
    known = frozenset(policies.service.python_modules) | sys.stdlib_module_names
    return replace(
        checked,
        refusals=tuple(sorted((*checked.refusals, *own), key=lambda r: (r.line or 0, r.column or 0))),
        review=(),
        canonical=""
        if directive.directive is None
        else f"{directive.directive.canonical}\n{_canonical(without_directive(text))}",
        private=directive,
        modules=() if tree is None else imported_libraries(tree, known),
    )


def _extra_output(declared: DeclaredOutput) -> Refusal:
    message = "A private script can have only one output: the table of its numbers."
    return Refusal("private-output", message, "Keep only the first output line.", declared.line, declared.column)


def _canonical(text: str) -> str:
    """Text with plain line ends. Surrogates, which no store can hold, become question marks; a text with one is refused
    anyway."""
    return ("\n".join(lines_of(text)).rstrip("\n") + "\n").encode("utf-8", "replace").decode()
