"""Plans a planned output as private tables with bounded contributions, or gives every reason why it cannot be
private."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from broker.domain.errors import Refusal, Refused
from broker.domain.plans.bounded_table import BernsteinVector, BinVector, BoundedTable, MeasurementVector, PersonBound
from broker.domain.plans.lineage import statistics_read_by
from broker.domain.plans.plan import GroupKey, PlannedOutput, PlannedTable
from broker.domain.plans.scalars import ColumnRef, Value
from broker.policy.data_catalogue import Catalogue
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.block_layout import Block, BlockKind, BlockLayout, lay_out_blocks
from broker.privacy.private_tables import Dimension, Influence, PrivateMeasure, PrivateStatistic, PrivateTable
from broker.privacy.profile_limits import check_tables
from broker.privacy.request import private_output_plan
from broker.privacy.request.directives import NO_BOUNDS, BoundDirectives, unknown_names
from broker.privacy.request.private_statistics import FixedPointArguments, StatisticTranslator
from broker.privacy.request.ratio_expressions import RatioPair, ratio_pairs, ratio_statistics
from broker.query.bound_relations import has_context
from broker.query.contribution_bounding.bounded_contributions import ContributionLimits, bound_contributions
from broker.query.contribution_bounding.column_origins import ColumnOrigins
from broker.query.contribution_bounding.peak_rows import peak_rows
from broker.query.contribution_bounding.value_domains import ClampRanges, DistinctValues

Registers = Mapping[str, Sequence[Value]]
"""By variable, the values that a public register lists."""
Item = TypeVar("Item")
Planned = TypeVar("Planned")


@dataclass(frozen=True, slots=True)
class PrivateContext:
    """What the planner needs besides a plan. `lists_only`: keys without a public list are refused (pure accounting, no
    delta)."""

    catalogue: Catalogue
    profile: PrivacyProfile
    registers: Registers
    bounds: BoundDirectives = NO_BOUNDS
    lists_only: bool = False

    @property
    def limits(self) -> ContributionLimits:
        each = PersonBound(self.profile.person_cells, self.profile.person_rows)
        known = {t.name.casefold(): t.full_name for t in self.catalogue.tables}
        known |= {t.full_name.casefold(): t.full_name for t in self.catalogue.tables}
        ranks = {known[t]: n for t, n in self.bounds.rows.items() if t in known}
        return ContributionLimits(self.profile.max_influence, each, ranks)


def key_dimension(shown: str, key: GroupKey, context: PrivateContext, sizes: DistinctValues) -> Dimension:
    """The dimension of a key. `shown` is the key's name in the output, used if it is not a variable."""
    name = key.variable.rpartition(".")[2] if key.variable else shown
    if key.domain is not None:
        return Dimension(name, key.domain)
    if key.variable is None or key.variable not in context.registers:
        return Dimension(name, None, sizes.of(key.expression))
    return Dimension(name, tuple(dict.fromkeys(context.registers[key.variable])), _register_size(key.variable, context))


def _register_size(variable: str, context: PrivateContext) -> int | None:
    """The largest number of values in a variable's register; None if unknown."""
    table, _, name = variable.rpartition(".")
    found = context.catalogue.table(table).find(name)
    register, _, column = (found.register_key or "").rpartition(".") if found else ("", "", "")
    listed = context.catalogue.find(register)
    public = listed.find(column) if listed else None
    return public.most if public else None


def _key_refusals(dimensions: Sequence[Dimension], lists_only: bool) -> Iterator[Refusal]:
    advice = "Group by a variable with a code list or register, or by bands that the query lists."
    for name in (d.name for d in dimensions if d.values is None and lists_only):
        message = (
            f"{name} has no public list of values, and the values that occur would reveal something about persons."
        )
        yield Refusal("private-keys", message, advice)
    for name in (d.name for d in dimensions if d.size is None and not lists_only):
        message = f"No public list says how many values {name} can have, so an answer about all of them has no bound."
        yield Refusal("private-keys", message, advice)


def block_vectors(
    layout: BlockLayout, names: Sequence[str], keys: bool
) -> tuple[tuple[MeasurementVector, ...], tuple[str, ...]]:
    """The vectors of a layout's blocks in order, and the names of the numbers they use. `keys`: add a count of distinct
    persons at the end, which decides which keys are released."""
    used = {b.argument for b in layout.blocks}
    order = tuple(n for n in names if n in used)
    found = tuple(_block_vector(b, order) for b in layout.blocks)
    return (*found, BernsteinVector(persons=True)) if keys else found, order


def _block_vector(block: Block, order: Sequence[str]) -> MeasurementVector:
    number = None if block.argument is None else order.index(block.argument)
    if block.kind is BlockKind.POWERS:
        return BernsteinVector(number, block.degree, block.missing, block.persons)
    assert number is not None
    return BinVector(number, block.points)


ROW_COUNT = PrivateStatistic("rows", PrivateMeasure.ROWS)
"""The measurement of a table whose statistics are not read."""


