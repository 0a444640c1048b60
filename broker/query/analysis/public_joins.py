"""Joins with public tables: whether each public row is joined by its unique key, so that no row is counted twice."""

from collections.abc import Iterator

from broker.domain.plans.operators import Relation, Scan
from broker.domain.plans.scalars import Call, Scalar
from broker.query.analysis.self_joins import read_through, row_parts
from broker.query.symbols import SymbolTable

Conjunct = tuple[Scalar, frozenset[int] | None]
"""A condition, and the scans that it restricts (None: all)."""


def joined_without_key(scans: frozenset[int], conjuncts: list[Conjunct], symbols: SymbolTable) -> frozenset[int]:
    """Public scans that are not joined by their unique key, starting from persons. Two public scans that are joined
    only with each other are not reached."""
    left = frozenset(s for s in scans if not symbols.is_person(s))
    # A scan that is joined with a reached scan is reached too.
    while joined := {s for s in left if any(_is_joined_by_key(c, s, left, symbols) for c in conjuncts)}:
        left -= joined
    return left


def scans_within(relation: Relation, symbols: SymbolTable) -> Iterator[int]:
    """Scans whose rows are rows of the relation, by their number in the symbol table (which a scan carries during
    binding)."""
    return (part.person or 0 for part in row_parts(relation, symbols) if isinstance(part, Scan))


def _is_joined_by_key(conjunct: Conjunct, scan: int, left: frozenset[int], symbols: SymbolTable) -> bool:
    """Whether a condition ties a public scan to at most one of its rows, by a value that does not come from the scans
    in `left`."""
    condition, holds = conjunct
    if holds is not None and scan not in holds:
        return False
    match condition:
        case Call(op="equal", args=(one, other)):
            return any(
                _is_unique_key(a, scan, symbols) and not _may_read(b, left, symbols)
                for a, b in ((one, other), (other, one))
            )
    return False


def _is_unique_key(scalar: Scalar, scan: int, symbols: SymbolTable) -> bool:
    origin = symbols.origin(scalar)
    return origin is not None and origin.scan == scan and origin.variable.name == origin.table.unique_key


def _may_read(scalar: Scalar, scans: frozenset[int], symbols: SymbolTable) -> bool:
    """Whether a scalar may read one of these scans. A computed column with unknown sources counts as reading them."""
    if any(symbols.origins[i].scan in scans for i in symbols.base(scalar)):
        return True
    sources = [symbols.opaque[i].source_rows.scans for i in read_through(scalar, symbols) if i in symbols.opaque]
    return any(not source or source & scans for source in sources)
