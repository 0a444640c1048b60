"""A private script's record and words: what was promised and how, for machines and for readers. Follows from the
line and policy alone, so it says nothing of how many blocks failed or met an end of a range."""

from broker.policy.privacy import PrivacyProfile, Promise
from broker.privacy.aggregate.figures import expectations
from broker.privacy.aggregate.made import REPLACED, STEPS, Aggregate
from broker.privacy.measurements import charge
from broker.privacy.mechanisms import Additive
from broker.privacy.results.record import Json, told
from broker.privacy.results.words import odds
from broker.python_jobs.private.asks import Estimator

METHOD = "differential privacy: sample and aggregate, integer noise by OpenDP"


def record(made: Aggregate, promise: Promise, profile: PrivacyProfile) -> Json:
    asks = made.asks
    return {
        "method": METHOD,
        "unit": promise.unit.value,
        "neighbours": "one person added or removed, with all of their rows",
        "accounting": made.charge.accounting.value,
        "spend": told(made.charge, promise),
        "spend_if_a_person_is_replaced": told(charge(made.bundle, 2), promise),
        "cap_per_person": told(promise.cap, promise),
        "interval_level": profile.level,
        "display_floor": 0,
        "blocks": asks.blocks,
        "estimator": asks.estimator.value,
        "most_of_one_person": "the answers of one block, each within its range",
        "block_without_an_answer": "counts as the middle of each range",
        "numbers": [{"name": r.name, "low": float(r.low), "high": float(r.high)} for r in asks.ranges],
        "parts": [_part(made)],
    }


def _part(made: Aggregate) -> Json:
    mechanism = made.mechanism
    found: Json = {"mechanism": type(mechanism).__name__.lower(), "scale": mechanism.scale}
    if isinstance(mechanism, Additive):
        bounds = mechanism.bounds
        sensitivity = {"l1": bounds.l1, "l2_squared": bounds.l2_squared, "linf": bounds.linf}
        return found | {"noise": f"integer {mechanism.family}", "steps_of_a_range": STEPS, "sensitivity": sensitivity}
    choice = "permute-and-flip" if mechanism.family.value == "laplace" else "gumbel"
    return found | {"noise": choice, "candidates": made.candidates, "most_that_a_score_moves": REPLACED}


def words(made: Aggregate, promise: Promise, profile: PrivacyProfile) -> tuple[str, ...]:
    asks = made.asks
    middle = "mean" if asks.estimator is Estimator.MEAN else "median"
    cut = f"The persons were cut into {asks.blocks:,} blocks by chance; the script answered for each block by itself."
    one = f"What is shown is the {middle} of the blocks' answers, each within its range, with random noise."
    return (cut, one, odds(made.charge, promise), _interval(made, profile), _rule(made))


def _interval(made: Aggregate, profile: PrivacyProfile) -> str:
    if made.asks.estimator is Estimator.MEDIAN:
        off = max(e.blocks_off or 0.0 for e in expectations(made, profile))
        return (
            f"In {round(100 * profile.level)} of 100 releases at most {off:.0f} of the blocks' answers lie between "
            "what is shown and their true median."
        )
    return (
        f"Each interval holds the mean without noise in {round(100 * profile.level)} of 100 releases. It is about the "
        "noise only: that blocks are smaller than the whole, sampling and ranges come on top."
    )


def _rule(made: Aggregate) -> str:
    ranges = "; ".join(f"{r.name} from {float(r.low):g} to {float(r.high):g}" for r in made.asks.ranges)
    return f"A block's answer beyond a range counts as its end, a block without an answer as the middle: {ranges}."
