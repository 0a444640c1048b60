"""How rows that a script hands over are read: each column's type, and which can be verified. Pure; opens no rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from broker.domain.errors import Invalid
from broker.domain.handed import HandedColumn, HandedRegression, HandedRows, HandedTable, KeyColumn, Told
from broker.domain.scalars import Type
from broker.domain.variables import Use, VariableClass, institution_code
from broker.policy.catalogue import Catalogue
from broker.policy.tables import Table
from broker.policy.variables import Variable

DECIMALS = 4
"""Digits after the point of a derived number in a table: finer ones carry more than a figure needs."""
SIDES = frozenset({Told.SHARE, Told.ONES})
HIDDEN = frozenset({VariableClass.IDENTIFIER, VariableClass.INSTANT_IDENTIFIER})


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a job: what its header mounts, and how a name of two parts is completed."""

    uses: Sequence[Use]
    catalogue: Catalogue
    schema: str

    def find(self, written: str, column: str) -> tuple[Table, Variable]:
        """A declared variable, which must be one of the inputs."""
        name, _, bare = written.rpartition(".")
        table = self.catalogue.find(name) or self.catalogue.find(f"{self.schema}.{name}")
        variable = table.find(bare) if table is not None else None
        if table is None or variable is None or not self._has(table, variable):
            message = f"{column} is declared as {written}, which is none of the job's inputs."
            raise Invalid("request", message, f"/variables/{column}")
        return table, variable

    def _has(self, table: Table, variable: Variable) -> bool:
        folded = variable.name.casefold()
        return any(u.table == table.full_name and (u.variable or "").casefold() == folded for u in self.uses)

    def keys(self, domain: str) -> tuple[KeyColumn, ...]:
        """Every link key of a domain among the inputs."""
        found: dict[KeyColumn, None] = {}
        for use in self.uses:
            table = self.catalogue.find(use.table)
            if table is not None and use.variable and table.domain_of_key(use.variable) == domain:
                found[KeyColumn(table.full_name, use.variable)] = None
        return tuple(sorted(found, key=lambda k: (k.table, k.variable)))


def rows_of_table(asked: HandedTable, inputs: Inputs) -> HandedRows:
    wanted: dict[str, tuple[Type, int]] = {}
    for column in asked.by:
        _want(wanted, column, Type.TEXT)
    for measure in asked.measures:
        if measure.column is not None:
            _want(wanted, measure.column, Type.FLAG if measure.told in SIDES else Type.DECIMAL)
    bounds = {column: (low, high) for column, low, high in asked.bounds}
    found = _rows(asked.person, wanted, dict(asked.variables), inputs)
    return replace(found, columns=tuple(_bounded(c, bounds) for c in found.columns))


def _bounded(column: HandedColumn, bounds: Mapping[str, tuple[float, float]]) -> HandedColumn:
    if column.name not in bounds or column.type is not Type.DECIMAL:
        return column
    low, high = bounds[column.name]
    return replace(column, low=low, high=high)


def rows_of_tables(asked: Sequence[HandedTable], inputs: Inputs) -> HandedRows:
    """All columns of requests for tables of the same people. Raises Invalid where two of them take a column for
    different things."""
    first, *others = [rows_of_table(one, inputs) for one in asked]
    columns = {c.name: c for c in first.columns}
    for rows in others:
        if rows.person != first.person or any(columns.get(c.name, c) != c for c in rows.columns):
            raise Invalid("request", "Two tables take a column for different things.", "")
        columns |= {c.name: c for c in rows.columns}
    folded = {name.casefold() for name in columns} | {first.person.name.casefold()}
    if len(folded) <= len(columns):
        raise Invalid("request", "Two columns differ in the case of their letters only.", "")
    institutions = [c.name for c in columns.values() if c.variable is not None and institution_code(c.bare) is not None]
    return replace(first, columns=tuple(columns.values()), institution=institutions[0] if institutions else None)


def rows_of_regression(asked: HandedRegression, inputs: Inputs) -> HandedRows:
    wanted: dict[str, tuple[Type, int]] = {}
    formula = asked.formula
    _want(wanted, formula.outcome, Type.DOUBLE)
    for factor in (f for term in formula.terms for f in term):
        _want(wanted, factor.column, Type.TEXT if factor.levels else Type.DOUBLE)
    for column in (*formula.absorbed, *([asked.cluster] if asked.cluster else [])):
        if column != asked.person:
            _want(wanted, column, Type.TEXT, ever=True)
    return _rows(asked.person, wanted, dict(asked.variables), inputs)


def _want(wanted: dict[str, tuple[Type, int]], column: str, kind: Type, ever: bool = False) -> None:
    """`ever`: a column that is a number elsewhere only tells groups apart here, which it does as it is."""
    before = wanted.get(column)
    if before is not None and before[0] is not kind and not ever:
        message = f"{column} is asked for as {before[0]} and as {kind}: give each a column of its own."
        raise Invalid("request", message, "")
    wanted.setdefault(column, (kind, DECIMALS if kind is Type.DECIMAL else 0))


def _rows(
    person: str, wanted: Mapping[str, tuple[Type, int]], declared: Mapping[str, str], inputs: Inputs
) -> HandedRows:
    table, variable = inputs.find(declared[person], person)
    domain = table.domain_of_key(variable.name)
    if domain is None:
        message = f"{declared[person]} is no link key: its pseudonyms are of nobody."
        raise Invalid("request", message, f"/variables/{person}")
    columns = list(_declared(person, declared, inputs))
    known = {c.name for c in columns}
    columns += [HandedColumn(c, kind, digits) for c, (kind, digits) in wanted.items() if c not in known]
    folded = [c.name.casefold() for c in columns] + [person.casefold()]
    if len(set(folded)) < len(folded):
        raise Invalid("request", "Two columns differ in the case of their letters only.", "/variables")
    institutions = [c.name for c in columns if c.variable is not None and institution_code(c.bare) is not None]
    who = HandedColumn(person, variable.type, 0, f"{table.full_name}.{variable.name}")
    return HandedRows(who, inputs.keys(domain), tuple(columns), institutions[0] if institutions else None)


def _declared(person: str, declared: Mapping[str, str], inputs: Inputs) -> Iterator[HandedColumn]:
    for column, written in declared.items():
        table, variable = inputs.find(written, column)
        if column == person:
            continue
        if variable.cls in HIDDEN or table.is_link_key(variable.name):
            message = f"{column} is an identifier: only the pseudonym of the person can be handed over."
            raise Invalid("request", message, f"/variables/{column}")
        yield HandedColumn(column, variable.type, variable.decimals or 0, f"{table.full_name}.{variable.name}")
