"""Linear programs on a table's equations, solved by HiGHS with warm starts. The only module that imports the solver;
contains no rules."""

from collections.abc import Mapping, Sequence
from math import inf

import highspy
import numpy as np
from numpy.typing import NDArray

from broker.domain.errors import Breach

LinearEquation = tuple[Sequence[int], Sequence[float], float]
"""Columns, coefficients and right-hand side of one equation."""

Vector = NDArray[np.float64]

TOLERANCE = 1e-6
"""Figures no further apart than this are equal: smaller differences are the solver's noise."""

Status = highspy.HighsModelStatus
UNBOUNDED = frozenset({Status.kUnbounded, Status.kUnboundedOrInfeasible})
FINAL_STATUSES = UNBOUNDED | {Status.kOptimal, Status.kInfeasible}


class SilentHighs(highspy.Highs):
    """HiGHS prints a banner during construction, before any option can be set, and standard output belongs to the
    broker."""

    def enableCallbacks(self) -> None:  # noqa: N802  the solver's own name
        self.silent()
        super().enableCallbacks()  # type: ignore[no-untyped-call]  # highspy leaves it untyped


class LinearProgram:
    """Columns with bounds and equations between them. Each query changes costs or bounds and starts from the last
    solution."""

    def __init__(
        self, lower: Sequence[float], upper: Sequence[float], rows: Sequence[LinearEquation], whole: bool = False
    ) -> None:
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(lower), len(rows)
        model.col_cost_ = np.zeros(len(lower))
        model.col_lower_, model.col_upper_ = np.array(lower, dtype=float), np.array(upper, dtype=float)
        model.row_lower_ = model.row_upper_ = np.array([r[2] for r in rows], dtype=float)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(r[0]) for r in rows)], dtype=np.int32)
        model.a_matrix_.index_ = np.array([c for r in rows for c in r[0]], dtype=np.int32)
        model.a_matrix_.value_ = np.array([v for r in rows for v in r[1]], dtype=float)
        if whole:
            model.integrality_ = [highspy.HighsVarType.kInteger] * len(lower)
        self._solver = SilentHighs()  # type: ignore[no-untyped-call]  # highspy leaves it untyped
        self._solver.setOptionValue("threads", 1)  # results must not depend on the machine's processors
        if not whole:
            # Presolve would discard the warm start.
            self._solver.setOptionValue("presolve", "off")
            self._solver.setOptionValue("solver", "simplex")
        self._solver.passModel(model)
        self._costed: int | None = None
        self._all = np.arange(len(lower), dtype=np.int32)
        self.work = 0
        """Steps of the solver times columns, which is roughly proportional to its time. A count, not a clock: the same
        table gives the same result on a busy machine."""

    def set_cost(self, column: int, cost: float) -> None:
        self._solver.changeColCost(column, cost)

    def set_costs(self, costs: Vector) -> None:
        """Set the costs of all columns at once."""
        self._solver.changeColsCost(len(costs), self._all, costs)

    def set_bounds(self, column: int, lower: float, upper: float) -> None:
        self._solver.changeColBounds(column, lower, upper)

    def set_all_bounds(self, lower: Vector, upper: Vector) -> None:
        self._solver.changeColsBounds(len(lower), self._all, lower, upper)

    def answer(self) -> Vector | None:
        """The columns at the lowest cost; None if nothing satisfies the equations. Raises Breach if the solver does not
        finish."""
        status = self._run()
        if status == Status.kInfeasible:
            return None
        if status != Status.kOptimal:
            raise Breach(f"The solver ended with {status}.")
        return np.array(self._solver.getSolution().col_value)

    def extreme(self, column: int, sign: int) -> tuple[float, Vector | None]:
        """The smallest (sign 1) or largest (sign -1) value of a column, and a solution that reaches it; infinite if
        unbounded."""
        # Only one column has a cost at a time.
        if self._costed is not None:
            self.set_cost(self._costed, 0)
        self.set_cost(column, sign)
        self._costed = column
        status = self._run()
        if status in UNBOUNDED:
            return -sign * inf, None
        if status != Status.kOptimal:
            raise Breach(f"The solver ended with {status}.")
        found = np.array(self._solver.getSolution().col_value)
        return float(found[column]), found

    def pushed(self, costs: Mapping[int, float], lower: Vector, upper: Vector) -> Vector | None:
        """The solution at which all these costs together are lowest within these bounds; None if unbounded or not
        found. Resets the costs; the caller resets the bounds."""
        vector = np.zeros(len(self._all))
        vector[list(costs)] = list(costs.values())
        self.set_costs(vector)
        self.set_all_bounds(lower, upper)
        self._costed = None
        status = self._run()
        found = np.array(self._solver.getSolution().col_value) if status == Status.kOptimal else None
        self.set_costs(np.zeros(len(self._all)))  # `extreme` assumes that no cost is left
        return found

    def _run(self) -> highspy.HighsModelStatus:
        """If a warm start ends in numerical trouble, try again from scratch and without threads that others started."""
        self._solver.run()
        if self._solver.getModelStatus() not in FINAL_STATUSES:
            self._count_work()
            self._solver.clearSolver()
            highspy.Highs.resetGlobalScheduler(True)
            self._solver.run()
        self._count_work()
        return self._solver.getModelStatus()

    def _count_work(self) -> None:
        self.work += (1 + max(0, int(self._solver.getInfo().simplex_iteration_count))) * len(self._all)
