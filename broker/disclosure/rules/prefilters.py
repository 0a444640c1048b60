"""Prefilters: for each rule, the cells of a table, by column, of which it may have a finding. They decide nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from broker.disclosure.evidence_columns import EvidenceFields, Mask, Numbers
from broker.disclosure.rules import RuleInput
from broker.disclosure.rules.institution_rules import INSTITUTION_TOTALS
from broker.disclosure.rules.rule_input import (
    BINARY,
    COUNTS,
    EXTREMES,
    MAGNITUDES,
    NON_ADDITIVE,
    POLICY_VERDICTS,
    ROW_COUNTS,
    decimal,
    p_percent_of,
)
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.plans.plan import Measure, PlannedStatistic
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules

RELATIVE_MARGIN = 1e-9
"""Of the largest number, how far a rule may be from what a screen reckons: floats are exact to about 1e-16."""
ABSOLUTE_MARGIN = 1e-290
"""Below it the products of a screen would lose their digits."""
EXACT_FLOATS = 2.0**53
"""Up to here floats tell whole numbers apart."""


@dataclass(frozen=True)
class RuleInputColumns:
    """What each cell's `Question` on a statistic has in common, and the columns of what they differ in."""

    statistic: PlannedStatistic
    evidence: EvidenceFields
    cells: EvidenceFields
    by_institution: bool = False
    margin: bool = False
    span: Decimal | None = None

    def __getitem__(self, name: str) -> Numbers:
        """A field of the evidence as floats."""
        return self.evidence(name).floats

    def known(self, name: str) -> Mask:
        return self.evidence(name).known

    def is_whole(self, name: str) -> bool:
        return self.evidence(name).is_whole

    def for_cell(self, cell: CellEvidence | None, evidence: StatisticEvidence, protected: Value) -> RuleInput:
        """The question on one cell. What it does not set no rule on a table can see."""
        return RuleInput(
            self.statistic.measure,
            evidence,
            cell.persons if cell else 0,
            self.statistic.needs_review,
            self.statistic.bounds,
            institutions=cell.institutions if cell else None,
            protected=protected,
            largest_institution=cell.largest_institution if cell else None,
            by_institution=self.by_institution,
            margin=self.margin,
            span=self.span,
        )


Prefilter = Callable[[RuleInputColumns, DisclosureRules], Mask | np.bool_]
"""Of which cells a rule may have something to say; never fewer than it has."""

NO_CELL = np.False_
ANY_CELL = np.True_


def is_few(counts: Numbers, t: int) -> Mask:
    """1 to t-1."""
    found: Mask = ~((counts <= 0) | (counts >= t))
    return found


def is_zero(numbers: Numbers) -> Mask:
    """Exactly nothing."""
    found: Mask = ~((numbers < 0) | (numbers > 0))
    return found


def surely_less(one: Numbers, other: Numbers, scale: Numbers) -> Mask:
    """Whether one is less than the other however numbers of such a scale were rounded on the way to both."""
    found: Mask = one + RELATIVE_MARGIN * scale + ABSOLUTE_MARGIN < other
    return found


def may_be_too_close(largest: Numbers, second: Numbers, total: Numbers, p: float) -> Mask:
    """Where `rule_input.is_too_close` may hold."""
    scale = (abs(total) + abs(largest) + abs(second)) * (100 + p)
    found: Mask = ~surely_less(p * largest, (total - largest - second) * 100, scale)
    return found


CellMask = Mask | np.bool_


