"""A rehearsal of a script: run on synthetic data, with all that it printed and what would come of its outputs."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from broker.domain.findings import Assessment
from broker.domain.jobs.script_files import RebuiltFile
from broker.domain.jobs.script_requests import ScriptFigure
from broker.domain.ports import FileRebuilder, MicrodataEngine, SandboxEnd, Vaults
from broker.domain.projects.project import ResearchProject
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.python_jobs.raw_outputs import released_name, sort_outputs
from broker.workflow.attempts import Failed
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.script_outputs import prepare_file
from broker.workflow.pipeline.trusted_stage import (
    CollectedOutputs,
    ComputedOutput,
    OutputProblem,
    TrustedContext,
    collect_outputs,
    script_request,
)
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, SandboxRunner, rehearsed_output

WITHHELD_REASONS = {
    "name": "Its name is none that an output may have.",
    "type": "Its content is not what its ending says: text is UTF-8, and a Parquet table has numbers, texts and dates.",
    "size": "It has more bytes or rows than a file that leaves may have.",
}
"""Why a file cannot leave, where reading it has said nothing more."""


@dataclass(frozen=True, slots=True)
class ScriptRehearsalContext:
    """What a script's rehearsal needs of the world. Without `microdata_engine` nothing is computed of what it hands
    over."""

    vaults: Vaults
    snapshot: str
    sandbox: SandboxRunner
    microdata_engine: MicrodataEngine | None
    file_rebuilder: FileRebuilder
    job: str = field(default_factory=lambda: f"rehearsal-{secrets.token_hex(4)}")
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class LeftOutput:
    """One output that the script left: a request to the broker, or a file of its own. `declared` is its name in the
    header, None where the header has none for it; `problem` why the broker could make nothing of it; `review_notes`
    what a checker would be told of a file."""

    name: str
    kind: str
    size: int
    declared: str | None
    problem: str = ""
    review_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RehearsedScript:
    """How the script ended, what it printed, what it left, declared outputs that it did not leave, and the tables that
    the broker made of what it handed over."""

    end: SandboxEnd
    runtime: str
    log: str
    outputs: tuple[LeftOutput, ...] = ()
    absent: tuple[str, ...] = ()
    tables: tuple[RehearsedOutput, ...] = ()


def rehearse_script(
    checked: CheckedSubmission,
    project: ResearchProject,
    policies: PolicySet,
    context: ScriptRehearsalContext,
    on_step: Callable[[str], None] = lambda what: None,
) -> RehearsedScript:
    """`on_step` hears when the vault is there, the script has run, and the trusted stage is through. Raises Breach
    where the data are not synthetic."""
    vault = context.vaults.ensure(project.ident, context.snapshot)
    on_step("data")
    trusted = TrustedContext(context, context.vaults, context.job, context.attempt, vault, checked, project, policies)
    result = context.sandbox.run(script_request(trusted))
    on_step("run")
    log = result.log.decode(errors="replace")
    if result.end is not SandboxEnd.ENDED:
        return RehearsedScript(result.end, result.runtime, log)
    declared = [name for name, _ in checked.declared]
    left = collect_outputs(trusted, sort_outputs(result.frames, declared, policies.service))
    computed = _compute(trusted, left)
    outputs = (*_request_outputs(left, computed, declared), *_file_outputs(left, declared, policies, trusted.profile))
    on_step("assess")
    return RehearsedScript(
        end=result.end,
        runtime=result.runtime,
        log=log,
        outputs=outputs,
        absent=tuple(name for name, _ in checked.declared if name not in {o.declared for o in outputs}),
        tables=tuple(
            rehearsed_output(c.result, project, policies) for c in computed if isinstance(c.result, Assessment)
        ),
    )


def _compute(context: TrustedContext, left: CollectedOutputs) -> tuple[ComputedOutput, ...]:
    if context.ports.microdata_engine is None:
        return ()
    try:
        return compute_outputs(context, left.requests)
    except Failed as failed:
        problem = OutputProblem(failed.code.value, f"The broker could not compute it: {failed.code.value}.")
        return tuple(ComputedOutput(r.name, r.kind, "", problem) for r in left.requests)


def _request_outputs(
    left: CollectedOutputs, computed: Sequence[ComputedOutput], declared: Sequence[str]
) -> Iterator[LeftOutput]:
    """A request stands for the declared output of its stem, with the rows beside it."""
    problems = dict(_problems(computed))
    for one in left.requests:
        name = next((d for d in declared if d.rpartition(".")[0] == one.name), None)
        yield LeftOutput(one.name, one.kind, len(one.request) + len(one.rows), name, problems.get(one.name, ""))


def _problems(computed: Sequence[ComputedOutput]) -> Iterator[tuple[str, str]]:
    """By the name of the output. Of data that the broker made itself their author may know how often, too."""
    tables = {c.name.casefold() for c in computed if isinstance(c.result, Assessment)}
    for one in computed:
        if isinstance(one.result, OutputProblem):
            times = dict(one.result.figures).get("times", "0")
            yield one.name, one.result.sentence + (f" Here: {times} times." if times != "0" else "")
        elif isinstance(one.result, ScriptFigure) and one.result.data.casefold() not in tables:
            yield one.name, f"Nothing comes of the table {one.result.data} that it would be drawn of."


def _file_outputs(
    left: CollectedOutputs, declared: Sequence[str], policies: PolicySet, profile: DisclosureRules
) -> Iterator[LeftOutput]:
    """Each as the broker makes it anew; of data that it made itself, their author may know why it could not."""
    for file in left.files:
        yield LeftOutput(file.name, "file", file.size, file.name, *_file_review(file, policies, profile))
    for stayed in left.stayed:
        name = next((d for d in declared if d.casefold() == released_name(stayed.name).casefold()), None)
        yield LeftOutput(stayed.name, "file", stayed.size, name, WITHHELD_REASONS[stayed.problem] if name else "")


def _file_review(file: RebuiltFile, policies: PolicySet, profile: DisclosureRules) -> tuple[str, tuple[str, ...]]:
    staff = json.loads(prepare_file(file, policies, profile).staff)
    summary, code = staff["summary"], staff["problem"]
    if code is not None:
        return summary.get("sentence") or WITHHELD_REASONS[code], ()
    return "", tuple(f"{f['sentence']}{_named(f['figures'])}" for f in summary["look_at"])


def _named(figures: Mapping[str, str]) -> str:
    return f" ({figures['name']})" if "name" in figures else ""
