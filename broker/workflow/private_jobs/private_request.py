"""Plans a private query or script before data are read: spend, mechanism and cost."""

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
from broker.policy.privacy_policy import PrivacyPromise
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.noise.noise_protocol import bundle_to_text
from broker.privacy.private_tables import PrivateTable
from broker.privacy.profile_limits import max_spend
from broker.privacy.request.directives import PrivateDirectives, SpendDirective
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.private_output_planner import PrivateContext, each_or_refused, plan_private_output
from broker.privacy.sample_and_aggregate import BlockAggregation, design_aggregation
from broker.python_jobs.block_tables import ONE_UNIT_ONLY, BlockTables, block_tables
from broker.python_jobs.private_directive import ScriptDirective
from broker.workflow.private_jobs import private_spend

Registers = Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class _PlannedText(private_spend.SpendRules):
    """What a private query and a private script have in common: rules for spends, the spend, and the noise for it."""

    spend: PrivacyAmount
    design: MeasurementDesign | BlockAggregation

    @property
    def charge(self) -> PrivacyAmount:
        return self.design.charge

    @property
    def is_automatic(self) -> bool:
        """Whether an answer with this charge may leave without a person."""
        return self.charge.micro <= max_spend(self.promise.accounting, self.profile, raised=False).micro


@dataclass(frozen=True, slots=True)
class PrivateQuery(_PlannedText):
    """All facts about a private query that are fixed before data are read. `datasets` are the person tables that it
    reads."""

    design: MeasurementDesign
    plan: Plan
    lines: PrivateDirectives
    measured: tuple[PrivateOutputPlan, ...]
    datasets: tuple[str, ...]

    @property
    def bounds(self) -> str:
        """All that the answer depends on besides the plan and the noise, as text."""
        return canonical_repr([(m.tables, m.omissions) for m in self.measured])

    @property
    def omissions(self) -> tuple[str, ...]:
        """The rules by which rows are left out, each once."""
        return tuple(dict.fromkeys(line for m in self.measured for line in m.omissions))

    def tables_of(self, output: int) -> range:
        """Return the positions of an output's tables among those of the design."""
        start = sum(len(m.tables) for m in self.measured[:output])
        return range(start, start + len(self.measured[output].tables))


def placeholder_registers(policies: PolicySet) -> Registers:
    """Return one placeholder value for each variable whose values are a public register's, which only the snapshot
    has.

    One value suffices, because neither noise nor charge depends on how many there are.
    """
    return {
        f"{t.full_name}.{v.name}": ("",) if v.type is ScalarType.TEXT else (0,)
        for t in policies.catalogue.tables
        for v in t.variables
        if v.register_key is not None
    }


def plan_private_query(
    plan: Plan, lines: PrivateDirectives, project: ResearchProject, policies: PolicySet,
    registers: Registers | None = None,
) -> PrivateQuery:  # fmt: skip
    """Plan a private query. Raises Refused with every reason at once.

    `registers`: the register values of the snapshot; None before there is one.
    """
    # A cohort has no noise, so a private job must not save one.
    if plan.saved_queries:
        raise Refused((CANNOT_SAVE,))
    # The check has already refused a private text of a project without a profile.
    profile, promise = policies.privacy.profile(project.privacy), _promise(plan, policies)
    given = PrivateContext(
        policies.catalogue,
        profile,
        placeholder_registers(policies) if registers is None else registers,
        lines.bounds,
        # Thresholds on keys without a public list cost delta, which pure accounting does not have.
        lists_only=promise.accounting is Accounting.PURE,
    )
    measured = each_or_refused(lambda output: plan_private_output(output, given), plan.outputs)
    tables = tuple(t for m in measured for t in m.tables)
    names = {table: shown for table, (_, shown) in private_spend.statistic_names(plan, measured).items()}
    rules = private_spend.SpendRules(promise, profile, project.privacy_raised)
    spend = private_spend.requested_spend(lines, tables, names, rules)
    # Only tables of persons are protected, so only these are charged.
    datasets = {u.table for u in plan.uses if policies.catalogue.table(u.table).kind is TableKind.PERSON}
    design = _design_tables(tables, spend)
    return PrivateQuery(
        promise, profile, project.privacy_raised, spend, design, plan, lines, measured, tuple(sorted(datasets))
    )


