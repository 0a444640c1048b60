"""Parts of a relation: operators, columns, and whether rows of persons are read."""

from collections.abc import Iterator

from broker.domain.plans import operators as ops
from broker.query.symbols import SymbolTable


def top_operators(relation: ops.Relation) -> Iterator[ops.Relation]:
    """The operators whose rows are rows of the relation."""
    yield relation
    match relation:
        case ops.Filter(child=child) | ops.Project(child=child):
            yield from top_operators(child)
        case ops.Join(left=left, right=right):
            yield from top_operators(left)
            yield from top_operators(right)


def columns_made(relation: ops.Relation) -> frozenset[int]:
    """All columns that the operators of a relation make, and its scans and written rows."""
    return frozenset(ident for part in ops.walk(relation) for ident in ops.own_ids(part))


def reads_persons(relation: ops.Relation, symbols: SymbolTable) -> bool:
    # During binding, every scan has a number.
    return any(isinstance(part, ops.Scan) and symbols.is_person(part.person or 0) for part in ops.walk(relation))
