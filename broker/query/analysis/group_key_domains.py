"""Group keys: which expressions may be a key, and the value list of each."""

from collections.abc import Iterable, Sequence

from broker.domain.plans.operators import Apply, Relation, walk
from broker.domain.plans.plan import GroupKey, KeyYears
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, Value, parts_of
from broker.domain.plans.variable_uses import Usage, VariableClass, Years
from broker.query.analysis.coarse_bands import compares_own_dates, finely_read
from broker.query.analysis.guards import Guards
from broker.query.analysis.row_multiplicity import conditions_within
from broker.query.analysis.self_joins import read_through
from broker.query.operations.possible_values import possible_values
from broker.query.symbols import ColumnOrigin, SymbolTable

COMPARISONS = frozenset(
    {"equal", "equal_text", "same", "less", "at_most", "is_null", "and", "or", "not", "year", "like", "like_any_case",
     "matches", "ilike", "like_escaped", "ilike_escaped"}
)  # fmt: skip


def misused_quasi_identifier(scalar: Scalar, symbols: SymbolTable) -> ColumnOrigin | None:
    """Return a quasi-identifier that the scalar computes with, if any. A quasi-identifier may be compared with written
    values or shown, and coarse bands of it are values like others."""
    if isinstance(scalar, Call | Case) and finely_read([scalar], symbols) is None:
        return None
    match scalar:
        case Call() if compares_own_dates(scalar, symbols):
            return None
        case Call(op=op, args=args):
            plain = [symbols.origin(a) for a in args]
            quasi = next((o for o in plain if o is not None and o.variable.cls is VariableClass.QUASI), None)
            pairs = zip(args, plain, strict=True)
            # comparing it with another column would compute with it
            others = all(isinstance(a, Literal) for a, o in pairs if o is None or o.scan in symbols.written_rows)
            if quasi is not None and not (op in COMPARISONS and others):
                return quasi
            parts: Iterable[Scalar] = args
        case Case():
            parts = parts_of(scalar)
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            parts = [symbols.definitions[ident]]
        case ColumnRef(ident=ident) if ident in symbols.opaque:
            parts = symbols.opaque[ident].parts or symbols.opaque[ident].made_of
            if not parts:
                quasi_base = (symbols.origins[i] for i in sorted(symbols.opaque[ident].base))
                return next((o for o in quasi_base if o.variable.cls is VariableClass.QUASI), None)
        case _:
            return None
    return next((found for p in parts if (found := misused_quasi_identifier(p, symbols)) is not None), None)


def record_fine_keys(keys: Iterable[Scalar], symbols: SymbolTable, conditions: Sequence[Scalar] = ()) -> None:
    """Record a quasi-identifier as grouped if the keys, with the conditions of their subqueries, tell more of it than
    coarse bands: the bands of one can split those of another."""
    read = [*keys, *conditions]
    fine = finely_read(read, symbols)
    for ident in frozenset().union(*map(symbols.base, read)) if fine is not None else ():
        if fine is not None and symbols.origins[ident].full_name == fine.full_name:
            symbols.record_use(ColumnRef(ident, fine.variable.type), Usage.GROUPED)


def subquery_conditions(key: Scalar, relation: Relation, symbols: SymbolTable) -> list[Scalar]:
    """Conditions of the subqueries inside a key. What they compare is grouped, as if it were part of the key: `CASE
    WHEN EXISTS (… area = 1) THEN 1 END` has a group for the area."""
    columns = read_through(key, symbols)
    applied = (part for part in walk(relation) if isinstance(part, Apply) and part.ident in columns)
    return [condition for part in applied for condition in conditions_within(part.sub)]


def record_subquery_keys(conditions: Sequence[Scalar], symbols: SymbolTable) -> None:
    """Record what the conditions of subqueries inside keys compare as grouped, or as filtered where they tell only
    coarse bands."""
    banded = finely_read(conditions, symbols) is None
    for condition in conditions:
        for ident in symbols.base(condition):
            if symbols.key_domain(ident) is None:
                column = ColumnRef(ident, symbols.origins[ident].variable.type)
                symbols.record_use(column, Usage.GROUPED, banded=banded)


def planned_key(
    ident: int, expression: Scalar, symbols: SymbolTable, years: dict[int, Years | None], guards: dict[int, Guards]
) -> GroupKey:
    """Return a group key with its domain, narrowed to the values that the guards allow."""
    origin = _origin(expression, symbols)
    # a key of written rows is no catalogue variable
    variable = origin.full_name if origin is not None and origin.scan not in symbols.written_rows else None
    domain = _domain(expression, symbols, years, guards)
    # The values of a register key come from the register in the vault, which the text does not determine.
    if origin is not None and origin.variable.register_key and origin.variable.codes is None:
        domain = None
    key_years = None if domain is None else _key_years(origin, years, symbols)
    return GroupKey(ident, expression, expression.type, domain, variable, key_years)


