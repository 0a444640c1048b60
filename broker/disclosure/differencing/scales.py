"""Amounts that are the same but for a factor (hundreds, halves) are compared as if they were the same. No verdicts."""

import numpy as np

from broker.disclosure.differencing.functionals import Functional
from broker.disclosure.differencing.kinds import SAME

DIGITS = 9


def scales_of(new: Functional, old: Functional) -> tuple[float, ...]:
    """1, and the factor from old amounts to new that most persons have, if it is another."""
    if new.is_plain and old.is_plain:
        return (1.0,)
    persons, _ = old.members.listed()
    persons = persons[new.counter.labels(persons) != new.members.nobody]
    if not len(persons):
        return (1.0,)
    ratios = new.amounts(persons) / old.amounts(persons)
    places = DIGITS - np.ceil(np.log10(np.abs(ratios)))
    found, counts = np.unique(np.round(ratios * 10**places) / 10**places, return_counts=True)
    most = float(found[counts.argmax()])
    return (1.0,) if abs(most - 1) <= SAME else (1.0, most)
