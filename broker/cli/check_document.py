"""The JSON document of `broker check`: a contract that other programs rely on."""

from broker.domain.errors import Refusal
from broker.domain.jobs import Kind
from broker.domain.plans import PlannedOutput
from broker.domain.saved import SCHEMA
from broker.domain.variables import How, Use
from broker.workflow.check import Checked


def check_document(checked: Checked, private: dict[str, object] | None = None) -> dict[str, object]:
    """`private`: of a private text, what its answer would be worth."""
    return {
        "verdict": "accepted" if checked.accepted else "refused",
        "review": list(checked.review),
        "refusals": [refusal_document(r) for r in checked.refusals],
        "uses": [use_document(u) for u in checked.uses],
        "outputs": _outputs(checked),
        "kept": [f"{SCHEMA}.{k.name}" for k in checked.kept],
        "advice": list(checked.advice),
    } | ({} if private is None else {"private": private})


def refusal_document(refusal: Refusal) -> dict[str, object]:
    return {
        "code": refusal.code,
        "message": refusal.message,
        "line": refusal.line,
        "column": refusal.column,
        "variable": refusal.variable,
        "advice": refusal.advice,
    }


def use_document(use: Use) -> dict[str, object]:
    years = None if use.years is None else sorted(use.years)
    return {
        "table": use.table,
        "variable": use.variable,
        "years": years,
        "first_year": years[0] if years else None,
        "last_year": years[-1] if years else None,
        "how": [how.value for how in How if how in use.how],
    }


def _outputs(checked: Checked) -> list[dict[str, object]]:
    if checked.kind is Kind.PYTHON:
        return [{"name": name, "unit": None, "columns": []} for name, _ in checked.declared]
    return [_output(o) for o in checked.plan.outputs] if checked.plan else []


def _output(output: PlannedOutput) -> dict[str, object]:
    columns = [{"name": c.name, "statistic": c.statistic} for c in output.columns]
    return {"name": output.name, "unit": output.unit, "columns": columns}
