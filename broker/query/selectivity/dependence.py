"""What a value, or the rows of a person, can tell about the person: variables, and tables in which there are rows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

Names = frozenset[str]
"""Variables by name: those of several years and tables are one. Years and link keys are none. The name of a table
stands for whether a person has rows in it."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """The variables that decide a value or the rows of a person, with their tables. `present`: the tables in which a
    person has rows or has not. `chooses`: one of them is told apart on the way, by a condition, a greatest value or the
    like, and not only added up."""

    variables: frozenset[tuple[str, str]] = frozenset()
    present: frozenset[str] = frozenset()
    chooses: bool = False

    @property
    def names(self) -> Names:
        """What is counted. Whether there are rows is a value of each of their variables: a missing one."""
        read = {table for table, _ in self.variables}
        return frozenset(name for _, name in self.variables) | (self.present - read)

    def __or__(self, other: "Dependence") -> "Dependence":
        chooses = self.chooses or other.chooses
        return Dependence(self.variables | other.variables, self.present | other.present, chooses)

    def choosing(self) -> "Dependence":
        return replace(self, chooses=bool(self.names))


NONE = Dependence()


@dataclass(frozen=True, slots=True)
class RowsDependence:
    """What decides which rows of a person there are: the conditions, each as it would be written for any year, and in
    `number` what decides how often a row is there."""

    conditions: frozenset[object] = frozenset()
    found: Dependence = NONE
    number: Dependence = NONE

    @property
    def all(self) -> Dependence:
        return self.found | self.number

    def __or__(self, other: "RowsDependence") -> "RowsDependence":
        return RowsDependence(self.conditions | other.conditions, self.found | other.found, self.number | other.number)


def united(found: Iterable[Dependence]) -> Dependence:
    total = NONE
    for one in found:
        total |= one
    return total
