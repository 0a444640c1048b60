"""Rows that a script submits: how each column is typed and verified, and table requests as a query over them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from broker.domain.errors import Invalid
from broker.domain.jobs import script_requests
from broker.domain.plans.plan import GroupKey, Plan, PlannedTable
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import IDENTIFIERS, VariableClass, VariableUse, Years
from broker.policy.data_catalogue import Catalogue, CatalogueTable, TableKind, Variable

DERIVED_DECIMALS = 4
"""Decimal places of a derived number in a table. More would carry more information than a figure needs."""
INDICATOR_MEASURES = frozenset({script_requests.MeasureKind.SHARE, script_requests.MeasureKind.ONES})


@dataclass(frozen=True, slots=True)
class JobInputs:
    """Inputs of a job: the uses of its header, and the schema that completes a name of two parts."""

    uses: Sequence[VariableUse]
    catalogue: Catalogue
    schema: str

    def find(self, written: str, column: str) -> tuple[CatalogueTable, Variable]:
        """Table and variable of a declaration. Raises Invalid unless it is one of the inputs."""
        name, _, bare = written.rpartition(".")
        table = self.catalogue.find(name) or self.catalogue.find(f"{self.schema}.{name}")
        variable = table.find(bare) if table is not None else None
        if table is None or variable is None or not self._mounts(table, variable):
            message = f"{column} is declared as {written}, which is not an input of the job."
            raise Invalid("request", message, f"/variables/{column}")
        return table, variable

    def _mounts(self, table: CatalogueTable, variable: Variable) -> bool:
        folded = variable.name.casefold()
        return any(u.table == table.full_name and (u.variable or "").casefold() == folded for u in self.uses)

    def keys(self, domain: str) -> tuple[script_requests.KeyColumn, ...]:
        """Every link key of a domain among the inputs."""
        found: dict[script_requests.KeyColumn, None] = {}
        for use in self.uses:
            table = self.catalogue.find(use.table)
            if table is not None and use.variable and table.domain_of_key(use.variable) == domain:
                found[script_requests.KeyColumn(table.full_name, use.variable)] = None
        return tuple(sorted(found, key=lambda k: (k.table, k.variable)))


def rows_for_table(request: script_requests.ScriptTable, inputs: JobInputs) -> script_requests.MicrodataSchema:
    wanted: dict[str, tuple[ScalarType, int]] = {}
    for column in request.by:
        _require_column(wanted, column, ScalarType.TEXT)
    for measure in request.measures:
        if measure.column is not None:
            # shares and ones need 0/1 columns
            _require_column(
                wanted, measure.column, ScalarType.FLAG if measure.kind in INDICATOR_MEASURES else ScalarType.DECIMAL
            )
    bounds = {column: (low, high) for column, low, high in request.bounds}
    found = _typed_rows(request.person, wanted, dict(request.variables), inputs)
    return replace(found, columns=tuple(_bounded(c, bounds) for c in found.columns))


def _bounded(
    column: script_requests.MicrodataColumn, bounds: Mapping[str, tuple[float, float]]
) -> script_requests.MicrodataColumn:
    if column.name not in bounds or column.type is not ScalarType.DECIMAL:
        return column
    low, high = bounds[column.name]
    return replace(column, low=low, high=high)


def rows_for_tables(
    requests: Sequence[script_requests.ScriptTable], inputs: JobInputs
) -> script_requests.MicrodataSchema:
    """All columns of several table requests about the same people. Raises Invalid if two requests use a column in
    different ways."""
    first, *others = [rows_for_table(one, inputs) for one in requests]
    columns = {c.name: c for c in first.columns}
    for rows in others:
        if rows.person != first.person or any(columns.get(c.name, c) != c for c in rows.columns):
            raise Invalid("request", "Two tables use a column for different variables.", "")
        columns |= {c.name: c for c in rows.columns}
    folded = {name.casefold() for name in columns} | {first.person.name.casefold()}  # SQL ignores the case of names
    if len(folded) <= len(columns):
        raise Invalid("request", "Two columns differ only in capital letters.", "")
    return replace(first, columns=tuple(columns.values()))


def rows_for_regression(
    request: script_requests.ScriptRegression, inputs: JobInputs
) -> script_requests.MicrodataSchema:
    wanted: dict[str, tuple[ScalarType, int]] = {}
    formula = request.formula
    _require_column(wanted, formula.outcome, ScalarType.DOUBLE)
    for factor in (f for term in formula.terms for f in term):
        _require_column(wanted, factor.column, ScalarType.TEXT if factor.levels else ScalarType.DOUBLE)
    for column in (*formula.absorbed, *([request.cluster] if request.cluster else [])):
        if column != request.person:  # the rows always contain the person
            _require_column(wanted, column, ScalarType.TEXT, any_type=True)
    return _typed_rows(request.person, wanted, dict(request.variables), inputs)


def _require_column(
    wanted: dict[str, tuple[ScalarType, int]], column: str, kind: ScalarType, any_type: bool = False
) -> None:
    """Record the type that a request needs of a column. `any_type`: the column only separates groups here, so a number
    elsewhere may stay one. Raises Invalid if two types conflict."""
    before = wanted.get(column)
    if before is not None and before[0] is not kind and not any_type:
        message = f"{column} is used as {before[0]} and as {kind}: use a separate column for each."
        raise Invalid("request", message, "")
    wanted.setdefault(column, (kind, DERIVED_DECIMALS if kind is ScalarType.DECIMAL else 0))


def _typed_rows(
    person: str, wanted: Mapping[str, tuple[ScalarType, int]], declared: Mapping[str, str], inputs: JobInputs
) -> script_requests.MicrodataSchema:
    table, variable = inputs.find(declared[person], person)
    domain = table.domain_of_key(variable.name)
    if domain is None:
        message = f"{declared[person]} is not a link key, so it does not identify persons."
        raise Invalid("request", message, f"/variables/{person}")
    columns = list(_declared_columns(person, declared, inputs))
    known = {c.name for c in columns}
    columns += [
        script_requests.MicrodataColumn(c, kind, digits) for c, (kind, digits) in wanted.items() if c not in known
    ]
    folded = [c.name.casefold() for c in columns] + [person.casefold()]
    if len(set(folded)) < len(folded):
        raise Invalid("request", "Two columns differ only in capital letters.", "/variables")
    who = script_requests.MicrodataColumn(person, variable.type, 0, f"{table.full_name}.{variable.name}")
    return script_requests.MicrodataSchema(who, inputs.keys(domain), tuple(columns))


def _declared_columns(
    person: str, declared: Mapping[str, str], inputs: JobInputs
) -> Iterator[script_requests.MicrodataColumn]:
    for column, written in declared.items():
        table, variable = inputs.find(written, column)
        if column == person:  # the person has a field of its own
            continue
        if variable.cls in IDENTIFIERS or table.is_link_key(variable.name):
            message = f"{column} is an identifier: a script can submit only the pseudonym of the person."
            raise Invalid("request", message, f"/variables/{column}")
        yield script_requests.MicrodataColumn(
            column, variable.type, variable.decimals or 0, f"{table.full_name}.{variable.name}"
        )


SCHEMA, TABLE_NAME = "handed", "rows"
FULL_NAME = f"{SCHEMA}.{TABLE_NAME}"
MAX_DERIVED = 1e9
"""Largest number that a script may derive. Rows with a larger one are refused."""
UNVERIFIED = "A script made a column of this figure, and its content was not verified."
_SQL_TEMPLATES = {
    script_requests.MeasureKind.SUM: "SUM({})",
    script_requests.MeasureKind.MEAN: "AVG({})",
    script_requests.MeasureKind.SHARE: "AVG({})",
    script_requests.MeasureKind.ONES: "SUM({})",
    script_requests.MeasureKind.MEDIAN: "MEDIAN({})",
    script_requests.MeasureKind.DEVIATION: "STDDEV_SAMP({})",
}


def query_text(requests: Sequence[script_requests.ScriptTable]) -> str:
    """The requests as SQL in the dialect duckdb. All names are plain: the request reader has checked them."""
    return "\n".join(
        f"-- output: handed{number}\n{_table_query(request)}" for number, request in enumerate(requests, 1)
    )


def _table_query(request: script_requests.ScriptTable) -> str:
    keys = [f'"{c}"' for c in request.by]
    columns = ", ".join([*keys, *(f'{_statistic_sql(m, request)} AS "{m.name}"' for m in request.measures)])
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {columns} FROM {FULL_NAME}{grouped};\n"  # noqa: S608 - writing SQL; names are plain


def _statistic_sql(measure: script_requests.MeasureRequest, request: script_requests.ScriptTable) -> str:
    match measure.kind:
        case script_requests.MeasureKind.COUNT:
            return "COUNT(*)"
        case script_requests.MeasureKind.PERSONS:
            return f'COUNT(DISTINCT "{request.person}")'
    return _SQL_TEMPLATES[measure.kind].format(f'"{measure.column}"')


def catalogue_with_rows(rows: script_requests.MicrodataSchema, inputs: JobInputs) -> Catalogue:
    """The catalogue with the rows as a further table. Declared columns keep their catalogue entry; the others are
    described as unverified columns of the script."""
    person_table = inputs.catalogue.table(rows.person.table)
    table = CatalogueTable(
        schema_name=SCHEMA,
        name=TABLE_NAME,
        kind=TableKind.PERSON,
        unit=person_table.unit,
        link_key=rows.person.name,
        key_domain=person_table.domain_of_key(rows.person.variable_name),
        variables=tuple(_variable(c, inputs) for c in (rows.person, *rows.columns)),
    )
    return replace(inputs.catalogue, tables=(*inputs.catalogue.tables, table))


def _variable(column: script_requests.MicrodataColumn, inputs: JobInputs) -> Variable:
    if column.variable is None:
        number = column.decimals > 0
        return Variable(
            name=column.name,
            type=column.type,
            cls=VariableClass.STANDARD,
            decimals=column.decimals if number else None,
            low=None if not number else -MAX_DERIVED if column.low is None else column.low,
            high=None if not number else MAX_DERIVED if column.high is None else column.high,
        )
    table = inputs.catalogue.table(column.table)
    found = table.find(column.variable_name)
    assert found is not None
    codes = found.codes
    # only the years of the inputs can occur
    if table.year is not None and found.name.casefold() == table.year.variable.casefold():
        codes = tuple(str(table.year.format.write(y)) for y in sorted(_input_years(table, inputs.uses)))
    # a join in the script may have left any column NULL
    return replace(found, name=column.name, codes=codes, missing=True)


def _input_years(table: CatalogueTable, uses: Sequence[VariableUse]) -> Years:
    named = [u.years for u in uses if u.table == table.full_name and u.years is not None]
    return frozenset().union(*named) if named else table.years or frozenset()


def uses_in_vault(
    uses: Sequence[VariableUse], rows: script_requests.MicrodataSchema, inputs: JobInputs
) -> tuple[VariableUse, ...]:
    """Uses of the query's declared columns, as uses of their catalogue variables in the years of the inputs."""
    names = {c.name.casefold(): c for c in (rows.person, *rows.columns) if c.variable is not None}
    found = []
    for use in uses:
        column = names.get((use.variable or "").casefold())
        if column is not None:
            input_use = next(
                u for u in inputs.uses if u.table == column.table and (u.variable or "") == column.variable_name
            )
            found.append(VariableUse(column.table, column.variable_name, input_use.years, use.how))
    return tuple(found)


def plan_by_output(plan: Plan, rows_by_output: Sequence[tuple[str, script_requests.MicrodataSchema]]) -> Plan:
    """The plan with the names of the outputs, each with its own rows. Declared keys get the value lists of their
    variables. Every figure that reads a column of the script's own needs review."""
    outputs = tuple(
        replace(output, name=name, tables=tuple(_verified_table(t, rows) for t in output.tables))
        for output, (name, rows) in zip(plan.outputs, rows_by_output, strict=True)
    )
    return replace(plan, outputs=outputs)


def _verified_table(table: PlannedTable, rows: script_requests.MicrodataSchema) -> PlannedTable:
    keys = tuple(_declared_key(k, rows) for k in table.keys)
    unverified = bool(rows.derived)
    marked = tuple(
        replace(s, needs_review=UNVERIFIED) if unverified and s.implied_by is None else s for s in table.statistics
    )
    return replace(table, keys=keys, statistics=marked)


def _declared_key(key: GroupKey, rows: script_requests.MicrodataSchema) -> GroupKey:
    column = next((c for c in rows.columns if key.variable == f"{FULL_NAME}.{c.name}"), None)
    return key if column is None else replace(key, variable=column.variable)
