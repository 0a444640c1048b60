"""Counts of one cell that fewer persons than the threshold tell apart are shown as one count: hiding one of them would
tell that somebody stands between them. No verdicts here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.domain.outputs import CellEvidence, StatisticEvidence
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
