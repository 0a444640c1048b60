"""Queries of every operator over the real catalogue, from a seed, in both dialects.

`sample(seed)` gives a text with its twin: the same meaning as DuckDB reads it, over catalogue tables, for oracles that
need an engine. A refusal is a legal answer to each of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import group_shapes as groups
import row_shapes as rows
from pieces import Words

SHAPES: tuple[Callable[[Words], str], ...] = (
    rows.plain,
    rows.events,
    rows.conditional,
    rows.join_inner,
    rows.join_left,
    rows.join_right,
    rows.join_full,
    rows.join_three,
    rows.join_comma,
    rows.public,
    rows.derived,
    rows.cte_twice,
    rows.union_years,
    rows.exists,
    rows.not_exists,
    rows.in_subquery,
    rows.not_in_subquery,
    rows.flag_of_exists,
    rows.scalar_subquery,
    rows.scalar_of_all,
    rows.apply_key,
    groups.per_person,
    groups.per_person_join,
    groups.window_key,
    groups.chosen,
    groups.window_of_groups,
    groups.window_of_the_cell,
    groups.window_school,
    groups.having,
    groups.grouping,
    groups.share,
    groups.rank,
    groups.top,
    groups.join_of_groups,
    groups.groups_of_groups,
    groups.member_with_group,
    groups.count_distinct,
    groups.percentile,
    groups.deviation,
    groups.pivot,
    groups.temp_batch,
    groups.physical,
    groups.physical_union,
    groups.set_of_keys,
    groups.union_of_groups,
)


@dataclass(frozen=True)
class Sample:
    seed: int
    shape: str
    dialect: str
    text: str
    twin: str


def sample(seed: int) -> Sample:
    """The seed's query: shapes in turn, so that every one of them is equally often tried."""
    shape, dialect = SHAPES[seed % len(SHAPES)], Random(seed).choice(["tsql", "duckdb"])
    return Sample(seed, shape.__name__, dialect, shape(Words(seed, dialect)), shape(Words(seed, "duckdb")))
