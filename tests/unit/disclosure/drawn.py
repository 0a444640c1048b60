"""Small planned outputs and evidence that tests draw."""

from decimal import Decimal

from broker.domain.outputs import CellEvidence, OutputEvidence, StatisticEvidence
from broker.domain.plans import Key, Measure, OutputColumn, PlannedOutput, Statistic
from broker.domain.relations import Scan
from broker.domain.scalars import Call, Column, Literal, Scalar, Type, Value
from broker.policy.models import Profile

PROFILE = Profile(name="npd", source="test", t=10)
COUNT, ONES, MEAN, KEY = 10, 11, 12, 1
C = Column(COUNT, Type.INT)


def key(ident: int, domain: tuple[Value, ...] | None, variable: str | None = None) -> Key:
    return Key(ident, Column(ident, Type.TEXT), Type.TEXT, domain, variable)


def planned(
    keys: tuple[Key, ...], statistics: tuple[Statistic, ...], columns: tuple[tuple[str, Scalar], ...],
    order: tuple[tuple[int, bool], ...] = (),
) -> PlannedOutput:  # fmt: skip
    shown = tuple(OutputColumn(n, e, "statistic") for n, e in columns)
    return PlannedOutput("table", "pupil", Scan("npd.x", (), 0, None), 0, keys, statistics, shown, order)


def statistic(ident: int, measure: Measure, **more: object) -> Statistic:
    return Statistic(ident, measure, None, Type.INT, **more)  # type: ignore[arg-type]


def counted(n: int) -> StatisticEvidence:
    return StatisticEvidence(n, n, n)


def flagged(ones: int, rest: int) -> StatisticEvidence:
    return StatisticEvidence(ones, ones, ones, rest, rest, total=ones)


def measured(values: list[int]) -> StatisticEvidence:
    """One row a person."""
    if not values:
        return StatisticEvidence(None, 0, 0)
    big = sorted(map(abs, values), reverse=True) + [0]
    mean = Decimal(sum(values)) / len(values)
    return StatisticEvidence(
        mean, len(values), len(values), 0, 0, big[0], big[1], min(values), max(values), sum(values)
    )


def count_table(
    cells: dict[tuple[Value, ...], int], keys: tuple[Key, ...], **more: object
) -> tuple[PlannedOutput, OutputEvidence]:
    """A table of counts over its keys."""
    columns = tuple((f"k{k.ident}", Column(k.ident, Type.TEXT)) for k in keys) + (("n", C),)
    plan = planned(keys, (statistic(COUNT, Measure.COUNT_ROWS),), columns, **more)  # type: ignore[arg-type]
    found = tuple(CellEvidence(k, n, n, {COUNT: counted(n)}) for k, n in cells.items() if n)
    return plan, OutputEvidence("table", found, sum(cells.values()))


def call(op: str, *args: Scalar, kind: Type = Type.DECIMAL) -> Call:
    return Call(op, args, kind)


def literal(value: Value) -> Literal:
    return Literal(value, Type.INT)