def contributors(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    return is_few(columns["persons"], profile.t)


def dominance(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    k = decimal(profile.dominance_k)
    if k is None or columns.statistic.measure not in MAGNITUDES:
        return NO_CELL
    if profile.dominance_n > 2:
        return _has_amounts(columns)
    largest, second, total = _amounts(columns)
    held = largest if profile.dominance_n == 1 else largest + second
    scale = (abs(total) + abs(largest) + abs(second)) * (100 + float(k))
    return _has_amounts(columns) & ~surely_less(held * 100, float(k) * total, scale)


def p_percent(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    return _close_amounts(columns, decimal(profile.p_percent))


def prior_posterior(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    p, q = decimal(profile.p_percent), decimal(profile.prior_q)
    return NO_CELL if p is None or q is None else _close_amounts(columns, 100 * p / q)


def equivalent_p_percent(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    return NO_CELL if profile.p_percent is not None else _close_amounts(columns, p_percent_of(profile))


def negatives(columns: RuleInputColumns, _: DisclosureRules) -> CellMask:
    if columns.statistic.measure not in MAGNITUDES:
        return NO_CELL
    return columns.known("low") & ~(columns["low"] >= 0)


def mean_reveals_count(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    """A mean has no more digits than the profile's, so where these leave all counts the rule is silent; whether it has
    fewer where there are fewer rows, it is asked."""
    if columns.statistic.measure is not Measure.MEAN or profile.round_base == 1:
        return NO_CELL
    base = profile.round_base
    shown = np.floor((2 * columns["rows"] + base) / (2 * base)) * base
    least = np.maximum(profile.t, shown * (1 - 1e-9) - base // 2 - 1)
    return ~(least >= 10.0 ** max(0, profile.mean_digits) * (1 + 1e-9))


def all_equal(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    bounds = columns.statistic.bounds
    if columns.statistic.measure not in MAGNITUDES or (bounds and bounds[0] is not None and bounds[0] == bounds[1]):
        return NO_CELL
    low, high, others = columns["low"], columns["high"], columns["others"]
    equal = columns.known("low") & columns.known("high") & ~((low < high) | (low > high))
    return equal | (columns.known("others") & ~(others >= profile.t) & ~(2 * others >= _most_counted(columns)))


def _most_counted(columns: RuleInputColumns) -> Numbers:
    """Whom the others of all equal totals are compared with: of some sums, their rows."""
    if columns.statistic.measure is Measure.SUM:
        return np.maximum(columns["rows"], columns["persons"])
    return columns["persons"]


def _close_amounts(columns: RuleInputColumns, p: Decimal | None) -> CellMask:
    if p is None or columns.statistic.measure not in MAGNITUDES:
        return NO_CELL
    return _has_amounts(columns) & may_be_too_close(*_amounts(columns), float(p))


def _has_amounts(columns: RuleInputColumns) -> Mask:
    return columns.known("largest") & columns.known("total")


def _amounts(columns: RuleInputColumns) -> tuple[Numbers, Numbers, Numbers]:
    largest = columns["largest"]
    return largest, np.where(columns.known("second"), columns["second"], largest), columns["total"]


def small_cell(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    found = is_few(columns.cells("persons").floats, profile.t)
    if columns.statistic.measure in COUNTS | BINARY | NON_ADDITIVE:
        found = found | is_few(columns["persons"], profile.t)
    return found | is_few(columns["rest"], profile.t) if columns.statistic.measure in BINARY else found


def zero_cell(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if POLICY_VERDICTS[profile.zeros] is None:
        return NO_CELL
    found = is_zero(columns.cells("persons").floats)
    return (
        found | is_zero(columns["persons"])
        if columns.statistic.measure in COUNTS | MAGNITUDES | NON_ADDITIVE
        else found
    )


def full_cell(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if POLICY_VERDICTS[profile.full] is None or columns.statistic.measure not in BINARY:
        return NO_CELL
    return is_zero(columns["persons"]) | is_zero(columns["rest"])


def small_margin(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    return small_cell(columns, profile) if columns.margin else NO_CELL


def rows_of_one_person(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    p, measure = p_percent_of(profile), columns.statistic.measure
    if p is None or measure not in ROW_COUNTS:
        return NO_CELL
    found = _close_rows(columns, "rows", "persons", known=measure not in BINARY, profile=profile, p=float(p))
    if measure in BINARY:
        found = found | _close_rows(columns, "rest_rows", "rest", known=False, profile=profile, p=float(p))
    return found


def _close_rows(
    columns: RuleInputColumns, rows: str, persons: str, known: bool, profile: DisclosureRules, p: float
) -> Mask:
    """The most rows of one may be known as a whole number; whatever else stands there is no number of rows."""
    many, people = columns[rows], columns[persons]
    most, second = many - people + 1, np.minimum(1, people - 1)
    close = may_be_too_close(most, second, many, p)
    if known:
        seen = columns["largest"]
        next_seen = np.where(columns.known("second"), np.maximum(columns["second"], seen), seen)
        if columns.is_whole("second"):
            next_seen = np.where(columns.known("second"), columns["second"], seen)
        measured = may_be_too_close(seen, next_seen, many, p)
        if not columns.is_whole("largest"):
            measured = measured | close
        close = np.where(columns.known("largest"), measured, close)
    return close & ~((many <= people) & (many < EXACT_FLOATS)) & ~(people < profile.t)


def both_sides(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if columns.statistic.measure is not Measure.SHARE:
        return NO_CELL
    sides = (columns["persons"], columns["rest"], columns.cells("persons").floats)
    return is_few(sides[0], profile.t) | is_few(sides[1], profile.t) | is_few(sides[2], profile.t)


def percentage_reveals_count(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    """What would be shown is not known here, and counts that are not rounded are told by it anyhow."""
    return NO_CELL if columns.statistic.measure is not Measure.SHARE or profile.round_base > 1 else ANY_CELL


def few_between_quantiles(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if columns.statistic.measure is not Measure.QUANTILE:
        return NO_CELL
    return ~(columns.known("bin") & _enough_between(columns, profile.t))


def _enough_between(columns: RuleInputColumns, t: int) -> Mask:
    """Where `persons_between` is surely at least t."""
    rows, people = columns["rows"], columns["persons"]
    if columns.span is None:
        return people < people
    inside = float(columns.span) * rows * (1 - 1e-12) - 1
    most = rows - people + 1
    if columns.is_whole("largest"):
        most = np.where(columns.known("largest"), columns["largest"], most)
    else:
        most = np.where(columns.known("largest"), np.maximum(columns["largest"], most), most)
    found: Mask = (inside > (t - 1) * np.maximum(1, most) * (1 + 1e-12)) | (people - rows + inside > t)
    return found


def extreme_value(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if columns.statistic.measure not in EXTREMES:
        return NO_CELL
    return ~(columns.known("ties") & (columns["ties"] >= profile.t))


def common_value(columns: RuleInputColumns, _: DisclosureRules) -> CellMask:
    return ANY_CELL if columns.statistic.measure is Measure.MODE else NO_CELL


def few_degrees_of_freedom(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if columns.statistic.measure is not Measure.DEVIATION:
        return NO_CELL
    return ~(columns["persons"] - 1 >= profile.dof)


def zero_deviation(columns: RuleInputColumns, _: DisclosureRules) -> CellMask:
    """What would be shown is not known here."""
    return columns.known("value") if columns.statistic.measure is Measure.DEVIATION else NO_CELL


def files_only(_: RuleInputColumns, __: DisclosureRules) -> CellMask:
    """Rules on what only a file's question has (`box`, `some`, `beside`)."""
    return NO_CELL


def few_institutions(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if not _is_protected(columns, profile):
        return NO_CELL
    found = columns.cells("institutions")
    return found.known & is_few(found.floats, profile.min_institutions)


def full_institution(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    share, largest = decimal(profile.full_share), columns.cells("largest_institution")
    if not _is_protected(columns, profile) or POLICY_VERDICTS[profile.full] is None or share is None:
        return NO_CELL
    least = float(share) * columns.cells("persons").floats
    return largest.known & ~(largest.floats < least * (1 - RELATIVE_MARGIN))


def large_institution(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    p, measure = p_percent_of(profile), columns.statistic.measure
    if not _is_protected(columns, profile) or p is None or measure not in INSTITUTION_TOTALS:
        return NO_CELL
    largest = columns["institution_largest"]
    second = np.where(columns.known("institution_second"), columns["institution_second"], largest)
    close = may_be_too_close(largest, second, _institutions_total(columns), float(p))
    return columns.known("institution_largest") & close


def _institutions_total(columns: RuleInputColumns) -> Numbers:
    if columns.statistic.measure in MAGNITUDES:
        return np.where(columns.known("total"), abs(columns["total"]), 0)
    return columns["persons"] if columns.statistic.measure is Measure.COUNT_PERSONS else columns["rows"]


def uncounted_institutions(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    """Of `institution_rules.uncounted`."""
    if not _is_protected(columns, profile):
        return NO_CELL
    return ~columns.cells("institutions").known & ~(columns.cells("persons").floats <= 0)


def _is_protected(columns: RuleInputColumns, profile: DisclosureRules) -> bool:
    return profile.protects_institutions and not columns.by_institution
