"""The same for readers who do not know epsilon: sentences from the design and the promise. No figure of the data."""

from fractions import Fraction
from math import ceil, exp

from broker.domain.amounts import Amount
from broker.policy.privacy import PrivacyProfile, Promise
from broker.privacy.design import Design
from broker.privacy.results.record import told, truncation


def plain_words(
    design: Design, promise: Promise, profile: PrivacyProfile, left: Amount | None = None
) -> tuple[str, ...]:
    """What was done and what it means. `left`: what the project had left before this release."""
    sentences = [
        "Random noise was added to every figure of this table, the empty cells too, before anybody saw it.",
        odds(design.charge, promise),
        f"Each interval holds the figure without noise in {round(100 * profile.level)} of 100 releases. It is about "
        "the noise only: sampling, missing records and the bounds below come on top.",
        *dict.fromkeys(truncation(t.influence) for t in design.tables),
    ]
    if profile.display_floor > 0:
        sentences.append(f"Cells whose noisy count is under {profile.display_floor} are not shown.")
    if any(d.values is None for t in design.tables for d in t.dimensions):
        sentences.append("A group without a public list is shown only if its noisy count is high enough.")
    share = None if left is None else design.charge.share_of(left)
    if share is not None:
        sentences.append(f"This used {percent(share)} of what the project had left to spend.")
    return tuple(sentences)


def odds(charge: Amount, promise: Promise) -> str:
    """Epsilon as what an onlooker's odds can change by: a factor of e^epsilon, from even odds."""
    epsilon = told(charge, promise)["epsilon"]
    assert isinstance(epsilon, float)
    guess = 1 / (1 + exp(-epsilon))
    return (
        "Whoever guesses whether one person is in the data, with even chances before they see this release, is right "
        f"with at most {ceil(100 * guess)} % afterwards, whatever else they know."
    )


def percent(share: Fraction) -> str:
    value = float(100 * share)
    return "less than 0.1 %" if 0 < value < 0.1 else f"{value:.1f} %"
