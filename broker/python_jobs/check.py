"""The one entry for a Python job's text: uses, declared outputs, refusals and notes. Grants are judged by scope."""

from dataclasses import dataclass

from broker.domain.errors import Refusal
from broker.domain.projects import Project
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.python_jobs.calls import check_calls
from broker.python_jobs.header import DeclaredOutput, read_header
from broker.python_jobs.inspect import inspect_script
from broker.python_jobs.look import lines_of

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


def check_python(text: str, project: Project, policies: Policies) -> PythonCheck:
    """All that can be said before anything runs. Scope and combinations are not judged here."""
    found = inspect_script(text, policies.service)
    if len(text) > policies.service.text_bytes:
        return PythonCheck((), (), found.refusals, (), "")
    header = read_header(text, project, policies)
    calls = () if found.tree is None else check_calls(found.tree, header, policies.catalogue, lines_of(text))
    refusals = sorted((*header.refusals, *found.refusals, *calls), key=lambda r: (r.line or 0, r.column or 0))
    return PythonCheck(
        uses=tuple(header.uses),
        outputs=tuple(header.outputs),
        refusals=tuple(refusals),
        review=(PERSON_LOOKS, *found.review),
        canonical=_canonical(text),
    )


def _canonical(text: str) -> str:
    """Half characters, which no store can hold, become question marks; a text that has one is refused anyway."""
    return ("\n".join(lines_of(text)).rstrip("\n") + "\n").encode("utf-8", "replace").decode()
