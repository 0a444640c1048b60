"""Determines what a private text may spend: the stated amount, or the smallest that reaches the stated error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from broker.domain.errors import Invalid, Refusal, Refused
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.domain.plans.lineage import lineage_of
from broker.domain.plans.plan import OutputColumn, Plan, PlannedOutput
from broker.policy.privacy_policy import PrivacyProfile, PrivacyPromise
from broker.privacy.error_forecast import ExpectedError, smallest_spend
from broker.privacy.private_tables import PrivateMeasure, PrivateTable
from broker.privacy.profile_limits import check_spend, max_spend
from broker.privacy.request.directives import PrivateDirectives, SpendDirective
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.ratio_expressions import RatioIdents, shown_factor
from broker.privacy.results.interval_bounds import BoundedColumns, bounds_of, with_interval_bounds

ShownColumns = Sequence[tuple[str, float]]
"""Columns that show a statistic, each with the factor by which it is multiplied there."""


def statistic_names(
    plan: Plan, measured: Sequence[PrivateOutputPlan]
) -> dict[str, tuple[str, dict[str, ShownColumns]]]:
    """Return, by private table, the name of its output and the columns that show each of its statistics."""
    found: dict[str, tuple[str, dict[str, ShownColumns]]] = {}
    for planned, one in zip(plan.outputs, measured, strict=True):
        columns = _columns(planned, one)
        for n, table in enumerate(one.tables):
            found[table.name] = (planned.name, {name: c for (t, name), c in columns.items() if t == n})
    return found


def _columns(planned: PlannedOutput, measured: PrivateOutputPlan) -> dict[tuple[int, str], ShownColumns]:
    """Return the columns that show a statistic or a ratio of two, by its place. A statistic that no column shows only
    selects or orders rows."""
    behind = lineage_of(planned).column_statistics
    found: dict[tuple[int, str], ShownColumns] = {}
    for place in measured.locations.values():
        same = frozenset(i for i, p in measured.locations.items() if (p.table, p.name) == (place.table, place.name))
        own = [c.name for c in _with_ends(planned, same, {})]
        parts = [c.name for c, idents in zip(planned.columns, behind, strict=True) if same & idents]
        found[place.table, place.name] = [
            (", ".join(own) or _name_of_unshown(place.statistic.measure.value, parts), 1.0)
        ]
    for ratio in measured.ratios.values():
        alike = {r.pair: i for i, r in measured.ratios.items() if (r.table, r.name) == (ratio.table, ratio.name)}
        shown = _with_ends(planned, frozenset(), alike)
        named = [(c.name, abs(float(shown_factor(c.expression, planned)))) for c in shown]
        found[ratio.table, ratio.name] = named or [(_name_of_unshown("ratio", ()), 1.0)]
    return found


def _with_ends(planned: PlannedOutput, known: BoundedColumns, ratios: RatioIdents) -> list[OutputColumn]:
    sides = with_interval_bounds(planned.program, known, ratios).bounded
    return [c for c in planned.columns if bounds_of(c.expression, sides) is not None]


def _name_of_unshown(what: str, names: Sequence[str]) -> str:
    return f"({what} behind {', '.join(names)})" if names else f"({what} that selects or orders rows)"


COUNTS = frozenset({PrivateMeasure.ROWS, PrivateMeasure.PERSONS, PrivateMeasure.VALUES})
ColumnsByStatistic = Mapping[str, Mapping[str, ShownColumns]]
"""Columns that show each statistic, by private table and statistic."""
StatisticPlace = tuple[str, str]
"""A private table and the name of one of its statistics."""


@dataclass(frozen=True, slots=True)
class SpendRules:
    """Policy's rules for spends: the promise, the profile, and whether two administrators have allowed more."""

    promise: PrivacyPromise
    profile: PrivacyProfile
    raised: bool

    @property
    def most(self) -> PrivacyAmount:
        """The most that one release may cost."""
        return max_spend(self.promise.accounting, self.profile, self.raised)


