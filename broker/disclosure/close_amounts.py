"""The members' amounts of counts that are shown as another count, because too few persons are between the two. Takes no
decisions of its own: `close_counts` takes the same."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from broker.disclosure.table_recipes import statistic_totals
from broker.domain.plans.measure import Measure
from broker.domain.plans.member_amounts import ROW_AMOUNT, AmountColumn, AmountKind
from broker.domain.plans.plan import PlannedTable
from broker.evidence.member_tables import AnyNumbers, Members, members_of


def shown_amounts(table: PlannedTable, members: Members, t: int) -> Members:
    """The members with the amounts of the counts that are shown: where fewer than `t` persons of a cell have another
    amount in a count than in the one that it is close to, it shows that one."""
    persons, cells = members.rows()
    amounts, changes = dict(members.amounts), False
    is_close = defaultdict[int, NDArray[np.bool_]](lambda: np.zeros(len(cells), bool))
    statistics = {s.ident: s for s in table.statistics}

    def of(name: str) -> AnyNumbers:
        return amounts.get(name, np.ones(len(cells)))

    for gap in table.statistics:
        if gap.measure is Measure.GAP and gap.implied_by is not None:
            own, other = AmountColumn(AmountKind.NON_NULL_ROWS, gap.implied_by).name, ROW_AMOUNT.name
            if gap.displayed_like is not None:
                both = (statistics[gap.implied_by], statistics[gap.displayed_like])
                own, other = (statistic_totals(s)[0][0] for s in both)
            apart = np.bincount(cells[of(own) != of(other)], minlength=members.count + 2)
            close = (apart < t)[cells] & ~is_close[gap.implied_by]
            is_close[gap.implied_by] |= close
            if np.any(apart[cells[close]]):
                amounts[own], changes = np.where(close, of(other), of(own)), True
    return members_of(members.count, persons, cells, amounts) if changes else members
