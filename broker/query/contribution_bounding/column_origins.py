"""Column origins: from which catalogue variable of which scan a column of a finished relation comes."""

from dataclasses import dataclass
from functools import cached_property

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import ColumnRef, Scalar
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable
from broker.query.analysis.made_columns import CallOverRows, MadeOf, calls_of, definitions_of


@dataclass(frozen=True)
class ColumnOrigins:
    """Origins of all columns of one relation."""

    relation: ops.Relation
    catalogue: Catalogue

    @cached_property
    def _scanned(self) -> dict[int, tuple[ops.Scan, str]]:
        return {c.ident: (r, c.variable) for r in ops.walk(self.relation) if isinstance(r, ops.Scan) for c in r.columns}

    @cached_property
    def _definitions(self) -> MadeOf:
        return definitions_of(self.relation)

    @cached_property
    def calls(self) -> dict[int, CallOverRows]:
        return calls_of(self.relation)

    def table(self, scan: ops.Scan) -> CatalogueTable:
        return self.catalogue.table(scan.table)

    def sources(self, scalar: Scalar) -> tuple[tuple[ops.Scan, Variable], ...]:
        """Scans and variables that a column copies; empty if anything is computed."""
        if not isinstance(scalar, ColumnRef):
            return ()
        if scalar.ident in self._scanned:
            scan, name = self._scanned[scalar.ident]
            variable = self.table(scan).find(name)
            return () if variable is None else ((scan, variable),)
        parts = [self.sources(s) for s in self._definitions.get(scalar.ident, ())]
        # one computed branch makes the column a computed one
        return tuple(s for p in parts for s in p) if all(parts) else ()

    def definition(self, column: ColumnRef) -> Scalar | None:
        """Expression of a computed column; None if it has none or several."""
        definitions = self._definitions.get(column.ident, ())
        return definitions[0] if len(definitions) == 1 else None

    def is_link_key(self, scalar: Scalar) -> bool:
        found = self.sources(scalar)
        return bool(found) and all(self.table(s).is_link_key(v.name) for s, v in found)

    def year_count(self, scalar: Scalar) -> int | None:
        """Number of values of a year column; None if the column is no year. NULL counts as a value if an outer join can
        add it."""
        found = self.sources(scalar)
        if not found or not all(self._is_year(s, v) for s, v in found):
            return None
        outer = any(
            isinstance(r, ops.Join) and r.how in {ops.JoinHow.LEFT, ops.JoinHow.FULL} for r in ops.walk(self.relation)
        )
        together = frozenset[int]().union(*(s.years or () for s, _ in found))
        return len(together) + outer

    def _is_year(self, scan: ops.Scan, variable: Variable) -> bool:
        axis = self.table(scan).year
        return axis is not None and axis.variable == variable.name and scan.years is not None
