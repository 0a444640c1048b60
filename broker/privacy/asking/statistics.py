"""Planned statistics as private ones: what is asked of which number. Those that have no private form are refused with
what to ask instead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction as Exact

from broker.domain.bounded import Number
from broker.domain.errors import Refusal
from broker.domain.plans import Deviation, Fraction, Measure, Statistic
from broker.domain.scalars import Column, Scalar
from broker.privacy.asking.numbers import Numbers, there
from broker.privacy.tables import Argument, Ask, Clamp
from broker.privacy.tables import Statistic as Private
from broker.query.groups.arguments import is_never_null

ASKS = {
    Measure.ONES: Ask.SUM, Measure.SHARE: Ask.MEAN, Measure.SUM: Ask.SUM, Measure.MEAN: Ask.MEAN,
    Measure.DEVIATION: Ask.VARIANCE, Measure.QUANTILE: Ask.QUANTILE,
}  # fmt: skip
DEGREES = {Measure.SUM: 1, Measure.MEAN: 1, Measure.ONES: 1, Measure.SHARE: 1, Measure.DEVIATION: 2}


@dataclass(slots=True)
class Asking:
    """Gathers the numbers and statistics of one private table; every refusal too."""

    numbers: Numbers
    statistics: Sequence[Statistic]
    found: dict[str, Number] = field(default_factory=dict)
    private: list[Private] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    complete: set[str] = field(default_factory=set)
    _names: dict[tuple[Scalar, int], str] = field(default_factory=dict)

    def ask(self) -> None:
        for statistic in self.statistics:
            asked = self._asked(statistic)
            if isinstance(asked, Refusal):
                self.refusals.append(asked)
            else:
                self.private.append(asked)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        return tuple(
            Argument(name, Clamp(n.low, n.high, n.scale), name in self.complete, self.numbers.about(n.argument))
            for name, n in self.found.items()
        )

    def _asked(self, statistic: Statistic) -> Private | Refusal:
        name = f"s{statistic.ident}"
        match statistic.measure:
            case Measure.COUNT_ROWS:
                return Private(name, Ask.ROWS)
            case Measure.COUNT_PERSONS:
                plain = isinstance(statistic.argument, Column)
                return Private(name, Ask.PERSONS) if plain else PERSONS_IF
            case Measure.COUNT_VALUES:
                return self._values(statistic, name)
            case Measure.QUANTILE:
                return self._quantile(statistic, name)
            case measure if measure in ASKS:
                number = self._number(statistic)
                whole = isinstance(statistic.form, Deviation) and statistic.form.whole
                if isinstance(number, Refusal):
                    return number
                return Private(name, ASKS[measure], number, whole=whole)
            case Measure.COUNT_DISTINCT:
                return DISTINCT
        return EXTREME

    def _values(self, statistic: Statistic, name: str) -> Private:
        """Out of the block of a number that is summed up anyway; else by itself, as 0 and 1."""
        beside = next((s for s in self.statistics if s.argument == statistic.argument and s.measure in DEGREES), None)
        number = None if beside is None else self._number(beside)
        if isinstance(number, str):
            return Private(name, Ask.VALUES, number)
        assert statistic.argument is not None
        own = self._named(there(statistic.argument), 1)
        self.complete.add(own)
        return Private(name, Ask.SUM, own)

    def _quantile(self, statistic: Statistic, name: str) -> Private | Refusal:
        number = self._number(statistic)
        if isinstance(number, Refusal):
            return number
        assert isinstance(statistic.form, Fraction)
        of, most = self.found[number], self.numbers.profile.quantile_points
        step = -(-of.width // max(most - 1, 1))
        points = tuple(range(of.low, of.high + 1, step))
        return Private(name, Ask.QUANTILE, number, fraction=Exact(statistic.form.of), points=points)

    def _number(self, statistic: Statistic) -> str | Refusal:
        """One number for all statistics of one argument: the highest power says how fine it is."""
        same = [s for s in self.statistics if s.argument == statistic.argument and s.measure in DEGREES]
        degree = max((DEGREES[s.measure] for s in same), default=1) if statistic.measure in DEGREES else 0
        number = self.numbers.number(statistic, degree)
        if isinstance(number, Refusal):
            return number
        name = self._named(number, degree)
        if is_never_null(statistic.argument):
            self.complete.add(name)
        return name

    def _named(self, number: Number, degree: int) -> str:
        key = (number.argument, 0 if degree == 0 else 1)
        if key not in self._names:
            self._names[key] = f"x{len(self._names)}"
            self.found[self._names[key]] = number
        return self._names[key]


PERSONS_IF = Refusal(
    "private-persons",
    "COUNT(DISTINCT …) with a condition inside has no private form.",
    "Count all persons of a cell, and write the condition in WHERE or as a key of GROUP BY.",
)
DISTINCT = Refusal(
    "private-distinct",
    "COUNT(DISTINCT …) of anything but persons depends on one person without bound: many may share a value, or none.",
    "Count persons by the link key, or group by the variable.",
)
EXTREME = Refusal(
    "private-extreme",
    "The least, the greatest or the most common value is one person's own.",
    "Ask for PERCENTILE_CONT(0.01) or PERCENTILE_CONT(0.99) instead.",
)
