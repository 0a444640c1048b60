"""What a private submission asks: measured tables, spend, design and cost. Reads policy and plan, never data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from broker.domain.amounts import Accounting, Amount, as_written
from broker.domain.errors import Invalid, Refusal, Refused
from broker.domain.plans import Plan
from broker.domain.projects import Project
from broker.domain.scalars import Type, Value
from broker.policy.models import Policies, TableKind
from broker.policy.privacy import PrivacyProfile, Promise
from broker.privacy.asking.lines import PrivateLines, Spending
from broker.privacy.asking.measurable import Given, Measurable, measurable
from broker.privacy.design import Design, design
from broker.privacy.expectations import Expected
from broker.privacy.forecast import spend_for
from broker.privacy.limits import check_spend
from broker.privacy.tables import Ask, PrivateTable

COUNTS = frozenset({Ask.ROWS, Ask.PERSONS, Ask.VALUES})
Registers = Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class PrivateJob:
    """Everything about a private job that is fixed before data are read. `datasets` are the tables of persons that it
    reads."""

    plan: Plan
    lines: PrivateLines
    measured: tuple[Measurable, ...]
    spend: Amount
    made: Design
    profile: PrivacyProfile
    promise: Promise
    datasets: tuple[str, ...]
    raised: bool = False
    """Two administrators have agreed to the larger maximum for one release."""

    @property
    def charge(self) -> Amount:
        return self.made.charge

    @property
    def is_automatic(self) -> bool:
        """Whether so much may leave without a person."""
        return self.charge.micro <= most_automatic(self.promise, self.profile).micro

    def tables_of(self, output: int) -> range:
        """The positions of an output's tables among those of the design."""
        start = sum(len(m.tables) for m in self.measured[:output])
        return range(start, start + len(self.measured[output].tables))


def profile_of(project: Project, policies: Policies) -> PrivacyProfile:
    """How the project's private releases are made; one that has no profile has been refused before."""
    return policies.privacy.profile(project.privacy)


def registers_to_come(policies: Policies) -> Registers:
    """Where the values of a key are a public register's, which the snapshot holds: one value stands for them, since
    neither noise nor charge depends on how many there are."""
    return {
        f"{t.full_name}.{v.name}": ("",) if v.type is Type.TEXT else (0,)
        for t in policies.catalogue.tables
        for v in t.variables
        if v.register_key is not None
    }


def ask(
    plan: Plan, lines: PrivateLines, project: Project, policies: Policies, registers: Registers | None = None
) -> PrivateJob:
    """Refused with every reason at once. `registers`: of the snapshot; None before there is one."""
    profile, promise = profile_of(project, policies), _promise(plan, policies)
    given = Given(
        policies.catalogue,
        profile,
        registers_to_come(policies) if registers is None else registers,
        lines.written,
        lists_only=promise.accounting is Accounting.PURE,
    )
    measured = _measured(plan, given)
    tables = tuple(t for m in measured for t in m.tables)
    spend = _spend(lines.spending, tables, promise, profile)
    check_spend(spend, promise.accounting, profile, project.privacy_raised)
    try:
        made = design(tables, spend)
    except Invalid as invalid:
        raise _refused(f"private-{invalid.code}", invalid.message, "Ask for less, or within narrower clamps.") from None
    datasets = {u.table for u in plan.uses if policies.catalogue.table(u.table).kind is TableKind.PERSON}
    return PrivateJob(
        plan, lines, measured, spend, made, profile, promise, tuple(sorted(datasets)), project.privacy_raised
    )


def _measured(plan: Plan, given: Given) -> tuple[Measurable, ...]:
    found: list[Measurable] = []
    refusals: dict[Refusal, None] = {}
    for output in plan.outputs:
        try:
            found.append(measurable(output, given))
        except Refused as refused:
            refusals |= dict.fromkeys(refused.refusals)
    if plan.kept:
        refusals[KEEPS] = None
    if refusals:
        raise Refused(tuple(refusals))
    return tuple(found)


def _promise(plan: Plan, policies: Policies) -> Promise:
    """The promise to the one unit that the job's answers are about."""
    units = {o.unit for o in plan.outputs}
    promise = policies.privacy.promise(*units) if len(units) == 1 else None
    if promise is None:
        raise _refused(
            "private-unit",
            "A private job is about one kind of person to whom something is promised: pupils, or staff.",
            "Ask about each in a job of its own.",
        )
    return promise


def most_automatic(promise: Promise, profile: PrivacyProfile) -> Amount:
    """What one release may cost without two administrators, with the delta that noise or thresholds may need."""
    return _amount(promise, profile, profile.max_automatic)


def most_raised(promise: Promise, profile: PrivacyProfile) -> Amount:
    """What one release may cost where two administrators have agreed to it."""
    return _amount(promise, profile, profile.max_raised)


def _amount(promise: Promise, profile: PrivacyProfile, loss: float) -> Amount:
    delta = 0.0 if promise.accounting is Accounting.PURE else profile.max_delta
    return as_written(promise.accounting, loss, delta)


def _spend(
    spending: Spending | None, tables: tuple[PrivateTable, ...], promise: Promise, profile: PrivacyProfile
) -> Amount:
    assert spending is not None, "lines that are not understood are refused before"
    most = most_automatic(promise, profile)
    if spending.word == "error":
        return _for_error(spending.number, tables, most, profile)
    wanted = "rho" if promise.accounting is Accounting.CONCENTRATED else "epsilon"
    if spending.word != wanted:
        raise _refused("private-accounting", f"Losses are counted as {wanted} here.", f"Write  {wanted}  and a number.")
    return Amount(promise.accounting, int(Fraction(spending.number) * 10**6), most.delta)


def _for_error(error: Decimal, tables: tuple[PrivateTable, ...], most: Amount, profile: PrivacyProfile) -> Amount:
    """The least spend by which every count has this mean error."""
    counts = {(t.name, s.name) for t in tables for s in t.statistics if s.ask in COUNTS}
    if not counts:
        raise _refused("private-error", "There is no count whose error could be chosen.", "Write an epsilon instead.")

    def is_enough(expected: tuple[Expected, ...]) -> bool:
        told = [e.error for e in expected if (e.table, e.statistic) in counts]
        return all(e is not None and e <= error for e in told)

    try:
        return spend_for(tables, is_enough, most, profile)
    except Invalid as invalid:
        raise _refused("private-error", invalid.message, "Name a larger error.") from None


def _refused(code: str, message: str, advice: str) -> Refused:
    return Refused((Refusal(code, message, advice),))


KEEPS = Refusal(
    "private-keeps",
    "A private job keeps nothing: what is kept has no noise of its own.",
    "Keep it with a job that is not private, or leave the line out.",
)
