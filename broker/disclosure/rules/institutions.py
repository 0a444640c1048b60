"""Rules on institutions, where the profile protects them as it does people. A cell that is one institution's own by a
key of the table is judged by its people only."""

from decimal import Decimal

from broker.disclosure.rules.asking import (
    BINARY,
    COUNTS,
    MAGNITUDES,
    OF_POLICY,
    Answer,
    Question,
    decimal,
    exact,
    finding,
    is_too_close,
    p_percent_of,
)
from broker.domain.findings import Verdict
from broker.domain.plans import Measure
from broker.policy.profiles import Profile
from broker.postprocessing.evaluate import size

AMOUNTS = COUNTS | BINARY | MAGNITUDES | {Measure.GAP}
"""Measures whose figure is a total over institutions."""


def few_institutions(ask: Question, profile: Profile) -> Answer:
    """F6: too few institutions, where the profile protects them."""
    found = ask.institutions
    if not _protected(ask, profile) or found is None or not 0 < found < profile.min_institutions:
        return None
    return finding("F6", Verdict.SUPPRESS, "Too few institutions stand behind this figure.", institutions=found)


def full_institution(ask: Question, profile: Profile) -> Answer:
    """F3: one institution has (nearly) everybody of the cell, where the profile protects institutions."""
    verdict, largest, share = OF_POLICY[profile.full], ask.largest_institution, decimal(profile.full_share)
    if not _has_enough(ask, profile) or verdict is None or not largest or share is None:
        return None
    if largest < share * ask.cell_persons:
        return None
    sentence = "One institution has (nearly) everybody of this cell."
    return finding("F3", verdict, sentence, largest=largest, persons=ask.cell_persons)


def large_institution(ask: Question, profile: Profile) -> Answer:
    """M3: what is left after the two largest institutions is under p percent of the largest."""
    p, e = p_percent_of(profile), ask.evidence
    if not _has_enough(ask, profile) or p is None or e.institution_largest is None or ask.measure not in AMOUNTS:
        return None
    largest = exact(e.institution_largest)
    second = largest if e.institution_second is None else exact(e.institution_second)
    if not is_too_close(largest, second, _whole(ask), p):
        return None
    sentence = "The second institution could estimate the largest too closely."
    return finding("M3", Verdict.SUPPRESS, sentence, largest=largest, second=second, total=_whole(ask))


def _whole(ask: Question) -> Decimal:
    """What the institutions' totals add up to. With negative amounts it is less than their sizes, and M3 the stricter;
    M7 sends such a figure to a person."""
    e = ask.evidence
    if ask.measure in MAGNITUDES:
        return Decimal(0 if e.total is None else size(e.total))
    return Decimal(e.persons if ask.measure is Measure.COUNT_PERSONS else e.rows)


def _protected(ask: Question, profile: Profile) -> bool:
    return profile.protects_institutions and not ask.by_institution


def _has_enough(ask: Question, profile: Profile) -> bool:
    """Where there are too few, that says it all."""
    return _protected(ask, profile) and few_institutions(ask, profile) is None
