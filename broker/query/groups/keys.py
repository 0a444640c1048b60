"""Group keys: what they may be, and the list that their values come from. No aggregates, no names."""

from collections.abc import Iterable, Iterator

from broker.domain.plans import Key
from broker.domain.relations import Attach, Relation, walk
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Value
from broker.domain.variables import How, VariableClass, Years
from broker.query.book import Book, Origin
from broker.query.guards import Guards
from broker.query.operations.fold import can_be_true, possible
from broker.query.rows.multiplying import conditions_within
from broker.query.rows.repeated import read_through

RANGES = frozenset(
    {"equal", "equal_text", "same", "less", "at_most", "is_null", "and", "or", "not", "year", "like", "like_any_case",
     "matches", "ilike", "like_escaped", "ilike_escaped"}
)  # fmt: skip


def misused_quasi(scalar: Scalar, book: Book) -> Origin | None:
    """A quasi-identifier that is computed with: it may be compared with written values and shown, nothing else."""
    match scalar:
        case Call(op=op, args=args):
            plain = [book.origin(a) for a in args]
            quasi = next((o for o in plain if o is not None and o.variable.cls is VariableClass.QUASI), None)
            pairs = zip(args, plain, strict=True)
            others = all(isinstance(a, Literal) for a, o in pairs if o is None or o.scan in book.written)
            if quasi is not None and not (op in RANGES and others):
                return quasi
            parts: Iterable[Scalar] = args
        case Case(whens=whens, otherwise=otherwise):
            parts = [s for pair in whens for s in pair] + [otherwise]
        case Column(ident=ident) if ident in book.definitions:
            parts = [book.definitions[ident]]
        case Column(ident=ident) if ident in book.opaque:
            parts = book.opaque[ident].parts
            if not parts:
                quasi_base = (book.origins[i] for i in sorted(book.opaque[ident].base))
                return next((o for o in quasi_base if o.variable.cls is VariableClass.QUASI), None)
        case _:
            return None
    return next((found for p in parts if (found := misused_quasi(p, book)) is not None), None)


def note_answers(key: Scalar, relation: Relation, book: Book) -> None:
    """What the subqueries ask that a key is made of is grouped by, as if it stood in the key: `CASE WHEN EXISTS (…
    area = 1) THEN 1 END` has a group for the area."""
    asked = read_through(key, book)
    for part in walk(relation):
        if isinstance(part, Attach) and part.ident in asked:
            for condition in conditions_within(part.sub):
                for ident in book.base(condition):
                    if book.key_domain(ident) is None:
                        book.note(Column(ident, book.origins[ident].variable.type), How.GROUPED)


def conditions_of(scalar: Scalar) -> Iterator[Scalar]:
    """Every condition of a CASE inside a scalar."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            for condition, value in whens:
                yield condition
                yield from conditions_of(value)
            yield from conditions_of(otherwise)
        case Call(args=args):
            for arg in args:
                yield from conditions_of(arg)


def key_of(
    ident: int, expression: Scalar, book: Book, years: dict[int, Years | None], guards: dict[int, Guards]
) -> Key:
    """A group key with its domain, narrowed to what the guards leave."""
    origin = _origin(expression, book)
    variable = origin.full_name if origin is not None and origin.scan not in book.written else None
    domain = _domain(expression, book, years, guards)
    if origin is not None and origin.variable.register_key and origin.variable.codes is None:
        domain = None
    return Key(ident, expression, expression.type, domain, variable)


def _origin(expression: Scalar, book: Book) -> Origin | None:
    """The variable that a key is, also through a set operation whose branches take it from one register."""
    if isinstance(expression, Column) and expression.ident in book.opaque:
        found = [_origin(p, book) for p in book.opaque[expression.ident].parts]
        registers = {o.variable.register_key if o is not None else None for o in found}
        return found[0] if found and len(registers) == 1 and None not in registers else None
    return book.origin(expression)


def _of_parts(
    column: Column, book: Book, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    """A column above a γ or a set operation has the values that its parts have."""
    opaque = book.opaque[column.ident]
    lists = [_domain(p, book, years, guards) for p in opaque.parts or ((opaque.like,) if opaque.like else ())]
    if not lists or None in lists:
        return None
    found = dict.fromkeys(v for one in lists if one is not None for v in one)
    if opaque.home.scans and opaque.home.scans <= book.nullable:
        found[None] = None
    return tuple(found)


def _domain(
    expression: Scalar, book: Book, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    match expression:
        case Column(ident=ident) if ident in book.definitions:
            scans = {book.origins[i].scan for i in book.base(expression)}
            found = _domain(book.definitions[ident], book, years, guards)
            padded = found is not None and scans & book.nullable and None not in found
            return (*found, None) if found is not None and padded else found
        case Column(ident=ident) if ident in book.opaque:
            return _of_parts(expression, book, years, guards)
        case Column(ident=ident):
            return _narrowed(ident, book, years, guards) if ident in book.origins else None
        case Case(whens=whens, otherwise=otherwise) if all(isinstance(v, Literal) for v in _values(expression)):
            return tuple(dict.fromkeys(v.value for v in [*(w for _, w in whens), otherwise] if isinstance(v, Literal)))
        case Literal(value=value):
            return (value,)
    return _mapped(expression, book, years, guards)


def _values(case: Case) -> list[Scalar]:
    return [v for _, v in case.whens] + [case.otherwise]


def _mapped(
    expression: Scalar, book: Book, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    """The values of an expression over one listed column, value by value."""
    base = book.base(expression)
    if len(base) != 1:
        return None
    (ident,) = base
    inner = _narrowed(ident, book, years, guards)
    if inner is None:
        return None
    found: dict[Value, None] = {}
    for value in inner:
        values = possible(expression, {ident: frozenset({value})}, book.definitions)
        if values is None or len(values) != 1:
            return None
        found[next(iter(values))] = None
    return tuple(found)


def _narrowed(
    ident: int, book: Book, years: dict[int, Years | None], guards: dict[int, Guards]
) -> tuple[Value, ...] | None:
    """A variable's list without the values that no row can have under the guards."""
    origin = book.origins[ident]
    listed = _listed(origin, years.get(origin.scan))
    if listed is None:
        return None
    guard = guards.get(origin.scan)
    kept = [
        v
        for v in listed
        if guard is None or all(can_be_true(c, {ident: frozenset({v})}, guard.definitions) for c in guard.conjuncts)
    ]
    if origin.scan in book.nullable and None not in kept:
        kept.append(None)
    return tuple(kept)


def _listed(origin: Origin, years: Years | None) -> list[Value] | None:
    variable = origin.variable
    if origin.is_year and origin.table.year is not None:
        return [origin.table.year.format.write(y) for y in sorted(years or ())]
    if variable.values is None:
        return None
    return [*variable.values, None] if variable.missing else [*variable.values]
