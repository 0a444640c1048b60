"""What protection costs an output: the figures that each cause hides, how far the others are from the truth, and
changes of the query that would hide a smaller share. Reads exact figures, so its result is for staff, and for authors
on synthetic data. Takes no decisions."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Any

from broker.domain.findings import Assessment, Verdict
from broker.domain.plans.scalars import Value

Keys = tuple[Value, ...]


class Cause(StrEnum):
    """Why a figure is hidden: the first of several causes in this order. With its words, and the rules that have it."""

    words: str
    rules: frozenset[str]

    def __new__(cls, value: str, words: str, *rules: str) -> "Cause":
        found = str.__new__(cls, value)
        found._value_, found.words, found.rules = value, words, frozenset(rules)
        return found

    FEW_PEOPLE = "few-people", "too few people", "F1", "F5", "M1", "P1", "P2", "D1", "R1", "R2", "W1"
    INSTITUTIONS = "institutions", "too few institutions", "F6"
    FEW_VALUES = "few-values", "too few people with the value, or near it", "Q1", "Q2", "Q3"
    DOMINANCE = "dominance", "a few people make up most of it", "M2", "M3", "M4", "M5"
    NEGATIVE = "negative", "amounts can be negative", "M7"
    CLASS = "class", "nearly everybody in a group has one category", "F2", "F3", "F4", "M9"
    OTHERS = "others", "protects another hidden figure", "X1", "X2", "X3", "X4", "P3", "Q4"
    OTHER = "other", "another rule"
    COMPUTED = "computed", "uses a hidden figure"


class Change(StrEnum):
    """How a query can be changed so that cells have more people."""

    LEAVE_OUT = "leave out"
    COMBINE = "combine the small categories of"


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """The figures of a changed query, and how many would be of fewer people than the threshold. A person in several
    cells counts in each."""

    change: Change
    key: str
    figures: int
    small: int


@dataclass(frozen=True, slots=True)
class CountedFigure:
    """A figure of an output: the cell by its `keys`, the persons behind it, the rules that apply, and whether these
    hide it or leave it to a checker."""

    keys: Keys
    column: str
    persons: int
    exact: Value
    released: Value
    hidden: bool
    in_review: bool
    rules: Sequence[str]


@dataclass(frozen=True, slots=True)
class ProtectionCost:
    """Figures with at least one person: all, those that a checker reviews, and by cause those that are hidden.
    `errors_percent`: for each column the median difference of shown figures from the exact ones. `changes`: first those
    of which the smallest share would be of too few people."""

    figures: int
    in_review: int
    hidden: Mapping[Cause, int]
    errors_percent: Mapping[str, float]
    changes: tuple[ChangedQuery, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "figures": self.figures,
            "in_review": self.in_review,
            "hidden": [
                {"cause": cause.value, "sentence": cause.words, "figures": number}
                for cause, number in self.hidden.items()
            ],
            "errors_percent": {column: round(error, 1) for column, error in self.errors_percent.items()},
            "changes": [asdict(change) for change in self.changes],
        }


def cost_of_output(assessment: Assessment, t: int) -> ProtectionCost:
    """The cost of a judged output. `t`: the threshold of the disclosure rules."""
    keys = [assessment.columns[n] for n in assessment.key_columns]
    figures = list(_figures_of(assessment))
    has_totals = sum(table.shown for table in assessment.tables) > 1
    return protection_cost(keys, figures, t, has_totals)


def _figures_of(assessment: Assessment) -> Iterator[CountedFigure]:
    for row in assessment.rows:
        for n in assessment.figure_columns:
            yield CountedFigure(
                keys=tuple(row.exact[key] for key in assessment.key_columns),
                column=assessment.columns[n],
                persons=row.persons,
                exact=row.exact[n],
                released=row.released[n],
                hidden=row.suppressed[n],
                in_review=row.verdicts[n] is Verdict.REVIEW and not row.suppressed[n],
                rules=row.rules[n],
            )


def protection_cost(keys: Sequence[str], figures: Sequence[CountedFigure], t: int, has_totals: bool) -> ProtectionCost:
    """The cost of figures by these keys. `has_totals`: a cell with a key without value is taken for a total."""
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
        if change.small * len(some) < sum(hidden.values()) * change.figures
    ]
    changes.sort(key=lambda change: (change.small / change.figures, -change.figures))
    in_review = sum(figure.in_review for figure in some)
    return ProtectionCost(len(some), in_review, dict(hidden), errors, tuple(changes))


def _cause(rules: Sequence[str]) -> Cause:
    if not rules:
        return Cause.COMPUTED
    return next((cause for cause in Cause if not cause.rules.isdisjoint(rules)), Cause.OTHER)


def _error_percent(figure: CountedFigure) -> float | None:
    """How far a shown number is from the exact one, if that is not 0."""
    exact, released = _number(figure.exact), _number(figure.released)
    if figure.hidden or not exact or released is None:
        return None
    return 100 * abs(released - exact) / abs(exact)


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def _changes(keys: Sequence[str], figures: Sequence[CountedFigure], t: int) -> Iterator[ChangedQuery]:
    """Each key left out, and the small categories of each key as one."""
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
            yield _changed(Change.COMBINE, key, grouped, columns, t)


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
