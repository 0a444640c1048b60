"""Between a script's end and assessment, what it left goes through the trusted stage: tables of the same rows in one
container, models in one each.

Whatever is wrong with a request or its rows follows from data: it withholds that output, and only staff read why.
"""

from collections.abc import Sequence
from dataclasses import replace

from broker.disclosure.judge_fit import judge_fit
from broker.domain.errors import Invalid
from broker.domain.findings import Finding, Verdict
from broker.domain.handed import HandedFigure, HandedRegression, HandedTable
from broker.domain.jobs import Kind
from broker.domain.ports import (
    HandedTo,
)
from broker.domain.variables import institution_code
from broker.python_jobs.handed import read_request
from broker.python_jobs.left import LeftRequest
from broker.python_jobs.written import in_one_order, in_order
from broker.workflow.handed_findings import Computed, Problem, told_close
from broker.workflow.handed_tables import Table, tables
from broker.workflow.handing import rows_to_fit
from broker.workflow.limits import limits_for
from broker.workflow.trusted import Stage, told

OF_SCHOOLS = "Each institution has a coefficient of its own: absorb them, or say why they are shown."
TOO_MANY = "The job hands over more outputs than one job may have."


def compute(stage: Stage, left: Sequence[LeftRequest]) -> tuple[Computed, ...]:
    """Every request in order of name; tables together."""
    most = stage.policies.service.max_outputs
    read = [
        _read(stage, one) if n < most else Computed(one.name, one.kind, "", Problem("number", TOO_MANY))
        for n, one in enumerate(left)
    ]
    made = iter(tables(stage, [one for one in read if isinstance(one, Table)]))
    return told_close([next(made) if isinstance(one, Table) else one for one in read], stage.profile.t)


def _read(stage: Stage, one: LeftRequest) -> Table | Computed:
    try:
        asked = read_request(one.request, one.kind, one.name)
        match asked:
            case HandedTable():
                return Table(in_order(asked, stage.checked.canonical), one.rows)
            case HandedRegression():
                return _regression(stage, replace(asked, formula=in_one_order(asked.formula)), one.rows)
            case HandedFigure():
                return Computed(one.name, one.kind, asked.description, asked)
    except Invalid as wrong:
        place = (("place", wrong.pointer),) if wrong.pointer else ()
        return Computed(one.name, one.kind, "", Problem(wrong.code, wrong.message, place))


def _regression(stage: Stage, asked: HandedRegression, content: bytes) -> Computed:
    rows = rows_to_fit(asked, stage.inputs, stage.project, stage.policies)
    to = HandedTo(stage.vault, stage.checked.uses, content, stage.job, stage.attempt)
    result = stage.run(stage.handed.prepare_fit(asked, rows, to, limits_for(Kind.SQL, stage.policies)))
    checked, fit = stage.handed.read_fit(result.frames)
    schools = {c.name for c in rows.columns if institution_code(c.bare) is not None}
    terms = {f.column for term in asked.formula.terms for f in term}
    more = (Finding("R3", Verdict.REVIEW, OF_SCHOOLS),) if schools & terms else ()
    found = None if fit is None else judge_fit(asked.name, fit, stage.profile, more)
    return told(stage, asked, found, checked, rows.derived)
