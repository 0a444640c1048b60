"""The rows above the top aggregation while they are computed: each value as released and as it is. No rules here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from broker.domain.errors import Breach
from broker.domain.findings import Verdict, worst
from broker.domain.scalars import MISSING, Value
from broker.postprocessing.evaluate import limited


class Origin(StrEnum):
    """What a value is: a key or a statistic of a table as it was protected, or something computed from such."""

    KEY = "key"
    STATISTIC = "statistic"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value. Nothing that is released may depend on `exact`, nor on what is hidden; `verdict` and `rules` are those
    of every figure that it is made of."""

    released: Value
    exact: Value
    hidden: bool = False
    verdict: Verdict = Verdict.PUBLISH
    rules: frozenset[str] = frozenset()
    origin: Origin = Origin.COMPUTED


@dataclass(frozen=True, slots=True)
class Line:
    """A row of cells by column id.

    `exists`: some figure of it may be shown, so that the row itself may be told of (counted, ranked, grouped); a listed
    row in which nobody was found is none, and looks like one in which too few were. `listed`: it is shown even if all
    its figures are hidden. `persons` of the tables' cells behind it, for staff; None of public rows.
    """

    cells: Mapping[int, Cell]
    exists: bool
    listed: bool
    persons: int | None

    def with_cells(self, more: Mapping[int, Cell]) -> "Line":
        return replace(self, cells={**self.cells, **more})


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows in order. `blank` is what each column holds where a row is missing, beside the rows of an outer join."""

    rows: tuple[Line, ...]
    blank: Mapping[int, Cell]


class Work:
    """Counts what is looked at: a program ends by a number, never by a clock, and so alike on every machine."""

    def __init__(self, most: int) -> None:
        self._most = most

    def spend(self, steps: int) -> None:
        self._most -= steps
        if self._most < 0:
            raise Breach("What stands above the groups of an output takes more steps than the profile allows.")


def leaves(cell: Cell) -> Value:
    """What a released table holds of a value: nothing of a hidden one, a missing key by its name, and of what was
    computed the figures that a reader can use."""
    if cell.hidden:
        return None
    if cell.origin is Origin.COMPUTED:
        return limited(cell.released)
    return MISSING if cell.origin is Origin.KEY and cell.released is None else cell.released


def made_of(parts: Iterable[Cell], released: Value, exact: Value = None, hidden: bool = False) -> Cell:
    """A computed value, with the verdict and rules of the cells that it is made of."""
    found = list(parts)
    verdicts = [c.verdict for c in found] + ([Verdict.SUPPRESS] if hidden else [])
    rules = frozenset[str]().union(*(c.rules for c in found))
    return Cell(None if hidden else released, exact, hidden, worst(verdicts), rules)


def cell_of(cells: Mapping[int, Cell], ident: int) -> Cell:
    if ident not in cells:
        raise Breach(f"The plan's output refers to column {ident}, which is not there.")
    return cells[ident]
