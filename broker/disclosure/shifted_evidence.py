"""Evidence with a few persons more or less, so that a figure does not tell them apart from an earlier release. Takes no
decisions."""

from dataclasses import replace

from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.release_history import CountShift
from broker.postprocessing.exact_arithmetic import as_number


def shifted(statistic: PlannedStatistic, evidence: StatisticEvidence, shift: CountShift) -> StatisticEvidence:
    """The evidence with a few persons more or less in one of its counts or in its sum. Quantiles and deviations stay,
    and a mean without its sum: their released values hardly depend on the count."""
    rows, persons = evidence.rows + shift.rows, evidence.persons + shift.persons
    match statistic.measure:
        case Measure.SUM | Measure.MEAN if shift.total is not None:
            summed = None if evidence.total is None else as_number(evidence.total) + shift.total
            sizes = None if evidence.sizes is None else as_number(evidence.sizes) + (shift.sizes or 0)
            return replace(evidence, total=summed, sizes=sizes, rows=rows)
        case Measure.SUM if not statistic.counts:
            return evidence  # who has a value in a sum, or meets a condition of it, is not shown
        case Measure.COUNT_PERSONS | Measure.COUNT_ROWS | Measure.COUNT_VALUES:
            value = None if evidence.value is None else int(as_number(evidence.value)) + shift.rows
            return replace(evidence, value=value, rows=rows, persons=persons)
        case Measure.SHARE if shift.amount.endswith("_given"):
            return replace(evidence, rest=evidence.rest + shift.persons, rest_rows=evidence.rest_rows + shift.rows)
        case Measure.ONES | Measure.SHARE | Measure.SUM:
            # The whole stays: it is moved by itself.
            rest = {"rest": evidence.rest - shift.persons, "rest_rows": evidence.rest_rows - shift.rows}
            total = None if evidence.total is None else as_number(evidence.total) + shift.rows
            return replace(evidence, total=total, rows=rows, persons=persons, **rest)
    return evidence
