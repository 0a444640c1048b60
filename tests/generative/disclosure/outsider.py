"""An attacker of released tables and jobs without any code of the broker: equations and intervals of sums of unknown
numbers, and one linear program for each end of what follows from them."""

from collections.abc import Mapping

import highspy
import numpy as np

Sum = Mapping[int, float]
"""A sum of unknowns: by number, how often each counts."""


class Outsider:
    """Knows intervals of sums of so many unknowns, none of which is less than nothing; of whole numbers or of any."""

    def __init__(self, unknowns: int, whole: bool = False) -> None:
        self._unknowns, self._whole = unknowns, whole
        self._rows: list[tuple[Sum, float, float]] = []

    def learns(self, parts: Sum, low: float, high: float) -> None:
        self._rows.append((parts, low, high))

    def interval(self, parts: Sum) -> tuple[float, float]:
        """The least and the greatest that a sum can be."""
        model = highspy.Highs()
        model.silent()
        model.setOptionValue("threads", 1)
        for n in range(self._unknowns):
            model.addCol(parts.get(n, 0.0), 0.0, highspy.kHighsInf, 0, [], [])
            if self._whole:
                model.changeColIntegrality(n, highspy.HighsVarType.kInteger)
        for of, low, high in self._rows:
            places = np.array(sorted(of), dtype=np.int32)
            model.addRow(low, high, len(places), places, np.array([of[int(n)] for n in places], dtype=float))
        return self._end(model, 1.0), self._end(model, -1.0)

    def _end(self, model: highspy.Highs, sign: float) -> float:
        model.changeObjectiveSense(highspy.ObjSense.kMinimize if sign > 0 else highspy.ObjSense.kMaximize)
        model.run()
        status, found = model.getModelStatus(), highspy.HighsModelStatus
        if status in {found.kUnbounded, found.kUnboundedOrInfeasible}:
            return sign * -highspy.kHighsInf
        assert status == found.kOptimal, status
        return float(model.getInfo().objective_function_value)
