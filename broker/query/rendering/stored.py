"""The contributions of a planned table as they are stored: ranks and code numbers beside the columns that it names.
Text only; decides nothing about evidence.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are checked, literals quoted

from dataclasses import replace
from typing import NamedTuple

from broker.domain.plans import Key, Needs, PlannedTable
from broker.domain.relations import Filter, Project, Relation, Scan, ScanColumn
from broker.domain.scalars import Literal, Type
from broker.query.rendering.certificates import argument_text
from broker.query.rendering.ground import Ground
from broker.query.rendering.writing import literal_text, relation_text, scalar_text

RANK = "__r"
"""The vault's column of a row's rank within its person and year, from 0."""
CODE = "__c_"
"""Before a variable's name: the vault's column of the number of its code, from 0. Numbers group faster than texts."""
MOST_NUMBERS = 3
"""So many codes of one byte make a small number."""


class Coded(NamedTuple):
    """A key that is read as the number of its code."""

    codes: tuple[str, ...]

    def text(self, number: str) -> str:
        """The code of a number."""
        codes = ", ".join(literal_text(Literal(c, Type.TEXT)) for c in self.codes)
        return f"list_extract([{codes}], {number} + 1)"


class Rows(NamedTuple):
    """The rows as an item of FROM: keys `k`, person `p`, arguments `a`, and the rank `r` where persons can have
    several; and which keys are numbers of codes."""

    text: str
    coded: list[Coded | None]

    @property
    def number(self) -> str | None:
        """One number of the first coded keys, never NULL."""
        numbers = [f"coalesce(k{i}, 255)" for i, c in enumerate(self.coded) if c is not None][:MOST_NUMBERS]
        return " + ".join(f"{n}::UINTEGER * {256**i}" for i, n in enumerate(numbers)) or None


def rows_of(table: PlannedTable, needs: Needs, ground: Ground) -> Rows:
    free = 1 + max([table.person, *(c.ident for c in ground.scan.columns), *ground.definitions], default=0)
    coded = [_coded(key, ground) for key in table.keys]
    stored = [] if ground.is_single else [ScanColumn(free, RANK, Type.TEXT)]
    columns = []
    for number, (key, code) in enumerate(zip(table.keys, coded, strict=True)):
        text = scalar_text(key.expression)
        if code is not None:
            stored.append(ScanColumn(free + 1 + number, CODE + ground.variable(key.expression), Type.TEXT))
            text = f"c{free + 1 + number}"
        columns.append(f"{text} AS k{number}")
    columns += [f"c{table.person} AS p", *([] if ground.is_single else [f"c{free} AS r"])]
    columns += [f"{argument_text(s)} AS a{s.ident}" for s in table.statistics if s.argument is not None]
    relation = _with(table.contributions, tuple(stored))
    return Rows(f"(SELECT {', '.join(columns)} FROM {relation_text(relation, needs.least)})", coded)


def _coded(key: Key, ground: Ground) -> Coded | None:
    codes = ground.codes(key.expression)
    return None if codes is None else Coded(codes)


def _with(relation: Relation, columns: tuple[ScanColumn, ...]) -> Relation:
    """Read as they are stored: a text is what is not cast."""
    if isinstance(relation, Filter | Project):
        return replace(relation, child=_with(relation.child, columns))
    assert isinstance(relation, Scan)
    return replace(relation, columns=(*relation.columns, *columns))
