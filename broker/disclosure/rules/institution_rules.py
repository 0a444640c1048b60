"""Rules on institutions, for profiles that protect them as they protect people. A cell that belongs to one institution
by a key of the table is judged by its people only."""

from decimal import Decimal

import numpy as np

from broker.disclosure.rules import rule_columns
from broker.disclosure.rules.frequency import F3
from broker.disclosure.rules.magnitude import M3
from broker.disclosure.rules.rule import INSTITUTIONS, Rule, RuleEntry
from broker.disclosure.rules.rule_input import (
    POLICY_VERDICTS,
    RuleInput,
    RuleResult,
    decimal,
    exact,
    is_too_close,
    p_percent_of,
)
from broker.domain.findings import Verdict
from broker.domain.plans.measure import MAGNITUDES, NON_ADDITIVE, Measure
from broker.evidence.evidence_columns import Numbers
from broker.policy.disclosure_rules import DisclosureRules
from broker.postprocessing.exact_arithmetic import absolute

F6 = RuleEntry(
    "F6",
    "Enough institutions contribute to each figure, if the disclosure rules protect institutions.",
    INSTITUTIONS,
    acro_check="institutions",
)


def _find_few_institutions(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Fewer institutions than the profile requires."""
    found = rule_input.institutions
    if not _is_protected(rule_input, profile) or found is None or not 0 < found < profile.min_institutions:
        return None
    return F6.finding(Verdict.SUPPRESS, "Too few institutions contribute to this figure.", institutions=found)


def _few_institutions_cells(columns: rule_columns.RuleInputColumns, profile: DisclosureRules) -> rule_columns.CellMask:
    if not _is_protected(columns, profile):
        return rule_columns.NO_CELL
    found = columns.cells("institutions")
    return found.known & rule_columns.is_few(found.floats, profile.min_institutions)


few_institutions = Rule(F6, _find_few_institutions, _few_institutions_cells)


def _find_full_institution(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """One institution has (nearly) everybody of the cell."""
    verdict, largest, share = POLICY_VERDICTS[profile.full], rule_input.largest_institution, decimal(profile.full_share)
    if not _has_enough(rule_input, profile) or verdict is None or not largest or share is None:
        return None
    if largest < share * rule_input.cell_persons:
        return None
    sentence = "One institution has everybody, or nearly everybody, in this cell."
    return F3.finding(verdict, sentence, largest=largest, persons=rule_input.cell_persons)


def _full_institution_cells(columns: rule_columns.RuleInputColumns, profile: DisclosureRules) -> rule_columns.CellMask:
    share, largest = decimal(profile.full_share), columns.cells("largest_institution")
    if not _is_protected(columns, profile) or POLICY_VERDICTS[profile.full] is None or share is None:
        return rule_columns.NO_CELL
    least = float(share) * columns.cells("persons").floats  # the share that is (nearly) everybody
    return largest.known & ~(largest.floats < least * (1 - rule_columns.RELATIVE_MARGIN))


full_institution = Rule(F3, _find_full_institution, _full_institution_cells)


def _find_large_institution(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """The total without the two largest institutions is less than p percent of the largest."""
    p, e = p_percent_of(profile), rule_input.evidence
    if not _has_enough(rule_input, profile) or p is None or e.institution_largest is None:
        return None
    largest = exact(e.institution_largest)
    second = largest if e.institution_second is None else exact(e.institution_second)  # unknown: as large as the first
    # The same p% rule as for persons, on totals of institutions.
    if not is_too_close(largest, second, _institutions_total(rule_input), p):
        return None
    sentence = "The second institution could estimate the largest too closely."
    return M3.finding(Verdict.SUPPRESS, sentence, largest=largest, second=second, total=_institutions_total(rule_input))


def _large_institution_cells(columns: rule_columns.RuleInputColumns, profile: DisclosureRules) -> rule_columns.CellMask:
    p = p_percent_of(profile)
    if not _is_protected(columns, profile) or p is None:
        return rule_columns.NO_CELL
    largest = columns["institution_largest"]
    second = np.where(columns.known("institution_second"), columns["institution_second"], largest)
    close = rule_columns.may_be_too_close(largest, second, _institution_total_column(columns), float(p))
    return columns.known("institution_largest") & close


def _institution_total_column(columns: rule_columns.RuleInputColumns) -> Numbers:
    if columns.statistic.measure in MAGNITUDES:
        return np.where(columns.known("total"), abs(columns["total"]), 0)
    return columns["persons" if columns.statistic.measure.traits.counts_persons else "rows"]


large_institution = Rule(M3, _find_large_institution, _large_institution_cells, frozenset(Measure) - NON_ADDITIVE)


def _institutions_total(rule_input: RuleInput) -> Decimal:
    """The sum of the institutions' totals. With negative amounts it is smaller than the sum of their sizes, which makes
    M3 stricter; M7 sends such a figure to review."""
    e = rule_input.evidence
    if rule_input.measure in MAGNITUDES:
        return Decimal(0 if e.total is None else absolute(e.total))
    return Decimal(e.persons if rule_input.measure.traits.counts_persons else e.rows)


def _is_protected(given: RuleInput | rule_columns.RuleInputColumns, profile: DisclosureRules) -> bool:
    return profile.protects_institutions and not given.by_institution


def _has_enough(rule_input: RuleInput, profile: DisclosureRules) -> bool:
    """Whether institutions are protected and F6 has no finding: one finding on them is enough."""
    return _is_protected(rule_input, profile) and _find_few_institutions(rule_input, profile) is None


def cells_without_institutions(
    columns: rule_columns.RuleInputColumns, profile: DisclosureRules
) -> rule_columns.CellMask:
    """Cells whose institutions may be needed but are unknown: see `uncounted_institutions` of `table_findings`."""
    if not _is_protected(columns, profile):
        return rule_columns.NO_CELL
    return ~columns.cells("institutions").known & ~(columns.cells("persons").floats <= 0)


RULES = (few_institutions, full_institution, large_institution)
