"""Rules that follow from the plan alone: what has no automatic verdict whatever the data are."""

from broker.disclosure.rules.asking import Answer, Question, finding
from broker.domain.findings import Verdict
from broker.domain.plans import Measure
from broker.policy.profiles import Profile


def distinct_values(ask: Question, _: Profile) -> Answer:
    """A2: the contributors of a count of distinct values are the values: a person looks."""
    if ask.measure is not Measure.COUNT_DISTINCT:
        return None
    return finding("A2", Verdict.REVIEW, "A count of distinct values has no automatic verdict.")


def outside_list(ask: Question, _: Profile) -> Answer:
    """A1: the argument is outside the closed list of the algebra, or the statistic always is."""
    always = "A deviation has no automatic verdict." if ask.measure is Measure.DEVIATION else None
    why = ask.needs_review or always
    return None if why is None else finding("A1", Verdict.REVIEW, why)
