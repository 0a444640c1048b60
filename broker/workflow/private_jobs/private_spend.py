"""What a private text may spend: the number that it states, or the least for the error that it states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from broker.domain.errors import Invalid, Refusal, Refused
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount, amount_as_written
from broker.domain.plans.lineage import lineage_of
from broker.domain.plans.plan import OutputColumn, Plan, PlannedOutput
from broker.policy.privacy_policy import PrivacyProfile, PrivacyPromise
from broker.privacy.error_forecast import ExpectedError, smallest_spend
from broker.privacy.private_tables import PrivateMeasure, PrivateTable
from broker.privacy.profile_limits import check_spend
from broker.privacy.request.directives import PrivateDirectives, SpendDirective
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.ratio_expressions import RatioIdents, shown_factor
from broker.privacy.results.interval_bounds import BoundedColumns, bounds_of, with_interval_bounds

ShownColumns = Sequence[tuple[str, float]]
"""Columns that show a statistic, each with the number that it is shown times."""


def statistic_names(
    plan: Plan, measured: Sequence[PrivateOutputPlan]
) -> dict[str, tuple[str, dict[str, ShownColumns]]]:
    """By private table its output, and by private statistic what it is called there."""
    found: dict[str, tuple[str, dict[str, ShownColumns]]] = {}
    for planned, one in zip(plan.outputs, measured, strict=True):
        columns = _columns(planned, one)
        for n, table in enumerate(one.tables):
            found[table.name] = (planned.name, {name: c for (t, name), c in columns.items() if t == n})
    return found


def _columns(planned: PlannedOutput, measured: PrivateOutputPlan) -> dict[tuple[int, str], ShownColumns]:
    """Columns that a statistic stands behind, or that are a ratio of two. What none shows chooses or orders rows."""
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
    _, sides = with_interval_bounds(planned.program, known, ratios)
    return [c for c in planned.columns if bounds_of(c.expression, sides) is not None]


def _name_of_unshown(what: str, names: Sequence[str]) -> str:
    return f"({what} behind {', '.join(names)})" if names else f"({what} that chooses or orders rows)"


COUNTS = frozenset({PrivateMeasure.ROWS, PrivateMeasure.PERSONS, PrivateMeasure.VALUES})
ColumnsByStatistic = Mapping[str, Mapping[str, ShownColumns]]
"""By private table and statistic, the columns that show it."""
StatisticPlace = tuple[str, str]
"""A private table and a statistic of it."""


@dataclass(frozen=True, slots=True)
class SpendRules:
    """What policy says of spends: the promise, the profile, and whether two administrators have allowed more."""

    promise: PrivacyPromise
    profile: PrivacyProfile
    raised: bool = False

    @property
    def most(self) -> PrivacyAmount:
        """What one release may cost, with the delta that noise or thresholds may need."""
        if not self.raised:
            return max_automatic(self.promise, self.profile)
        return _amount(self.promise, self.profile, self.profile.max_raised)


def max_automatic(promise: PrivacyPromise, profile: PrivacyProfile) -> PrivacyAmount:
    """What one release may cost without two administrators."""
    return _amount(promise, profile, profile.max_automatic)


def _amount(promise: PrivacyPromise, profile: PrivacyProfile, loss: float) -> PrivacyAmount:
    delta = 0.0 if promise.accounting is Accounting.PURE else profile.max_delta
    return amount_as_written(promise.accounting, loss, delta)


def requested_spend(
    lines: PrivateDirectives, tables: Sequence[PrivateTable], names: ColumnsByStatistic, rules: SpendRules
) -> PrivacyAmount:
    """Refused, at the line that says it, where policy lets nothing be spent so, or not so much."""
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
        message = f"Losses are counted as {wanted} here."
        raise refused_with("private-accounting", message, f"Write  {wanted}  and a number.")
    micro = int(Fraction(spending.amount) * 10**6)
    if micro == 0:
        raise refused_with("private-spend", "A private answer costs something.", "Write at least 0.000001.")
    return PrivacyAmount(accounting, micro, rules.most.delta)


def _spend_for_error(
    spending: SpendDirective, tables: Sequence[PrivateTable], names: ColumnsByStatistic, rules: SpendRules
) -> PrivacyAmount:
    """The least spend by which the figure, or else every count, has this mean error in every grouping set."""
    wanted = _counts(tables) if spending.figure is None else _shown_as(spending.figure, names)

    def is_enough(expected: tuple[ExpectedError, ...]) -> bool:
        errors = [_error(e, spending) * times for e in expected if (times := wanted.get((e.table, e.statistic)))]
        return all(e <= float(spending.amount) for e in errors)

    try:
        return smallest_spend(tables, is_enough, rules.most, rules.profile)
    except Invalid as invalid:
        raise refused_with("private-error", invalid.message, "Name a larger error.") from None


def _counts(tables: Sequence[PrivateTable]) -> dict[StatisticPlace, float]:
    found = {(t.name, s.name): 1.0 for t in tables for s in t.statistics if s.measure in COUNTS}
    if not found:
        message = "There is no count whose error could be chosen."
        raise refused_with("private-error", message, "Name a column:  -- private: error 0.5 of column at 1000.")
    return found


def _shown_as(figure: str, names: ColumnsByStatistic) -> dict[StatisticPlace, float]:
    """The statistics that a column shows, and how many times."""
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
        message = f"The error of {figure} cannot be chosen: it is no column that shows one statistic."
        raise refused_with("private-error", message, f"Columns that do: {known}.")
    return found


def _error(expected: ExpectedError, spending: SpendDirective) -> float:
    """At the number of persons that the line says, where the error depends on it: it falls as they grow."""
    if expected.error is None:
        message = f"{spending.figure} is a quantile: how far it is off depends on the data."
        raise refused_with("private-error", message, "Write an epsilon instead.")
    if expected.persons is None:
        return expected.error
    if spending.persons is None:
        message = f"The error of {spending.figure} depends on how many persons a cell has."
        advice = f"Say for how many:  -- private: error {spending.amount:f} of {spending.figure} at 1000."
        raise refused_with("private-error", message, advice)
    return expected.error * expected.persons / spending.persons


def refused_with(code: str, message: str, advice: str) -> Refused:
    return Refused((Refusal(code, message, advice),))
