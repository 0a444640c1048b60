"""Operations that tell values of a variable apart, and codes that may choose a person's row."""

from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, column_ids
from broker.domain.plans.variable_uses import VariableClass
from broker.query.operations.registry import CASTS
from broker.query.symbols import ColumnOrigin

LINEAR = CASTS | {"add", "subtract", "multiply", "divide", "negate"}
"""Operations that tell no value of a variable apart."""
OF_VALUES = frozenset({"greatest", "least", "count_distinct"})
"""Aggregates of the values that there are, however often."""
RANKS = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cumulative_share", "ntile", "lag", "lead"})
OF_ONE_ROW = frozenset({"lag", "lead", "first", "last"})
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
