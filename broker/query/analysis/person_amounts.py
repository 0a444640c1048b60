"""Amounts of persons: what decides, below a person's own aggregates, subqueries and windows, how an amount comes
about."""

from collections.abc import Iterable, Iterator, Mapping

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Call, Case, ColumnRef, Scalar, ScalarType, conjuncts_of
from broker.domain.plans.variable_uses import Years
from broker.query.analysis.row_multiplicity import multiplicity_reason
from broker.query.analysis.self_joins import collapses_rows, read_through
from broker.query.symbols import SymbolTable

MIXED_ROWS = "A condition or an order mixes columns of made rows with a variable, so it decides which of them count."


def amount_reason(
    relation: ops.Relation, arguments: Iterable[Scalar], symbols: SymbolTable, years: Mapping[int, Years | None]
) -> str | None:
    """Why a checker must review how the amounts in these arguments come about. None if the rows below each aggregate of
    a person multiply as those of a table may, and no condition mixes rows that the text made with a variable."""
    needed = columns_behind(relation, read_by(arguments, symbols), symbols)
    for part in ops.walk(relation):
        if isinstance(part, ops.Aggregate) and collapses_rows(part, symbols):
            calls = [call for ident, call in part.aggregates if ident in needed]
            amounts = [a for c in calls for a in c.args]
            why = multiplicity_reason(part.child, amounts, symbols, years) if calls else None
            if why is not None:
                return why
    made = frozenset(_made_columns(relation))
    applied = frozenset(i for side in _applied(relation) for i in _made_columns(side))
    return MIXED_ROWS if any(_mixes(c, made, applied, symbols) for c in decisions(relation)) else None


def columns_behind(relation: ops.Relation, amounts: frozenset[int], symbols: SymbolTable) -> frozenset[int]:
    """Every column that the amounts are computed from. What is applied to a row may read what the row's own side made,
    so the relation is walked until nothing is added."""
    needed, before = set(amounts), -1
    while len(needed) > before:
        before = len(needed)
        for part in ops.walk(relation):
            match part:
                case ops.Aggregate(aggregates=aggregates):
                    needed |= read_by((a for i, call in aggregates if i in needed for a in call.args), symbols)
                case ops.Apply(ident=ident, column=int(column)) if ident in needed:
                    needed |= read_by([ColumnRef(column, ScalarType.NULL)], symbols)
                case ops.Window(columns=columns):
                    needed |= read_by((a for c in columns if c.ident in needed for a in c.function.args), symbols)
                case ops.Union(columns=columns):
                    parts = (
                        ColumnRef(i, ScalarType.NULL) for ident, idents in columns if ident in needed for i in idents
                    )
                    needed |= read_by(parts, symbols)
    return frozenset(needed)


def read_by(amounts: Iterable[Scalar], symbols: SymbolTable) -> frozenset[int]:
    """The columns that amounts read, without those that only conditions read: a condition does not become an amount."""
    values = (v for amount in amounts for v in _branch_values(symbols.expanded(amount)))
    return frozenset().union(*(read_through(v, symbols) for v in values))


def _branch_values(amount: Scalar) -> Iterator[Scalar]:
    match amount:
        case Case(values=values) | Call(args=values):
            for value in values:
                yield from _branch_values(value)
        case _:
            yield amount


def _made_columns(relation: ops.Relation) -> Iterator[int]:
    """The columns of rows that the text made: of set operations, of APPLY, and of written rows."""
    for part in ops.walk(relation):
        if isinstance(part, ops.Union) or (
            isinstance(part, ops.Project) and not any(isinstance(p, ops.Scan) for p in ops.walk(part))
        ):
            yield from (ident for ident, _ in part.columns)


def _applied(relation: ops.Relation) -> Iterator[ops.Relation]:
    """What is run for each row: the right sides of APPLY, and subqueries that give a value."""
    for part in ops.walk(relation):
        if isinstance(part, ops.Join) and part.lateral:
            yield part.right
        elif isinstance(part, ops.Apply) and part.column is not None:
            yield part.sub


def decisions(relation: ops.Relation) -> Iterator[Scalar]:
    """Everything by which a relation decides which rows there are, which come first and which belong together."""
    for part in ops.walk(relation):
        match part:
            case ops.Filter(predicate=predicate):
                yield from conjuncts_of(predicate)
            case ops.Join(on=on):
                yield from conjuncts_of(on)
            case ops.Limit(order=order):
                yield from (key for key, _ in order)
            case ops.Window(columns=columns):
                yield from (s for c in columns for s in (*c.partition, *(key for key, _ in c.order)))


def _mixes(decision: Scalar, made: frozenset[int], applied: frozenset[int], symbols: SymbolTable) -> bool:
    """Whether a decision reads a column of made rows together with a variable of a person. To look a code up in a join
    is no mixture: a plain equality."""
    read = read_through(decision, symbols)
    match decision:
        case Call(op="equal" | "equal_text" | "same", args=(ColumnRef(), ColumnRef())) if not read & applied:
            return False
    return bool(read & made) and any(_is_of_person(i, symbols) for i in read - made)


def _is_of_person(ident: int, symbols: SymbolTable) -> bool:
    """Whether a column has values of a person that are no year and no link key."""
    if symbols.key_domain(ident) is not None:
        return False
    origin = symbols.origins.get(ident)
    return ident in symbols.opaque if origin is None else symbols.is_person(origin.scan) and not origin.is_year
