"""The statistics of one output with everything that they imply. No syntax."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from broker.domain.plans import Deviation, Fraction, Measure, Statistic
from broker.domain.scalars import NULL, Column, Scalar, Type, columns_of
from broker.query.book import Book
from broker.query.groups import arguments, implying
from broker.query.groups.branching import Fixed
from broker.query.kinds import Rows

MATCHES = frozenset({Measure.COUNT_VALUES, Measure.COUNT_PERSONS})


COUNT_BESIDE = {Measure.SHARE: Measure.ONES, Measure.SUM: Measure.MEAN}
"""A statistic that tells how many rows have a value, if the other stands beside it."""


CONDITIONS = frozenset({Measure.ONES, Measure.SHARE, Measure.COUNT_VALUES})


MANY_CONDITIONS = "So many conditions in one query cannot be compared with each other automatically."


@dataclass(slots=True)
class Statistics:
    """The statistics of one output, each once. `fixed` are the columns whose values the rows' conditions list;
    `in_parts`: a total is made of its branches, each protected by itself."""

    book: Book
    found: list[Statistic] = field(default_factory=list)
    fixed: Fixed = field(default_factory=dict)
    in_parts: bool = True
    totals: dict[int, Scalar] = field(default_factory=dict)
    """Columns that are computed from protected statistics, under their ids."""
    _together: dict[int, int] = field(default_factory=dict)
    _idents: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def add(
        self, measure: Measure, argument: Scalar | None, kind: Type, behind: int | None = None, truncated: bool = False,
        needs_review: str | None = None, like: int | None = None, form: Fraction | Deviation | None = None,
        counts: bool = False,
    ) -> Column:  # fmt: skip
        key = (measure, argument, kind, truncated, behind, like, form, counts)
        ident = self._idents.get(key)
        if ident is None:
            ident = self._idents[key] = self.book.new_id()
            bounds = arguments.bounds(argument, self.book) if argument is not None else None
            self.book.labels[ident] = measure.value
            self.found.append(
                Statistic(ident, measure, argument, kind, behind, truncated, needs_review, bounds, like, form, counts)
            )
        return Column(ident, kind)

    def imply(self, parent: Column, argument: Scalar, beside: Sequence[Scalar] = ()) -> None:
        """Each branch and predicate inside a parent's argument is a count that leaves with it, if it is not one of
        those that stand `beside` it."""
        for inside in implying.branches(argument):
            if inside != argument and inside not in beside:
                self.add(Measure.ONES, inside, Type.INT, behind=parent.ident)

    def total(self, label: str, value: Scalar, parts: Sequence[Column]) -> Column:
        """A column that is computed from the protected values of its parts. No two parts are of the same rows."""
        known = next((i for i, made in self.totals.items() if made == value), None)
        ident = self.book.new_id() if known is None else known
        self.totals[ident] = value
        self.book.labels[ident] = label
        for part in parts:
            self._together.setdefault(part.ident, parts[0].ident)
        return Column(ident, value.type)

    def finish(self) -> None:
        """What follows from statistics standing side by side in one cell."""
        self._imply_missing()
        conditions = self._conditions()
        pairs = implying.close_pairs(conditions, self.book)
        if pairs is None:
            place = next(i for i, s in enumerate(self.found) if s.ident == conditions[-1].owner)
            self.found[place] = replace(self.found[place], needs_review=MANY_CONDITIONS)
            return
        for first, second, argument in pairs:
            if first.count is not None and first.count is second.count:
                self.add(Measure.GAP, argument, Type.INT, behind=second.owner, like=first.owner)
            else:
                self.add(Measure.COUNT_VALUES, argument, Type.INT, behind=second.owner)

    def _imply_missing(self) -> None:
        """The rows that an aggregate leaves out are a count of their own."""
        for s in [s for s in self.found if s.behind is None]:
            argument = s.argument
            if argument is None or not implying.can_be_null(argument, self.book):
                continue
            if s.measure in MATCHES and implying.is_match_flag(argument, self.book):
                self.add(Measure.ONES, implying.missing(argument), Type.INT, behind=s.ident)
            elif self._tells_count(s):
                self.add(Measure.GAP, implying.gap(argument), Type.INT, behind=s.ident)

    def _tells_count(self, statistic: Statistic) -> bool:
        """Whether the rows with a value can be read: from a count of them, or from a sum beside its mean."""
        other = COUNT_BESIDE.get(statistic.measure)
        read = columns_of(statistic.argument or NULL)
        return statistic.measure is Measure.COUNT_VALUES or any(
            s.measure is other and s.behind is None and columns_of(s.argument or NULL) == read for s in self.found
        )

    def _conditions(self) -> list[implying.Condition]:
        """Each different 0/1 argument, with the first released statistic that tells it."""
        found: dict[Scalar, implying.Condition] = {}
        for s in self.found:
            if s.argument is None or s.measure not in CONDITIONS or (s.behind and s.measure is Measure.COUNT_VALUES):
                continue
            argument = implying.present(s.argument) if s.measure is Measure.COUNT_VALUES else s.argument
            count = s.measure if s.behind is None and s.measure is not Measure.SHARE else None
            owner = s.behind or s.ident
            found.setdefault(argument, implying.Condition(owner, argument, count, self._together.get(owner, owner)))
        return list(found.values())


@dataclass(slots=True)
class DraftTable:
    """A γ over persons, before years are known."""

    rows: Rows
    keys: dict[Scalar, Column]
    statistics: Statistics
