"""Which tests of people can be divided and counted: of one thing each, and of no school or area."""

from broker.domain.plans import scalars
from broker.domain.plans.variable_uses import VariableClass
from broker.query.selectivity import boolean_formulas
from broker.query.selectivity.choices import has_many_values
from broker.query.selectivity.compared_pairs import compared_pair
from broker.query.selectivity.formula_builder import FormulaBuilder
from broker.query.symbols import ColumnOrigin, SymbolTable

ATOMS = -3_000_000
"""Ids of EXISTS as variables of their own begin here."""
OUTER_ATOMS = 2 * ATOMS
"""Ids of tests of outer sides begin here."""
TESTS = frozenset({"equal", "equal_text", "same", "less", "at_most", "is_null", "not"})


class NotCountable(Exception):
    """A condition cannot be divided where it stands, or names a school or an area, or there are too many variants."""


def check_leaf(leaf: boolean_formulas.Leaf, builder: FormulaBuilder) -> None:
    """Raise NotCountable for a test that could be of several things at once, or that names a school or an area: the
    people of a school know each other, so their number in England says little."""
    if not leaf.variables or min(leaf.variables) <= ATOMS:
        return
    condition = leaf.condition if leaf.written is None else leaf.written
    read = scalars.column_ids(condition)
    is_of_one = len(leaf.variables) == 1 or _compares_many_values(condition, builder)
    if not is_of_one or read & builder.branch.scalar_subqueries:
        raise NotCountable
    if not (_is_test(condition) or compared_pair(condition) is not None):
        raise NotCountable
    if not _names_value(condition):
        return
    for ident in read:
        base = builder.symbols.base(scalars.ColumnRef(builder.columns.get(ident, ident), scalars.ScalarType.NULL))
        if any(_is_of_few(builder.symbols.origins[i], builder.symbols) for i in base):
            raise NotCountable


def _is_test(condition: scalars.Scalar) -> bool:
    """Whether a condition compares a column with a written value, or columns with each other."""
    match condition:
        case scalars.ColumnRef():
            return True
        case scalars.Call(op=op, args=args) if op in TESTS:
            if op == "not":
                return all(map(_is_test, args))
            return all(isinstance(arg, scalars.ColumnRef | scalars.Literal) for arg in args)
    return False


def _compares_many_values(condition: scalars.Scalar, builder: FormulaBuilder) -> bool:
    """Whether a condition compares two variables with so many values that it names none of them."""
    match condition:
        case scalars.Call(op=op, args=(scalars.ColumnRef() as one, scalars.ColumnRef() as other)) if op in TESTS:
            if {one.ident, other.ident} <= builder.columns.keys():
                return all(has_many_values(builder.origin(column.ident).variable) for column in (one, other))
    return False


def _names_value(condition: scalars.Scalar) -> bool:
    match condition:
        case scalars.Call(args=args):
            return any(isinstance(arg, scalars.Literal) or _names_value(arg) for arg in args)
    return False


def _is_of_few(origin: ColumnOrigin, symbols: SymbolTable) -> bool:
    """Whether the values of a variable are schools, areas, or other things that each have few people."""
    variable = origin.variable
    has_list = variable.codes is not None or variable.type is scalars.ScalarType.FLAG
    is_of_register = variable.register_key is not None or not (symbols.is_person(origin.scan) or has_list)
    return is_of_register or variable.cls not in {
        VariableClass.STANDARD, VariableClass.SENSITIVE, VariableClass.PUBLIC,
    }  # fmt: skip
