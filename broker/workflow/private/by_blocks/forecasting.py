"""What a private script's answer would be worth, told before anything runs: from its line, spend and policy. It has
no way to data: in particular the blocks are not looked at, whose number is the author's to choose."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from broker.domain.amounts import Amount
from broker.policy.service import Service
from broker.privacy.aggregate.figures import Expected, expectations, of_both
from broker.privacy.aggregate.made import Aggregate, aggregate
from broker.privacy.results.record import told
from broker.python_jobs.private.line import lasting, seconds_of
from broker.workflow.private.by_blocks.asking import PrivateScript

DIGITS = 4
BLOCKS = (50, 100, 200, 500, 1000, 2000)
"""Numbers of blocks for which the error is told too."""


def forecast_of_script(
    script: PrivateScript, service: Service, left: Amount | None = None, of: str = ""
) -> dict[str, Any]:
    """In the form of other private texts, with what is a script's own under `blocks`."""
    share = None if left is None else script.charge.share_of(left)
    return {
        "spend": told(script.charge, script.promise),
        "share": None if share is None else _plain(float(share)),
        "share_of": of if share is not None else None,
        "is_automatic": script.is_automatic,
        "interval_level": script.profile.level,
        "display_floor": 0,
        "data_sets": list(script.datasets),
        "left_out_as_a_rule": [],
        "expected": _lines(script, expectations(script.made, script.profile)),
        "other_spends": [_at(script, made) for made in _others(script)],
        "blocks": _blocks(script, service),
    }


def _blocks(script: PrivateScript, service: Service) -> dict[str, Any]:
    asks = script.asks
    both = of_both(asks, script.spend, script.profile)
    numbers = [b for b in BLOCKS if script.profile.least_blocks <= b <= script.profile.most_blocks]
    made = {b: aggregate(replace(asks, blocks=b), script.spend, script.profile) for b in numbers}
    return {
        "blocks": asks.blocks,
        "estimator": asks.estimator.value,
        "seconds_of_a_block": seconds_of(asks, service),
        "lasts_seconds": _plain(lasting(asks, service)),
        "other_estimators": {e.value: _lines(script, found) for e, found in both.items() if e is not asks.estimator},
        "other_blocks": [
            {"blocks": b, "expected": _lines(script, expectations(m, script.profile))} for b, m in made.items()
        ],
    }


def _others(script: PrivateScript) -> Iterable[Aggregate]:
    for factor in script.profile.other_spends:
        micro = int(script.spend.micro * Fraction(repr(factor)))
        if micro:
            yield aggregate(script.asks, replace(script.spend, micro=micro), script.profile)


def _at(script: PrivateScript, made: Aggregate) -> dict[str, Any]:
    found = expectations(made, script.profile)
    return {"spend": told(made.charge, script.promise), "expected": _lines(script, found)}


def _lines(script: PrivateScript, found: Iterable[Expected]) -> list[dict[str, Any]]:
    """As other private texts tell a figure: of a median the blocks' answers by which its rank may be off."""
    return [
        {
            "output": script.program.output,
            "by": [],
            "figure": e.name,
            "persons_in_the_cell": None,
            "error": None if e.error is None else _plain(e.error),
            "half_interval": None if e.half_width is None else _plain(e.half_width),
            "ranks_off": None if e.blocks_off is None else _plain(e.blocks_off),
        }
        for e in found
    ]


def _plain(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
