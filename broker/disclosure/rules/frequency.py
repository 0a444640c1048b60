"""Rules on counts of people: small, empty and full cells, and small totals; also the rules on the plan alone."""

from broker.disclosure.rules.rule import INSTITUTIONS, Rule, RuleEntry
from broker.disclosure.rules.rule_columns import NO_CELL, CellMask, RuleInputColumns, any_cell, is_few, is_zero
from broker.disclosure.rules.rule_input import POLICY_VERDICTS, RuleInput, RuleResult
from broker.domain.findings import Verdict
from broker.domain.plans.measure import BINARY, COUNTS, MAGNITUDES, NON_ADDITIVE, Measure
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules

F1 = RuleEntry(
    "F1",
    "Each figure has at least the threshold of persons, and so has each side of a yes/no figure.",
    ("t",),
    acro_check="threshold",
)
F2 = RuleEntry(
    "F2", "An empty cell reveals that no member of the group has this value.", ("zeros",), acro_check="class-disclosure"
)
F3 = RuleEntry(
    "F3",
    "If everybody or nearly everybody in a line is in one category, the table reveals the category of each person.",
    ("full", "full_share", "t", *INSTITUTIONS),
    acro_check="class-disclosure",
)
F5 = RuleEntry(
    "F5", "The people of a whole table, and of each total in it, are assessed like the people of a cell.", ("t",)
)
A1 = RuleEntry("A1", "The statistic and its argument have an automatic verdict.")
A2 = RuleEntry("A2", "The contributors to a count of distinct values are values, not persons.")


OWN_PERSONS = COUNTS | BINARY | NON_ADDITIVE
"""Measures whose own persons are compared with the threshold like those of the cell."""


def few_persons_rule(
    entry: RuleEntry, sentence: str, measures: frozenset[Measure] = frozenset(Measure), of_margins: bool = False
) -> Rule:
    """The rule that not 1 to t-1 persons are behind the cell, the count, or either side of a 0/1 statistic.
    `of_margins`: only in a total."""

    def find(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
        low = [n for n in _side_persons(rule_input) if 0 < n < profile.t]
        if not low or (of_margins and not rule_input.margin):
            return None
        return entry.finding(Verdict.SUPPRESS, sentence, persons=min(low))

    def cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
        if of_margins and not columns.margin:
            return NO_CELL
        found = is_few(columns.cells("persons").floats, profile.t)
        if columns.statistic.measure in OWN_PERSONS:
            found = found | is_few(columns["persons"], profile.t)
        return found | is_few(columns["rest"], profile.t) if columns.statistic.measure in BINARY else found

    return Rule(entry, find, cells, measures)


small_cell = few_persons_rule(F1, "Fewer persons than the threshold contribute to this figure.")


def _side_persons(rule_input: RuleInput) -> list[int]:
    sides = [rule_input.cell_persons]  # the cell itself always counts
    if rule_input.measure in OWN_PERSONS:
        sides.append(rule_input.evidence.persons)
    if rule_input.measure in BINARY:
        sides.append(rule_input.evidence.rest)
    return sides


OWN_ZEROS = COUNTS | MAGNITUDES | NON_ADDITIVE
"""Measures that without persons of their own are like an empty cell. A 0/1 statistic without ones is for F3."""


def _find_zero_cell(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Nobody is in the cell, which discloses that every member of the group has another value."""
    verdict = POLICY_VERDICTS[profile.zeros]
    empty = rule_input.cell_persons == 0 or (rule_input.measure in OWN_ZEROS and rule_input.evidence.persons == 0)
    return F2.finding(verdict, "This figure has no persons.") if empty and verdict else None


def _zero_cell_cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if POLICY_VERDICTS[profile.zeros] is None:
        return NO_CELL
    found = is_zero(columns.cells("persons").floats)
    return found | is_zero(columns["persons"]) if columns.statistic.measure in OWN_ZEROS else found


zero_cell = Rule(F2, _find_zero_cell, _zero_cell_cells)


def _find_full_cell(rule_input: RuleInput, profile: DisclosureRules) -> RuleResult:
    """Everybody in the cell has the property, or nobody has. A sum that can add nothing but ones, such as SUM(CASE WHEN
    x THEN 1 END), counts rows: the count that it implies is judged on both sides."""
    verdict = POLICY_VERDICTS[profile.full]
    if rule_input.cell_persons == 0 or verdict is None:
        return None
    if rule_input.evidence.persons and _adds_only_ones(rule_input.measure, rule_input.bounds):
        return None
    if rule_input.evidence.persons and rule_input.evidence.rest:  # persons on both sides
        return None
    sentence = "Everybody in this cell has the property, or nobody has."
    return F3.finding(verdict, sentence, ones=rule_input.evidence.persons, rest=rule_input.evidence.rest)


def _full_cell_cells(columns: RuleInputColumns, profile: DisclosureRules) -> CellMask:
    if POLICY_VERDICTS[profile.full] is None:
        return NO_CELL
    nobody = is_zero(columns["persons"])
    if _adds_only_ones(columns.statistic.measure, columns.statistic.bounds):
        return nobody
    return nobody | is_zero(columns["rest"])


def _adds_only_ones(measure: Measure, bounds: tuple[Value, Value] | None) -> bool:
    return measure is Measure.ONES and bounds == (1, 1)


full_cell = Rule(F3, _find_full_cell, _full_cell_cells, BINARY)


# Anyone who recognises one of the few in a total learns what else the table shows about them.
small_margin = few_persons_rule(F5, "Fewer persons than the threshold are in this total.", of_margins=True)


def _find_distinct_values(_: RuleInput, __: DisclosureRules) -> RuleResult:
    """The contributors of a count of distinct values are values, not persons, so a person must review it."""
    return A2.finding(Verdict.REVIEW, "A count of distinct values has no automatic verdict.")


distinct_values = Rule(A2, _find_distinct_values, any_cell, frozenset({Measure.COUNT_DISTINCT}))


ALWAYS_REVIEWED = {
    Measure.DEVIATION: "A deviation of a number without known bounds has no automatic verdict.",
    Measure.MOMENT: "A statistic of two variables, or of a shape, has no automatic verdict.",
}


def _find_outside_list(rule_input: RuleInput, _: DisclosureRules) -> RuleResult:
    """The argument is outside the closed list of the algebra, or the statistic has no automatic verdict. A deviation
    has one where the catalogue bounds its number: its step follows from the bounds."""
    bounds = rule_input.bounds
    is_bounded = rule_input.measure is Measure.DEVIATION and bounds is not None and None not in bounds
    why = rule_input.needs_review or (None if is_bounded else ALWAYS_REVIEWED.get(rule_input.measure))
    return None if why is None else A1.finding(Verdict.REVIEW, why)


outside_list = Rule(A1, _find_outside_list, any_cell)


RULES = (small_cell, zero_cell, full_cell, small_margin)
PLAN_RULES = (distinct_values, outside_list)
"""Rules that depend on the plan alone, not on the data."""
