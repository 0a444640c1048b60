"""The form of a public table's recipe: one planned table of keys and figures that add up over persons. Reads no figure.

What adds up is made again from the members themselves, so what is remembered is what was proved.
"""

from dataclasses import dataclass

from broker.domain.errors import Invalid
from broker.domain.plans import Key, Measure, Plan, PlannedTable, Statistic
from broker.domain.scalars import Column

ADDED = frozenset(
    {
        Measure.COUNT_ROWS,
        Measure.COUNT_VALUES,
        Measure.COUNT_PERSONS,
        Measure.ONES,
        Measure.SUM,
        Measure.MEAN,
        Measure.SHARE,
    }
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """`keys` and `statistics` by the names of the columns that show them, in the order of the columns."""

    unit: str
    table: PlannedTable
    keys: dict[str, Key]
    statistics: dict[str, Statistic]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.keys, *self.statistics)


def recipe_in(plan: Plan) -> Recipe:
    """Raises Invalid, with what to write instead."""
    if len(plan.outputs) != 1 or plan.kept:
        raise _wrong("A recipe asks for one output, and keeps nothing.")
    output = plan.outputs[0]
    if len(output.tables) != 1 or output.public or not output.tables[0].shown:
        raise _wrong("A recipe counts one table of persons: write it as one query with GROUP BY.")
    (table,) = output.tables
    keys = {k.ident: k for k in table.keys}
    statistics = {s.ident: s for s in table.statistics if s.behind is None}
    found = Recipe(output.unit, table, {}, {})
    for column in output.columns:
        ident = column.expression.ident if isinstance(column.expression, Column) else None
        if ident in keys:
            found.keys[column.name] = keys[ident]
        elif ident in statistics and statistics[ident].measure in ADDED:
            found.statistics[column.name] = statistics[ident]
        else:
            raise _wrong(
                f"Column {column.name!r} is neither a group nor a count, sum, mean or share as it stands: publish what "
                "it is computed from."
            )
    if len(found.keys) != len(keys):
        raise _wrong("Every group of the recipe is one of its columns, so that rows can be told apart.")
    if not found.statistics:
        raise _wrong("A recipe has at least one figure beside its groups.")
    return found


def _wrong(message: str) -> Invalid:
    return Invalid("recipe-form", message, "/recipe")
