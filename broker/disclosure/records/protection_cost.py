"""What protection costs an output: the figures that each cause hides, how far the others are from the truth, and the
changes of the query that show more. Reads exact figures, so its result is for staff, and for authors on synthetic data.
Takes no decisions."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Any

from broker.domain.findings import Assessment
from broker.domain.plans.scalars import Value

Keys = tuple[Value, ...]


class Cause(StrEnum):
    """What a figure is hidden because of: the first of several causes in this order."""

    THRESHOLD = "too few people"
    DOMINANCE = "a few people who make up most of it"
    CLASS = "a group in which nearly all have one category"
    HISTORY = "earlier releases"
    CAP = "the cap on exact figures"
    OTHERS = "another hidden figure, which it would reveal"
    OTHER = "another rule"
    COMPUTED = "hidden figures that it is computed from"


RULES_OF: Mapping[Cause, frozenset[str]] = {
    Cause.THRESHOLD: frozenset({"F1", "F5", "F6", "M1", "P1", "P2", "Q1", "Q2", "D1", "R1", "R2", "W1"}),
    Cause.DOMINANCE: frozenset({"M2", "M3", "M4", "M5", "M7"}),
    Cause.CLASS: frozenset({"F2", "F3", "F4", "M9", "Q3"}),
    Cause.HISTORY: frozenset({"X5"}),
    Cause.CAP: frozenset({"X6"}),
    Cause.OTHERS: frozenset({"X1", "X2", "X3", "X4", "P3"}),
}


class Change(StrEnum):
    """How a query can be changed so that cells have more people."""

    LEAVE_OUT = "leave out"
    GROUP = "group small values of"


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """What a changed query would show, by the threshold alone. A person in several cells counts in each."""

    change: Change
    key: str
    figures: int
    hidden: int

    @property
    def shown(self) -> int:
        return self.figures - self.hidden


@dataclass(frozen=True, slots=True)
class CountedFigure:
    """A figure of an output: the cell by its `keys`, the persons behind it, and the rules that hide it."""

    keys: Keys
    column: str
    persons: int
    exact: Value
    released: Value
    hidden: bool
    rules: Sequence[str]


@dataclass(frozen=True, slots=True)
class ProtectionCost:
    """`figures` are those with somebody behind them, and `hidden` are counted by cause. `errors_percent`: for each
    column the median distance of shown figures from the truth. `changes`: first those that hide the smallest share."""

    figures: int
    hidden: Mapping[Cause, int]
    errors_percent: Mapping[str, float]
    changes: tuple[ChangedQuery, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "figures": self.figures,
            "hidden": {cause.value: number for cause, number in self.hidden.items()},
            "errors_percent": {column: round(error, 1) for column, error in self.errors_percent.items()},
            "changes": [asdict(change) for change in self.changes],
        }


def cost_of_output(assessment: Assessment, t: int) -> ProtectionCost:
    """The cost of a judged output. `t`: the threshold of the disclosure rules."""
    keys = assessment.columns[: assessment.key_count]
    figures = list(_figures_of(assessment))
    has_totals = sum(table.shown for table in assessment.tables) > 1
    return protection_cost(keys, figures, t, has_totals)


def _figures_of(assessment: Assessment) -> Iterator[CountedFigure]:
    for row in assessment.rows:
        for n in range(assessment.key_count, len(assessment.columns)):
            yield CountedFigure(
                keys=row.keys,
                column=assessment.columns[n],
                persons=row.persons,
                exact=row.exact[n],
                released=row.released[n],
                hidden=row.suppressed[n],
                rules=row.rules[n],
            )


def protection_cost(keys: Sequence[str], figures: Sequence[CountedFigure], t: int, has_totals: bool) -> ProtectionCost:
    """The cost of figures by these keys. `has_totals`: a key without a value is that of a total."""
    some = [figure for figure in figures if figure.persons]
    hidden = Counter(_cause(figure.rules) for figure in some if figure.hidden)
    by_column = defaultdict[str, list[float]](list)
    for figure in some:
        if (error := _error_percent(figure)) is not None:
            by_column[figure.column].append(error)
    errors = {column: median(found) for column, found in by_column.items()}
    parts = [figure for figure in some if not (has_totals and None in figure.keys)]
    changes = [
        change
        for change in (_changes(keys, parts, t) if hidden else ())
        if change.shown and change.hidden * len(some) < sum(hidden.values()) * change.figures
    ]
    changes.sort(key=lambda change: (change.hidden / change.figures, -change.shown))
    return ProtectionCost(len(some), dict(hidden), errors, tuple(changes))


def _cause(rules: Sequence[str]) -> Cause:
    if not rules:
        return Cause.COMPUTED
    return next((cause for cause, of in RULES_OF.items() if not of.isdisjoint(rules)), Cause.OTHER)


def _error_percent(figure: CountedFigure) -> float | None:
    """How far a shown number is from the exact one, if that is not 0."""
    exact, released = _number(figure.exact), _number(figure.released)
    if figure.hidden or not exact or released is None:
        return None
    return 100 * abs(released - exact) / abs(exact)


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def _changes(keys: Sequence[str], figures: Sequence[CountedFigure], t: int) -> Iterator[ChangedQuery]:
    """Each key left out, and the small values of each key as one group."""
    columns, persons = len({figure.column for figure in figures}), dict[Keys, int]()
    for figure in figures:
        persons[figure.keys] = max(figure.persons, persons.get(figure.keys, 0))
    for n, key in enumerate(keys):
        if len(keys) > 1:
            without = _added_up(persons, [(*cell[:n], *cell[n + 1 :]) for cell in persons])
            yield _changed(Change.LEAVE_OUT, key, without, columns, t)
        by_value = _added_up(persons, [(cell[n],) for cell in persons])
        small = {value for (value,), many in by_value.items() if many < t}
        if len(small) > 1:
            grouped = _added_up(persons, [_grouped(cell, n, small) for cell in persons])
            yield _changed(Change.GROUP, key, grouped, columns, t)


def _grouped(cell: Keys, at: int, small: Set[Value]) -> Keys:
    """The keys of a cell, with a small value replaced by that of the group."""
    return (*cell[:at], None if cell[at] in small else cell[at], *cell[at + 1 :], cell[at] in small)


def _added_up(persons: Mapping[Keys, int], new: Sequence[Keys]) -> Mapping[Keys, int]:
    """Persons by the new keys of each cell."""
    found = Counter[Keys]()
    for keys, many in zip(new, persons.values(), strict=True):
        found[keys] += many
    return found


def _changed(change: Change, key: str, persons: Mapping[Keys, int], columns: int, t: int) -> ChangedQuery:
    small = sum(many < t for many in persons.values())
    return ChangedQuery(change, key, columns * len(persons), columns * small)
