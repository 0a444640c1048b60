"""One attempt at a script: its context, how its files are collected, and what came of each requested output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from broker.domain.errors import Unavailable
from broker.domain.findings import Assessment, Finding, Verdict, worst_verdict
from broker.domain.jobs.job import FailureCode, JobKind
from broker.domain.jobs.script_files import DOCUMENT, RebuiltFile
from broker.domain.jobs.script_requests import (
    MICRODATA_PROBLEM_SENTENCES,
    MicrodataCheck,
    ScriptFigure,
    ScriptRegression,
    ScriptTable,
)
from broker.domain.ports import (
    FileRebuilder,
    MicrodataEngine,
    RebuildRequest,
    SandboxEnd,
    SandboxRequest,
    SandboxResult,
    Vault,
    Vaults,
    WorkerPorts,
)
from broker.domain.projects.project import ResearchProject
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.python_jobs.raw_outputs import (
    ABOUT_SUFFIX,
    CLAIMS_FILE,
    Claims,
    RawOutputs,
    RawRequest,
    WithheldFile,
    acro_claims,
    file_description,
    released_name,
)
from broker.python_jobs.request_reader import names_not_in_text
from broker.python_jobs.sandbox_requests import prepare_script
from broker.python_jobs.submitted_rows import JobInputs
from broker.scope.combinations import restricted_mount
from broker.workflow.attempts import Failed, files_limits, limits_for
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.rehearsal.query_rehearsal import SandboxRunner

if TYPE_CHECKING:
    from broker.workflow.release_history.script_comparison import ComparedTable

CHOSEN_ROWS = "A script chose these rows: the broker has verified whose they are, and not why these and no others."
PREPARED_ROWS = "A script prepared the rows; columns that are no variables of the catalogue were not verified."
ROWS_LEFT_OUT = "Rows without a pseudonym were left out."
FEW_VALUES = "A number is asked of a column with few different values: it tells how many have each of them."
NAMES_AT_RUN_TIME = (
    "Names of columns do not stand in the script: it made them while it ran, and they can tell anything."
)
CLOSE_OUTPUT = "Another output of this job is of nearly as many people: together they may tell of those few."

OTHER_ROWS = (
    "Another table of this job is of other rows, or of these in another order: the two were not judged together."
)


@dataclass(frozen=True, slots=True)
class OutputProblem:
    """Why there are no figures: a closed code, a sentence, and what was counted."""

    code: str
    sentence: str
    figures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ComputedOutput:
    """One request and what came of it: an assessment, a figure to draw, or a problem; of how many rows and persons."""

    name: str
    kind: str
    description: str
    result: Assessment | ScriptFigure | OutputProblem
    rows: int = 0
    persons: int = 0
    compared: "ComparedTable | None" = None
    """What memory says of a table; None where it was not asked."""


def problem_with_rows(checked: MicrodataCheck) -> OutputProblem:
    assert checked.problem is not None
    figures = (("times", str(checked.times)), ("rows", str(checked.rows)), ("persons", str(checked.persons)))
    return OutputProblem(checked.problem.value, MICRODATA_PROBLEM_SENTENCES[checked.problem], figures)


def with_review_findings(
    assessment: Assessment, checked: MicrodataCheck, derived: Sequence[str], unwritten: Sequence[str] = ()
) -> Assessment:
    """Rows from a script never leave without a person's look, whatever the rules say of their figures."""
    counts = (("rows", checked.rows), ("persons", checked.persons), ("without_pseudonym", checked.without_person))
    counted = (*((name, str(n)) for name, n in counts), ("unverified_columns", ", ".join(derived)))
    found = [Finding("H1", Verdict.REVIEW, CHOSEN_ROWS, counted)]
    if checked.few:
        found.append(Finding("H2", Verdict.REVIEW, FEW_VALUES, (("columns", str(checked.few)),)))
    if unwritten:
        found.append(Finding("H3", Verdict.REVIEW, NAMES_AT_RUN_TIME, (("names", ", ".join(unwritten)),)))
    return replace(
        assessment,
        findings=(*assessment.findings, *found),
        verdict=worst_verdict([assessment.verdict, *(f.verdict for f in found)]),
        notes=(*assessment.notes, PREPARED_ROWS, ROWS_LEFT_OUT),
    )


def flag_close_outputs(made: Sequence[ComputedOutput], t: int) -> tuple[ComputedOutput, ...]:
    """Each output of a job that is of nearly as many people as another says so: whoever leaves one person out of the
    second has that person's figure."""
    return tuple(
        replace(one, result=_with_close_finding(one, [m for m in made if _is_close(one, m, t)])) for one in made
    )


def _is_close(one: ComputedOutput, other: ComputedOutput, t: int) -> bool:
    if one is other or not isinstance(other.result, Assessment):
        return False
    apart = max(abs(one.persons - other.persons), min(abs(one.rows - other.rows), 1))
    return 0 < apart < t


def flag_other_rows(made: ComputedOutput) -> ComputedOutput:
    """A table that was judged without another one of its job says so: what is hidden in it may follow from both."""
    if not isinstance(made.result, Assessment):
        return made
    finding = Finding("H5", Verdict.REVIEW, OTHER_ROWS)
    verdict = worst_verdict([made.result.verdict, finding.verdict])
    return replace(made, result=replace(made.result, findings=(*made.result.findings, finding), verdict=verdict))


