"""Groups as drawn tables: a line a row, `c` for what is hidden, `-` for NULL; and scalars to write programs with."""

from collections.abc import Mapping
from decimal import Decimal

from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Verdict
from broker.domain.groups import Group
from broker.domain.plans import Key, Measure, PlannedTable, Statistic
from broker.domain.relations import Aggregate, Scan
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type, Value
from broker.postprocessing.cells import Cell, Line, Lines, Work
from broker.postprocessing.program import run

LA, YEAR, N, M, HLA, HN = 1, 2, 10, 11, 3, 20
"""Columns of the two tables that programs are written over: g(LA, YEAR, N, M) and h(HLA, HN)."""

TEXTS = frozenset({LA, HLA})


def col(ident: int) -> Column:
    return Column(ident, Type.TEXT if ident in TEXTS else Type.INT)


def lit(value: Value) -> Literal:
    kind = {str: Type.TEXT, int: Type.INT, Decimal: Type.DECIMAL, type(None): Type.NULL}[type(value)]
    return Literal(value, kind)


def calls(op: str, *args: "Scalar | int | str") -> Call:
    """Numbers are columns' ids here; written values are given as `lit`."""
    found = tuple(col(a) if isinstance(a, int) else lit(a) if isinstance(a, str) else a for a in args)
    return Call(op, found, Type.DECIMAL)


def case(*arms: tuple[Scalar, Scalar], otherwise: Scalar) -> Case:
    return Case(arms, otherwise, Type.INT)


def agg(op: str, *args: Scalar) -> Aggregate:
    return Aggregate(op, args, Type.DECIMAL)


def drawn(*lines: str, keys: int = 1) -> Lines:
    """The first line names columns by id. The first `keys` columns are keys; a row with nothing but `c` beside them
    does not exist. What is hidden is exactly 7777, so that a figure made of it would show."""
    ids = [int(i) for i in lines[0].split()]
    rows = []
    for text in lines[1:]:
        cells = {i: _cell(word) for i, word in zip(ids, text.split(), strict=True)}
        exists = any(not cells[i].hidden for i in ids[keys:]) or len(ids) == keys
        rows.append(Line(cells, exists, True, 50 if exists else 3))
    blank = {i: Cell(None, None) if n < keys else _cell("c") for n, i in enumerate(ids)}
    return Lines(tuple(rows), blank)


def _cell(word: str) -> Cell:
    if word == "c":
        return Cell(None, 7777, True, Verdict.SUPPRESS, frozenset({"F1"}))
    value: Value = None if word == "-" else int(word) if word.lstrip("-").isdigit() else word
    return Cell(value, value)


def shown(program: Group, *tables: Lines, columns: str, work: int = 10_000) -> list[str]:
    """The rows of a program, drawn."""
    found = run(program, tables, Work(work))
    ids = [int(i) for i in columns.split()]
    return [" ".join(_word(line.cells[i]) for i in ids) for line in found.rows]


def _word(cell: Cell) -> str:
    if cell.hidden:
        assert cell.released is None
        return "c"
    value = cell.released
    if isinstance(value, Decimal):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return "-" if value is None else str(value)


def counted(number: int, keys: tuple[Key, ...], *statistics: Statistic) -> PlannedTable:
    return PlannedTable(Scan("npd.census", (), number, None), number, keys, statistics)


def key(ident: int, domain: tuple[Value, ...] | None = None) -> Key:
    return Key(ident, col(ident), col(ident).type, domain, None)


def planned_tables(
    las: tuple[Value, ...] | None = None, years: tuple[Value, ...] | None = None
) -> tuple[PlannedTable, ...]:
    g = counted(
        0,
        (key(LA, las), key(YEAR, years)),
        Statistic(N, Measure.COUNT_ROWS, None, Type.INT),
        Statistic(M, Measure.MEAN, col(90), Type.DECIMAL),
    )
    h = counted(0, (key(HLA, las),), Statistic(HN, Measure.COUNT_ROWS, None, Type.INT))
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
