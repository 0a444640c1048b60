"""A rehearsal of a script: an accepted Python job run on synthetic data, with all that it printed. Keeps nothing."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from broker.domain.jobs import Kind
from broker.domain.ports import SandboxEnd, SandboxResult, Vaults
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.python_jobs.request import prepare
from broker.workflow.check import Checked
from broker.workflow.rehearse import Runner
from broker.workflow.run import limits_for

KINDS = {".table.json": "table", ".regression.json": "regression", ".figure.json": "figure"}
BESIDE = (".rows.arrow", ".about.json")
"""Files that belong to another one: the rows of a request, the description of a file."""


@dataclass(frozen=True, slots=True)
class LeftOutput:
    """One output that the script left: a request to the broker, or a file of its own. `declared` is its name in the
    header, None where the header has none for it."""

    name: str
    kind: str
    size: int
    declared: str | None


@dataclass(frozen=True, slots=True)
class RehearsedScript:
    """How the script ended, what it printed, what it left, and declared outputs that it did not."""

    end: SandboxEnd
    runtime: str
    log: str
    outputs: tuple[LeftOutput, ...]
    absent: tuple[str, ...]


def rehearse_script(
    checked: Checked,
    project: Project,
    policies: Policies,
    vaults: Vaults,
    snapshot: str,
    runner: Runner,
    lap: Callable[[str], None] = lambda what: None,
) -> RehearsedScript:
    """`lap` hears when the vault is there and when the script has run. Raises Breach where data are not synthetic."""
    vault = vaults.ensure(project.ident, snapshot)
    lap("data")
    request = prepare(
        checked.canonical,
        checked.uses,
        vault,
        f"rehearsal-{secrets.token_hex(4)}",
        1,
        limits_for(Kind.PYTHON, policies),
        policies.service.allowed_files,
    )
    result = runner.run(request)
    lap("run")
    return _rehearsed(result, [name for name, _ in checked.declared])


def _rehearsed(result: SandboxResult, declared: Sequence[str]) -> RehearsedScript:
    sizes = dict(_sizes(result))
    outputs = tuple(_output(name, sizes, declared) for name in sorted(sizes) if not name.endswith(BESIDE))
    found = {output.declared for output in outputs}
    absent = tuple(name for name in declared if name not in found)
    log = result.log.decode(errors="replace")
    return RehearsedScript(result.end, result.runtime, log, outputs, absent)


def _sizes(result: SandboxResult) -> Iterator[tuple[str, int]]:
    """Names as the launcher gave them: on synthetic data they tell nothing of anybody."""
    for kind, payload in result.frames:
        head, newline, content = payload.partition(b"\n")
        if kind == "file" and newline:
            yield str(json.loads(head)["name"]), len(content)


def _output(name: str, sizes: dict[str, int], declared: Sequence[str]) -> LeftOutput:
    """A request stands for the declared output of its stem, with the rows beside it; a file stands for itself."""
    for ending, kind in KINDS.items():
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            size = sizes[name] + sizes.get(f"{stem}.rows.arrow", 0)
            return LeftOutput(stem, kind, size, next((d for d in declared if d.rpartition(".")[0] == stem), None))
    return LeftOutput(name, "file", sizes[name], name if name in declared else None)
