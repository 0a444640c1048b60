"""Tables drawn with their margins: `*` marks a target."""

from broker.disclosure.suppression.cell_systems import CellCoordinates, ClosedTable, close_categories
from broker.disclosure.suppression.secondary_suppression import audit
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


def widths(task: SuppressionTask, hidden: frozenset[int]) -> dict[int, float]:
    return {i: at.width for i, at in audit(task, hidden).items()}