def requested_spend(
    lines: PrivateDirectives, tables: Sequence[PrivateTable], names: ColumnsByStatistic, rules: SpendRules
) -> PrivacyAmount:
    """Return the spend that a text states, or the smallest that reaches its stated error.

    Raises Refused, at the line that states it, if policy does not allow such a spend or not so much.
    """
    spending, line = lines.spending, lines.line
    assert spending is not None, "lines that are not understood are refused before"
    try:
        spend = _spend(spending, tables, names, rules)
        check_spend(spend, rules.promise.accounting, rules.profile, rules.raised)
    except Refused as refused:
        raise Refused(tuple(Refusal(r.code, r.message, r.advice, line, 1) for r in refused.refusals)) from None
    return spend


def _spend(
    spending: SpendDirective, tables: Sequence[PrivateTable], names: ColumnsByStatistic, rules: SpendRules
) -> PrivacyAmount:
    if spending.kind == "error":
        return _spend_for_error(spending, tables, names, rules)
    accounting = rules.promise.accounting
    wanted = "rho" if accounting is Accounting.CONCENTRATED else "epsilon"
    if spending.kind != wanted:
        message = f"This project counts privacy loss as {wanted}."
        raise refused_with("private-accounting", message, f"Write  {wanted}  and a number.")
    micro = int(Fraction(spending.amount) * 10**6)  # exact: a float could round the spend up
    if micro == 0:
        raise refused_with(
            "private-spend", "The spend of a private answer must be above zero.", "Write at least 0.000001."
        )
    return PrivacyAmount(accounting, micro, rules.most.delta)


def _spend_for_error(
    spending: SpendDirective, tables: Sequence[PrivateTable], names: ColumnsByStatistic, rules: SpendRules
) -> PrivacyAmount:
    """Return the smallest spend for which the named figure, or else every count, has this mean error in every grouping
    set."""
    wanted = _counts(tables) if spending.figure is None else _shown_as(spending.figure, names)

    def is_enough(expected: tuple[ExpectedError, ...]) -> bool:
        # The error of a shown column is that of its statistic times its factor.
        errors = [_error(e, spending) * times for e in expected if (times := wanted.get((e.table, e.statistic)))]
        return all(e <= float(spending.amount) for e in errors)

    try:
        return smallest_spend(tables, is_enough, rules.most, rules.profile)
    except Invalid as invalid:
        raise refused_with("private-error", invalid.message, "Choose a larger error.") from None


def _counts(tables: Sequence[PrivateTable]) -> dict[StatisticPlace, float]:
    found = {(t.name, s.name): 1.0 for t in tables for s in t.statistics if s.measure in COUNTS}
    if not found:
        message = "The output has no count for which you can choose an error."
        raise refused_with("private-error", message, "Name a column:  -- private: error 0.5 of column at 1000.")
    return found


def _shown_as(figure: str, names: ColumnsByStatistic) -> dict[StatisticPlace, float]:
    """Return the statistics that a column shows, each with its factor. Raises Refused if there are none."""
    shown = [
        ((table, statistic), column, times)
        for table, by in names.items()
        for statistic, of in by.items()
        for columns, times in of
        for column in columns.split(", ")
    ]
    found = {place: times for place, column, times in shown if column.casefold() == figure.casefold()}
    if not found:
        known = ", ".join(dict.fromkeys(c for _, c, _ in shown if not c.startswith("("))) or "none"
        message = f"You cannot choose the error of {figure}, because this column does not show exactly one statistic."
        raise refused_with("private-error", message, f"Columns that show one statistic: {known}.")
    return found


def _error(expected: ExpectedError, spending: SpendDirective) -> float:
    """Return the expected error of a cell with the number of persons that the line states. Where the error depends on
    this number, it is inversely proportional to it."""
    if expected.error is None:
        message = f"{spending.figure} is a quantile, so its error depends on the data."
        raise refused_with("private-error", message, "Write an epsilon instead.")
    if expected.persons is None:
        return expected.error
    if spending.persons is None:
        message = f"The error of {spending.figure} depends on the number of persons in a cell."
        advice = f"Write the number of persons:  -- private: error {spending.amount:f} of {spending.figure} at 1000."
        raise refused_with("private-error", message, advice)
    return expected.error * expected.persons / spending.persons


def refused_with(code: str, message: str, advice: str) -> Refused:
    return Refused((Refusal(code, message, advice),))
