"""Rows of a private output as they may leave: from the lines of a program, or, where nothing is computed above the
groups, straight from the columns, which is the same and much faster (a test holds the two equal)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from broker.domain.findings import JudgedCell, Verdict
from broker.domain.plans import OutputColumn
from broker.domain.scalars import MISSING, Column, Value
from broker.postprocessing.cells import Line, leaves
from broker.postprocessing.formulas import compute
from broker.privacy.results.strips import Strip, Strips

VERDICTS = {False: Verdict.PUBLISH, True: Verdict.SUPPRESS}


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of the released table: of the output, or an end of one's interval."""

    name: str
    column: OutputColumn
    is_end: bool = False

    @property
    def is_key(self) -> bool:
        return self.column.is_key


def rows_of(shown: Sequence[Shown], lines: Iterable[Line]) -> Iterator[JudgedCell]:
    """A row that no list names is shown only if one of its figures is."""
    for line in lines:
        cells = [compute(s.column.expression, line.cells) for s in shown]
        hidden = tuple([c.hidden for c in cells])
        if line.listed or _passes(shown, hidden, line.exists):
            keys = tuple([c.released for s, c in zip(shown, cells, strict=True) if s.is_key])
            yield _row(keys, tuple([leaves(c) for c in cells]), hidden)


def is_straight(shown: Sequence[Shown]) -> bool:
    """Whether every column is one of the rows below, as it is."""
    return all(isinstance(s.column.expression, Column) for s in shown)


def straight_rows(shown: Sequence[Shown], strips: Strips) -> Iterator[JudgedCell]:
    """The same of a table's columns."""
    columns = [strips.columns[s.column.expression.ident] for s in shown if isinstance(s.column.expression, Column)]
    by_key = [c.values for s, c in zip(shown, columns, strict=True) if s.is_key]
    keys = list(zip(*by_key, strict=True)) if by_key else [()] * len(strips.shown)
    released, hidden = zip(*map(_told, columns), strict=True), zip(*(c.hidden for c in columns), strict=True)
    for at, told, away, exists in zip(keys, released, hidden, strips.shown, strict=True):
        if strips.listed or _passes(shown, away, exists):
            yield _row(at, told, away)


def _passes(shown: Sequence[Shown], hidden: Sequence[bool], exists: bool) -> bool:
    figures = [h for s, h in zip(shown, hidden, strict=True) if not s.is_key]
    return not all(figures) if figures else exists


def _row(keys: tuple[Value, ...], released: tuple[Value, ...], hidden: tuple[bool, ...]) -> JudgedCell:
    return JudgedCell(
        keys=keys,
        exact=(None,) * len(released),
        released=released,
        suppressed=hidden,
        verdicts=tuple([VERDICTS[h] for h in hidden]),
        rules=((),) * len(released),
        persons=0,
    )


def _told(strip: Strip) -> Sequence[Value]:
    return [MISSING if v is None else v for v in strip.values] if strip.is_key else strip.values
