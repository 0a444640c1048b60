"""The one entry for a Python job's text: uses, declared outputs, refusals and notes. Grants are judged by scope."""

import ast
import sys
from dataclasses import dataclass, field, replace

from broker.domain.errors import Refusal
from broker.domain.projects import Project
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.python_jobs.calls import check_calls
from broker.python_jobs.header import DeclaredOutput, read_header
from broker.python_jobs.inspect import inspect_script
from broker.python_jobs.look import lines_of
from broker.python_jobs.private.function import check_answer, modules_of
from broker.python_jobs.private.line import Found, is_private, private_line, without_line

PERSON_LOOKS = "What a script leaves is always looked at by a person."


@dataclass(frozen=True, slots=True)
class PythonCheck:
    """What follows from a script's text alone.

    `uses` are what its inputs name (or the whole grant), for the scope check and the sandbox request; they are
    computed for refused text too. `canonical` is the text that is stored and run: line ends are \\n.
    """

    uses: tuple[Use, ...]
    outputs: tuple[DeclaredOutput, ...]
    refusals: tuple[Refusal, ...]
    review: tuple[str, ...]
    canonical: str
    private: Found = field(default_factory=Found)
    """The line that makes it a private script."""
    modules: tuple[str, ...] = ()
    """Of a private script, the modules that it names."""


def check_python(text: str, project: Project, policies: Policies) -> PythonCheck:
    """All that can be said before anything runs. Scope and combinations are not judged here."""
    found = inspect_script(text, policies.service)
    if len(text) > policies.service.text_bytes:
        return PythonCheck((), (), found.refusals, (), "")
    header = read_header(text, project, policies)
    calls = () if found.tree is None else check_calls(found.tree, header, policies.catalogue, lines_of(text))
    refusals = sorted((*header.refusals, *found.refusals, *calls), key=lambda r: (r.line or 0, r.column or 0))
    checked = PythonCheck(
        uses=tuple(header.uses),
        outputs=tuple(header.outputs),
        refusals=tuple(refusals),
        review=(PERSON_LOOKS, *found.review),
        canonical=_canonical(text),
    )
    return _private(checked, text, found.tree, project, policies) if is_private(text) else checked


def _private(
    checked: PythonCheck, text: str, tree: ast.Module | None, project: Project, policies: Policies
) -> PythonCheck:
    """Its line comes first, in one way of writing; nothing that it leaves would be looked at, since nothing leaves."""
    profile = policies.privacy.profile(project.privacy) if project.privacy else None
    line = private_line(text, profile, policies.service)
    own = list(line.refusals)
    if tree is not None:
        own += check_answer(tree, lines_of(text), line.line or 1)
    own += [_one_output(o) for o in checked.outputs[1:]]
    known = frozenset(policies.service.python_modules) | sys.stdlib_module_names
    return replace(
        checked,
        refusals=tuple(sorted((*checked.refusals, *own), key=lambda r: (r.line or 0, r.column or 0))),
        review=(),
        canonical="" if line.asks is None else f"{line.asks.canonical}\n{_canonical(without_line(text))}",
        private=line,
        modules=() if tree is None else modules_of(tree, known),
    )


def _one_output(declared: DeclaredOutput) -> Refusal:
    message = "A private script has one output: the table of its numbers."
    return Refusal("private-output", message, "Keep the first output line.", declared.line, declared.column)


def _canonical(text: str) -> str:
    """Half characters, which no store can hold, become question marks; a text that has one is refused anyway."""
    return ("\n".join(lines_of(text)).rstrip("\n") + "\n").encode("utf-8", "replace").decode()
