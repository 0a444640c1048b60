"""Operations that tell values of a variable apart, and codes that may choose a person's row."""

from collections.abc import Collection, Sequence

from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, column_ids
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import Variable
from broker.query.operations.registry import CASTS
from broker.query.symbols import ColumnOrigin

COMPARED = 500_000
"""What the ids of comparisons of columns begin with, beside those of the columns."""
LINEAR = CASTS | {"add", "subtract", "multiply", "divide", "negate"}
"""Operations that tell no value of a variable apart."""
OF_ONE_VALUE = frozenset({"mean"})
"""Functions that give a value of a variable, or one between."""
OF_VALUES = frozenset({"greatest", "least", "count_distinct"})
"""Aggregates of the values that there are, however often."""
PLACES = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cumulative_share", "ntile"})
"""Window functions that give a row's place among a person's, by which a condition can choose it."""
FIRST_AND_LAST = frozenset({"first", "last"})
OF_ONE_ROW = FIRST_AND_LAST | {"lag", "lead"}
"""Window functions that find a row by an order; others tell what is equal in it."""


def has_choice(scalar: Scalar) -> bool:
    """Whether a scalar tells values of its columns apart. A product of two values does: of a value with itself, of
    flags."""
    match scalar:
        case ColumnRef() | Literal():
            return False
        case Call(op="multiply" | "divide", args=args) if sum(bool(column_ids(arg)) for arg in args) > 1:
            return True
        case Call(op=op) if op in LINEAR:
            return any(map(has_choice, scalar.args))
    return bool(column_ids(scalar))


def is_of_records(origin: ColumnOrigin) -> bool:
    """Whether a variable says what a record is for: its codes are standard or public, or order the main records."""
    variable = origin.variable
    coded = variable.type is ScalarType.FLAG or (variable.type is ScalarType.TEXT and variable.values is not None)
    in_order = variable.name in {record.variable for record in origin.table.main_record}
    return variable.cls in {VariableClass.STANDARD, VariableClass.PUBLIC} and (coded or in_order)


MANY_VALUES = 20
"""So many values have two variables that are compared."""


def has_many_values(variable: Variable) -> bool:
    if variable.type is ScalarType.DATE:
        return True
    return variable.low is not None and variable.high is not None and variable.high - variable.low >= MANY_VALUES


def have_same_values(origins: Sequence[ColumnOrigin]) -> bool:
    """Whether a comparison of variables names no value: they have the same values, and many. Of others it can name one:
    a month is at most a flag in January alone."""
    found = [_values_of(origin) for origin in origins]
    same = found[0] if found[0] is not None and found.count(found[0]) == len(found) else ()
    return len({origin.variable.name for origin in origins}) == 1 or len(same) >= MANY_VALUES


def _values_of(origin: ColumnOrigin) -> Collection[object] | None:
    """The codes or whole numbers that a variable can have; None if they are not known."""
    variable = origin.variable
    if variable.values is not None:
        return frozenset(variable.values)
    if variable.type.is_number and variable.low is not None and variable.high is not None:
        return range(int(variable.low), int(variable.high) + 1)
    return None
