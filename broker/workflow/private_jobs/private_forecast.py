"""States the expected errors and cost of a private text before anything runs, without reading data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount
from broker.policy.service_limits import ServiceLimits
from broker.privacy.error_forecast import ExpectedError, expected_errors, other_spends
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.results.privacy_record import stated_loss
from broker.privacy.sample_and_aggregate import BlockAggregation, design_aggregation, expected_block_errors
from broker.python_jobs.private_directive import BlockEstimator, ScriptDirective, block_seconds, total_seconds
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript, PrivateText, cost_of
from broker.workflow.private_jobs.private_spend import statistic_names

DIGITS = 4
BLOCK_NUMBERS = (50, 100, 200, 500, 1000, 2000)
"""Numbers of blocks for which the forecast also states the error."""


def forecast_of_text(
    private: PrivateText, service: ServiceLimits, left: PrivacyAmount | None, of: str
) -> dict[str, Any]:
    """Return the forecast as one JSON object, with a script's own facts under `blocks`. `left` is the amount that the
    spend is a share of; `of` names it: an allotment, or what is left."""
    share = None if left is None else private.charge.share_of(left)
    found = {
        "spend": stated_loss(private.charge, private.promise),
        "share": None if share is None else _rounded(float(share)),
        "share_of": of if share is not None else None,
        "is_automatic": private.is_automatic,
        "interval_level": private.profile.level,
        "display_floor": 0 if isinstance(private, PrivateScript) else private.profile.display_floor,
        "data_sets": list(private.datasets),
        "left_out_as_a_rule": list(private.omissions),
        "expected": _at_spend(private, private.spend)["expected"],
        "other_spends": [_at_spend(private, spend) for spend in other_spends(private.spend, private.profile)],
    }
    return found | {"blocks": _block_forecast(private, service)} if isinstance(private, PrivateScript) else found


def _at_spend(private: PrivateText, spend: PrivacyAmount) -> dict[str, Any]:
    """Return what the ledger would be charged for a spend, and the expected errors."""
    if isinstance(private, PrivateScript):
        aggregation = design_aggregation(private.parameters, spend, private.profile)
        charge, expected = aggregation.charge, _number_lines(private, aggregation)
    else:
        design = design_measurement(private.design.tables, spend)
        charge, expected = design.charge, _figure_lines(private, design)
    return {"spend": stated_loss(charge, private.promise), "expected": expected}


def _block_forecast(script: PrivateScript, service: ServiceLimits) -> dict[str, Any]:
    def expected(directive: ScriptDirective) -> list[dict[str, Any]]:
        return _number_lines(script, design_aggregation(directive, script.spend, script.profile))

    parameters = script.parameters
    numbers = [b for b in BLOCK_NUMBERS if script.profile.least_blocks <= b <= script.profile.most_blocks]
    return {
        "blocks": parameters.blocks,
        "estimator": parameters.estimator.value,
        "seconds_of_a_block": block_seconds(parameters, service),
        "lasts_seconds": _rounded(total_seconds(parameters, service)),
        "other_estimators": {
            e.value: expected(replace(parameters, estimator=e)) for e in BlockEstimator if e is not parameters.estimator
        },
        "other_blocks": [{"blocks": b, "expected": expected(replace(parameters, blocks=b))} for b in numbers],
    }


def _number_lines(script: PrivateScript, aggregation: BlockAggregation) -> list[dict[str, Any]]:
    """Return a line for each number, in the form of other private texts. A median's line has the number of blocks'
    answers by which its rank may be off."""
    return [
        {
            "output": script.program.output,
            "by": [],
            "figure": e.name,
            "persons_in_the_cell": None,
            "error": _rounded(e.error),
            "half_interval": _rounded(e.half_width),
            "ranks_off": _rounded(e.rank_error),
        }
        for e in expected_block_errors(aggregation, script.profile)
    ]


def _rounded(number: float | None, factor: float = 1.0) -> float | None:
    return None if number is None else float(f"{number * factor:.{DIGITS}g}")


def tightest_budget(
    amounts: Mapping[PrivacyAccount, PrivacyAmount], project: str, private: PrivateText
) -> PrivacyAmount | None:
    """Return what is left (or allotted) in the project account of which the job takes the largest share, or None."""
    # Shared accounts are left out, because they would show what others have spent.
    own = [a for account, a in amounts.items() if account in cost_of(private).charges(project) and account.project]
    shares = [(share, a) for a in own if (share := private.charge.share_of(a)) is not None]
    return max(shares, key=lambda s: s[0])[1] if shares else None


def _figure_lines(private: PrivateQuery, design: MeasurementDesign) -> list[dict[str, Any]]:
    """Return the mean error and half the interval of each cell, by output, grouping set and figure. A figure that is
    divided by an unknown number of persons has a line for each of several numbers."""
    names = statistic_names(private.plan, private.measured)
    return [
        {
            "output": names[e.table][0],
            "by": _keys(private, e),
            "figure": name,
            "persons_in_the_cell": e.persons,
            "error": _rounded(e.error, factor),
            "half_interval": _rounded(e.half_width, factor),
            "ranks_off": _rounded(e.ranks),
        }
        for e in expected_errors(design, private.profile)
        for name, factor in names[e.table][1].get(e.statistic, ((e.statistic, 1.0),))
    ]


def _keys(private: PrivateQuery, of: ExpectedError) -> list[str]:
    table = next(t for t in private.design.tables if t.name == of.table)
    return [table.dimensions[i].name for i in table.sets[of.set]]
