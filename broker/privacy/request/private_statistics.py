"""Turns planned statistics into private ones over fixed-point arguments. Statistics without a private form are
refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction as Exact

from broker.domain.errors import Refusal
from broker.domain.plans.bounded_table import BoundedNumber
from broker.domain.plans.measure import BINARY, Measure
from broker.domain.plans.plan import DeviationForm, PlannedStatistic, QuantileForm
from broker.domain.plans.scalars import Call, Case, ColumnRef, Scalar, ScalarType, integer, truth_call
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.private_tables import Argument, Clamp, PrivateMeasure, PrivateStatistic as Private
from broker.privacy.sensitivity import MAX_EXACT_INTEGER
from broker.query.analysis.aggregate_arguments import is_never_null
from broker.query.contribution_bounding.value_domains import ClampRanges
from broker.query.operations.registry import CASTS

MAX_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class FixedPointArguments:
    ranges: ClampRanges
    profile: PrivacyProfile
    max_rows: int
    """The most rows of one person."""

    def number(self, statistic: PlannedStatistic, degree: int) -> BoundedNumber | Refusal:
        """The statistic's argument, with steps coarse enough for exact sums of this degree; a refusal if it has no
        known range."""
        argument = statistic.argument
        assert argument is not None
        if statistic.measure in BINARY:
            return BoundedNumber(argument, 0, 1)  # by its type: no clamp needed
        ends = self._known_range(statistic, argument)
        return self._unbounded_refusal(argument) if ends is None else self._finest_steps(argument, *ends, degree)

    def _known_range(self, statistic: PlannedStatistic, argument: Scalar) -> tuple[Decimal, Decimal] | None:
        low, high = self.ranges.of(argument)
        if low is not None and high is not None:
            return low, high
        if statistic.bounds is None:
            return None
        known = [Decimal(str(b)) for b in statistic.bounds]
        return (known[0] if low is None else low), (known[1] if high is None else high)

    def _finest_steps(self, argument: Scalar, low: Decimal, high: Decimal, degree: int) -> BoundedNumber:
        """As fine as the argument itself, or as coarse as its width requires; integers at the coarsest."""
        max_width = min(self.profile.max_width, MAX_EXACT_INTEGER // max(self.max_rows, 1) - 1)
        if degree == 2:
            # Squares of the width are summed.
            max_width = min(max_width, int((Decimal(MAX_EXACT_INTEGER) / max(self.max_rows, 1)).sqrt()) - 1)
        decimals = min(self.ranges.decimals(argument), MAX_DECIMALS)
        while True:
            found = fixed_point_number(argument, low, high, 10**decimals)
            # Coarser steps until sums of all rows of a person are exact integers.
            if found.width <= max_width or decimals == 0:  # a width that is still too large is refused later
                return found
            decimals -= 1

    def label(self, argument: Scalar) -> str:
        """The name of a number for people: its variable, or the variables that it is made of."""
        # The hash of a question depends on these words.
        names = sorted({v.name for c in _leaves(argument) for _, v in self.ranges.origins.sources(c)})
        if not names:
            return "a number that the query makes"
        return names[0] if isinstance(_without_casts(argument), ColumnRef) else f"the number made of {', '.join(names)}"

    def _unbounded_refusal(self, argument: Scalar) -> Refusal:
        names = self._clampable_names(argument)
        lines = " and ".join(f"-- clamp: {name} low high" for name in names)
        write = (
            f"Write a line  {lines}  with the smallest and largest values to count"
            if names
            else "Write LEAST(GREATEST(x, low), high) around it, with the smallest and largest values to count"
        )
        reason = "so the influence of one person on the answer has no bound"
        message = f"No public range is known for {self.label(argument)}, {reason}."
        return Refusal("private-range", message, f"{write}. Values outside are cut to these limits.")

    def _clampable_names(self, argument: Scalar) -> list[str]:
        """Variables that a clamp line can bound, if the argument then has a range; otherwise none."""
        sources = [v for c in _leaves(argument) for _, v in self.ranges.origins.sources(c)]
        names = sorted({v.name for v in sources if v.low is None or v.high is None})
        # Any range shows whether a line would help.
        clamps = {name.casefold(): (Decimal(0), Decimal(1)) for name in names}
        found = replace(self.ranges, clamps={**self.ranges.clamps, **clamps}).of(argument)
        return names if None not in found else []


def _without_casts(argument: Scalar) -> Scalar:
    """The argument without casts."""
    while isinstance(argument, Call) and argument.op in CASTS:
        argument = argument.args[0]
    return argument


def fixed_point_number(argument: Scalar, low: Decimal, high: Decimal, scale: int) -> BoundedNumber:
    """A number in steps. Ends between two steps move outwards; a constant gets a range of one step."""
    first = int((min(low, high) * scale).to_integral_value(ROUND_FLOOR))
    last = int((max(low, high) * scale).to_integral_value(ROUND_CEILING))
    # A range must not be empty.
    return BoundedNumber(argument, first, max(last, first + 1), scale)


def presence_number(argument: Scalar) -> BoundedNumber:
    """Whether a value is present, as 0 or 1."""
    missing = truth_call("is_null", argument)
    zero, one = integer(0), integer(1)
    return BoundedNumber(Case(((missing, zero),), one, ScalarType.INT), 0, 1)


def _leaves(scalar: Scalar) -> list[Scalar]:
    match scalar:
        case Call(args=values) | Case(values=values):
            return [c for v in values for c in _leaves(v)]
    return [scalar]


@dataclass(slots=True)
class StatisticTranslator:
    """Collects the numbers and statistics of one private table, and all refusals."""

    fixed_point: FixedPointArguments
    statistics: Sequence[PlannedStatistic]
    named_numbers: dict[str, BoundedNumber] = field(default_factory=dict)
    private: list[Private] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    complete: set[str] = field(default_factory=set)
    _names: dict[tuple[Scalar, int], str] = field(default_factory=dict)

    def translate(self) -> None:
        for statistic in self.statistics:
            result = self._translated(statistic)
            if isinstance(result, Refusal):
                self.refusals.append(result)
            else:
                self.private.append(result)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        return tuple(
            Argument(name, Clamp(n.low, n.high, n.scale), name in self.complete, self.fixed_point.label(n.argument))
            for name, n in self.named_numbers.items()
        )

    def _translated(self, statistic: PlannedStatistic) -> Private | Refusal:
        name = f"s{statistic.ident}"
        match statistic.measure:
            case Measure.COUNT_ROWS:
                return Private(name, PrivateMeasure.ROWS)
            case Measure.COUNT_PERSONS:
                plain = isinstance(statistic.argument, ColumnRef)
                return Private(name, PrivateMeasure.PERSONS) if plain else CONDITIONAL_PERSONS
            case Measure.COUNT_VALUES:
                return self._count_of_values(statistic, name)
            case Measure.QUANTILE:
                return self._quantile(statistic, name)
            case Measure.ONES | Measure.SUM:
                return self._of_powers(statistic, name, PrivateMeasure.SUM)
            case Measure.SHARE | Measure.MEAN:
                return self._of_powers(statistic, name, PrivateMeasure.MEAN)
            case Measure.DEVIATION:
                return self._of_powers(statistic, name, PrivateMeasure.VARIANCE)
            case Measure.MOMENT:
                return MOMENTS
            case Measure.COUNT_DISTINCT:
                return DISTINCT_VALUES
            case Measure.LOWEST | Measure.HIGHEST | Measure.MODE | Measure.GAP:  # no program reads a gap
                return EXTREME_VALUES

    def _of_powers(self, statistic: PlannedStatistic, name: str, measure: PrivateMeasure) -> Private | Refusal:
        number = self._number_name(statistic)
        whole = isinstance(statistic.form, DeviationForm) and statistic.form.of_population
        return number if isinstance(number, Refusal) else Private(name, measure, number, of_population=whole)

    def _count_of_values(self, statistic: PlannedStatistic, name: str) -> Private:
        """Count values in the block of a number that is summed anyway; otherwise as a sum of 0 and 1."""
        same = (s for s in self.statistics if s.argument == statistic.argument)
        sibling = next((s for s in same if s.measure.traits.power), None)
        number = None if sibling is None else self._number_name(sibling)
        if isinstance(number, str):
            return Private(name, PrivateMeasure.VALUES, number)
        assert statistic.argument is not None
        own = self._registered_name(presence_number(statistic.argument), 1)
        self.complete.add(own)
        return Private(name, PrivateMeasure.SUM, own)

    def _quantile(self, statistic: PlannedStatistic, name: str) -> Private | Refusal:
        number = self._number_name(statistic)
        if isinstance(number, Refusal):
            return number
        assert isinstance(statistic.form, QuantileForm)
        of, max_points = self.named_numbers[number], self.fixed_point.profile.quantile_points
        step = -(-of.width // max(max_points - 1, 1))  # rounded up: at most max_points candidates
        points = tuple(range(of.low, of.high + 1, step))
        return Private(name, PrivateMeasure.QUANTILE, number, fraction=Exact(statistic.form.fraction), points=points)

    def _number_name(self, statistic: PlannedStatistic) -> str | Refusal:
        """The name of a statistic's number. All statistics of an argument share one; the highest power decides how fine
        it is."""
        powers = [s.measure.traits.power for s in self.statistics if s.argument == statistic.argument]
        degree = max(powers) if statistic.measure.traits.power else 0
        number = self.fixed_point.number(statistic, degree)
        if isinstance(number, Refusal):
            return number
        name = self._registered_name(number, degree)
        if is_never_null(statistic.argument):
            self.complete.add(name)
        return name

    def _registered_name(self, number: BoundedNumber, degree: int) -> str:
        key = (number.argument, 0 if degree == 0 else 1)  # quantiles need no exact sums, so they may be finer
        if key not in self._names:
            self._names[key] = f"x{len(self._names)}"
            self.named_numbers[self._names[key]] = number
        return self._names[key]


CONDITIONAL_PERSONS = Refusal(
    "private-persons",
    "COUNT(DISTINCT …) with a condition inside cannot be private.",
    "Count all persons of a cell, and put the condition into WHERE or GROUP BY.",
)
DISTINCT_VALUES = Refusal(
    "private-distinct",
    "COUNT(DISTINCT …) can be private only for persons: for other values the influence of one person has no bound.",
    "Count persons by the link key, or group by the variable.",
)
MOMENTS = Refusal(
    "private-moment",
    "A statistic of two variables, or of a shape, cannot be private.",
    "Ask for COUNT, AVG and VARIANCE of each variable.",
)
EXTREME_VALUES = Refusal(
    "private-extreme",
    "The smallest, largest or most common value can be one person's own value.",
    "Use PERCENTILE_CONT(0.01) or PERCENTILE_CONT(0.99) instead.",
)
