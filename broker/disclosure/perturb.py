"""Protected values by the profile's rounding; here those of cell-key rounding. Says nothing about what may leave.

Noise belongs to persons: it is looked up by their number n and the sum of their record keys, so the same people have
the same noise wherever they are counted. R rows of n persons, r a person to the nearest whole number, are shown as
r times the changed n, and the R - r n rows beyond that to the nearest multiple of 2 t r: fewer than t persons with a
row more or less do not show.

No other noise of rows is safe beside a count of persons. Noise of its own for rows would be new noise on n whenever a
query repeats its rows (UNION ALL with itself), and average out; noise times a factor that is not r would let n + v and
R + f v be solved for n. The step from one r to the next lies at halves, where no usual table is, and is covered there:
both sides differ by v and the rounding alone.
"""

from decimal import ROUND_DOWN, Decimal

from broker.disclosure.cell_key import table_of
from broker.disclosure.protect import mean_digits, ones, protected
from broker.domain.errors import Breach
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import Value
from broker.policy.profiles import Profile, Rounding
from broker.postprocessing.evaluate import Number, number, rounded

PLACES = frozenset({Measure.QUANTILE, Measure.DEVIATION})


def shown(
    statistic: Statistic, evidence: StatisticEvidence, profile: Profile, close: StatisticEvidence | None
) -> Value:
    """What may be seen of a statistic that passes. `close` is the evidence of the count that it is taken to be over,
    where it leaves out too few to be told of."""
    if profile.rounding is Rounding.CONVENTIONAL or statistic.measure in PLACES:
        return protected(statistic, evidence, profile, None if close is None else close.rows)
    noise = _Noise(profile)
    match statistic.measure:
        case Measure.COUNT_PERSONS | Measure.COUNT_DISTINCT:
            return noise.of_persons(int(number(evidence.value or 0)), evidence)
        case Measure.COUNT_ROWS | Measure.COUNT_VALUES | Measure.GAP:
            return noise.of_rows(evidence.rows, evidence.persons, evidence.cell_key)
        case Measure.ONES:
            return None if evidence.value is None else noise.of_ones(evidence)
        case Measure.SUM if statistic.counts:
            return None if evidence.total is None else noise.of_ones(evidence)
        case Measure.SHARE:
            return _share(statistic, evidence, noise, close)
        case _:
            return _amount(statistic, evidence, noise, close)


class _Noise:
    """The changed counts of one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._table = table_of(profile.noise_deviation, profile.noise_variance, profile.noise_least)

    def of_persons(self, count: int, evidence: StatisticEvidence) -> int:
        return max(0, count + self._change(evidence.persons, evidence.cell_key))

    def of_rows(self, rows: int, persons: int, key: int | None) -> int:
        """Rows of so many persons; where none is told of (a sum of zeros) each row is taken for a person."""
        persons = persons or rows
        times = max(1, _nearest(rows, persons)) if persons else 1
        base = 2 * self.profile.t * times
        beyond = _nearest(rows - times * persons, base) * base
        return max(0, times * (persons + self._change(persons, key)) + beyond)

    def of_ones(self, evidence: StatisticEvidence) -> int:
        return self.of_rows(ones(evidence), evidence.persons, evidence.cell_key)

    def _change(self, persons: int, key: int | None) -> int:
        if not persons:
            return 0
        if key is None:
            raise Breach("The profile's rounding needs record keys, which the evidence does not have.")
        return self._table.change(persons, key)


def _nearest(amount: int, base: int) -> int:
    """How many times the base it is, to the nearest whole number, half up."""
    return (2 * amount + base) // (2 * base)


def _truncated(value: Number) -> int:
    return int(Decimal(value).to_integral_value(rounding=ROUND_DOWN))


def _whole(evidence: StatisticEvidence, noise: _Noise) -> int:
    rows = ones(evidence) + evidence.rest_rows
    return noise.of_rows(rows, evidence.persons + evidence.rest, evidence.whole_key)


def _rows(evidence: StatisticEvidence, noise: _Noise) -> int:
    return noise.of_rows(evidence.rows, evidence.persons, evidence.cell_key)


def _share(statistic: Statistic, evidence: StatisticEvidence, noise: _Noise, close: StatisticEvidence | None) -> Value:
    """Changed ones over changed count."""
    part = noise.of_ones(evidence)
    whole = _whole(evidence, noise) if close is None else _rows(close, noise)
    if evidence.value is None or not whole:
        return None
    share = min(Decimal(1), Decimal(part) / Decimal(whole))
    return _truncated(share) if statistic.truncated else rounded(share, noise.profile.percent_digits + 2)


def _amount(statistic: Statistic, evidence: StatisticEvidence, noise: _Noise, close: StatisticEvidence | None) -> Value:
    """M8: a mean is its total over the changed count, for an exact mean beside a changed count would tell the count; a
    sum is the shown mean times the count that is shown."""
    rows = _rows(evidence, noise)
    if evidence.total is None or not rows:
        return None
    exact = Decimal(number(evidence.total)) / Decimal(rows)
    mean = rounded(exact, mean_digits(statistic, evidence, noise.profile))
    if statistic.measure is Measure.MEAN:
        return _truncated(mean) if statistic.truncated else mean
    return rounded(mean * (rows if close is None else _rows(close, noise)), noise.profile.sum_digits)
