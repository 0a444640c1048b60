"""Rank filters: which stored ranks bound the rows of a scan, over all rows or within a filter."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from broker.domain.plans import scalars
from broker.domain.plans.operators import Scan, ScanColumn
from broker.policy.data_catalogue import CatalogueTable, RowRanking
from broker.query.analysis.guards import Guards

RANK = "__r"
"""Column of the vault with the rank of a row within its person and year, from 0. It depends on that person's own rows
only."""

NO_GUARDS = Guards((), {})
RemainingValues = Mapping[str, tuple[scalars.Value, ...]]
"""By variable of a ranking, the values that a query leaves."""


@dataclass(frozen=True, slots=True)
class RankFilter:
    """Keep the first `first` rows of a person and year for each combination of `remaining` values, or of all rows if it
    is empty. `column` holds their ranks."""

    column: str
    first: int
    remaining: RemainingValues

    @property
    def rows(self) -> int:
        """Most rows of one person and year."""
        return self.first * max(1, prod(len(values) for values in self.remaining.values()))

    @property
    def condition(self) -> str:
        """The condition in words, for the privacy record."""
        parts = [
            f"{v} {_value_text(values[0])}"
            if len(values) == 1
            else f"each {v} of {', '.join(map(_value_text, values))}"
            for v, values in self.remaining.items()
        ]
        return f" with {' and '.join(parts)}" if parts else ""


def choose_rank_filter(scan: Scan, table: CatalogueTable, requested: int | None, guards: Guards) -> RankFilter:
    """Choose the ranks that leave the fewest rows of a person. If two are equal, prefer the one within a filter, which
    loses fewer rows that the query uses. `requested`: rows that count by the text's own `rows` line."""
    most = table.max_ranked_rows if requested is None else min(requested, table.max_ranked_rows)
    within = [_filter_within(r, scan, table, requested, guards) for r in table.rankings]
    # filters come first, because min takes the first of equal ones
    return min([*(w for w in within if w is not None), RankFilter(RANK, most, {})], key=lambda r: r.rows)


def _filter_within(
    ranking: RowRanking, scan: Scan, table: CatalogueTable, requested: int | None, guards: Guards
) -> RankFilter | None:
    """Ranks within a filter. None if the query leaves every value of a variable, or does not read the variable."""
    remaining: dict[str, tuple[scalars.Value, ...]] = {}
    for variable in ranking.within:
        ident = next((c.ident for c in scan.columns if c.variable == variable), None)
        listed = table.find(variable)
        if ident is None or listed is None or listed.values is None:
            return None
        values = (*listed.values, *([None] if listed.missing else []))
        remaining[variable] = guards.values_left(ident, values)
        if len(remaining[variable]) == len(values):  # the query leaves every value, so the filter drops no row
            return None
    many = max(1, prod(map(len, remaining.values())))
    return RankFilter(
        ranking.column, ranking.rows if requested is None else min(ranking.rows, max(1, requested // many)), remaining
    )


def rank_condition(rank_filter: RankFilter, rank: int, scan: Scan) -> scalars.Scalar:
    """Condition that a row's rank, read as the column `rank`, is among the first, and that its values are among the
    remaining ones."""
    first = scalars.truth_call(
        "less", scalars.ColumnRef(rank, scalars.ScalarType.INT), scalars.integer(rank_filter.first)
    )
    parts = [
        _is_one_of(next(c for c in scan.columns if c.variable == v), values)
        for v, values in rank_filter.remaining.items()
    ]
    return scalars.all_of([*parts, first])


def _is_one_of(column: ScanColumn, values: tuple[scalars.Value, ...]) -> scalars.Scalar:
    """Condition that a column equals exactly one of the values; always false without values."""
    read = scalars.ColumnRef(column.ident, column.type)
    if not values:
        return scalars.Literal(False, scalars.ScalarType.TRUTH)
    return scalars.any_of(scalars.truth_call("same", read, scalars.Literal(v, column.type)) for v in values)


def _value_text(value: scalars.Value) -> str:
    return "(missing)" if value is None else str(value)
