"""Planned tables that are grouping sets of one, so that their margins are measured together and made to agree. Compares
plans; reads nothing else."""

from dataclasses import dataclass

from broker.domain.plans import PlannedOutput, PlannedTable, Statistic
from broker.domain.scalars import Scalar


@dataclass(slots=True)
class Family:
    """Planned tables over the same contributions that differ in their keys only: the first has all of them."""

    tables: list[PlannedTable]
    asked: list[list[Statistic]]

    def takes(self, table: PlannedTable, asked: list[Statistic]) -> bool:
        first = self.tables[0]
        wide = {k.expression for k in first.keys}
        same = first.contributions == table.contributions and first.person == table.person
        return same and _signature(asked) == _signature(self.asked[0]) and {k.expression for k in table.keys} <= wide


def _signature(asked: list[Statistic]) -> tuple[object, ...]:
    return tuple((s.measure, s.argument, s.form, s.truncated) for s in asked)


def families_of(output: PlannedOutput, asked: list[list[Statistic]]) -> list[Family]:
    """Tables with the most keys come first, so that margins find theirs."""
    found: list[Family] = []
    for place in sorted(range(len(output.tables)), key=lambda i: -len(output.tables[i].keys)):
        table = output.tables[place]
        family = next((f for f in found if f.takes(table, asked[place])), None)
        if family is None:
            found.append(Family([table], [asked[place]]))
        else:
            family.tables.append(table)
            family.asked.append(asked[place])
    return found


def sets_of(family: Family) -> tuple[tuple[int, ...], ...]:
    """Each different one once, by the positions of its keys, ascending."""
    wide = [k.expression for k in family.tables[0].keys]
    return tuple(dict.fromkeys(positions(wide, t) for t in family.tables))


def positions(wide: list[Scalar], table: PlannedTable) -> tuple[int, ...]:
    return tuple(sorted(wide.index(k.expression) for k in table.keys))
