"""Protected values of statistics: rounded counts, capped digits. Says nothing about which cells may leave."""

from decimal import ROUND_DOWN, Decimal

from broker.disclosure.rules.telling import least_shown_as
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans import Deviation, Measure, Statistic
from broker.domain.scalars import Value
from broker.policy.profiles import Profile
from broker.postprocessing.evaluate import Number, number, rounded, size


def protected(
    statistic: Statistic, evidence: StatisticEvidence, profile: Profile, cell_rows: int | None = None
) -> Value:
    """What may be seen of a statistic that passes, before any arithmetic is done with it. `cell_rows` are the rows that
    a sum or share is taken to be over, where it leaves out too few to be told of."""
    match statistic.measure:
        case Measure.COUNT_PERSONS:
            return round_count(evidence.value, profile)
        case Measure.COUNT_ROWS | Measure.COUNT_VALUES:
            return None if evidence.value is None else round_rows(evidence.rows, evidence.persons, profile)
        case Measure.COUNT_DISTINCT | Measure.GAP:
            return round_count(evidence.value, profile)
        case Measure.ONES:
            return None if evidence.value is None else round_rows(ones(evidence), evidence.persons, profile)
        case Measure.SHARE:
            return _share(statistic, evidence, profile, cell_rows)
        case Measure.MEAN:
            mean = _mean(statistic, evidence, profile)
            return _truncated(mean) if statistic.truncated and mean is not None else mean
        case Measure.QUANTILE:
            return _quantile(evidence, profile)
        case Measure.DEVIATION:
            return _place(statistic, evidence, profile)
        case Measure.LOWEST | Measure.HIGHEST | Measure.MODE:
            return evidence.value
        case Measure.SUM if statistic.counts:
            return None if evidence.total is None else round_rows(ones(evidence), evidence.persons, profile)
        case Measure.SUM:
            mean = _mean(statistic, evidence, profile)
            count = round_count(evidence.rows if cell_rows is None else cell_rows, profile)
            return None if mean is None or count is None else rounded(mean * count, profile.sum_digits)


def round_count(value: Value, profile: Profile) -> int | None:
    """Conventional rounding to the profile's base, half up. The base is never another, whatever the data are."""
    if value is None:
        return None
    base = profile.round_base
    return (2 * int(number(value)) + base) // (2 * base) * base


def round_rows(rows: int, persons: int, profile: Profile) -> int:
    """A count of rows leaves as a sum does: the rounded number of persons times the rows that each has on average, and
    that rounded. Five rows of everybody, rounded to five, would tell exactly how many persons there are.

    The average has the digits that one person's rows move, so that it tells no more of the number. Where each has one
    row, or `persons` is not known to be fewer, it is the rounded count. That most rows are one person's is for a rule
    (M3) to find.
    """
    shown = round_count(persons, profile) or 0
    if profile.round_base == 1 or not shown or rows <= persons:
        return round_count(rows, profile) or 0
    each = Decimal(rows) / Decimal(persons)
    return round_count(rounded(each, -(each / shown).adjusted()) * shown, profile) or 0


def ones(evidence: StatisticEvidence) -> int:
    """Rows where a 0/1 argument is 1."""
    return int(number(evidence.total)) if evidence.total is not None else evidence.rows


def _share(statistic: Statistic, evidence: StatisticEvidence, profile: Profile, cell_rows: int | None) -> Value:
    """Protected ones over protected count, with as many digits as a percentage may have."""
    rows = ones(evidence) + evidence.rest_rows
    part = round_rows(ones(evidence), evidence.persons, profile)
    both = round_rows(rows, evidence.persons + evidence.rest, profile)
    whole = both if cell_rows is None else round_count(cell_rows, profile)
    if not whole:
        return None
    share = min(Decimal(1), Decimal(part) / Decimal(whole))
    return _truncated(share) if statistic.truncated else rounded(share, profile.percent_digits + 2)


def _mean(statistic: Statistic, evidence: StatisticEvidence, profile: Profile) -> Number | None:
    """The mean with capped digits, from its sum where that is known (the value may be truncated already)."""
    if not evidence.rows or (evidence.value is None and evidence.total is None):
        return None
    if evidence.total is not None:
        exact = Decimal(number(evidence.total)) / Decimal(evidence.rows)
    else:
        exact = Decimal(number(evidence.value))
    return rounded(exact, mean_digits(statistic, evidence, profile))


def _quantile(evidence: StatisticEvidence, profile: Profile) -> Number | None:
    """To the least power of ten at which enough persons have a value that is shown as the same."""
    if not evidence.rows or evidence.value is None:
        return None
    least = -profile.mean_digits
    return rounded(Decimal(number(evidence.value)), -max(least, least if evidence.bin is None else evidence.bin))


def _place(statistic: Statistic, evidence: StatisticEvidence, profile: Profile) -> Number | None:
    """A deviation with the digits that a mean may have."""
    if not evidence.rows or evidence.value is None:
        return None
    return rounded(Decimal(number(evidence.value)), mean_digits(statistic, evidence, profile))


def mean_digits(statistic: Statistic, evidence: StatisticEvidence, profile: Profile) -> int:
    """Digits of a mean: the profile's, and no finer than the first digit that a large contribution moves.

    With 4,000 rows a contribution of at most 90 moves the mean by 0.02, so two digits could be shown; with 50 it
    moves it by 1.8, so none. Finer digits would carry single contributions (a secret added as 0.001 x score). Nor are
    there more digits than leave every count possible that is rounded to the same: a whole total over ten rows has
    a mean with one digit, whichever ten it is, and two digits would tell how many rows there are.
    """
    most = profile.mean_digits
    if profile.round_base > 1:
        most = min(most, Decimal(least_shown_as(evidence.rows, profile)).adjusted())
    large = _large(statistic, evidence)
    if not large:
        return most
    if isinstance(statistic.form, Deviation) and statistic.form.squared:
        large = large * large  # what one contribution moves a variance by
    moved = Decimal(large) / Decimal(max(1, round_count(evidence.rows, profile) or 0))
    return min(most, -moved.adjusted())


LARGE = 3
"""So many times the mean size is a large contribution."""


def _large(statistic: Statistic, evidence: StatisticEvidence) -> Number:
    """The catalogue's bound, or else what is large beside all others. The largest that there is would tell of one
    person: whoever adds a constant, until a digit goes, has read it."""
    known: list[Number] = [size(b) for b in statistic.bounds or () if b is not None]
    if known:
        return max(known)
    if evidence.sizes is not None and evidence.rows:
        return LARGE * Decimal(number(evidence.sizes)) / evidence.rows
    return 0 if evidence.largest is None else size(evidence.largest)


def _truncated(value: Number) -> int:
    return int(Decimal(value).to_integral_value(rounding=ROUND_DOWN))


def empty(measure: Measure) -> StatisticEvidence:
    """Evidence of a listed cell in which nobody was found."""
    counted = {Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.COUNT_DISTINCT, Measure.GAP}
    return StatisticEvidence(0 if measure in counted else None, 0, 0)
