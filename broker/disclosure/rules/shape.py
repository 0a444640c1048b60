"""Rules on deviations and variances."""

from broker.disclosure.rules.asking import Answer, Question, finding
from broker.domain.findings import Verdict
from broker.domain.plans import Measure
from broker.policy.profiles import Profile
from broker.postprocessing.evaluate import number


def few_degrees(ask: Question, profile: Profile) -> Answer:
    """D1: a deviation has fewer degrees of freedom (persons less one) than the profile asks for."""
    persons = ask.evidence.persons
    if ask.measure is not Measure.DEVIATION or not persons or persons - 1 >= profile.dof:
        return None
    return finding("D1", Verdict.SUPPRESS, "Too few degrees of freedom behind this deviation.", dof=persons - 1)


def no_deviation(ask: Question, _: Profile) -> Answer:
    """M9: a deviation of nothing, or shown as nothing, says that everybody has (nearly) the mean."""
    value = ask.evidence.value
    if ask.measure is not Measure.DEVIATION or value is None or 0 not in (number(value), ask.protected):
        return None
    return finding("M9", Verdict.SUPPRESS, "Every contributor has (nearly) the same value.", value=value)
