"""Bounds by the catalogue of amounts that persons' totals, windows, unions and subqueries make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from math import isqrt

from broker.domain.plans import operators as ops
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ColumnRef, Scalar, columns_in
from broker.policy.data_catalogue import Catalogue, Variable
from broker.query.analysis.made_columns import MadeOf, sources_of
from broker.query.contribution_bounding.column_origins import ColumnOrigins
from broker.query.contribution_bounding.row_bounds import RowBounder, max_matches, minimum
from broker.query.contribution_bounding.value_domains import UNBOUNDED, ClampRanges, Ends, hull

ROUNDED_BY_SIZE = frozenset({Measure.MEAN, Measure.SUM})
NEIGHBOURS = frozenset({"lag", "lead"})


def with_made_bounds(
    statistics: Sequence[PlannedStatistic], relation: ops.Relation, catalogue: Catalogue
) -> tuple[PlannedStatistic, ...]:
    """Add bounds of the amounts that have none of one row. `relation`: the finished contributions."""
    made = MadeAmounts(ColumnOrigins(relation, catalogue), {})
    return tuple(
        replace(s, made_bounds=made.bounds(s.argument)) if s.argument is not None and _needs_bounds(s) else s
        for s in statistics
    )


def _needs_bounds(statistic: PlannedStatistic) -> bool:
    """Whether the size of its amounts decides how a statistic is rounded, and one row does not bound them."""
    return statistic.bounds is None and statistic.measure in ROUNDED_BY_SIZE and not statistic.counts


@dataclass(frozen=True)
class MadeAmounts(ClampRanges):
    """Ranges of the amounts of a relation, those made of several rows among them."""

    _found: dict[int, Ends] = field(default_factory=dict)

    def bounds(self, amount: Scalar) -> tuple[Decimal, Decimal] | None:
        """The least and greatest value of an amount. Without a range, up to the largest bound of a variable that it is
        made of: a range that is not known must not make a step finer. None if the catalogue bounds none of these."""
        low, high = self.of(amount)
        if low is not None and high is not None:
            return low, high
        ends = (end for v in self._variables(amount, set()) for end in (v.low, v.high) if end is not None)
        most = max((abs(Decimal(repr(end))) for end in ends), default=None)
        return None if most is None else (Decimal(0), most)

    def _column(self, column: ColumnRef) -> Ends:
        if column.ident not in self._found:  # kept, because nested columns would be computed again and again
            found = super()._column(column)
            self._found[column.ident] = self._made(column.ident) if None in found else found
        return self._found[column.ident]

    def _made(self, ident: int) -> Ends:
        """The range of a column that an operator makes: of all values that it copies, or of a call over several
        rows."""
        if ident not in self.origins.calls:
            return hull([self.of(value) for value in self._made_of.get(ident, ())])
        operator, within, call = self.origins.calls[ident]
        low, high = self.of(call.args[0]) if call.op == "sum" or call.op in NEIGHBOURS else UNBOUNDED
        if low is None or high is None or call.op in NEIGHBOURS:
            return low, high
        rows = self._rows(operator.child, within)
        return min(low, low * rows), max(high, high * rows)

    def _rows(self, part: ops.Relation, within: Sequence[Scalar]) -> int:
        """The rows of a person that a call reads. `within`: what the rows of one call share."""
        found = self._bounder.bound(part)
        by_year = [found.each[s.ident] for s in within if isinstance(s, ColumnRef) and s.ident in found.each]
        # rows of no person are written ones, or those of a register
        return minimum([found.rows or max_matches(part, (), self.origins), *by_year]) or 1

    def _variables(self, scalar: Scalar, seen: set[int]) -> Iterator[Variable]:
        """Variables that a value is made of. `seen`: columns that were followed."""
        for column in columns_in(scalar):
            if column.ident not in seen:
                seen.add(column.ident)
                yield from (variable for _, variable in self.origins.sources(column))
                for value in self._made_of.get(column.ident, ()):
                    yield from self._variables(value, seen)

    @cached_property
    def _bounder(self) -> RowBounder:
        """Counts as many rows of a year as people with several usually have: between one and the most, by ratio. Few
        have the most, and it would make the figures of everybody coarse."""
        relation, catalogue = self.origins.relation, self.origins.catalogue
        tables = {part.table for part in ops.walk(relation) if isinstance(part, ops.Scan)}
        return RowBounder(relation, catalogue, {t: isqrt(catalogue.table(t).max_rows_per_unit_year) for t in tables})

    @cached_property
    def _made_of(self) -> MadeOf:
        return sources_of(self.origins.relation)
