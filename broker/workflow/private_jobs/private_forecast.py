"""States the expected errors and cost of a private text before anything runs, without reading data."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from broker.domain.ledger.privacy_loss import PrivacyAccount, PrivacyAmount
from broker.policy.service_limits import ServiceLimits
from broker.privacy.error_forecast import ExpectedError, Forecast, forecast_errors
from broker.privacy.results.privacy_record import stated_loss
from broker.privacy.sample_and_aggregate import (
    BlockAggregation,
    ExpectedBlockError,
    design_aggregation,
    expected_block_errors,
    expected_errors_by_estimator,
)
from broker.python_jobs.private_directive import block_seconds, total_seconds
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript, PrivateText, cost_of
from broker.workflow.private_jobs.private_spend import statistic_names

DIGITS = 4
BLOCK_NUMBERS = (50, 100, 200, 500, 1000, 2000)
"""Numbers of blocks for which the forecast also states the error."""


def script_forecast(
    script: PrivateScript, service: ServiceLimits, left: PrivacyAmount | None = None, of: str = ""
) -> dict[str, Any]:
    """Return the forecast in the form of other private texts, with a script's own facts under `blocks`."""
    share = None if left is None else script.charge.share_of(left)
    return _facts(script, share, of, display_floor=0, omissions=()) | {
        "expected": _number_lines(script, expected_block_errors(script.aggregation, script.profile)),
        "other_spends": [_other_spend(script, made) for made in _other_aggregations(script)],
        "blocks": _block_forecast(script, service),
    }


def _facts(
    private: PrivateText, share: Fraction | None, of: str, *, display_floor: int, omissions: Iterable[str]
) -> dict[str, Any]:
    """Return the part of a forecast that all private texts have."""
    return {
        "spend": stated_loss(private.charge, private.promise),
        "share": None if share is None else _rounded(float(share)),
        "share_of": of if share is not None else None,
        "is_automatic": private.is_automatic,
        "interval_level": private.profile.level,
        "display_floor": display_floor,
        "data_sets": list(private.datasets),
        "left_out_as_a_rule": list(omissions),
    }


def _block_forecast(script: PrivateScript, service: ServiceLimits) -> dict[str, Any]:
    parameters = script.parameters
    both = expected_errors_by_estimator(parameters, script.spend, script.profile)
    numbers = [b for b in BLOCK_NUMBERS if script.profile.least_blocks <= b <= script.profile.most_blocks]
    made = {b: design_aggregation(replace(parameters, blocks=b), script.spend, script.profile) for b in numbers}
    return {
        "blocks": parameters.blocks,
        "estimator": parameters.estimator.value,
        "seconds_of_a_block": block_seconds(parameters, service),
        "lasts_seconds": _rounded(total_seconds(parameters, service)),
        "other_estimators": {
            e.value: _number_lines(script, found) for e, found in both.items() if e is not parameters.estimator
        },
        "other_blocks": [
            {"blocks": b, "expected": _number_lines(script, expected_block_errors(m, script.profile))}
            for b, m in made.items()
        ],
    }


def _other_aggregations(script: PrivateScript) -> Iterable[BlockAggregation]:
    for factor in script.profile.other_spends:
        # From the decimal text, because the float itself is not exact.
        micro = int(script.spend.micro * Fraction(repr(factor)))
        if micro:
            yield design_aggregation(script.parameters, replace(script.spend, micro=micro), script.profile)


def _other_spend(script: PrivateScript, made: BlockAggregation) -> dict[str, Any]:
    found = expected_block_errors(made, script.profile)
    return {"spend": stated_loss(made.charge, script.promise), "expected": _number_lines(script, found)}


def _number_lines(script: PrivateScript, found: Iterable[ExpectedBlockError]) -> list[dict[str, Any]]:
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
        for e in found
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


def query_forecast(private: PrivateQuery, left: PrivacyAmount | None = None, of: str = "") -> dict[str, Any]:
    """Return the forecast as one JSON object. `left` is the amount that the spend is a share of; `of` names it: an
    allotment, or what is left."""
    made, floor = (
        forecast_errors(private.design.tables, private.spend, private.profile, left),
        private.profile.display_floor,
    )
    return _facts(private, made.share_of_left, of, display_floor=floor, omissions=private.omissions) | {
        "expected": _expected(private, made),
        "other_spends": [
            {"spend": stated_loss(o.charge, private.promise), "expected": _expected(private, o)} for o in made.others
        ],
    }


def _expected(private: PrivateQuery, found: Forecast) -> list[dict[str, Any]]:
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
        for e in found.expected
        for name, factor in names[e.table][1].get(e.statistic, ((e.statistic, 1.0),))
    ]


def _keys(private: PrivateQuery, of: ExpectedError) -> list[str]:
    table = next(t for t in private.design.tables if t.name == of.table)
    return [table.dimensions[i].name for i in table.sets[of.set]]


def forecast_of_text(
    private: PrivateText, service: ServiceLimits, left: PrivacyAmount | None, of: str
) -> dict[str, Any]:
    if isinstance(private, PrivateScript):
        return script_forecast(private, service, left, of)
    return query_forecast(private, left, of)
