"""Queries of every operator over the real catalogue, from a seed, in both dialects.

`sample(seed)` gives a text with its twin: the same meaning as DuckDB reads it, over catalogue tables, for oracles that
need an engine. A refusal is a legal answer to each of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import isfunction
from random import Random
from types import ModuleType

import group_shapes as groups
import row_shapes as rows
from pieces import Words

Shape = Callable[[Words], str]


def shapes_of(module: ModuleType) -> list[Shape]:
    """Every function of a module that stands under a name of its own: one shape each, in their order."""
    own = [f for name, f in vars(module).items() if isfunction(f) and not name.startswith("_")]
    return [f for f in own if f.__module__ == module.__name__]


SHAPES = (*shapes_of(rows), *shapes_of(groups))


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
