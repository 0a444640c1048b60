"""Rules on counts of people: small, empty and full cells, small totals. Lines of a table are looked at elsewhere."""

from broker.disclosure.rules.asking import (
    BINARY,
    COUNTS,
    MAGNITUDES,
    OF_POLICY,
    PLACES,
    Answer,
    Question,
    finding,
)
from broker.domain.findings import Verdict
from broker.policy.profiles import Profile


def small_cell(ask: Question, profile: Profile) -> Answer:
    """F1: persons 1 to t-1 behind the cell, the count, or either side of a 0/1 statistic."""
    low = [n for n in _sides(ask) if 0 < n < profile.t]
    if not low:
        return None
    return finding(
        "F1", Verdict.SUPPRESS, "Fewer persons than the threshold stand behind this figure.", persons=min(low)
    )


def _sides(ask: Question) -> list[int]:
    sides = [ask.cell_persons]
    if ask.measure in COUNTS | BINARY | PLACES:
        sides.append(ask.evidence.persons)
    if ask.measure in BINARY:
        sides.append(ask.evidence.rest)
    return sides


def zero_cell(ask: Question, profile: Profile) -> Answer:
    """F2: nobody at all, which tells that each member of the group has another value."""
    verdict = OF_POLICY[profile.zeros]
    counted = COUNTS | MAGNITUDES | PLACES
    empty = ask.cell_persons == 0 or (ask.measure in counted and ask.evidence.persons == 0)
    return finding("F2", verdict, "Nobody stands behind this figure.") if empty and verdict else None


def full_cell(ask: Question, profile: Profile) -> Answer:
    """F3: in a cell of people, everybody or nobody has the property."""
    verdict = OF_POLICY[profile.full]
    if ask.measure not in BINARY or ask.cell_persons == 0 or verdict is None:
        return None
    if ask.evidence.persons and ask.evidence.rest:
        return None
    sentence = "Everybody in this cell has the property, or nobody has."
    return finding("F3", verdict, sentence, ones=ask.evidence.persons, rest=ask.evidence.rest)


def small_margin(ask: Question, profile: Profile) -> Answer:
    """F5: persons 1 to t-1 in a total; whoever finds one of them there learns all else that the table tells."""
    low = [n for n in _sides(ask) if 0 < n < profile.t]
    if not ask.margin or not low:
        return None
    sentence = "Fewer persons than the threshold are in this total."
    return finding("F5", Verdict.SUPPRESS, sentence, persons=min(low))
