"""The JSON document of `broker check`, whose form other programs rely on."""

from dataclasses import asdict
from typing import Any

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import Usage, VariableUse
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.views.check_view import view_check

REFUSAL_FIELDS = ("code", "message", "line", "column", "variable", "advice")


def check_document(checked: CheckedSubmission, private: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the document. `private`: the forecast of a private text; without one the document does not have it."""
    document = asdict(view_check(checked, private)) | {
        "refusals": [_refusal_document(refusal) for refusal in checked.refusals],
        "uses": [use_document(use) for use in checked.uses],
    }
    return {name: shown for name, shown in document.items() if name != "private" or shown is not None}


def _refusal_document(refusal: Refusal) -> dict[str, object]:
    """A refusal. It has an `edit` only if a change of the text is the advice."""
    edit = {} if refusal.edit is None else {"edit": asdict(refusal.edit)}
    return {name: getattr(refusal, name) for name in REFUSAL_FIELDS} | edit


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