def plan_private_output(output: PlannedOutput, context: PrivateContext) -> private_output_plan.PrivateOutputPlan:
    """Plan the measurement of an output. Raises Refused with every reason at once."""
    read = statistics_read_by(output)  # statistics that nothing reads are not paid for
    statistics = [[s for s in t.statistics if s.ident in read] for t in output.tables]
    refusals = [*context.bounds.refusals, *unknown_names(context.bounds, context.catalogue), *_shape_refusals(output)]
    if refusals:
        raise Refused(tuple(refusals))
    families = private_output_plan.grouping_set_families(output, statistics)
    names = [f"{output.name}#{number}" for number in range(len(families))] if len(families) > 1 else [output.name]
    pairs = tuple(dict.fromkeys(ratio_pairs(output)))
    planned = each_or_refused(
        lambda named: _planned_table(named[0], output, named[1], context, pairs), zip(names, families, strict=True)
    )
    check_tables(tuple(m.private for m in planned), context.profile)  # needs complete tables
    return private_output_plan.assemble_plan(output, families, planned, pairs)


def each_or_refused(plan: Callable[[Item], Planned], items: Iterable[Item]) -> tuple[Planned, ...]:
    """What is planned for each item. Raises Refused with the reasons of all items, each once."""
    found: list[Planned] = []
    refusals: dict[Refusal, None] = {}
    for item in items:
        try:
            found.append(plan(item))
        except Refused as refused:
            refusals |= dict.fromkeys(refused.refusals)
    if refusals:
        raise Refused(tuple(refusals))
    return tuple(found)


def _shape_refusals(output: PlannedOutput) -> list[Refusal]:
    if not output.tables:
        message = f"{output.name} does not read rows of persons."
        return [Refusal("private-nobody", message, "Request this output in a job that is not private.")]
    # One person could change the rows of all others.
    if any(has_context(t.contributions) or not t.shown for t in output.tables):
        message = "A value in a row depends on other people, so the influence of one person on the answer has no bound."
        advice = "Remove it, or request the inner figure as a separate output and write its answer here."
        return [Refusal("private-context", message, advice)]
    return []


def _planned_table(
    name: str, output: PlannedOutput, family: private_output_plan.GroupingSetFamily, context: PrivateContext,
    pairs: Sequence[RatioPair],
) -> private_output_plan.PlannedPrivateTable:  # fmt: skip
    """Plan one private table. Raises Refused with every reason at once."""
    first, sets = family.tables[0], private_output_plan.grouping_sets(family)
    found = bound_contributions(first, context.catalogue, context.limits)
    ranges = ClampRanges(ColumnOrigins(first.contributions, context.catalogue), context.bounds.clamps)
    translator = StatisticTranslator(FixedPointArguments(ranges, context.profile, found.rows), family.statistics[0])
    translator.translate()
    sizes = DistinctValues(ranges.origins)
    shown = {c.expression.ident: c.name for c in output.columns if isinstance(c.expression, ColumnRef)}
    dimensions = [key_dimension(shown.get(k.ident, f"key {i}"), k, context, sizes) for i, k in enumerate(first.keys, 1)]
    refusals = [*_work_refusals(name, first, context), *translator.refusals]
    refusals += _key_refusals(dimensions, context.lists_only)
    if refusals:
        raise Refused(tuple(refusals))
    influence = Influence(found.cells, found.in_cell, found.rows)
    ratios = [
        ratio_statistics(pairs, [s.ident for s in set_statistics], translator.private).values()
        for set_statistics in family.statistics
    ]
    # Keys alone still need a count.
    statistics = dict.fromkeys([*(translator.private or [ROW_COUNT]), *(r for some in ratios for r in some)])
    table = PrivateTable(name, output.unit, tuple(dimensions), sets, influence, translator.arguments, tuple(statistics))
    vectors, order = block_vectors(lay_out_blocks(table), tuple(translator.named_numbers), not table.listed)
    numbers = tuple(translator.named_numbers[n] for n in order)
    lists = tuple(d.values if k.domain is None else None for d, k in zip(dimensions, first.keys, strict=True))
    bound = BoundedTable(found.contributions, first.person, first.keys, sets, numbers, vectors, found.each, lists)
    return private_output_plan.PlannedPrivateTable(table, bound, found)


def _work_refusals(name: str, table: PlannedTable, context: PrivateContext) -> list[Refusal]:
    """Refuse plans in which one person's rows alone could make the job slow or end it: that would reveal that they are
    there."""
    work = peak_rows(table.contributions, context.catalogue, context.profile.public_rows)
    if work <= context.profile.max_work:
        return []
    limit = f"the limit is {context.profile.max_work:,}"
    message = f"The rows of one person can become {work:,} rows inside {name}, but {limit}."
    advice = "Join public tables on their unique keys, aggregate each person's rows first, or use fewer years."
    return [Refusal("private-influence", message, advice)]
