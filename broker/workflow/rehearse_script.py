"""A rehearsal of a script: an accepted Python job run on synthetic data, with all that it printed, and what the trusted
stage makes of what it hands over. Keeps nothing."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from broker.domain.files import MadeFile
from broker.domain.findings import Assessment
from broker.domain.handed import HandedFigure
from broker.domain.ports import Collector, HandedEngine, SandboxEnd, Vaults
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.python_jobs.left import leaves_as, sort_left
from broker.workflow.check import Checked
from broker.workflow.failing import Failed
from broker.workflow.files import Opened, opened
from broker.workflow.handed_findings import Computed, Problem
from broker.workflow.handed_outputs import compute
from broker.workflow.mounting import script_request
from broker.workflow.rehearse import Rehearsed, Runner, rehearsed
from broker.workflow.script_outputs import prepared_file
from broker.workflow.trusted import Stage

WITHHELD = {
    "name": "Its name is none that an output may have.",
    "type": "Its content is not what its ending says: text is UTF-8, and a Parquet table has numbers, texts and dates.",
    "size": "It has more bytes or rows than a file that leaves may have.",
}
"""Why a file cannot leave, where reading it has said nothing more."""


@dataclass(frozen=True, slots=True)
class ScriptStage:
    """What a script's rehearsal needs of the world. Without `handed` nothing is computed of what it hands over."""

    vaults: Vaults
    snapshot: str
    sandbox: Runner
    handed: HandedEngine | None
    collector: Collector
    job: str = field(default_factory=lambda: f"rehearsal-{secrets.token_hex(4)}")
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class LeftOutput:
    """One output that the script left: a request to the broker, or a file of its own. `declared` is its name in the
    header, None where the header has none for it; `problem` why the broker could make nothing of it; `look_at` what a
    checker would be told of a file."""

    name: str
    kind: str
    size: int
    declared: str | None
    problem: str = ""
    look_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsedScript:
    """How the script ended, what it printed, what it left, declared outputs that it did not leave, and the tables that
    the broker made of what it handed over."""

    end: SandboxEnd
    runtime: str
    log: str
    outputs: tuple[LeftOutput, ...] = ()
    absent: tuple[str, ...] = ()
    tables: tuple[Rehearsed, ...] = ()


def rehearse_script(
    checked: Checked,
    project: Project,
    policies: Policies,
    stage: ScriptStage,
    lap: Callable[[str], None] = lambda what: None,
) -> RehearsedScript:
    """`lap` hears when the vault is there, the script has run, and the trusted stage is through. Raises Breach where
    the data are not synthetic."""
    vault = stage.vaults.ensure(project.ident, stage.snapshot)
    lap("data")
    trusted = Stage(stage, stage.vaults, stage.job, stage.attempt, vault, checked, project, policies)
    result = stage.sandbox.run(script_request(trusted))
    lap("run")
    log = result.log.decode(errors="replace")
    if result.end is not SandboxEnd.ENDED:
        return RehearsedScript(result.end, result.runtime, log)
    declared = [name for name, _ in checked.declared]
    left = opened(trusted, sort_left(result.frames, declared, policies.service))
    computed = _computed(trusted, left)
    outputs = (*_requests(left, computed, declared), *_files(left, declared, policies, trusted.profile))
    lap("assess")
    return RehearsedScript(
        end=result.end,
        runtime=result.runtime,
        log=log,
        outputs=outputs,
        absent=tuple(name for name, _ in checked.declared if name not in {o.declared for o in outputs}),
        tables=tuple(rehearsed(c.found, project, policies) for c in computed if isinstance(c.found, Assessment)),
    )


def _computed(stage: Stage, left: Opened) -> tuple[Computed, ...]:
    if stage.ports.handed is None:
        return ()
    try:
        return compute(stage, left.requests)
    except Failed as failed:
        problem = Problem(failed.code.value, f"The broker could not compute it: {failed.code.value}.")
        return tuple(Computed(r.name, r.kind, "", problem) for r in left.requests)


def _requests(left: Opened, computed: Sequence[Computed], declared: Sequence[str]) -> Iterator[LeftOutput]:
    """A request stands for the declared output of its stem, with the rows beside it."""
    problems = dict(_problems(computed))
    for one in left.requests:
        name = next((d for d in declared if d.rpartition(".")[0] == one.name), None)
        yield LeftOutput(one.name, one.kind, len(one.request) + len(one.rows), name, problems.get(one.name, ""))


def _problems(computed: Sequence[Computed]) -> Iterator[tuple[str, str]]:
    """By the name of the output. Of data that the broker made itself their author may know how often, too."""
    tables = {c.name.casefold() for c in computed if isinstance(c.found, Assessment)}
    for one in computed:
        if isinstance(one.found, Problem):
            times = dict(one.found.figures).get("times", "0")
            yield one.name, one.found.sentence + (f" Here: {times} times." if times != "0" else "")
        elif isinstance(one.found, HandedFigure) and one.found.data.casefold() not in tables:
            yield one.name, f"Nothing comes of the table {one.found.data} that it would be drawn of."


def _files(left: Opened, declared: Sequence[str], policies: Policies, profile: Profile) -> Iterator[LeftOutput]:
    """Each as the broker makes it anew; of data that it made itself, their author may know why it could not."""
    for file in left.files:
        yield LeftOutput(file.name, "file", file.size, file.name, *_looked_at(file, policies, profile))
    for stayed in left.stayed:
        name = next((d for d in declared if d.casefold() == leaves_as(stayed.name).casefold()), None)
        yield LeftOutput(stayed.name, "file", stayed.size, name, WITHHELD[stayed.problem] if name else "")


def _looked_at(file: MadeFile, policies: Policies, profile: Profile) -> tuple[str, tuple[str, ...]]:
    staff = json.loads(prepared_file(file, policies, profile).staff)
    told, code = staff["summary"], staff["problem"]
    if code is not None:
        return told.get("sentence") or WITHHELD[code], ()
    return "", tuple(f"{f['sentence']}{_place(f['figures'])}" for f in told["look_at"])


def _place(figures: Mapping[str, str]) -> str:
    return f" ({figures['name']})" if "name" in figures else ""
