"""The JSON document of `broker check`, whose form other programs rely on."""

from broker.domain.jobs.job import JobKind
from broker.domain.plans.plan import PlannedOutput
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.domain.projects.saved_definitions import PROJECT_SCHEMA
from broker.workflow.checking.submission_check import CheckedSubmission

REFUSAL_FIELDS = ("code", "message", "line", "column", "variable", "advice")


def check_document(checked: CheckedSubmission, private: dict[str, object] | None = None) -> dict[str, object]:
    """Return the document. `private`: the forecast of a private text."""
    return {
        "verdict": "accepted" if checked.accepted else "refused",
        "review": list(checked.review),
        "refusals": [{name: getattr(refusal, name) for name in REFUSAL_FIELDS} for refusal in checked.refusals],
        "uses": [use_document(u) for u in checked.uses],
        "outputs": _output_documents(checked),
        "kept": [f"{PROJECT_SCHEMA}.{k.name}" for k in checked.saved_definitions],
        "advice": list(checked.advice),
    } | ({} if private is None else {"private": private})


def use_document(use: VariableUse) -> dict[str, object]:
    years = None if use.years is None else sorted(use.years)
    return {
        "table": use.table,
        "variable": use.variable,
        "years": years,
        "first_year": years[0] if years else None,
        "last_year": years[-1] if years else None,
        "how": [how.value for how in Usage if how in use.how],
    }


def _output_documents(checked: CheckedSubmission) -> list[dict[str, object]]:
    if checked.kind is JobKind.PYTHON:
        return [{"name": name, "unit": None, "columns": []} for name, _ in checked.declared]
    return [_output_document(o) for o in checked.plan.outputs] if checked.plan else []


def _output_document(output: PlannedOutput) -> dict[str, object]:
    columns = [{"name": c.name, "statistic": c.statistic} for c in output.columns]
    return {"name": output.name, "unit": output.unit, "columns": columns}
