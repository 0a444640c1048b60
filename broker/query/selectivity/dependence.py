"""What a value, or the rows of a person, can tell about the person: variables, and tables in which there are rows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from broker.domain.plans.scalars import Scalar
from broker.query.operations.aggregate_functions import CHOSEN

Names = frozenset[str]
"""Variables by name: those of several years and tables are one. Link keys are none. Whether a person has rows in a
scan is one, too."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """The variables that decide a value or the rows of a person, with the scans that read them. `present`: scans in
    which a person has rows or has not. `chooses`: one of them is told apart on the way, by a condition, a greatest
    value or the like. `adds`: only by conditions of amounts that are added up."""

    variables: frozenset[tuple[int, str]] = frozenset()
    present: frozenset[int] = frozenset()
    chooses: bool = False
    adds: bool = False

    @property
    def names(self) -> Names:
        """What is counted. Whether a scan has rows is a value of each of its variables: a missing one."""
        names, read = {name for _, name in self.variables}, {scan for scan, _ in self.variables}
        return frozenset(names | {f"rows of {scan}" for scan in self.present - read})

    def __or__(self, other: "Dependence") -> "Dependence":
        if other in (self, NONE):
            return self
        chooses, adds = self.chooses or other.chooses, self.adds or other.adds
        return Dependence(self.variables | other.variables, self.present | other.present, chooses, adds)

    def choosing(self) -> "Dependence":
        return self if self.chooses or self == NONE else replace(self, chooses=True)

    def added_up(self) -> "Dependence":
        """The dependence of a sum. It tells none of its amounts apart, each with its own conditions."""
        return replace(self, chooses=False, adds=self.chooses or self.adds)

    def of_function(self, function: str) -> "Dependence":
        """What a function tells of one variable: another one. Years alone stay as they are."""
        names = self.names - YEAR.names
        if len(names) != 1:
            return self
        (name,) = names
        scans = frozenset((scan, f"{function} of {name}") for scan, other in self.variables if other == name)
        return replace(self, variables=scans or frozenset({(0, f"{function} of {name}")}), present=frozenset())


def of_another_row(name: str) -> str:
    """The variable of which a name is the value in another row."""
    function, _, variable = name.partition(" of ")
    return variable if function in OF_ANOTHER_ROW else name


OF_ANOTHER_ROW = frozenset({"lag", "lead", "first", "last", "greatest", "least"}) | CHOSEN


NONE = Dependence()


@dataclass(frozen=True, slots=True)
class RowsDependence:
    """What decides which rows of a person there are: the tables and conditions. `number`: what decides how often a row
    is there."""

    conditions: tuple[Scalar | str, ...] = ()
    found: Dependence = NONE
    number: Dependence = NONE

    @property
    def all(self) -> Dependence:
        return self.found | self.number

    def __or__(self, other: "RowsDependence") -> "RowsDependence":
        return RowsDependence(self.conditions + other.conditions, self.found | other.found, self.number | other.number)


def united(found: Iterable[Dependence]) -> Dependence:
    return reduce(or_, found, NONE)


YEAR = Dependence(frozenset({(0, "year")}))
"""Which year a row is of, where rows of several are read."""
CHOSEN_YEAR = "year of a chosen row"
"""The year of the row that an order chooses tells in which years there are others."""
