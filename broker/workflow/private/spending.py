"""What a private text may spend: the number that it says, or the least by which its figures have the error that it
says. Reads policy and the design's tables, never data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from broker.domain.amounts import Accounting, Amount, as_written
from broker.domain.errors import Invalid, Refusal, Refused
from broker.policy.privacy import PrivacyProfile, Promise
from broker.privacy.asking.lines import PrivateLines, Spending
from broker.privacy.expectations import Expected
from broker.privacy.forecast import spend_for
from broker.privacy.limits import check_spend
from broker.privacy.tables import Ask, PrivateTable
from broker.workflow.private.naming import Shown

COUNTS = frozenset({Ask.ROWS, Ask.PERSONS, Ask.VALUES})
Names = Mapping[str, Mapping[str, Shown]]
"""By private table and statistic, the columns that show it."""
Place = tuple[str, str]
"""A private table and a statistic of it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What policy says of spends: the promise, the profile, and whether two administrators have allowed more."""

    promise: Promise
    profile: PrivacyProfile
    raised: bool = False

    @property
    def most(self) -> Amount:
        """What one release may cost, with the delta that noise or thresholds may need."""
        if not self.raised:
            return most_automatic(self.promise, self.profile)
        return _amount(self.promise, self.profile, self.profile.max_raised)


def most_automatic(promise: Promise, profile: PrivacyProfile) -> Amount:
    """What one release may cost without two administrators."""
    return _amount(promise, profile, profile.max_automatic)


def _amount(promise: Promise, profile: PrivacyProfile, loss: float) -> Amount:
    delta = 0.0 if promise.accounting is Accounting.PURE else profile.max_delta
    return as_written(promise.accounting, loss, delta)


def spend_of(lines: PrivateLines, tables: Sequence[PrivateTable], names: Names, rules: Rules) -> Amount:
    """Refused, at the line that says it, where policy lets nothing be spent so, or not so much."""
    spending, line = lines.spending, lines.line
    assert spending is not None, "lines that are not understood are refused before"
    try:
        spend = _spend(spending, tables, names, rules)
        check_spend(spend, rules.promise.accounting, rules.profile, rules.raised)
    except Refused as refused:
        raise Refused(tuple(Refusal(r.code, r.message, r.advice, line, 1) for r in refused.refusals)) from None
    return spend


def _spend(spending: Spending, tables: Sequence[PrivateTable], names: Names, rules: Rules) -> Amount:
    if spending.word == "error":
        return _for_error(spending, tables, names, rules)
    accounting = rules.promise.accounting
    wanted = "rho" if accounting is Accounting.CONCENTRATED else "epsilon"
    if spending.word != wanted:
        message = f"Losses are counted as {wanted} here."
        raise refused_with("private-accounting", message, f"Write  {wanted}  and a number.")
    micro = int(Fraction(spending.number) * 10**6)
    if micro == 0:
        raise refused_with("private-spend", "A private answer costs something.", "Write at least 0.000001.")
    return Amount(accounting, micro, rules.most.delta)


def _for_error(spending: Spending, tables: Sequence[PrivateTable], names: Names, rules: Rules) -> Amount:
    """The least spend by which the figure, or else every count, has this mean error in every grouping set."""
    wanted = _counts(tables) if spending.figure is None else _shown_as(spending.figure, names)

    def is_enough(expected: tuple[Expected, ...]) -> bool:
        told = [_error(e, spending) * times for e in expected if (times := wanted.get((e.table, e.statistic)))]
        return all(e <= float(spending.number) for e in told)

    try:
        return spend_for(tables, is_enough, rules.most, rules.profile)
    except Invalid as invalid:
        raise refused_with("private-error", invalid.message, "Name a larger error.") from None


def _counts(tables: Sequence[PrivateTable]) -> dict[Place, float]:
    found = {(t.name, s.name): 1.0 for t in tables for s in t.statistics if s.ask in COUNTS}
    if not found:
        message = "There is no count whose error could be chosen."
        raise refused_with("private-error", message, "Name a column:  -- private: error 0.5 of column at 1000.")
    return found


def _shown_as(figure: str, names: Names) -> dict[Place, float]:
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


def _error(expected: Expected, spending: Spending) -> float:
    """At the number of persons that the line says, where the error depends on it: it falls as they grow."""
    if expected.error is None:
        message = f"{spending.figure} is a quantile: how far it is off depends on the data."
        raise refused_with("private-error", message, "Write an epsilon instead.")
    if expected.persons is None:
        return expected.error
    if spending.persons is None:
        message = f"The error of {spending.figure} depends on how many persons a cell has."
        advice = f"Say for how many:  -- private: error {spending.number:f} of {spending.figure} at 1000."
        raise refused_with("private-error", message, advice)
    return expected.error * expected.persons / spending.persons


def refused_with(code: str, message: str, advice: str) -> Refused:
    return Refused((Refusal(code, message, advice),))
