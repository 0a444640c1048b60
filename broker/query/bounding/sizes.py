"""How many different values a key without a list can have, by what the catalogue says and ingest proved: what is
measured for keys of the data has to fit into what a job may give out, and must not tell by failing that it did not.
Looks at no data; None where nothing says it."""

from collections.abc import Iterable
from dataclasses import dataclass

from broker.domain.relations import Aggregate, Gather, Scan, walk
from broker.domain.scalars import Call, Case, Column, Literal, Scalar
from broker.policy.variables import Variable
from broker.query.bounding.origins import Origins

COUNTS = 45_000
"""More than the different numbers of rows that persons of one table can have: these alone would be a thousand million
rows."""
OWN = frozenset({"least", "greatest", "first", "last"})
"""Aggregates of one person's rows that are one of the values."""


@dataclass(frozen=True, slots=True)
class Sizes:
    origins: Origins

    def of(self, scalar: Scalar) -> int | None:
        """With NULL as one of the values."""
        match scalar:
            case Literal():
                return 1
            case Column():
                return self._column(scalar)
            case Case(whens=whens, otherwise=otherwise):
                return _sum(self.of(v) for v in (*(v for _, v in whens), otherwise))
            case Call(args=args):
                return _product(self.of(a) for a in args)

    def _column(self, column: Column) -> int | None:
        found = self.origins.sources(column)
        if found:
            values = _sum(self._variable(s, v) for s, v in found)
            return None if values is None else values + 1
        made = self.origins.definition(column)
        return self._aggregate(column.ident) if made is None else self.of(made)

    def _variable(self, scan: Scan, variable: Variable) -> int | None:
        axis = self.origins.table(scan).year
        if axis is not None and axis.variable == variable.name and scan.years is not None:
            return len(scan.years)
        if variable.ranged is not None or variable.most is None:
            return variable.ranged
        return variable.most * (1 if scan.years is None else len(scan.years))

    def _aggregate(self, ident: int) -> int | None:
        made = next((a for a in self._aggregates() if a[0] == ident), None)
        match made:
            case (_, Aggregate(op="count" | "count_rows" | "count_distinct")):
                return COUNTS
            case (_, Aggregate(op=op, args=(value, *_))) if op in OWN:
                return self.of(value)
        return None

    def _aggregates(self) -> Iterable[tuple[int, Aggregate]]:
        return (a for part in walk(self.origins.relation) if isinstance(part, Gather) for a in part.aggregates)


def _sum(numbers: Iterable[int | None]) -> int | None:
    found = list(numbers)
    return None if None in found else sum(n for n in found if n is not None)


def _product(numbers: Iterable[int | None]) -> int | None:
    product = 1
    for n in numbers:
        if n is None:
            return None
        product *= n
    return product
