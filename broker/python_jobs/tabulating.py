"""A request for a table as a query over `handed.rows`, in a catalogue that has them. Pure: text and models, no plan.

The query is compiled like any other text, so that what is asked of handed rows is what is asked of every row.
"""

from collections.abc import Sequence
from dataclasses import replace

from broker.domain.handed import Asked, HandedColumn, HandedRows, HandedTable, Told
from broker.domain.plans import Key, Plan, PlannedTable
from broker.domain.variables import Use, VariableClass, Years
from broker.policy.catalogue import Catalogue
from broker.policy.tables import Table, TableKind
from broker.policy.variables import Variable
from broker.python_jobs.rows import Inputs

SCHEMA, NAME = "handed", "rows"
FULL = f"{SCHEMA}.{NAME}"
LARGEST = 1e9
"""Numbers that scripts derive are at most so large, or their rows are refused."""
UNVERIFIED = "A script made a column of this figure, and nobody has verified what is in it."
_TEXTS = {
    Told.SUM: "SUM({})",
    Told.MEAN: "AVG({})",
    Told.SHARE: "AVG({})",
    Told.ONES: "SUM({})",
    Told.MEDIAN: "MEDIAN({})",
    Told.DEVIATION: "STDDEV_SAMP({})",
}


def query_of(asked: Sequence[HandedTable]) -> str:
    """The requests in the dialect duckdb. Names are plain: the reader of requests has seen to it."""
    return "\n".join(f"-- output: handed{number}\n{_query(one)}" for number, one in enumerate(asked, 1))


def _query(asked: HandedTable) -> str:
    keys = [f'"{c}"' for c in asked.by]
    columns = ", ".join([*keys, *(f'{_statistic(m, asked)} AS "{m.name}"' for m in asked.measures)])
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {columns} FROM {FULL}{grouped};\n"  # noqa: S608 - writing SQL; names are plain


def _statistic(measure: Asked, asked: HandedTable) -> str:
    match measure.told:
        case Told.COUNT:
            return "COUNT(*)"
        case Told.PERSONS:
            return f'COUNT(DISTINCT "{asked.person}")'
    return _TEXTS[measure.told].format(f'"{measure.column}"')


def catalogue_with(rows: HandedRows, inputs: Inputs) -> Catalogue:
    """The catalogue and, as a table of its own, the rows: declared columns with their catalogue entry, the others as
    what anybody may have put into them."""
    home = inputs.catalogue.table(rows.person.table)
    table = Table(
        schema_name=SCHEMA,
        name=NAME,
        kind=TableKind.PERSON,
        unit=home.unit,
        link_key=rows.person.name,
        key_domain=home.domain_of_key(rows.person.bare),
        variables=tuple(_variable(c, inputs) for c in (rows.person, *rows.columns)),
    )
    return replace(inputs.catalogue, tables=(*inputs.catalogue.tables, table))


def _variable(column: HandedColumn, inputs: Inputs) -> Variable:
    if column.variable is None:
        number = column.decimals > 0
        return Variable(
            name=column.name,
            type=column.type,
            cls=VariableClass.STANDARD,
            decimals=column.decimals if number else None,
            low=None if not number else -LARGEST if column.low is None else column.low,
            high=None if not number else LARGEST if column.high is None else column.high,
        )
    table = inputs.catalogue.table(column.table)
    found = table.find(column.bare)
    assert found is not None
    codes = found.codes
    if table.year is not None and found.name.casefold() == table.year.variable.casefold():
        codes = tuple(str(table.year.format.write(y)) for y in sorted(_years(table, inputs.uses)))
    return replace(found, name=column.name, codes=codes, missing=True)


def _years(table: Table, uses: Sequence[Use]) -> Years:
    named = [u.years for u in uses if u.table == table.full_name and u.years is not None]
    return frozenset().union(*named) if named else table.years or frozenset()


def uses_in_vault(uses: Sequence[Use], rows: HandedRows, inputs: Inputs) -> tuple[Use, ...]:
    """What the query does with declared columns, as uses of their catalogue variables in the years of the inputs."""
    names = {c.name.casefold(): c for c in (rows.person, *rows.columns) if c.variable is not None}
    found = []
    for use in uses:
        column = names.get((use.variable or "").casefold())
        if column is not None:
            of = next(u for u in inputs.uses if u.table == column.table and (u.variable or "") == column.bare)
            found.append(Use(column.table, column.bare, of.years, use.how))
    return tuple(found)


def told_apart(plan: Plan, own: Sequence[tuple[str, HandedRows]]) -> Plan:
    """The plan under the outputs' names, each with its own rows: keys that are declared have the lists of their
    variables, and a person looks at every figure that has a column of the script's own in it."""
    outputs = tuple(
        replace(output, name=name, tables=tuple(_table(t, rows) for t in output.tables))
        for output, (name, rows) in zip(plan.outputs, own, strict=True)
    )
    return replace(plan, outputs=outputs)


def _table(table: PlannedTable, rows: HandedRows) -> PlannedTable:
    keys = tuple(_key(k, rows) for k in table.keys)
    doubted = bool(rows.derived)
    marked = tuple(
        replace(s, needs_review=s.needs_review or UNVERIFIED) if doubted and s.behind is None else s
        for s in table.statistics
    )
    return replace(table, keys=keys, statistics=marked)


def _key(key: Key, rows: HandedRows) -> Key:
    column = next((c for c in rows.columns if key.variable == f"{FULL}.{c.name}"), None)
    return key if column is None else replace(key, variable=column.variable)
