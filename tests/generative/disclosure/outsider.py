"""An attacker of released jobs without any code of the broker. It separates people by every condition of a job, writes
one equation for each shown figure, and solves one linear program for each end of an interval."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import highspy
import numpy as np

Person = Mapping[str, Any]
Ask = Callable[[Person], Any]


class Outsider:
    """Knows the kinds of people that there could be, and sums over them."""

    def __init__(self, kinds: Sequence[Person]) -> None:
        self.kinds = list(kinds)
        self._rows: list[tuple[frozenset[int], float]] = []

    def learns(self, who: Iterable[int], amount: float) -> None:
        """How many people of these kinds there are."""
        self._rows.append((frozenset(who), amount))

    def of(self, *asks: Ask) -> frozenset[int]:
        return frozenset(n for n, k in enumerate(self.kinds) if all(ask(k) for ask in asks))

    def interval(self, who: Iterable[int]) -> tuple[float, float]:
        """What follows for the number of people of these kinds."""
        model = highspy.Highs()
        model.silent()
        for _ in self.kinds:
            model.addCol(0.0, 0.0, highspy.kHighsInf, 0, [], [])
        for cells, amount in self._rows:
            places = np.array(sorted(cells), dtype=np.int32)
            model.addRow(amount, amount, len(places), places, np.ones(len(places)))
        ends = []
        for sign in (1.0, -1.0):
            for n in range(len(self.kinds)):
                model.changeColCost(n, sign if n in who else 0.0)
            model.run()
            status = model.getModelStatus()
            if status in {highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible}:
                ends.append(sign * -highspy.kHighsInf)
            else:
                assert status == highspy.HighsModelStatus.kOptimal, status
                ends.append(sign * model.getInfo().objective_function_value)
        return ends[0], ends[1]
