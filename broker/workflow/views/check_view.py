"""A checked text as its author reads it: the verdict with its reasons, and the outputs that the text would make."""

from dataclasses import dataclass
from typing import Any, Literal

from broker.domain.errors import Refusal
from broker.domain.jobs.job import JobKind
from broker.domain.plans.plan import PlannedOutput
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.saved_definitions import PROJECT_SCHEMA
from broker.workflow.checking.submission_check import CheckedSubmission


@dataclass(frozen=True, slots=True)
class ColumnView:
    name: str
    statistic: str


@dataclass(frozen=True, slots=True)
class PlannedView:
    """An output that the text would make. A file of a script has no unit and no columns."""

    name: str
    unit: str | None
    columns: tuple[ColumnView, ...]


@dataclass(frozen=True, slots=True)
class CheckView:
    """`kept`: the names that the project would save. `private`: the forecast of a private text."""

    verdict: Literal["accepted", "refused"]
    review: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    uses: tuple[VariableUse, ...]
    outputs: tuple[PlannedView, ...]
    kept: tuple[str, ...]
    advice: tuple[str, ...]
    private: dict[str, Any] | None


def view_check(checked: CheckedSubmission, private: dict[str, Any] | None = None) -> CheckView:
    return CheckView(
        verdict="accepted" if checked.accepted else "refused",
        review=checked.review,
        refusals=checked.refusals,
        uses=checked.uses,
        outputs=_planned_outputs(checked),
        kept=tuple(f"{PROJECT_SCHEMA}.{definition.name}" for definition in checked.saved_definitions),
        advice=checked.advice,
        private=private,
    )


def _planned_outputs(checked: CheckedSubmission) -> tuple[PlannedView, ...]:
    if checked.kind is JobKind.PYTHON:
        return tuple(PlannedView(name, None, ()) for name, _ in checked.declared)
    planned = checked.plan.outputs if checked.plan else ()
    return tuple(PlannedView(output.name, output.unit, _column_views(output)) for output in planned)


def _column_views(output: PlannedOutput) -> tuple[ColumnView, ...]:
    return tuple(ColumnView(column.name, column.statistic) for column in output.columns)
