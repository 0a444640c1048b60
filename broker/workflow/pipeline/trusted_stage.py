"""The trusted stage of one attempt at a script: the broker's own code, after the script has ended, rebuilds the files
that it left and computes the outputs that it requested. Here are the steps that outputs share, and the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from broker.domain.findings import Assessment, Finding, Verdict, add_findings
from broker.domain.jobs import script_requests
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.script_files import DOCUMENT, RebuiltFile
from broker.domain.ports import RebuildRequest, SandboxRequest
from broker.python_jobs import raw_outputs
from broker.python_jobs.request_reader import names_not_in_text
from broker.python_jobs.sandbox_requests import prepare_script
from broker.python_jobs.submitted_rows import JobInputs
from broker.scope.combinations import restricted_mount
from broker.workflow.run_context import RunContext, files_limits, limits_for

if TYPE_CHECKING:
    from broker.workflow.release_history.comparison_records import ComparedTable

CHOSEN_ROWS = (
    "A script chose these rows. The broker has verified whose rows they are, but not why the script chose them."
)
PREPARED_ROWS = "A script prepared the rows. Columns that are not variables of the catalogue were not verified."
ROWS_LEFT_OUT = "Rows without a pseudonym were removed."
FEW_VALUES = (
    "A number is requested of a column with few different values, so it reveals how many persons have each value."
)
NAMES_AT_RUN_TIME = (
    "Names of columns are not written in the script. The script made them while it ran, so they can reveal anything."
)
CLOSE_OUTPUT = "Another output of this job is about nearly as many people. Together they may reveal the few who differ."

OTHER_ROWS = (
    "Another table of this job has different rows, or the same rows in another order. The two were not assessed "
    "together."
)


@dataclass(frozen=True, slots=True)
class OutputProblem:
    """Why an output has no figures: a code from a fixed list, a sentence, and what was counted."""

    code: str
    sentence: str
    figures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ComputedOutput:
    """One request and what came of it (an assessment, a figure to draw, or a problem), with the numbers of rows and
    persons."""

    name: str
    kind: str
    description: str
    result: Assessment | script_requests.ScriptFigure | OutputProblem
    rows: int = 0
    persons: int = 0
    compared: "ComparedTable | None" = None
    """The comparison of a table with the release history; None if there was none."""


def problem_with_rows(checked: script_requests.MicrodataCheck) -> OutputProblem:
    assert checked.problem is not None
    figures = (("times", str(checked.times)), ("rows", str(checked.rows)), ("persons", str(checked.persons)))
    return OutputProblem(checked.problem.value, checked.problem.description, figures)


def with_review_findings(
    assessment: Assessment,
    checked: script_requests.MicrodataCheck,
    derived: Sequence[str],
    unwritten: Sequence[str] = (),
) -> Assessment:
    """Add the findings that send the output to a person: rows from a script never leave without a review, whatever the
    rules say of the figures."""
    counts = (("rows", checked.rows), ("persons", checked.persons), ("without_pseudonym", checked.without_person))
    counted = (*((name, str(n)) for name, n in counts), ("unverified_columns", ", ".join(derived)))
    # Unconditional: the broker cannot verify why a script chose its rows.
    found = [Finding("H1", Verdict.REVIEW, CHOSEN_ROWS, counted)]
    if checked.few:
        found.append(Finding("H2", Verdict.REVIEW, FEW_VALUES, (("columns", str(checked.few)),)))
    if unwritten:
        found.append(Finding("H3", Verdict.REVIEW, NAMES_AT_RUN_TIME, (("names", ", ".join(unwritten)),)))
    return replace(add_findings(assessment, *found), notes=(*assessment.notes, PREPARED_ROWS, ROWS_LEFT_OUT))


def flag_close_outputs(made: Sequence[ComputedOutput], t: int) -> tuple[ComputedOutput, ...]:
    """Add a finding to each output that is about nearly as many persons as another one of the job.

    If a script leaves one person out of the second, the two together disclose that person's figure.
    """
    return tuple(_flag_close(one, [m for m in made if _is_close(one, m, t)]) for one in made)


def _is_close(one: ComputedOutput, other: ComputedOutput, t: int) -> bool:
    if one is other or not isinstance(other.result, Assessment):
        return False
    # Equal numbers of persons with different rows count as one apart.
    apart = max(abs(one.persons - other.persons), min(abs(one.rows - other.rows), 1))
    return 0 < apart < t  # 0 apart: the two are about the same rows


def _flag_close(one: ComputedOutput, close: Sequence[ComputedOutput]) -> ComputedOutput:
    if not close:
        return one
    apart = ", ".join(f"{m.name}: {m.persons - one.persons:+} persons, {m.rows - one.rows:+} rows" for m in close)
    return _with_finding(one, Finding("H4", Verdict.REVIEW, CLOSE_OUTPUT, (("others", apart),)))


def flag_other_rows(made: ComputedOutput) -> ComputedOutput:
    """Add a finding to a table that was judged without another table of its job: a figure that one hides may follow
    from both."""
    return _with_finding(made, Finding("H5", Verdict.REVIEW, OTHER_ROWS))


def _with_finding(made: ComputedOutput, finding: Finding) -> ComputedOutput:
    """Add a finding to an output that was judged."""
    if not isinstance(made.result, Assessment):
        return made
    return replace(made, result=add_findings(made.result, finding))


def inputs_of(context: RunContext) -> JobInputs:
    """Return what the script's header declares, with the catalogue."""
    return JobInputs(context.checked.uses, context.policies.catalogue, context.project.default_schema)