FAULTS_OF_TEXTS = {
    "delta": ("private-delta", "Group by variables with a code list or register."),
    "too-wide": ("private-clamp", "Write narrower clamps, or round to fewer decimals."),
}
"""Codes and advice of the refusals that faults of a design become; any other is a fault of the broker."""


def _design_tables(tables: tuple[PrivateTable, ...], spend: PrivacyAmount) -> MeasurementDesign:
    try:
        return design_measurement(tables, spend)
    except Invalid as invalid:
        if invalid.code not in FAULTS_OF_TEXTS:
            raise
        code, advice = FAULTS_OF_TEXTS[invalid.code]
        raise private_spend.refused_with(code, invalid.message, advice) from None


def _promise(plan: Plan, policies: PolicySet) -> PrivacyPromise:
    """Return the privacy promise to the one unit that the job is about. Raises Refused if there are two units."""
    # One charge protects one unit, so a job must be about one.
    units = {o.unit for o in plan.outputs}
    promise = policies.privacy.promise(*units) if len(units) == 1 else None
    if promise is None:
        raise private_spend.refused_with(
            "private-unit",
            "A private job can be about pupils or about staff, but not about both.",
            "Write a separate job for each.",
        )
    return promise


CANNOT_SAVE = Refusal(
    "private-keeps",
    "A private job cannot save a cohort, because a cohort has no noise.",
    "Save the cohort in a job that is not private, or remove the line.",
)


DEFAULT_OUTPUT_NAME = "answer"


@dataclass(frozen=True, slots=True)
class BlockProgram:
    """The script: its text as it runs, the libraries that it imports, and the name of its output."""

    text: str
    modules: tuple[str, ...]
    output: str = DEFAULT_OUTPUT_NAME


@dataclass(frozen=True, slots=True)
class PrivateScript(_PlannedText):
    """All facts about a private script that are fixed before data are read."""

    design: BlockAggregation
    program: BlockProgram
    cut: BlockTables

    @property
    def parameters(self) -> ScriptDirective:
        return self.design.directive

    @property
    def datasets(self) -> tuple[str, ...]:
        """The person tables that the script reads."""
        return tuple(t.name for t in self.cut.persons)

    @property
    def bounds(self) -> str:
        """All that the answer depends on besides the script and the noise, as text."""
        return canonical_repr((self.parameters, self.cut))

    @property
    def omissions(self) -> tuple[str, ...]:
        """No rows are left out as a rule."""
        return ()


def plan_private_script(
    parameters: ScriptDirective, line: int, program: BlockProgram, uses: tuple[VariableUse, ...],
    project: ResearchProject, policies: PolicySet,
) -> PrivateScript:  # fmt: skip
    """Plan a private script. Raises Refused, at the line of the script that states the spend."""
    cut = block_tables(uses, policies.catalogue)
    promise = None if isinstance(cut, Refusal) else policies.privacy.promise(cut.unit)
    if isinstance(cut, Refusal) or promise is None:
        raise Refused((Refusal(ONE_UNIT_ONLY.code, ONE_UNIT_ONLY.message, ONE_UNIT_ONLY.advice, line, 1),))
    profile = policies.privacy.profile(project.privacy)
    rules = private_spend.SpendRules(promise, profile, project.privacy_raised)
    # A script states its spend like the lines of a query.
    lines = PrivateDirectives(SpendDirective(parameters.loss_name, parameters.loss), line)
    spend = private_spend.requested_spend(lines, (), {}, rules)
    design = design_aggregation(parameters, spend, profile)
    return PrivateScript(promise, profile, project.privacy_raised, spend, design, program, cut)


PrivateText = PrivateQuery | PrivateScript


def spend_request(job: str, project: str, snapshot: str, plan_hash: str, private: PrivateText) -> SpendRequest:
    """Return the request for the job's spend. The same text under the same policy always gives an equal request, also
    when the job starts."""
    question = question_hash(plan_hash, private.bounds, bundle_to_text(private.design.bundle))
    return SpendRequest(job, project, snapshot, question, (cost_of(private),))


def cost_of(private: PrivateText) -> Cost:
    """Return the cost: the whole charge once to the unit, and once to each person table that is read."""
    loss = Loss((private.charge,))
    return Cost(private.promise.unit.value, loss, tuple((table, loss) for table in private.datasets))


def release_maximum(private: PrivateText) -> ReleaseMaximum:
    """Return the most that one release may cost. A project's raise counts as agreed by two administrators, because
    they put the policy set in force."""
    return ReleaseMaximum(private.most)
