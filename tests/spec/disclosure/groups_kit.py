"""Groups as drawn tables: a line a row, `c` for what is hidden, `-` for NULL; and scalars to write programs with."""

from collections.abc import Mapping
from decimal import Decimal

from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import AggregateCall, PostAggregation, Scan
from broker.domain.plans.plan import GroupKey, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, Value
from broker.postprocessing.output_rows import OutputCell, OutputRow, OutputRows, StepBudget
from broker.postprocessing.program import run_program

LA, YEAR, N, M, HLA, HN = 1, 2, 10, 11, 3, 20
"""Columns of the two tables that programs are written over: g(LA, YEAR, N, M) and h(HLA, HN)."""

TEXTS = frozenset({LA, HLA})


def col(ident: int) -> ColumnRef:
    return ColumnRef(ident, ScalarType.TEXT if ident in TEXTS else ScalarType.INT)


def lit(value: Value) -> Literal:
    kind = {str: ScalarType.TEXT, int: ScalarType.INT, Decimal: ScalarType.DECIMAL, type(None): ScalarType.NULL}[
        type(value)
    ]
    return Literal(value, kind)


def calls(op: str, *args: "Scalar | int | str") -> Call:
    """Numbers are columns' ids here; written values are given as `lit`."""
    found = tuple(col(a) if isinstance(a, int) else lit(a) if isinstance(a, str) else a for a in args)
    return Call(op, found, ScalarType.DECIMAL)


def case(*arms: tuple[Scalar, Scalar], otherwise: Scalar) -> Case:
    return Case(arms, otherwise, ScalarType.INT)


def agg(op: str, *args: Scalar) -> AggregateCall:
    return AggregateCall(op, args, ScalarType.DECIMAL)


def drawn(*lines: str, keys: int = 1) -> OutputRows:
    """The first line names columns by id. The first `keys` columns are keys; a row with nothing but `c` beside them
    does not exist. What is hidden is exactly 7777, so that a figure made of it would show."""
    ids = [int(i) for i in lines[0].split()]
    rows = []
    for text in lines[1:]:
        cells = {i: _cell(word) for i, word in zip(ids, text.split(), strict=True)}
        exists = any(not cells[i].hidden for i in ids[keys:]) or len(ids) == keys
        rows.append(OutputRow(cells, exists, True, 50 if exists else 3))
    blank = {i: OutputCell(None, None) if n < keys else _cell("c") for n, i in enumerate(ids)}
    return OutputRows(tuple(rows), blank)


def _cell(word: str) -> OutputCell:
    if word == "c":
        return OutputCell(None, 7777, True, Verdict.SUPPRESS, frozenset({"F1"}))
    value: Value = None if word == "-" else int(word) if word.lstrip("-").isdigit() else word
    return OutputCell(value, value)


def shown(program: PostAggregation, *tables: OutputRows, columns: str, work: int = 10_000) -> list[str]:
    """The rows of a program, drawn."""
    found = run_program(program, tables, StepBudget(work))
    ids = [int(i) for i in columns.split()]
    return [" ".join(_word(line.cells[i]) for i in ids) for line in found.rows]


def _word(cell: OutputCell) -> str:
    if cell.hidden:
        assert cell.released is None
        return "c"
    value = cell.released
    if isinstance(value, Decimal):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return "-" if value is None else str(value)


def counted(number: int, keys: tuple[GroupKey, ...], *statistics: PlannedStatistic) -> PlannedTable:
    return PlannedTable(Scan("npd.census", (), number, None), number, keys, statistics)


def key(ident: int, domain: tuple[Value, ...] | None = None) -> GroupKey:
    return GroupKey(ident, col(ident), col(ident).type, domain, None)


def planned_tables(
    las: tuple[Value, ...] | None = None, years: tuple[Value, ...] | None = None
) -> tuple[PlannedTable, ...]:
    g = counted(
        0,
        (key(LA, las), key(YEAR, years)),
        PlannedStatistic(N, Measure.COUNT_ROWS, None, ScalarType.INT),
        PlannedStatistic(M, Measure.MEAN, col(90), ScalarType.DECIMAL),
    )
    h = counted(0, (key(HLA, las),), PlannedStatistic(HN, Measure.COUNT_ROWS, None, ScalarType.INT))
    return g, h


Rows = Mapping[tuple[Value, ...], tuple[int, int, Decimal | None]]
"""By keys: the number of persons, how many of them have a value, and the mean of these."""


def evidence_of(rows: Rows, count: int, mean: int | None = None) -> TableEvidence:
    """One row a person."""
    cells = []
    for keys, (n, valued, value) in rows.items():
        found = {count: StatisticEvidence(n, n, n)}
        if mean is not None:
            total = None if value is None else value * valued
            found[mean] = StatisticEvidence(value, valued, valued, total=total)
        cells.append(CellEvidence(keys, n, n, found))
    return TableEvidence(tuple(cells), sum(n for n, _, _ in rows.values()))
