"""Rules on single values out of many: quantiles, extremes, modes, box plots. They must not be one person's own."""

from collections.abc import Iterable
from decimal import Decimal

from broker.disclosure.rules.asking import EXTREMES, OF_POLICY, Answer, Question, decimal, finding
from broker.disclosure.rules.telling import share_of
from broker.domain.findings import Verdict
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.policy.profiles import Profile
from broker.postprocessing.evaluate import number


def spans(fractions: Iterable[Decimal]) -> dict[Decimal, Decimal]:
    """Of each quantile that is asked for, the lesser share of rows between it and a neighbour; the ends are two."""
    places = [Decimal(0), *sorted(set(fractions)), Decimal(1)]
    around = zip(places, places[1:], places[2:], strict=False)
    return {at: min(at - below, above - at) for below, at, above in around}


def quantile_places(ask: Question, profile: Profile) -> Answer:
    """Q1: fewer than t persons between a quantile and the next one, or no rounding of it that t persons share."""
    if ask.measure is not Measure.QUANTILE or not ask.evidence.persons:
        return None
    between = persons_between(ask)
    if ask.evidence.bin is not None and between >= profile.t:
        return None
    sentence = "Too few persons stand between this quantile and the next, or near its value."
    return finding("Q1", Verdict.SUPPRESS, sentence, between=between, bin=ask.evidence.bin)


def persons_between(ask: Question) -> int:
    """No fewer persons than these stand between the quantile and its nearer neighbour: each of its rows is of one who
    has no more than so many, and only so many persons can stand wholly outside."""
    e = ask.evidence
    if ask.span is None:
        return 0
    inside = share_of(ask.span, e.rows)
    most = e.largest if isinstance(e.largest, int) else e.rows - e.persons + 1
    return max(0, -(-inside // max(1, most)), e.persons - (e.rows - inside))


def extreme_value(ask: Question, profile: Profile) -> Answer:
    """Q2: a least or greatest value is one person's, unless it is the catalogue's bound or t persons have it."""
    e = ask.evidence
    if ask.measure not in EXTREMES or not e.persons:
        return None
    if (e.ties or 0) >= profile.t or _is_bound(ask):
        return None
    return finding("Q2", Verdict.REFUSE, "The least or greatest value is that of few persons.", ties=e.ties or 0)


def _is_bound(ask: Question) -> bool:
    if ask.bounds is None:
        return False
    bound: Value = ask.bounds[0 if ask.measure is Measure.LOWEST else 1]
    return bound is not None and ask.evidence.value is not None and number(bound) == number(ask.evidence.value)


def common_value(ask: Question, profile: Profile) -> Answer:
    """Q3: the most common value is that of fewer than t persons, or of (nearly) all."""
    e = ask.evidence
    if ask.measure is not Measure.MODE or not e.persons:
        return None
    ties, share = e.ties or 0, decimal(profile.full_share) or Decimal(1)
    full = OF_POLICY[profile.full] if ties >= share * e.persons else None
    verdict = Verdict.SUPPRESS if ties < profile.t else full
    if verdict is None:
        return None
    return finding("Q3", verdict, "The most common value is that of few persons, or of (nearly) all.", ties=ties)


def box_ends(ask: Question, profile: Profile) -> Answer:
    """Q4: a box plot is drawn between quantiles, never to its extremes."""
    whisker = decimal(profile.whisker)
    if ask.box is None or whisker is None or ask.box >= whisker:
        return None
    return finding("Q4", Verdict.REFUSE, "The ends of this box plot stand too near the extremes.", at=ask.box)
