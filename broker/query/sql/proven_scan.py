"""A proven scan: whether a table reads one scan for which the vault has proofs that bound its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from broker.domain.evidence import VaultProof, VaultProofs
from broker.domain.plans.measure import NON_ADDITIVE, measures_where
from broker.domain.plans.operators import Filter, Project, Relation, Scan, walk
from broker.domain.plans.plan import EvidenceNeeds, PlannedTable
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar
from broker.query.operations.registry import CASTS

BOUNDABLE_IF_SINGLE = measures_where(lambda t: not t.from_rows) - NON_ADDITIVE
BOUNDABLE = BOUNDABLE_IF_SINGLE & measures_where(lambda t: not t.counts_persons)
"""Measures whose evidence can be bounded by proofs; also a count of persons, if nobody has two rows."""
MONOTONE = CASTS | {"add", "multiply", "divide", "coalesce"}
"""Functions whose result is not negative if no argument is."""


@dataclass(frozen=True, slots=True)
class ProvenScan:
    """Rows of one scan, possibly filtered: at most `most` of each person, from the files of `years` years. Person
    numbers are below `people`. `proofs`: those of the years that are read."""

    scan: Scan
    definitions: Mapping[int, Scalar]
    proofs: tuple[VaultProof, ...]
    people: int

    @property
    def most(self) -> int:
        return max(1, sum(p.max_rows for p in self.proofs))

    @property
    def years(self) -> int:
        return max(1, len(self.proofs))

    @property
    def is_single(self) -> bool:
        """Whether each row is another person. False over several years, whatever each year proves."""
        return self.most == 1

    def nonnegative(self, scalar: Scalar) -> bool:
        """Whether a value is proved to be at least 0 on every row where it is not NULL."""
        match scalar:
            case Literal(value=value):
                return value is None or (isinstance(value, int | float | Decimal) and value >= 0)
            case ColumnRef(ident=ident) if ident in self.definitions:
                return self.nonnegative(self.definitions[ident])
            case ColumnRef(ident=ident):
                return all((least := p.smallest.get(self._variable(ident))) is not None and least >= 0
                           for p in self.proofs)  # fmt: skip
            case Case(values=values):
                return all(map(self.nonnegative, values))
            case Call(op=op, args=args):
                return op in MONOTONE and all(map(self.nonnegative, args))

    def largest_total(self, scalar: Scalar) -> Decimal | int | None:
        """Proved upper bound of one person's sum of |scalar|; None if nothing is proved."""
        match scalar:
            case ColumnRef(ident=ident) if ident in self.definitions:
                return self.largest_total(self.definitions[ident])
            case ColumnRef(ident=ident):
                known = [p.totals.get(self._variable(ident)) for p in self.proofs]
                return sum(x for x in known if x is not None) if None not in known else None
            case Call(op="multiply", args=(Literal(value=factor), other) | (other, Literal(value=factor))):
                total = self.largest_total(other)
                # a binary fraction could round the bound down
                exact = isinstance(factor, int | Decimal) and total is not None
                return abs(Decimal(str(factor))) * Decimal(total or 0) if exact else None
        return None

    def codes(self, scalar: Scalar) -> tuple[str, ...] | None:
        """Codes for a variable's code numbers, if the vault stores them; None otherwise."""
        known = {p.codes.get(self.variable(scalar)) for p in self.proofs}
        return known.pop() if len(known) == 1 else None  # the years must agree on the codes

    def variable(self, scalar: Scalar) -> str:
        """Name of the variable that a scalar reads unchanged; "" if it computes anything."""
        while isinstance(scalar, ColumnRef) and scalar.ident in self.definitions:
            scalar = self.definitions[scalar.ident]
        return self._variable(scalar.ident) if isinstance(scalar, ColumnRef) else ""

    def _variable(self, ident: int) -> str:
        return next((c.variable for c in self.scan.columns if c.ident == ident), "")


def only_scan(relation: Relation, proofs: VaultProofs, people: int) -> ProvenScan | None:
    """The scan that a relation reads, with its proofs; None if there are none, or for joins, unions, windows and
    aggregations."""
    relations = list(walk(relation))
    scan = relations[-1]
    if not isinstance(scan, Scan) or scan.table not in proofs:
        return None
    if not all(isinstance(r, Filter | Project | Scan) for r in relations):
        return None
    found = tuple(p for year, p in proofs[scan.table].items() if scan.years is None or year in scan.years)
    return ProvenScan(scan, {i: s for r in relations if isinstance(r, Project) for i, s in r.columns}, found, people)


def proven_scan_of(table: PlannedTable, needs: EvidenceNeeds, proofs: VaultProofs, people: int) -> ProvenScan | None:
    """Return the proven scan of a table; None if only an inspection of every person gives its evidence."""
    proven = only_scan(table.contributions, proofs, people)
    # institutions and record keys need an inspection of every person
    if proven is None or proven.scan.person != table.person or needs.institutions or needs.record_keys:
        return None
    return proven if _proves(table, needs, proven) else None


def _proves(table: PlannedTable, needs: EvidenceNeeds, proven: ProvenScan) -> bool:
    """Whether the proofs cover all measures of a table. A joint table needs exact persons, because they are added and
    subtracted."""
    measures = {s.measure for s in table.statistics}
    if proven.is_single:
        return measures <= BOUNDABLE_IF_SINGLE
    return measures <= BOUNDABLE and not needs.exact_persons and table.max_rows is None
