"""Rows that the text made of a person's row, by UNION or VALUES: whether something chooses among them by a column that
holds one thing in one of them and another thing in another."""

from collections.abc import Iterable, Iterator, Sequence

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType
from broker.query.analysis.person_amounts import columns_behind, decisions, read_by
from broker.query.analysis.public_joins import scans_within
from broker.query.analysis.row_multiplicity import choices_in, text_by_names, variables_of
from broker.query.analysis.self_joins import read_through
from broker.query.symbols import SymbolTable

MIXED_COLUMN = (
    "A column of made rows has a constant in one row of a person and a variable in another, so a condition or key that "
    "reads it decides which of them count."
)
CHOSEN_AMOUNT = "A condition or key over made rows decides which of a person's variables is added up."


def made_rows_reason(
    relation: ops.Relation,
    keys: Sequence[Scalar],
    arguments: Sequence[Scalar],
    amounts: Sequence[Scalar],
    symbols: SymbolTable,
) -> str | None:
    """Why a checker must review how made rows are chosen. None if conditions and keys read only columns that hold
    variables alone or constants alone, and no amount depends on which variable a row has. `amounts`: the arguments
    that are added up."""
    unions = [p for p in ops.walk(relation) if isinstance(p, ops.Union)]
    if not unions:
        return None
    tests = [*_tests(relation, [*keys, *arguments], symbols)]
    added = columns_behind(relation, read_by(amounts, symbols), symbols)
    for union in unions:
        made = [_MadeColumn(ident, idents, union, symbols) for ident, idents in union.columns]
        # Keys that tell the parts apart choose nothing: each cell has rows of one part.
        apart = any(c.separates_parts and c.ident in read_through(k, symbols) for c in made for k in keys)
        several = {c.ident for c in made if len(c.held) > 1}
        mixed = {c.ident for c in made if len(c.held) > 1 and frozenset() in c.held}
        other = {c.ident for c in made if c.ident in added and len(c.texts) > 1}
        for test in [*tests, *(() if apart else keys)]:
            present, read = (columns_behind(relation, found, symbols) for found in _read(test, symbols))
            if mixed & (present | read):
                return MIXED_COLUMN
            if (several & read and other) or (several & present and other - present):
                return CHOSEN_AMOUNT
    return None


class _MadeColumn:
    """A column of made rows. `held`: the variables of persons that it has in each part; `texts`: what it is in each,
    with the names of variables. Without parts in which it is NULL, or which have public rows alone."""

    def __init__(self, ident: int, idents: Sequence[int], union: ops.Union[ops.Relation], symbols: SymbolTable) -> None:
        own = [i for i, part in zip(idents, union.parts, strict=True) if not _is_public(part, symbols)]
        values = {i: symbols.expanded(ColumnRef(i, ScalarType.NULL)) for i in own}
        filled = [i for i, v in values.items() if not (isinstance(v, Literal) and v.value is None)]
        variables = {i: frozenset(variables_of(i, symbols)) for i in filled}
        self.ident, self.held = ident, set(variables.values())
        self.texts = {text_by_names(values[i], symbols) for i in filled}
        self.separates_parts = len(self.texts) == len(own) and self.held == {frozenset()}


def _is_public(part: ops.Relation, symbols: SymbolTable) -> bool:
    scans = list(scans_within(part, symbols))
    return bool(scans) and not any(map(symbols.is_person, scans))


def _read(test: Scalar, symbols: SymbolTable) -> tuple[frozenset[int], frozenset[int]]:
    """The columns whose presence alone a test reads, and those whose values it reads."""
    match test:
        case Call(op="is_null", args=(ColumnRef() as column,)):
            return read_through(column, symbols), frozenset()
        case Call(args=args) if args:
            parts = [_read(a, symbols) for a in args]
            present, read = (frozenset().union(*found) for found in zip(*parts, strict=True))
            return present, read
    return frozenset(), read_through(test, symbols)


def _tests(relation: ops.Relation, values: Iterable[Scalar], symbols: SymbolTable) -> Iterator[Scalar]:
    """All by which a relation chooses rows or tells them apart, and the conditions within values."""
    yield from decisions(relation)
    for part in ops.walk(relation):
        if isinstance(part, ops.Aggregate):
            yield from (key for _, key in part.keys)
        if isinstance(part, ops.Aggregate | ops.Project | ops.Window):
            for scalar in ops.scalars_of(part):
                yield from choices_in(symbols.expanded(scalar))
    for value in values:
        yield from choices_in(symbols.expanded(value))
