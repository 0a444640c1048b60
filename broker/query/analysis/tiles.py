"""Groups of equal size: NTILE of one variable among other people's rows. Says which of them tell no more of a person
than a band of the variable would."""

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Literal, Scalar, ScalarType
from broker.query.bound_relations import is_context
from broker.query.symbols import SymbolTable


def is_tile(column: ops.WindowColumn, window: "ops.Window[ops.Relation]", symbols: SymbolTable) -> bool:
    """Whether a window column is the group of equal size that a row is in, by one variable of the person.

    Other people decide where the groups begin, each by one place at most, and the size of a group follows from the
    number of rows. So the group says of a person what a band of the variable says. That holds where nothing makes a
    person's rows more than they are, and where the groups are of everybody, or of everybody in a year."""
    return (
        column.shared
        and column.function.op == "ntile"
        and all(_is_of_year(part, symbols) for part in column.partition)
        and len({name for scalar, _ in column.order for name in _variables(scalar, symbols)}) == 1
        and all(_variables(scalar, symbols) for scalar, _ in column.order)
        and all(_adds_no_rows(part) for part in ops.walk(window.child))
    )


def _is_of_year(scalar: Scalar, symbols: SymbolTable) -> bool:
    base = symbols.base(scalar)
    return isinstance(scalar, Literal) or (bool(base) and all(symbols.origins[ident].is_year for ident in base))


def _variables(scalar: Scalar, symbols: SymbolTable) -> frozenset[str]:
    """The variables of persons that an order reads. None for texts, which have no order that means anything."""
    origins = [symbols.origins[ident] for ident in symbols.base(scalar)]
    are_amounts = all(o.key_domain is None and o.variable.type is not ScalarType.TEXT for o in origins)
    of_persons = all(symbols.is_person(o.scan) for o in origins)
    return frozenset(o.variable.name for o in origins if are_amounts and of_persons)


def _adds_no_rows(part: ops.Relation) -> bool:
    """Whether an operator has no more rows of a person than the table that it reads."""
    if isinstance(part, ops.Aggregate):
        return part.person is not None
    return isinstance(part, ops.Scan | ops.Filter | ops.Project)


def tiles_of(relation: ops.Relation, symbols: SymbolTable) -> frozenset[int]:
    """The columns that are such groups."""
    return frozenset(
        column.ident
        for part in ops.walk(relation)
        if isinstance(part, ops.Window)
        for column in part.columns
        if is_tile(column, part, symbols)
    )


def reads_other_people(relation: ops.Relation, symbols: SymbolTable) -> bool:
    """Whether a value depends on other people in a way that tells more than the group that somebody is in."""
    for part in filter(is_context, ops.walk(relation)):
        if not isinstance(part, ops.Window):
            return True
        if any(column.shared and not is_tile(column, part, symbols) for column in part.columns):
            return True
    return False