def _with_close_finding(
    one: ComputedOutput, close: Sequence[ComputedOutput]
) -> Assessment | ScriptFigure | OutputProblem:
    if not isinstance(one.result, Assessment) or not close:
        return one.result
    apart = ", ".join(f"{m.name}: {m.persons - one.persons:+} persons, {m.rows - one.rows:+} rows" for m in close)
    finding = Finding("H4", Verdict.REVIEW, CLOSE_OUTPUT, (("others", apart),))
    return replace(
        one.result,
        findings=(*one.result.findings, finding),
        verdict=worst_verdict([one.result.verdict, finding.verdict]),
    )


class TrustedPorts(Protocol):
    """What the trusted stage runs on: a worker's ports, or a rehearsal's."""

    @property
    def sandbox(self) -> SandboxRunner: ...

    @property
    def microdata_engine(self) -> MicrodataEngine | None: ...

    @property
    def file_rebuilder(self) -> FileRebuilder: ...


@dataclass(frozen=True, slots=True)
class TrustedContext:
    """What the trusted stage of a job needs: its attempt, the vault, and the policy of the day."""

    ports: TrustedPorts
    vaults: Vaults
    job: str
    attempt: int
    vault: Vault
    checked: CheckedSubmission
    project: ResearchProject
    policies: PolicySet
    history: WorkerPorts | None = None
    """Who compares tables with everything released; None on synthetic data."""

    @property
    def inputs(self) -> JobInputs:
        return JobInputs(self.checked.uses, self.policies.catalogue, self.project.default_schema)

    @property
    def profile(self) -> DisclosureRules:
        return self.policies.disclosure_rules(self.project.profile)

    @property
    def script_engine(self) -> MicrodataEngine:
        if self.ports.microdata_engine is None:
            raise Unavailable("This worker computes nothing of what scripts hand over.")
        return self.ports.microdata_engine

    def run(self, request: SandboxRequest) -> SandboxResult:
        result = self.ports.sandbox.run(request)
        if result.end is not SandboxEnd.ENDED:
            raise Failed(FailureCode(result.end.value))
        return result


def computed_output(
    context: TrustedContext,
    request: ScriptTable | ScriptRegression,
    assessment: Assessment | None,
    checked: MicrodataCheck,
    derived: Sequence[str],
) -> ComputedOutput:
    kind = "table" if isinstance(request, ScriptTable) else "regression"
    if assessment is None:
        return ComputedOutput(request.name, kind, request.description, problem_with_rows(checked))
    judged = with_review_findings(assessment, checked, derived, names_not_in_text(request, context.checked.canonical))
    return ComputedOutput(request.name, kind, request.description, judged, checked.rows, checked.persons)


@dataclass(frozen=True, slots=True)
class CollectedOutputs:
    """What a script left, as it may be read. `described` are its words about files and `claims` those of its own acro,
    by the names under which the files leave."""

    requests: tuple[RawRequest, ...]
    files: tuple[RebuiltFile, ...] = ()
    stayed: tuple[WithheldFile, ...] = ()
    described: Mapping[str, str] = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)


def collect_outputs(context: TrustedContext, left: RawOutputs) -> CollectedOutputs:
    every = (*left.documents, *left.files)
    made = context.ports.file_rebuilder.rebuild(every, collecting_request(context), context.ports.sandbox.run)
    documents = {m.name: m.content or b"" for m in made if m.media_type == DOCUMENT}
    described = {
        n.removesuffix(ABOUT_SUFFIX): file_description(c) for n, c in documents.items() if n.endswith(ABOUT_SUFFIX)
    }
    claims = acro_claims(documents.get(CLAIMS_FILE))
    return CollectedOutputs(
        requests=tuple(_with_content(one, documents) for one in left.requests),
        files=tuple(m for m in made if m.media_type != DOCUMENT),
        stayed=left.withheld,
        described={released_name(name).casefold(): said for name, said in described.items()},
        claims={released_name(name).casefold(): claim for name, claim in claims.items()},
    )


def collecting_request(context: TrustedContext) -> RebuildRequest:
    service, vault = context.policies.service, context.vault
    return RebuildRequest(
        job=context.job,
        attempt=context.attempt,
        mount=vault.script,
        synthetic=vault.synthetic,
        limits=files_limits(context.policies),
        caps=service.file_caps,
        digits=context.profile.file_digits,
        file_seconds=service.file_seconds,
        file_memory_bytes=service.file_memory_bytes,
    )


def _with_content(one: RawRequest, documents: Mapping[str, bytes]) -> RawRequest:
    """One that is too large was not made anew, and is read by nobody."""
    return replace(one, request=documents.get(one.names[0], b""))


def script_request(context: TrustedContext) -> SandboxRequest:
    """The trusted stage goes on with the whole vault: what it reads again is what the script declared."""
    apart = restricted_mount(context.checked.uses, context.project, context.policies)
    return prepare_script(
        program=context.checked.canonical,
        inputs=context.checked.uses,
        vault=context.vault if apart is None else context.vaults.narrowed(context.vault, apart),
        job=context.job,
        attempt=context.attempt,
        limits=limits_for(JobKind.PYTHON, context.policies),
        allowed=context.policies.service.allowed_files,
    )
