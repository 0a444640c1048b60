"""The statistics of one output and everything that they imply, before years are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from broker.domain.plans.measure import ADDITIVE, BINARY, COUNTS, RATIOS, ROW_COUNTS, Measure
from broker.domain.plans.plan import UNSCALED, DeviationForm, MomentForm, MomentFunction, PlannedStatistic, QuantileForm
from broker.domain.plans.scalars import NULL, Case, ColumnRef, Literal, Scalar, ScalarType, column_ids, truth_call
from broker.query.analysis import aggregate_arguments, implied_statistics
from broker.query.analysis.aggregate_arguments import linear_form
from broker.query.analysis.argument_branches import FixedColumns
from broker.query.bound_relations import BoundRows
from broker.query.operations.value_bounds import max_decimals
from broker.query.symbols import SymbolTable

COUNT_REVEALED_WITH = {Measure.SHARE: Measure.ONES, Measure.SUM: Measure.MEAN}
"""A ratio and the total of its contributions reveal together how many rows have a value: the first by the second."""


MANY_CONDITIONS = "The query has too many conditions to compare automatically."


@dataclass(slots=True)
class DraftStatistics:
    """The statistics of one output, each once. `fixed`: columns whose values the conditions on rows list. `in_parts`: a
    total consists of its branches, each protected separately."""

    symbols: SymbolTable
    entries: list[PlannedStatistic] = field(default_factory=list)
    fixed: FixedColumns = field(default_factory=dict)
    in_parts: bool = True
    totals: dict[int, Scalar] = field(default_factory=dict)
    """Columns that are computed from protected statistics, by their ids."""
    _total_of: dict[int, int] = field(default_factory=dict)
    _idents: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def add(
        self, measure: Measure, argument: Scalar | None, kind: ScalarType, behind: int | None = None,
        truncated: bool = False,
        needs_review: str | None = None, like: int | None = None,
        form: QuantileForm | DeviationForm | MomentForm | None = None, counts: bool = False,
    ) -> ColumnRef:  # fmt: skip
        key = (measure, argument, kind, truncated, behind, like, form, counts)  # the rules judge equal statistics once
        ident = self._idents.get(key)
        if ident is None:
            ident = self._idents[key] = self.symbols.new_id()
            bounds = aggregate_arguments.argument_bounds(argument, self.symbols) if argument is not None else None
            self.symbols.labels[ident] = measure.value
            scale = linear_form(self.symbols.expanded(argument)) if argument is not None else UNSCALED
            self.entries.append(
                PlannedStatistic(
                    ident, measure, argument, kind, behind, truncated, needs_review, bounds, like, form, counts, scale
                )
            )
        return ColumnRef(ident, kind)

    def imply(self, parent: ColumnRef, argument: Scalar, excluded: Sequence[Scalar] = ()) -> None:
        """Add a count for each branch and predicate inside the argument of `parent`: releasing the parent reveals it.
        Branches in `excluded` are skipped."""
        for inside in implied_statistics.branch_indicators(argument):
            if inside != argument and inside not in excluded:
                self.add(Measure.ONES, inside, ScalarType.INT, behind=parent.ident)

    def add_with_implied(
        self, measure: Measure, argument: Scalar, kind: ScalarType, needs_review: str | None = None,
        form: QuantileForm | DeviationForm | None = None,
    ) -> ColumnRef:  # fmt: skip
        """Add a statistic, and the counts that its argument implies."""
        found = self.add(measure, argument, kind, needs_review=needs_review, form=form)
        self.imply(found, argument)
        return found

    def add_moment(self, value: Scalar, other: Scalar | None, function: MomentFunction, reason: str) -> ColumnRef:
        """Add a statistic of two numbers, or of one. It reveals much of each: the mean of a number, or the counts of a
        0/1 argument, whose slope is the difference of two means."""
        places = (max_decimals(value, self.symbols), max_decimals(other or NULL, self.symbols))
        form = MomentForm(function, other, places)
        found = self.add(Measure.MOMENT, value, ScalarType.DOUBLE, needs_review=reason, form=form)
        behind = [self._imply_number(found, part) for part in (value, other) if part is not None]
        if value != other and other is not None:
            for one, two in ((value, other), (other, value)):
                if aggregate_arguments.is_binary(one):
                    self._imply_number(found, _where_one(one, two))
        place = next(i for i, s in enumerate(self.entries) if s.ident == found.ident)
        self.entries[place] = replace(self.entries[place], form=replace(form, other_ident=behind[-1]))
        return found

    def _imply_number(self, parent: ColumnRef, argument: Scalar) -> int:
        """Add what a statistic reveals of a number: its mean, and the counts of a 0/1 argument and of each condition.
        Returns the ident of the mean."""
        if aggregate_arguments.is_binary(argument):
            self.add(Measure.ONES, argument, ScalarType.INT, behind=parent.ident)
        self.imply(parent, argument)
        return self.add(Measure.MEAN, argument, ScalarType.DOUBLE, behind=parent.ident).ident

    def add_total(self, label: str, value: Scalar, parts: Sequence[ColumnRef]) -> ColumnRef:
        """Add a column that is computed from the protected values of its parts. No two parts cover the same rows."""
        known = next((i for i, made in self.totals.items() if made == value), None)
        ident = self.symbols.new_id() if known is None else known
        self.totals[ident] = value
        self.symbols.labels[ident] = label
        for part in parts:
            self._total_of.setdefault(part.ident, parts[0].ident)
        return ColumnRef(ident, value.type)

    def add_implied(self) -> None:
        """Add what follows from several statistics in one cell."""
        self._imply_missing()
        conditions = self._conditions()
        pairs = implied_statistics.close_pairs(conditions, self.symbols)
        if pairs is None:
            place = next(i for i, s in enumerate(self.entries) if s.ident == conditions[-1].owner)
            # one statistic that needs review is enough to send the table to a checker
            self.entries[place] = replace(self.entries[place], needs_review=MANY_CONDITIONS)
            return
        for first, second, argument in pairs:
            # Two shown counts reveal their difference; a gap lets the rules hide that.
            if first.count is not None and first.count is second.count:
                self.add(Measure.GAP, argument, ScalarType.INT, behind=second.owner, like=first.owner)
            else:
                self.add(Measure.COUNT_VALUES, argument, ScalarType.INT, behind=second.owner)

    def _imply_missing(self) -> None:
        """Add a count of the rows that an aggregate skips."""
        # a copy, because adding a statistic appends to the entries
        for s in [s for s in self.entries if s.implied_by is None]:
            argument = s.argument
            if argument is None or not implied_statistics.can_be_null(argument, self.symbols):
                continue
            if s.measure in COUNTS & ADDITIVE and implied_statistics.is_match_flag(argument, self.symbols):
                self.add(Measure.ONES, implied_statistics.missing_indicator(argument), ScalarType.INT, behind=s.ident)
            elif self._reveals_count(s):
                self.add(Measure.GAP, implied_statistics.missing_rows(argument), ScalarType.INT, behind=s.ident)

    def _reveals_count(self, statistic: PlannedStatistic) -> bool:
        """Whether the number of rows with a value can be read: from their count, or from a sum next to its mean."""
        other = COUNT_REVEALED_WITH.get(statistic.measure)
        read = column_ids(statistic.argument or NULL)
        return statistic.measure is Measure.COUNT_VALUES or any(
            s.measure is other and s.implied_by is None and column_ids(s.argument or NULL) == read for s in self.entries
        )

    def _conditions(self) -> list[implied_statistics.ImpliedCondition]:
        """Each distinct 0/1 argument, with the first released statistic that reveals it."""
        found: dict[Scalar, implied_statistics.ImpliedCondition] = {}
        for s in self.entries:
            if s.argument is None or s.measure not in ROW_COUNTS or (s.implied_by and s.measure not in BINARY):
                continue
            argument = s.argument if s.measure in BINARY else implied_statistics.present_indicator(s.argument)
            count = s.measure if s.implied_by is None and s.measure not in RATIOS else None
            owner = s.implied_by or s.ident
            found.setdefault(
                argument, implied_statistics.ImpliedCondition(owner, argument, count, self._total_of.get(owner, owner))
            )
        return list(found.values())


def _where_one(flag: Scalar, value: Scalar) -> Scalar:
    return Case(((truth_call("equal", flag, Literal(1, ScalarType.INT)), value),), NULL, value.type)


@dataclass(slots=True)
class DraftTable:
    """An aggregation over persons, before years are known."""

    rows: BoundRows
    keys: dict[Scalar, ColumnRef]
    statistics: DraftStatistics
