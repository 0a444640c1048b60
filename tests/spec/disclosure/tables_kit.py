"""One table by hand and what the rules say of it: keys, figures and columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from broker.disclosure.records.released_tables import released_csv
from broker.domain.evidence import CellEvidence, OutputEvidence, TableEvidence
from broker.domain.findings import Assessment
from broker.domain.plans.operators import PostAggregation, Scan, TableRef
from broker.domain.plans.plan import GroupKey, OutputColumn, PlannedOutput, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import ColumnRef, Scalar, ScalarType, Value
from tests.oracles.judge_output import judge_output


def key_of(*domain: Value, ident: int = 1, kind: ScalarType = ScalarType.TEXT, variable: str | None = None) -> GroupKey:
    return GroupKey(ident, ColumnRef(ident, kind), kind, domain or None, variable)


LA = key_of("201", "202", "203", variable="npd.census.LA")


def output_of(
    statistics: Sequence[PlannedStatistic],
    keys: tuple[GroupKey, ...] = (LA,),
    columns: Mapping[str, Scalar] | None = None,
    program: PostAggregation | None = None,
) -> PlannedOutput:
    """Without columns, each figure is one that has the name of its measure."""
    named = columns or {s.measure.value: ColumnRef(s.ident, s.type) for s in statistics}
    shown = [OutputColumn(f"k{k.ident}", k.expression, "key") for k in keys]
    shown += [OutputColumn(name, made, "derived" if columns else name) for name, made in named.items()]
    table = PlannedTable(Scan("npd.census", (), 0, None), 0, keys, tuple(statistics))
    return PlannedOutput("t", "pupil", (table,), program or TableRef(0), tuple(shown))


def judged_table(planned: PlannedOutput, cells: Sequence[CellEvidence], *profile_and_lists: Any) -> Assessment:
    evidence = TableEvidence(tuple(cells), sum(c.persons for c in cells))
    return judge_output(planned, OutputEvidence("t", (evidence,)), *profile_and_lists)


def lines(assessment: Assessment) -> list[str]:
    return released_csv(assessment).decode().splitlines()
