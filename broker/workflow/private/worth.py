"""What a private text of either kind would be worth: which forecast is its own. Has no way to data."""

from typing import Any

from broker.domain.amounts import Amount
from broker.policy.service import Service
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.by_blocks.forecasting import forecast_of_script
from broker.workflow.private.forecasting import forecast_of
from broker.workflow.private.texts import PrivateText


def worth_of(private: PrivateText, service: Service, left: Amount | None, of: str) -> dict[str, Any]:
    if isinstance(private, PrivateScript):
        return forecast_of_script(private, service, left, of)
    return forecast_of(private, left, of)
