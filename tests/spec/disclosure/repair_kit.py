"""Tables drawn with their margins: `.` for a cell that is not shown, `*` marks a target."""

from collections.abc import Mapping

from broker.disclosure.suppression.cell_systems import CellCoordinates, ClosedTable, close_categories
from broker.disclosure.suppression.secondary_suppression import audit, suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask

WIDTH = 10.0


def table_of(drawn: str) -> tuple[ClosedTable, dict[CellCoordinates, str]]:
    """First line: columns; then a row a line; `all` is the total. A cell without a figure is told by its equations."""
    lines = [line.split() for line in drawn.strip().splitlines()]
    columns = lines[0]
    words = {
        (None if row[0] == "all" else row[0], None if c == "all" else c): word
        for row in lines[1:]
        for c, word in zip(columns, row[1:], strict=True)
    }
    table = close_categories(
        [[r[0] for r in lines[1:] if r[0] != "all"], [c for c in columns if c != "all"]],
        [any(r[0] == "all" for r in lines[1:]), "all" in columns],
    )
    return table, words


def task_of(drawn: str, *, known_totals: bool = False, width: float = WIDTH, singles: bool = True) -> SuppressionTask:
    table, words = table_of(drawn)
    values = [float(words[p].rstrip("*")) for p in table.cells]
    targets = {i: width for i, p in enumerate(table.cells) if words[p].endswith("*")}
    fixed = frozenset(i for i, p in enumerate(table.cells) if None in p) if known_totals else frozenset()
    insiders = frozenset(i for i, v in enumerate(values) if v == 0 or (singles and v == 1))
    return SuppressionTask(table, values, targets, frozenset(targets), insiders, fixed=fixed)


def shown(drawn: str, **options: bool) -> str:
    """The table after repair, drawn the same way."""
    task = task_of(drawn, **options)
    return drawn_again(drawn, task, suppress(task).hidden)


def drawn_again(drawn: str, task: SuppressionTask, hidden: frozenset[int]) -> str:
    table, _ = table_of(drawn)
    words: Mapping[CellCoordinates, str] = {
        p: "." if i in hidden else str(int(task.values[i])) for i, p in enumerate(table.cells)
    }
    lines = [line.split() for line in drawn.strip().splitlines()]
    rows = [
        [row[0], *(words[None if row[0] == "all" else row[0], None if c == "all" else c] for c in lines[0])]
        for row in lines[1:]
    ]
    return "\n".join(" ".join(r) for r in [lines[0], *rows])


def widths(task: SuppressionTask, hidden: frozenset[int]) -> dict[int, float]:
    return {i: at.width for i, at in audit(task, hidden).items()}
