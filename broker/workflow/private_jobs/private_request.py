"""A private query or script as it is planned before data are read: spend, mechanism and cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.domain.errors import Invalid, Refusal, Refused
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAmount
from broker.domain.ledger.spends import SpendRequest, question_hash
from broker.domain.plans.canonical import canonical_repr
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import ScalarType, Value
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import TableKind
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_policy import PrivacyProfile, PrivacyPromise
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.mechanisms import MechanismBundle
from broker.privacy.noise.noise_protocol import bundle_to_text
from broker.privacy.private_tables import PrivateTable
from broker.privacy.request.directives import PrivateDirectives, SpendDirective
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output
from broker.privacy.sample_and_aggregate import BlockAggregation, design_aggregation
from broker.python_jobs.block_tables import ONE_UNIT_ONLY, BlockTables, block_tables
from broker.python_jobs.private_directive import ScriptDirective
from broker.workflow.private_jobs.private_spend import (
    SpendRules,
    max_automatic,
    refused_with,
    requested_spend,
    statistic_names,
)

Registers = Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class PrivateQuery:
    """Everything about a private job that is fixed before data are read. `datasets` are the tables of persons that it
    reads."""

    plan: Plan
    lines: PrivateDirectives
    measured: tuple[PrivateOutputPlan, ...]
    spend: PrivacyAmount
    design: MeasurementDesign
    profile: PrivacyProfile
    promise: PrivacyPromise
    datasets: tuple[str, ...]
    raised: bool = False
    """Two administrators have agreed to the larger maximum for one release."""

    @property
    def charge(self) -> PrivacyAmount:
        return self.design.charge

    @property
    def bundle(self) -> MechanismBundle:
        return self.design.bundle

    @property
    def bounds(self) -> str:
        """All that the answer depends on beside the plan and the noise."""
        return canonical_repr([(m.tables, m.omissions) for m in self.measured])

    @property
    def is_automatic(self) -> bool:
        """Whether so much may leave without a person."""
        return self.charge.micro <= max_automatic(self.promise, self.profile).micro

    def tables_of(self, output: int) -> range:
        """The positions of an output's tables among those of the design."""
        start = sum(len(m.tables) for m in self.measured[:output])
        return range(start, start + len(self.measured[output].tables))


def privacy_profile_of(project: ResearchProject, policies: PolicySet) -> PrivacyProfile:
    """How the project's private releases are made; one that has no profile has been refused before."""
    return policies.privacy.profile(project.privacy)


def placeholder_registers(policies: PolicySet) -> Registers:
    """Where the values of a key are a public register's, which the snapshot holds: one value stands for them, since
    neither noise nor charge depends on how many there are."""
    return {
        f"{t.full_name}.{v.name}": ("",) if v.type is ScalarType.TEXT else (0,)
        for t in policies.catalogue.tables
        for v in t.variables
        if v.register_key is not None
    }


def plan_private_query(
    plan: Plan,
    lines: PrivateDirectives,
    project: ResearchProject,
    policies: PolicySet,
    registers: Registers | None = None,
) -> PrivateQuery:
    """Refused with every reason at once. `registers`: of the snapshot; None before there is one."""
    if plan.saved_queries:
        raise Refused((CANNOT_SAVE,))
    profile, promise = privacy_profile_of(project, policies), _promise(plan, policies)
    given = PrivateContext(
        policies.catalogue,
        profile,
        placeholder_registers(policies) if registers is None else registers,
        lines.bounds,
        lists_only=promise.accounting is Accounting.PURE,
    )
    measured = _measured(plan, given)
    tables = tuple(t for m in measured for t in m.tables)
    names = {table: shown for table, (_, shown) in statistic_names(plan, measured).items()}
    spend = requested_spend(lines, tables, names, SpendRules(promise, profile, project.privacy_raised))
    made = _design_tables(tables, spend)
    datasets = {u.table for u in plan.uses if policies.catalogue.table(u.table).kind is TableKind.PERSON}
    return PrivateQuery(
        plan, lines, measured, spend, made, profile, promise, tuple(sorted(datasets)), project.privacy_raised
    )


def _design_tables(tables: tuple[PrivateTable, ...], spend: PrivacyAmount) -> MeasurementDesign:
    try:
        return design_measurement(tables, spend)
    except Invalid as invalid:
        raise _refusal_of(invalid) from None


def _refusal_of(invalid: Invalid) -> Refused | Invalid:
    match invalid.code:
        case "delta":
            return refused_with("private-delta", invalid.message, "Group by variables with a code list or register.")
        case "too-wide":
            return refused_with("private-clamp", invalid.message, "Name narrower clamps, or round to fewer decimals.")
    return invalid


