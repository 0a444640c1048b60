"""Rules on institutions, where the profile protects them as it does people. A cell that is one institution's own by a
key of the table is judged by its people only."""

from broker.disclosure.rules.asking import (
    MAGNITUDES,
    OF_POLICY,
    ROWS,
    Answer,
    Question,
    decimal,
    exact,
    finding,
    is_too_close,
    p_percent_of,
)
from broker.domain.outputs import Verdict
from broker.policy.models import Profile


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
    if not _has_enough(ask, profile) or p is None or e.institution_largest is None:
        return None
    total = e.total if ask.measure in MAGNITUDES else e.rows if ask.measure in ROWS else None
    largest = exact(e.institution_largest)
    second = largest if e.institution_second is None else exact(e.institution_second)
    if total is None or not is_too_close(largest, second, exact(total), p):
        return None
    sentence = "The second institution could estimate the largest too closely."
    return finding("M3", Verdict.SUPPRESS, sentence, largest=largest, second=second, total=total)


def _protected(ask: Question, profile: Profile) -> bool:
    return profile.protects_institutions and not ask.by_institution


def _has_enough(ask: Question, profile: Profile) -> bool:
    """Where there are too few, that says it all."""
    return _protected(ask, profile) and few_institutions(ask, profile) is None
