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
from broker.domain.handed import HandedFigure, HandedRegression, HandedTable, RowsChecked
from broker.domain.jobs import FailureCode, Kind
from broker.domain.outputs import Assessment, Finding, Verdict
from broker.domain.ports import (
    HandedEngine,
    HandedTo,
    SandboxEnd,
    SandboxRequest,
    SandboxResult,
    Vault,
    Vaults,
    WorkerPorts,
)
from broker.domain.projects import Project
from broker.domain.variables import institution_code
from broker.policy.models import Policies, Profile
from broker.python_jobs.handed import read_request
from broker.python_jobs.left import LeftRequest
from broker.python_jobs.rows import Inputs
from broker.python_jobs.written import in_one_order, in_order, unwritten
from broker.workflow.check import Checked
from broker.workflow.failing import Failed
from broker.workflow.handed_findings import Computed, Problem, by_person, problem_of, told_close
from broker.workflow.handing import planned_table, rows_to_fit
from broker.workflow.limits import limits_for
from broker.workflow.rehearse import Runner
from broker.workflow.remembering.handed import ComparedTable, compare_handed
from broker.workflow.remembering.handed import HandedTable as Handed

OF_SCHOOLS = "Each institution has a coefficient of its own: absorb them, or say why they are shown."
TOO_MANY = "The job hands over more outputs than one job may have."


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
    memory: WorkerPorts | None = None
    """Who compares tables with everything released; None on synthetic data."""

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
    made: list[Computed] = []
    for one in left:
        many = len(made) >= most
        made.append(Computed(one.name, one.kind, "", Problem("number", TOO_MANY)) if many else _one(stage, one, made))
    return told_close(made, stage.profile.t)


def _one(stage: Stage, one: LeftRequest, before: Sequence[Computed]) -> Computed:
    try:
        asked = read_request(one.request, one.kind, one.name)
        match asked:
            case HandedTable():
                return _table(stage, in_order(asked, stage.checked.canonical), one.rows, before)
            case HandedRegression():
                return _regression(stage, replace(asked, formula=in_one_order(asked.formula)), one.rows)
            case HandedFigure():
                return Computed(one.name, one.kind, asked.description, asked)
    except Invalid as wrong:
        place = (("place", wrong.pointer),) if wrong.pointer else ()
        return Computed(one.name, one.kind, "", Problem(wrong.code, wrong.message, place))


def _table(stage: Stage, asked: HandedTable, rows: bytes, before: Sequence[Computed]) -> Computed:
    planned = planned_table(asked, stage.inputs, stage.project, stage.policies)
    needs, to = needs_of(stage.profile), HandedTo(stage.vault, stage.checked.uses, rows, stage.job, stage.attempt)
    limits = limits_for(Kind.SQL, stage.policies)
    result = stage.run(stage.handed.prepare(planned.plan, planned.rows, to, limits, needs))
    checked, evidence = stage.handed.read(planned.plan, result.frames, needs)
    found: Assessment | None = None
    compared: ComparedTable | None = None
    if evidence is not None and stage.memory is not None:
        beside = [t for c in before if c.compared is not None for t in c.compared.tables]
        given = Handed(planned.plan, planned.rows, to, evidence, stage.vaults, beside)
        compared = compare_handed(stage.memory, given, stage.project, stage.policies)
        found = compared.judged
    elif evidence is not None:
        (found,) = judge_job(planned.plan, evidence, stage.profile, stage.vaults.registers(stage.vault))
    return replace(_told(stage, asked, found, checked, planned.rows.derived), compared=compared)


def _regression(stage: Stage, asked: HandedRegression, content: bytes) -> Computed:
    rows = rows_to_fit(asked, stage.inputs, stage.project, stage.policies)
    to = HandedTo(stage.vault, stage.checked.uses, content, stage.job, stage.attempt)
    result = stage.run(stage.handed.prepare_fit(asked, rows, to, limits_for(Kind.SQL, stage.policies)))
    checked, fit = stage.handed.read_fit(result.frames)
    schools = {c.name for c in rows.columns if institution_code(c.bare) is not None}
    terms = {f.column for term in asked.formula.terms for f in term}
    more = (Finding("R3", Verdict.REVIEW, OF_SCHOOLS),) if schools & terms else ()
    found = None if fit is None else judge_fit(asked.name, fit, stage.profile, more)
    return _told(stage, asked, found, checked, rows.derived)


def _told(
    stage: Stage,
    asked: HandedTable | HandedRegression,
    found: Assessment | None,
    checked: RowsChecked,
    derived: Sequence[str],
) -> Computed:
    kind = "table" if isinstance(asked, HandedTable) else "regression"
    if found is None:
        return Computed(asked.name, kind, asked.description, problem_of(checked))
    judged = by_person(found, checked, derived, unwritten(asked, stage.checked.canonical))
    return Computed(asked.name, kind, asked.description, judged, checked.rows, checked.persons)
