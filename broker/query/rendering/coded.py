"""Keys of a bounded table as the numbers of their codes, where the vault holds these: numbers group faster than texts.
Text only; what is counted is the same."""

from dataclasses import dataclass, replace

from broker.domain.bounded import BoundedTable
from broker.domain.proofs import Proofs
from broker.domain.relations import Filter, Project, Relation, Scan, ScanColumn, walk
from broker.domain.scalars import Column, Scalar, Type
from broker.query.bounding.total import total
from broker.query.rendering.stored import CODE, Coded
from broker.query.rendering.writing import scalar_text

FIRST_IDENT = 2_100_000_000
"""The id of the first number of a code: no plan has as many columns."""


@dataclass(frozen=True, slots=True)
class Coding:
    """The relation with the numbers in it, the text of each key over it, and which keys are numbers."""

    relation: Relation
    keys: tuple[str, ...]
    codes: tuple[Coded | None, ...]

    def shown(self, key: int) -> str:
        coded = self.codes[key]
        return f"k{key}" if coded is None else f"{coded.text(f'k{key}')} AS k{key}"


def coding_of(table: BoundedTable, proofs: Proofs) -> Coding:
    scan = _lone_scan(table.contributions)
    found = [None if scan is None else _codes(k.expression, table.contributions, scan, proofs) for k in table.keys]
    columns = [ScanColumn(FIRST_IDENT + i, CODE + f[0], Type.TEXT) for i, f in enumerate(found) if f is not None]
    keys = [
        scalar_text(total(k.expression)) if f is None else f"c{FIRST_IDENT + i}"
        for i, (k, f) in enumerate(zip(table.keys, found, strict=True))
    ]
    relation = _with(table.contributions, tuple(columns)) if columns else table.contributions
    return Coding(relation, tuple(keys), tuple(None if f is None else Coded(f[1]) for f in found))


def _lone_scan(relation: Relation) -> Scan | None:
    """The scan of rows that nothing joins or brings together."""
    parts = list(walk(relation))
    last = parts[-1]
    return last if isinstance(last, Scan) and all(isinstance(p, Filter | Project | Scan) for p in parts) else None


def _codes(scalar: Scalar, relation: Relation, scan: Scan, proofs: Proofs) -> tuple[str, tuple[str, ...]] | None:
    """(variable, codes) of a key that is a variable as it stands."""
    made = {i: s for r in walk(relation) if isinstance(r, Project) for i, s in r.columns}
    while isinstance(scalar, Column) and scalar.ident in made:
        scalar = made[scalar.ident]
    name = next((c.variable for c in scan.columns if isinstance(scalar, Column) and c.ident == scalar.ident), None)
    if name is None or scan.table not in proofs:
        return None
    years = proofs[scan.table]
    known = {p.codes.get(name) for year, p in years.items() if scan.years is None or year in scan.years}
    codes = known.pop() if len(known) == 1 else None
    return None if codes is None else (name, codes)


def _with(relation: Relation, columns: tuple[ScanColumn, ...]) -> Relation:
    if isinstance(relation, Filter | Project):
        return replace(relation, child=_with(relation.child, columns))
    assert isinstance(relation, Scan)
    return replace(relation, columns=(*relation.columns, *columns))
