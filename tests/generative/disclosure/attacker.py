"""An independent attacker for proofs: a plain linear program from cells and equations. Uses no code of the broker."""

from collections.abc import Collection, Mapping, Sequence

import highspy
import numpy as np

Parts = tuple[Sequence[int], int]


def interval(
    size: int, equations: Sequence[Parts], known: Mapping[int, float], lows: Mapping[int, float], cells: Collection[int]
) -> dict[int, tuple[float, float]]:
    """Least and greatest value of each cell over all tables that fit what is known."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    infinite = highspy.kHighsInf
    for i in range(size):
        value = known.get(i)
        low, high = (lows.get(i, 0.0), infinite) if value is None else (value, value)
        solver.addVar(low, high)
    for parts, total in equations:
        columns = np.array([*parts, total], dtype=np.int32)
        signs = np.array([1.0] * len(parts) + [-1.0])
        solver.addRow(0.0, 0.0, len(columns), columns, signs)
    found = {}
    for cell in cells:
        ends = []
        for sign in (1.0, -1.0):
            solver.changeColCost(cell, sign)
            solver.run()
            status = solver.getModelStatus()
            assert status in {highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kUnbounded}, status
            ends.append(
                solver.getSolution().col_value[cell] if status == highspy.HighsModelStatus.kOptimal else sign * -np.inf
            )
        solver.changeColCost(cell, 0.0)
        found[cell] = (float(ends[0]), float(ends[1]))
    return found
