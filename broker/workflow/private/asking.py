"""What a private submission asks: measured tables, spend, design and cost. Reads policy and plan, never data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.domain.amounts import Accounting, Amount
from broker.domain.errors import Invalid, Refusal, Refused
from broker.domain.plans import Plan
from broker.domain.projects import Project
from broker.domain.scalars import Type, Value
from broker.policy.models import Policies
from broker.policy.privacy import PrivacyProfile, Promise
from broker.policy.tables import TableKind
from broker.privacy.asking.given import Given
from broker.privacy.asking.lines import PrivateLines
from broker.privacy.asking.measurable import measurable
from broker.privacy.asking.places import Measurable
from broker.privacy.design import Design, design
from broker.privacy.mechanisms import Bundle
from broker.privacy.tables import PrivateTable
from broker.workflow.private.naming import names_of
from broker.workflow.private.spending import Rules, most_automatic, refused_with, spend_of

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
    def bundle(self) -> Bundle:
        return self.made.bundle

    @property
    def bounds(self) -> str:
        """All that the answer depends on beside the plan and the noise."""
        return repr([(m.tables, m.kept) for m in self.measured])

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
    if plan.kept:
        raise Refused((KEEPS,))
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
    names = {table: shown for table, (_, shown) in names_of(plan, measured).items()}
    spend = spend_of(lines, tables, names, Rules(promise, profile, project.privacy_raised))
    made = _designed(tables, spend)
    datasets = {u.table for u in plan.uses if policies.catalogue.table(u.table).kind is TableKind.PERSON}
    return PrivateJob(
        plan, lines, measured, spend, made, profile, promise, tuple(sorted(datasets)), project.privacy_raised
    )


def _designed(tables: tuple[PrivateTable, ...], spend: Amount) -> Design:
    try:
        return design(tables, spend)
    except Invalid as invalid:
        raise _told(invalid) from None


def _told(invalid: Invalid) -> Refused | Invalid:
    match invalid.code:
        case "delta":
            return refused_with("private-delta", invalid.message, "Group by variables with a code list or register.")
        case "too-wide":
            return refused_with("private-clamp", invalid.message, "Name narrower clamps, or round to fewer decimals.")
    return invalid


def _measured(plan: Plan, given: Given) -> tuple[Measurable, ...]:
    found: list[Measurable] = []
    refusals: dict[Refusal, None] = {}
    for output in plan.outputs:
        try:
            found.append(measurable(output, given))
        except Refused as refused:
            refusals |= dict.fromkeys(refused.refusals)
    if refusals:
        raise Refused(tuple(refusals))
    return tuple(found)


def _promise(plan: Plan, policies: Policies) -> Promise:
    """The promise to the one unit that the job's answers are about."""
    units = {o.unit for o in plan.outputs}
    promise = policies.privacy.promise(*units) if len(units) == 1 else None
    if promise is None:
        raise refused_with(
            "private-unit",
            "A private job is about one kind of person to whom something is promised: pupils, or staff.",
            "Ask about each in a job of its own.",
        )
    return promise


KEEPS = Refusal(
    "private-keeps",
    "A private job keeps nothing: what is kept has no noise of its own.",
    "Keep it with a job that is not private, or leave the line out.",
)