def _key_years(origin: ColumnOrigin | None, years: dict[int, Years | None], symbols: SymbolTable) -> KeyYears | None:
    """The years of the values of a plain variable, or of the column of years itself."""
    if origin is None or origin.table.year is None or origin.scan in symbols.nullable:
        return None
    read = years.get(origin.scan)
    if read is None or not (origin.is_year or origin.variable.changes_by_year):
        return None
    if origin.is_year:
        return KeyYears(origin.scan, tuple((origin.table.year.format.write(y), frozenset({y})) for y in sorted(read)))
    years_of = [(v, origin.variable.years_of(v, read)) for v in origin.variable.values or ()]
    missing = frozenset(y for y in read if origin.variable.can_be_missing(frozenset({y})))
    return KeyYears(origin.scan, (*years_of, (None, missing)))


def _origin(expression: Scalar, symbols: SymbolTable) -> ColumnOrigin | None:
    """Variable behind a key. A key of a set operation has one if all branches take it from the same register."""
    if isinstance(expression, ColumnRef) and expression.ident in symbols.opaque:
        found = [_origin(p, symbols) for p in symbols.opaque[expression.ident].parts]
        registers = {o.variable.register_key if o is not None else None for o in found}
        return found[0] if found and len(registers) == 1 and None not in registers else None
    return symbols.origin(expression)


def _parts_domain(
    column: ColumnRef, symbols: SymbolTable, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    """Values of a column of an aggregation or a set operation: the union of the values of its parts."""
    opaque = symbols.opaque[column.ident]
    lists = [_domain(p, symbols, years, guards) for p in opaque.parts or ((opaque.like,) if opaque.like else ())]
    if not lists or None in lists:
        return None
    found = dict.fromkeys(v for one in lists if one is not None for v in one)
    if opaque.may_be_empty or symbols.is_outer(opaque.source_rows):
        found[None] = None
    return tuple(found)


def _domain(
    expression: Scalar, symbols: SymbolTable, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    match expression:
        case ColumnRef(ident=ident) if ident in symbols.definitions:
            found = _domain(symbols.definitions[ident], symbols, years, guards)
            reads_padded = not symbols.nullable.isdisjoint(symbols.origins[i].scan for i in symbols.base(expression))
            # A literal reads no column, but is missing where an outer join finds no row of its derived table.
            padded = reads_padded or symbols.is_outer(symbols.source_rows[ident])
            return (*found, None) if found is not None and padded and None not in found else found
        case ColumnRef(ident=ident) if ident in symbols.opaque:
            return _parts_domain(expression, symbols, years, guards)
        case ColumnRef(ident=ident):
            return _narrowed_domain(ident, symbols, years, guards) if ident in symbols.origins else None
        # the labels in the text are all possible values
        case Case(values=values) if all(isinstance(v, Literal) for v in values):
            return tuple(dict.fromkeys(v.value for v in values if isinstance(v, Literal)))
        case Literal(value=value):
            return (value,)
    return _mapped_domain(expression, symbols, years, guards)


def _mapped_domain(
    expression: Scalar, symbols: SymbolTable, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    """Values of an expression over one listed column, computed value by value: several where it also depends on whether
    an outer join finds a row, or on another number. None if they cannot be listed."""
    base = symbols.base(expression)
    if len(base) != 1:
        return None
    (ident,) = base
    inner = _narrowed_domain(ident, symbols, years, guards)
    if inner is None:
        return None
    expanded, found = symbols.expanded(expression), dict[Value, None]()
    for value in inner:
        values = possible_values(expanded, {ident: frozenset({value})}, {})
        if values is None:
            return None
        found |= dict.fromkeys(sorted(values, key=repr))
    return tuple(found)


def _narrowed_domain(
    ident: int, symbols: SymbolTable, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    """Values of a variable's list that a row can have under the guards."""
    origin = symbols.origins[ident]
    listed = _listed_values(origin, years.get(origin.scan))
    if listed is None:
        return None
    guard = guards.get(origin.scan)
    left = tuple(listed) if guard is None else guard.values_left(ident, listed)
    # An outer join adds rows whose column is NULL.
    return (*left, None) if origin.scan in symbols.nullable and None not in left else left


def _listed_values(origin: ColumnOrigin, years: Years | None) -> list[Value] | None:
    variable = origin.variable
    if origin.is_year and origin.table.year is not None:
        return [origin.table.year.format.write(y) for y in sorted(years or ())]
    if variable.values is None:
        return None
    limited = years if years and variable.changes_by_year else None
    values = [v for v in variable.values if limited is None or variable.years_of(v, limited)]
    return [*values, None] if variable.can_be_missing(limited) else [*values]