def computed_output(
    context: RunContext,
    request: script_requests.ScriptTable | script_requests.ScriptRegression,
    assessment: Assessment | None,
    checked: script_requests.MicrodataCheck,
    derived: Sequence[str],
) -> ComputedOutput:
    kind = "table" if isinstance(request, script_requests.ScriptTable) else "regression"
    if assessment is None:
        return ComputedOutput(request.name, kind, request.description, problem_with_rows(checked))
    judged = with_review_findings(assessment, checked, derived, names_not_in_text(request, context.checked.canonical))
    return ComputedOutput(request.name, kind, request.description, judged, checked.rows, checked.persons)


@dataclass(frozen=True, slots=True)
class RebuiltOutputs:
    """What a script left, in a form that may be read.

    `described` has the script's words about files and `claims` those of its own ACRO, by the names under which the
    files leave.
    """

    requests: tuple[raw_outputs.RawRequest, ...]
    files: tuple[RebuiltFile, ...] = ()
    stayed: tuple[raw_outputs.WithheldFile, ...] = ()
    described: Mapping[str, str] = field(default_factory=dict)
    claims: raw_outputs.Claims = field(default_factory=dict)


def rebuild_outputs(context: RunContext, left: raw_outputs.RawOutputs) -> RebuiltOutputs:
    every = (*left.documents, *left.files)
    made = context.ports.file_rebuilder.rebuild(every, rebuild_request(context), context.ports.sandbox)
    # Requests and descriptions are files of the script too, so they are rebuilt before they are read.
    documents = {m.name: m.content or b"" for m in made if m.media_type == DOCUMENT}
    described = {
        n.removesuffix(raw_outputs.ABOUT_SUFFIX): raw_outputs.file_description(c)
        for n, c in documents.items()
        if n.endswith(raw_outputs.ABOUT_SUFFIX)
    }
    claims = raw_outputs.acro_claims(documents.get(raw_outputs.CLAIMS_FILE))
    return RebuiltOutputs(
        requests=tuple(_with_content(one, documents) for one in left.requests),
        files=tuple(m for m in made if m.media_type != DOCUMENT),
        stayed=left.withheld,
        described={raw_outputs.released_name(name).casefold(): said for name, said in described.items()},
        claims={raw_outputs.released_name(name).casefold(): claim for name, claim in claims.items()},
    )


def rebuild_request(context: RunContext) -> RebuildRequest:
    service, vault = context.policies.service, context.vault
    return RebuildRequest(
        job=context.subject,
        attempt=context.attempt,
        mount=vault.script,
        synthetic=vault.synthetic,
        limits=files_limits(context.policies),
        caps=service.file_caps,
        digits=context.profile.file_digits,
        file_seconds=service.file_seconds,
        file_memory_bytes=service.file_memory_bytes,
        job_values=service.max_job_values,
    )


def _with_content(one: raw_outputs.RawRequest, documents: Mapping[str, bytes]) -> raw_outputs.RawRequest:
    """Fill in a request's rebuilt document. One that was too large was not rebuilt and is empty, so nobody reads it."""
    return replace(one, request=documents.get(one.names[0], b""))


def script_request(context: RunContext) -> SandboxRequest:
    """Return the request that runs the script on its vault, or on a copy with the declared variables only if a
    combination rule requires that.

    The trusted stage itself uses the whole vault, but reads only what the script declared.
    """
    # Not None if everything that the project was granted would break a combination rule.
    apart = restricted_mount(context.checked.uses, context.project, context.policies)
    return prepare_script(
        program=context.checked.canonical,
        inputs=context.checked.uses,
        vault=context.vault if apart is None else context.vaults.narrowed(context.vault, apart),
        job=context.subject,
        attempt=context.attempt,
        limits=limits_for(JobKind.PYTHON, context.policies),
        allowed=context.policies.service.allowed_files,
    )
