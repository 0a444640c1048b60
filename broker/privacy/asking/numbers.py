"""Arguments of statistics as numbers in fixed-point steps: a public range, and as many decimals as a profile's widest
clamp and exact arithmetic allow. Reads no data and asks nothing of it."""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from broker.domain.bounded import Number
from broker.domain.errors import Refusal
from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type
from broker.policy.privacy import PrivacyProfile
from broker.privacy.bounds import EXACT
from broker.query.bounding.ranges import Ranges

COUNTED = frozenset({Measure.ONES, Measure.SHARE})
"""Their arguments are 0, 1 or nothing."""
CASTS = frozenset({"to_double", "to_decimal", "to_int"})
MOST_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Numbers:
    ranges: Ranges
    profile: PrivacyProfile
    rows: int
    """Most rows of one person."""

    def number(self, statistic: Statistic, degree: int) -> Number | Refusal:
        """The statistic's argument, fine enough for exact sums up to this degree."""
        argument = statistic.argument
        assert argument is not None
        if statistic.measure in COUNTED:
            return Number(argument, 0, 1)
        if statistic.measure is Measure.COUNT_VALUES and not argument.type.is_number:
            return there(argument)
        ends = self._ends(statistic, argument)
        return self._unbounded(argument) if ends is None else self._steps(argument, *ends, degree)

    def _ends(self, statistic: Statistic, argument: Scalar) -> tuple[Decimal, Decimal] | None:
        low, high = self.ranges.of(argument)
        if low is not None and high is not None:
            return low, high
        if statistic.bounds is None:
            return None
        known = [Decimal(str(b)) for b in statistic.bounds]
        return (known[0] if low is None else low), (known[1] if high is None else high)

    def _steps(self, argument: Scalar, low: Decimal, high: Decimal, degree: int) -> Number:
        """As fine as the argument is, if that is not too wide; coarser otherwise, and whole at least."""
        most = min(self.profile.max_width, EXACT // max(self.rows, 1) - 1)
        if degree == 2:
            most = min(most, int((Decimal(EXACT) / max(self.rows, 1)).sqrt()) - 1)
        places = min(self.ranges.decimals(argument), MOST_DECIMALS)
        while True:
            found = stepped(argument, low, high, 10**places)
            if found.width <= most or places == 0:
                return found
            places -= 1

    def about(self, argument: Scalar) -> str:
        """What a number is called for people: its variable, or that it is made of some."""
        names = sorted({v.name for c in _columns(argument) for _, v in self.ranges.origins.sources(c)})
        if not names:
            return "a number that the query makes"
        return names[0] if isinstance(_bare(argument), Column) else f"the number made of {', '.join(names)}"

    def _unbounded(self, argument: Scalar) -> Refusal:
        names = self._helpful(argument)
        lines = " and ".join(f"-- clamp: {name} low high" for name in names)
        write = (
            f"Write a line  {lines}  with the least and the greatest value that shall count"
            if names
            else "Write LEAST(GREATEST(x, low), high) around it, with the least and the greatest value that shall count"
        )
        return Refusal(
            "private-range",
            f"Nothing public says between which values {self.about(argument)} lies, so one person's part in the answer "
            "has no bound.",
            f"{write}; values beyond are cut to these.",
        )

    def _helpful(self, argument: Scalar) -> list[str]:
        """Variables that a line can bound, if the whole has a range then."""
        sources = [v for c in _columns(argument) for _, v in self.ranges.origins.sources(c)]
        names = sorted({v.name for v in sources if v.low is None or v.high is None})
        clamps = {name.casefold(): (Decimal(0), Decimal(1)) for name in names}
        found = replace(self.ranges, clamps={**self.ranges.clamps, **clamps}).of(argument)
        return names if None not in found else []


def _bare(argument: Scalar) -> Scalar:
    """Without casts."""
    while isinstance(argument, Call) and argument.op in CASTS:
        argument = argument.args[0]
    return argument


def stepped(argument: Scalar, low: Decimal, high: Decimal, scale: int) -> Number:
    """Ends that are no whole step go outwards; a constant gets a range of one step."""
    first = int((min(low, high) * scale).to_integral_value(ROUND_FLOOR))
    last = int((max(low, high) * scale).to_integral_value(ROUND_CEILING))
    return Number(argument, first, max(last, first + 1), scale)


def there(argument: Scalar) -> Number:
    """Whether a value is there, as 0 and 1."""
    missing = Call("is_null", (argument,), Type.TRUTH)
    zero, one = Literal(0, Type.INT), Literal(1, Type.INT)
    return Number(Case(((missing, zero),), one, Type.INT), 0, 1)


def _columns(scalar: Scalar) -> list[Scalar]:
    match scalar:
        case Call(args=args):
            return [c for a in args for c in _columns(a)]
        case Case(whens=whens, otherwise=otherwise):
            return [c for v in (*(v for _, v in whens), otherwise) for c in _columns(v)]
    return [scalar]
