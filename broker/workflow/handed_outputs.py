"""Between a script's end and assessment: each request that it left goes through the trusted stage, one container each.

Whatever is wrong with a request or its rows follows from data: it withholds that output, and only staff read why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from broker.disclosure.judge_fit import judge_fit
from broker.disclosure.judge_job import judge_job
from broker.disclosure.needs import needs_of
from broker.domain.errors import Invalid, Unavailable
from broker.domain.handed import SENTENCES, HandedFigure, HandedRegression, HandedTable, RowsChecked
from broker.domain.jobs import FailureCode, Kind
from broker.domain.outputs import Assessment, Finding, Verdict, worst
from broker.domain.ports import (
    HandedEngine,
    HandedTo,
    SandboxEnd,
    SandboxRequest,
    SandboxResult,
    Vault,
    Vaults,
)
from broker.domain.projects import Project
from broker.domain.variables import institution_code
from broker.policy.models import Policies, Profile
from broker.python_jobs.handed import read_request
from broker.python_jobs.left import LeftRequest
from broker.python_jobs.rows import Inputs
from broker.workflow.check import Checked
from broker.workflow.failing import Failed
from broker.workflow.handing import planned_table, rows_to_fit
from broker.workflow.limits import limits_for
from broker.workflow.rehearse import Runner

CHOSEN = "A script chose these rows: the broker has verified whose they are, and not why these and no others."
PREPARED = "A script prepared the rows; columns that are no variables of the catalogue were not verified."
LEFT_OUT = "Rows without a pseudonym were left out."
FEW = "A number is asked of a column with few different values: it tells how many have each of them."
OF_SCHOOLS = "Each institution has a coefficient of its own: absorb them, or say why they are shown."
TOO_MANY = "The job hands over more outputs than one job may have."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there are no figures: a closed code, a sentence, and what was counted."""

    code: str
    sentence: str
    figures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """One request and what came of it: an assessment, a figure to draw, or a problem."""

    name: str
    kind: str
    description: str
    found: Assessment | HandedFigure | Problem


class TrustedPorts(Protocol):
    """What the trusted stage runs on: a worker's ports, or a rehearsal's."""

    @property
    def sandbox(self) -> Runner: ...

    @property
    def handed(self) -> HandedEngine | None: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """What the trusted stage of a job needs: its attempt, the vault, and the policy of the day."""

    ports: TrustedPorts
    vaults: Vaults
    job: str
    attempt: int
    vault: Vault
    checked: Checked
    project: Project
    policies: Policies

    @property
    def inputs(self) -> Inputs:
        return Inputs(self.checked.uses, self.policies.catalogue, self.project.default_schema)

    @property
    def profile(self) -> Profile:
        return self.policies.profile(self.project.profile)

    @property
    def handed(self) -> HandedEngine:
        if self.ports.handed is None:
            raise Unavailable("This worker computes nothing of what scripts hand over.")
        return self.ports.handed

    def run(self, request: SandboxRequest) -> SandboxResult:
        result = self.ports.sandbox.run(request)
        if result.end is not SandboxEnd.ENDED:
            raise Failed(FailureCode(result.end.value))
        return result


def compute(stage: Stage, left: Sequence[LeftRequest]) -> tuple[Computed, ...]:
    """Every request in order of name."""
    most = stage.policies.service.max_outputs
    return tuple(
        _computed(stage, one) if n < most else Computed(one.name, one.kind, "", Problem("number", TOO_MANY))
        for n, one in enumerate(left)
    )


def _computed(stage: Stage, one: LeftRequest) -> Computed:
    try:
        asked = read_request(one.request, one.kind, one.name)
        match asked:
            case HandedTable():
                found: Assessment | HandedFigure | Problem = _table(stage, asked, one.rows)
            case HandedRegression():
                found = _regression(stage, asked, one.rows)
            case HandedFigure():
                found = asked
    except Invalid as wrong:
        place = (("place", wrong.pointer),) if wrong.pointer else ()
        return Computed(one.name, one.kind, "", Problem(wrong.code, wrong.message, place))
    return Computed(one.name, one.kind, asked.description, found)


def _table(stage: Stage, asked: HandedTable, rows: bytes) -> Assessment | Problem:
    planned = planned_table(asked, stage.inputs, stage.project, stage.policies)
    needs, to = needs_of(stage.profile), HandedTo(stage.vault, stage.checked.uses, rows, stage.job, stage.attempt)
    limits = limits_for(Kind.SQL, stage.policies)
    result = stage.run(stage.handed.prepare(planned.plan, planned.rows, to, limits, needs))
    checked, evidence = stage.handed.read(planned.plan, result.frames, needs)
    if evidence is None:
        return problem_of(checked)
    registers = stage.vaults.registers(stage.vault)
    (assessment,) = judge_job(planned.plan, evidence, stage.profile, registers)
    return by_person(assessment, checked, planned.rows.derived)


def _regression(stage: Stage, asked: HandedRegression, content: bytes) -> Assessment | Problem:
    rows = rows_to_fit(asked, stage.inputs, stage.project, stage.policies)
    to = HandedTo(stage.vault, stage.checked.uses, content, stage.job, stage.attempt)
    result = stage.run(stage.handed.prepare_fit(asked, rows, to, limits_for(Kind.SQL, stage.policies)))
    checked, fit = stage.handed.read_fit(result.frames)
    if fit is None:
        return problem_of(checked)
    schools = {c.name for c in rows.columns if institution_code(c.bare) is not None}
    terms = {f.column for term in asked.formula.terms for f in term}
    more = (Finding("R3", Verdict.REVIEW, OF_SCHOOLS),) if schools & terms else ()
    return by_person(judge_fit(asked.name, fit, stage.profile, more), checked, rows.derived)


def problem_of(checked: RowsChecked) -> Problem:
    assert checked.problem is not None
    figures = (("times", str(checked.times)), ("rows", str(checked.rows)), ("persons", str(checked.persons)))
    return Problem(checked.problem.value, SENTENCES[checked.problem], figures)


def by_person(assessment: Assessment, checked: RowsChecked, derived: Sequence[str]) -> Assessment:
    """Rows from a script never leave without a person's look, whatever the rules say of their figures."""
    counts = (("rows", checked.rows), ("persons", checked.persons), ("without_pseudonym", checked.without_person))
    counted = (*((name, str(n)) for name, n in counts), ("unverified_columns", ", ".join(derived)))
    found = [Finding("H1", Verdict.REVIEW, CHOSEN, counted)]
    if checked.few:
        found.append(Finding("H2", Verdict.REVIEW, FEW, (("columns", str(checked.few)),)))
    return replace(
        assessment,
        findings=(*assessment.findings, *found),
        verdict=worst([assessment.verdict, *(f.verdict for f in found)]),
        notes=(*assessment.notes, PREPARED, LEFT_OUT),
    )