def _measured(plan: Plan, given: PrivateContext) -> tuple[PrivateOutputPlan, ...]:
    found: list[PrivateOutputPlan] = []
    refusals: dict[Refusal, None] = {}
    for output in plan.outputs:
        try:
            found.append(plan_private_output(output, given))
        except Refused as refused:
            refusals |= dict.fromkeys(refused.refusals)
    if refusals:
        raise Refused(tuple(refusals))
    return tuple(found)


def _promise(plan: Plan, policies: PolicySet) -> PrivacyPromise:
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


CANNOT_SAVE = Refusal(
    "private-keeps",
    "A private job keeps nothing: what is kept has no noise of its own.",
    "Keep it with a job that is not private, or leave the line out.",
)


DEFAULT_OUTPUT_NAME = "answer"


@dataclass(frozen=True, slots=True)
class BlockProgram:
    """The script: its text as it runs, the libraries that it names, and what its output is called."""

    text: str
    modules: tuple[str, ...]
    output: str = DEFAULT_OUTPUT_NAME


@dataclass(frozen=True, slots=True)
class PrivateScript:
    """Everything about a private script that is fixed before data are read."""

    program: BlockProgram
    cut: BlockTables
    aggregation: BlockAggregation
    spend: PrivacyAmount
    profile: PrivacyProfile
    promise: PrivacyPromise
    raised: bool = False
    """Two administrators have agreed to the larger maximum for one release."""

    @property
    def parameters(self) -> ScriptDirective:
        return self.aggregation.directive

    @property
    def bundle(self) -> MechanismBundle:
        return self.aggregation.bundle

    @property
    def charge(self) -> PrivacyAmount:
        return self.aggregation.charge

    @property
    def datasets(self) -> tuple[str, ...]:
        """The tables of persons that it reads."""
        return tuple(t.name for t in self.cut.persons)

    @property
    def bounds(self) -> str:
        """All that the answer depends on beside the script and the noise."""
        return canonical_repr((self.parameters, self.cut))

    @property
    def is_automatic(self) -> bool:
        """Whether so much may leave without a person."""
        return self.charge.micro <= max_automatic(self.promise, self.profile).micro


def private_lines_of(parameters: ScriptDirective | None, line: int | None) -> PrivateDirectives:
    """As other private texts say it."""
    return PrivateDirectives(
        None if parameters is None else SpendDirective(parameters.loss_name, parameters.loss), line
    )


def plan_private_script(
    parameters: ScriptDirective,
    line: int,
    program: BlockProgram,
    uses: tuple[VariableUse, ...],
    project: ResearchProject,
    policies: PolicySet,
) -> PrivateScript:
    """Refused at the line that says it."""
    cut = block_tables(uses, policies.catalogue)
    promise = None if isinstance(cut, Refusal) else policies.privacy.promise(cut.unit)
    if isinstance(cut, Refusal) or promise is None:
        raise Refused((Refusal(ONE_UNIT_ONLY.code, ONE_UNIT_ONLY.message, ONE_UNIT_ONLY.advice, line, 1),))
    profile = policies.privacy.profile(project.privacy)
    spend = requested_spend(
        private_lines_of(parameters, line), (), {}, SpendRules(promise, profile, project.privacy_raised)
    )
    made = design_aggregation(parameters, spend, profile)
    return PrivateScript(program, cut, made, spend, profile, promise, project.privacy_raised)


PrivateText = PrivateQuery | PrivateScript


def spend_request(job: str, project: str, snapshot: str, plan_hash: str, private: PrivateText) -> SpendRequest:
    """The same whenever it is made again from the same text under the same policy: also when the job starts."""
    question = question_hash(plan_hash, private.bounds, bundle_to_text(private.bundle))
    return SpendRequest(job, project, snapshot, question, (cost_of(private),))


def cost_of(private: PrivateText) -> Cost:
    """The whole charge once to the unit, and to each table of persons that is read."""
    loss = Loss((private.charge,))
    return Cost(private.promise.unit.value, loss, tuple((table, loss) for table in private.datasets))


def release_maximum(private: PrivateText) -> ReleaseMaximum:
    """A policy set is put in force by two administrators: a project's raise is theirs."""
    return ReleaseMaximum(SpendRules(private.promise, private.profile, private.raised).most)


PRIVACY_RECORD, PRIVACY_RECORD_VERSION = "npd-broker privacy record", 1
