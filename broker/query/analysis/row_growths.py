"""Growth of rows: how many rows one more row of a person becomes where joins and counts of each person multiply it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

from broker.domain.plans import operators as ops
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import ORDINARY_ROWS, PlannedStatistic, RowGrowth
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, conjuncts_of
from broker.domain.plans.variable_uses import Years
from broker.query.analysis.made_columns import MadeOf, calls_of, sources_of
from broker.query.analysis.self_joins import collapses_rows
from broker.query.operations.aggregate_functions import CHOSEN, NEIGHBOUR_FUNCTIONS
from broker.query.symbols import SymbolTable

MULTIPLIED_ROWS = "Joins or counts of each person multiply rows so often that a second row of a person counts too much."
LARGEST_FACTOR = 8
"""Beyond it, rounding would leave little of a number of rows."""
OF_ONE_ROW = (
    frozenset({"least", "greatest", "mean", "mean_truncated", "mean_in_order", "quantile", "quantile_discrete"})
    | CHOSEN
    | frozenset(NEIGHBOUR_FUNCTIONS)
)
"""Functions whose result does not grow with the number of rows."""
AMOUNTS = frozenset({Measure.SUM, Measure.MEAN})


@dataclass(frozen=True, slots=True)
class _Times:
    """How often rows double where a person has a second row in each table, how many there are of one row of everybody
    (`even`), the most open years of one table among these, and the most rows of one person."""

    doublings: int = 0
    even: int = 1
    years: int = 1
    most: int = 1

    def with_each(self, other: "_Times") -> "_Times":
        """Each row with each other."""
        doublings, years = self.doublings + other.doublings, max(self.years, other.years)
        return _Times(doublings, self.even * other.even, years, self.most * other.most)

    def beside(self, other: "_Times", together: Callable[[int, int], int]) -> "_Times":
        """One or the other. `together` says how many rows the two are."""
        doublings, years = max(self.doublings, other.doublings), max(self.years, other.years)
        return _Times(doublings, together(self.even, other.even), years, together(self.most, other.most))


NO_TIMES = _Times()


class RowGrowths:
    """The growth of rows behind the statistics over a relation as it is bound. It follows from the text and the
    catalogue.

    Each table of which a person can have a second row *doubles* that person's rows: a child with two rows in each of
    four joined tables has sixteen. The first doubling is the second row itself, which rounding to the base allows for.
    Each further one doubles the factor. The years of one table are ordinary rows; those of further ones multiply all
    rows evenly, as written rows and branches do."""

    def __init__(self, relation: ops.Relation, symbols: SymbolTable, years: Mapping[int, Years | None]) -> None:
        self._symbols, self._years = symbols, years
        self._relation, self._rows = relation, self._times_of_rows(relation)
        self._known: dict[int, _Times] = {}

    def of(self, statistic: PlannedStatistic) -> RowGrowth:
        """None for implied statistics, which are not shown, and where each person counts once."""
        argument, measure = statistic.argument, statistic.measure
        if statistic.implied_by is not None or measure.traits.counts_persons:
            return ORDINARY_ROWS
        amounts = self._times(argument) if argument is not None and measure in AMOUNTS else NO_TIMES
        found = self._rows.with_each(amounts)
        return RowGrowth(int(2 ** max(0, found.doublings - 1)), max(1, found.even // found.years), found.most)

    def _times_of_rows(self, relation: ops.Relation, conditions: tuple[Scalar, ...] = ()) -> _Times:
        """`conditions`: those that the rows meet above."""
        match relation:
            case ops.Scan(person=scan):
                return self._times_of_scan(scan or 0, conditions)
            case ops.Filter(child=child, predicate=predicate):
                return self._times_of_rows(child, (*conditions, *conjuncts_of(predicate)))
            case ops.Join(left=left, right=right, how=how):
                on = conjuncts_of(relation.on)
                of_left = self._times_of_rows(left, (*conditions, *(on if how is ops.JoinHow.INNER else ())))
                return of_left.with_each(
                    self._times_of_rows(right, (*conditions, *(() if how is ops.JoinHow.FULL else on)))
                )
            case ops.Union(parts=parts):
                # a person has the rows of all branches, as others do
                found = [self._times_of_rows(part, conditions) for part in parts]
                return reduce(lambda one, other: one.beside(other, add), found)
            case ops.Values(rows=rows):
                return _Times(even=max(1, len(rows)), most=max(1, len(rows)))
            case ops.Limit(child=child, count=1):
                return self._without_growth(child)
            case ops.Aggregate(child=child) if self._is_one_of_each(relation):
                return self._without_growth(child)
            case ops.Window(child=child, columns=columns) if any(self._is_first_row(w, conditions) for w in columns):
                return self._without_growth(child)
            case _:
                return self._times_of_rows(relation.child, conditions)

    def _without_growth(self, rows: ops.Relation) -> _Times:
        """Of rows of which one is left for each person, or for each of a person's years."""
        return _Times(most=self._times_of_rows(rows).most)

    def _times_of_scan(self, scan: int, conditions: Sequence[Scalar]) -> _Times:
        """With one row a year, a person has a second row only if the year is open. Of several scans with equal years,
        the first has them, or one of several rows a year."""
        if not self._symbols.is_person(scan):
            written = max(1, len(self._symbols.written_rows.get(scan, ())))
            return _Times(even=written, most=written)
        several, years, own = self._has_several(scan), self._years[scan], self._symbols.year_column(scan)
        others = [o for c in conditions for o in self._scans_of_equal_years(c, own)]
        is_tied = any(o < scan or (self._has_several(o) and not several) for o in others)
        count = 1 if years is None or is_tied else max(1, len(years))
        # Of equal years, the first has them here, whoever has several rows.
        most_years = 1 if any(o < scan for o in others) else self._open_years(scan)
        most = most_years * self._symbols.tables[scan].max_rows_per_unit_year
        return _Times(int(several or count > 1), count, count, most)

    def _open_years(self, scan: int) -> int:
        years, axis = self._years[scan], self._symbols.tables[scan].year
        return max(1, len(years if years is not None else axis.years if axis is not None else ()))

    def _has_several(self, scan: int) -> bool:
        return self._symbols.is_person(scan) and self._symbols.tables[scan].max_rows_per_unit_year > 1

    def _scans_of_equal_years(self, condition: Scalar, year: int | None) -> Iterator[int]:
        match condition:
            case Call(op="equal" | "equal_text", args=(ColumnRef() as left, ColumnRef() as right)):
                for own, other in ((left, right), (right, left)):
                    origin = self._symbols.origin(other)
                    if own.ident == year and origin is not None and origin.is_year:
                        yield origin.scan

    def _is_one_of_each(self, relation: ops.Aggregate[ops.Relation]) -> bool:
        """Whether an aggregation leaves one row for each person, or person and year."""
        of_person = relation.person is not None and self._names_rows([k for _, k in relation.keys])
        return of_person or collapses_rows(relation, self._symbols)

    def _is_first_row(self, window: ops.WindowColumn, conditions: Sequence[Scalar]) -> bool:
        """Whether the conditions keep the first row of each person, or person and year."""
        first = (ColumnRef(window.ident, ScalarType.INT), Literal(1, ScalarType.INT))
        return (
            window.function.op == "row_number"
            and self._names_rows(window.partition)
            and any(isinstance(c, Call) and c.op == "equal" and c.args == first for c in self._expanded(conditions))
        )

    def _expanded(self, scalars: Sequence[Scalar]) -> list[Scalar]:
        return [self._symbols.expanded(s) for s in scalars]

    def _names_rows(self, keys: Sequence[Scalar]) -> bool:
        """Whether these identify a person, and nothing else but years."""
        columns = [k for k in self._expanded(keys) if isinstance(k, ColumnRef)]
        persons = [k for k in columns if self._identifies_person(k.ident)]
        years = [k for k in columns if (origin := self._symbols.origin(k)) is not None and origin.is_year]
        return bool(persons) and len(persons) + len(years) == len(keys)

    def _identifies_person(self, ident: int) -> bool:
        return self._symbols.key_domain(ident) is not None or ident in self._symbols.tables  # a scan's person number

    def _times(self, amount: Scalar) -> _Times:
        """How often an amount grows, besides its row."""
        match amount:
            case ColumnRef(ident=ident):
                if ident not in self._known:
                    self._known[ident] = NO_TIMES  # a key that is a plain column defines itself
                    own = self._growths.get(ident, NO_TIMES)
                    self._known[ident] = own.with_each(self._largest(self._sources.get(ident, ())))
                return self._known[ident]
            case Call(op="multiply", args=args):
                return reduce(_Times.with_each, map(self._times, args))
            case Case(values=values) | Call(args=values):
                return self._largest(values)
        return NO_TIMES

    def _largest(self, amounts: Sequence[Scalar]) -> _Times:
        found = map(self._times, amounts)
        return reduce(lambda one, other: one.beside(other, max), found, NO_TIMES)

    @cached_property
    def _sources(self) -> MadeOf:
        return sources_of(self._relation)

    @cached_property
    def _growths(self) -> dict[int, _Times]:
        """Of each column of a call over rows: how these let it grow."""
        calls = calls_of(self._relation)
        return {ident: self._growth(made.call, made.operator.child) for ident, made in calls.items()}

    def _growth(self, call: ops.AggregateCall, rows: ops.Relation) -> _Times:
        return NO_TIMES if call.op in OF_ONE_ROW else self._times_of_rows(rows)
