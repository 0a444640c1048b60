"""Counts of one cell that fewer persons than the threshold tell apart are shown as one count: hiding one of them would
tell that somebody stands between them. No verdicts here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from broker.disclosure.columns import Column, Columns, Fields, Mask, either, nothing
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.plans import Measure, Statistic

Evidence = Mapping[int, StatisticEvidence]
OF_INSTITUTIONS = ("institution_largest", "institution_second")


def counted(cell: CellEvidence) -> StatisticEvidence:
    """The evidence of a count of the cell's rows."""
    return StatisticEvidence(cell.rows, cell.rows, cell.persons, cell_key=cell.cell_key)


def taken_for(
    statistics: Sequence[Statistic], cell: CellEvidence | None, evidence: Evidence, t: int
) -> dict[int, StatisticEvidence]:
    """For each statistic that is too close to another count, the evidence of that count: an earlier statistic's of the
    same measure, or the cell's own. A gap in which nobody is counts as close, so that it tells nothing."""
    found: dict[int, StatisticEvidence] = {}
    for gap in statistics:
        if gap.measure is not Measure.GAP or gap.behind is None or evidence[gap.ident].persons >= t:
            continue
        if gap.like is not None:
            found.setdefault(gap.behind, found.get(gap.like, evidence[gap.like]))
        elif cell is not None:
            own = evidence[gap.behind]
            found.setdefault(gap.behind, replace(counted(cell), **{n: getattr(own, n) for n in OF_INSTITUTIONS}))
    return found


def taken_by_column(statistics: Sequence[Statistic], columns: Columns, t: int) -> dict[int, Fields]:
    """Of each statistic the columns by which `taken_for` has it judged as a count: its own, or another's where the two
    are too close."""
    taken = {s.ident: columns.fields(s.ident) for s in statistics}
    far: dict[int, Mask] = {}
    for gap in statistics:
        if gap.measure is not Measure.GAP or gap.behind is None:
            continue
        own = columns.fields(gap.behind)
        other = taken[gap.like] if gap.like is not None else counted_by_column(columns, own)
        open_ = far.get(gap.behind, np.ones(len(columns), bool))
        close = columns.fields(gap.ident)("persons").values < t
        taken[gap.behind] = _either(open_ & close, other, taken[gap.behind])
        far[gap.behind] = open_ & ~close
    return taken


def counted_by_column(columns: Columns, own: Fields | None = None) -> Fields:
    """`counted` by column, beside what a statistic's own evidence says of institutions."""
    cell = columns.fields(None)
    of_cell = {"value": "rows", "rows": "rows", "persons": "persons", "cell_key": "cell_key"}
    zero = Column(np.zeros(len(columns), np.int64), np.ones(len(columns), bool))

    def column(name: str) -> Column:
        if own is not None and name in OF_INSTITUTIONS:
            return own(name)
        if name in of_cell:
            return cell(of_cell[name])
        return zero if name in {"rest", "rest_rows"} else nothing(len(columns))

    return column


def _either(where: Mask, one: Fields, other: Fields) -> Fields:
    return cache(lambda name: either(where, one(name), other(name)))
