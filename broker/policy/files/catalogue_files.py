"""Reads catalogue files into tables: one file for each table with its variables, and one for the code lists."""

import re
from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.policy import data_catalogue
from broker.policy.files.model_reader import PolicyFields, distinct, keys_of, read_model
from broker.policy.files.yaml_reader import LocatedValue, read_yaml

TABLE_KEYS = (keys_of(data_catalogue.CatalogueTable) | {"table"}) - {"schema_name", "name"}


def read_catalogue(folder: Path) -> data_catalogue.Catalogue:
    """All tables of a folder, in order of file name. Raises Invalid for the first error."""
    lists = PolicyFields(read_yaml(folder / "codesets.yaml"), ("version", "codesets"))
    codesets = {name: _codeset(name, node) for name, node in lists.at("codesets").fields().items()}
    tables: dict[str, data_catalogue.CatalogueTable] = {}
    places: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == "codesets.yaml":  # read above, because variables refer to it
            continue
        fields = PolicyFields(read_yaml(path), TABLE_KEYS)
        table = _read_table(fields, codesets)
        name = table.full_name.casefold()  # names are equal in any case
        if name in tables:
            raise fields.wrong("table", "duplicate-table", f"{table.full_name} is already described in {places[name]}.")
        tables[name], places[name] = table, path.name
    if not tables:
        raise Invalid("policy-file", "There is no table in the catalogue.", str(folder))
    catalogue = read_model(
        lists, data_catalogue.Catalogue, codesets=tuple(codesets.values()), tables=tuple(tables.values())
    )
    _check_registers(catalogue, folder)  # last, because a register key can name a later table
    return catalogue


def _codeset(name: str, node: LocatedValue) -> data_catalogue.Codeset:
    """A code list from a list of codes, or from a mapping of codes to labels."""
    if isinstance(node.value, dict):
        labels = {code: label.text() for code, label in node.value.items()}
        return data_catalogue.Codeset(name=name, codes=tuple(labels), labels=labels)
    return data_catalogue.Codeset(name=name, codes=_codes(node, f"The code list {name!r}"))


def _codes(node: LocatedValue, subject: str) -> tuple[str, ...]:
    codes = tuple(item.text() for item in node.items())
    if not codes or len(set(codes)) != len(codes):
        raise node.wrong("codes", f"{subject} is empty or names a code twice.")
    return codes


def _variable(node: LocatedValue, codesets: dict[str, data_catalogue.Codeset]) -> data_catalogue.Variable:
    fields = PolicyFields(node, keys_of(data_catalogue.Variable))
    variable = read_model(fields, data_catalogue.Variable, codes=_variable_codes(fields, codesets))
    if variable.codes is not None and variable.type is not ScalarType.TEXT:
        raise fields.wrong("type", "codes", "A variable with a code list is text.")
    if (variable.type is ScalarType.DECIMAL) != (variable.decimals is not None):
        raise fields.wrong("decimals", "decimals", "Decimals belong to variables of type decimal, and to no other.")
    _check_bounds(fields, variable)
    return variable


def _variable_codes(fields: PolicyFields, codesets: dict[str, data_catalogue.Codeset]) -> tuple[str, ...] | None:
    if fields.has("codeset") and fields.has("codes"):
        raise fields.wrong("codes", "codes", "A variable has either a codeset or codes of its own.")
    if not fields.has("codeset"):
        return _codes(fields.at("codes"), "The code list") if fields.has("codes") else None
    name = fields.text("codeset")
    if name not in codesets:
        raise fields.wrong("codeset", "unknown-codeset", f"There is no code list {name!r}.")
    return codesets[name].codes


def _check_bounds(fields: PolicyFields, variable: data_catalogue.Variable) -> None:
    low, high = variable.low, variable.high
    if (low is None) != (high is None):
        raise fields.node.wrong("bounds", "A bound needs its other side: give low and high.")
    if low is None or high is None:
        if variable.listed:
            raise fields.wrong("listed", "bounds", "A listed variable needs low and high.")
        return
    if variable.type not in {ScalarType.INT, ScalarType.DECIMAL}:
        raise fields.wrong("low", "bounds", "Only numbers have bounds.")
    if low > high:
        raise fields.wrong("low", "empty-range", f"The range {low:g}..{high:g} is empty.")
    if variable.type is ScalarType.INT and (low % 1 or high % 1):
        raise fields.wrong("low", "bounds", "The bounds of a whole number are whole.")


def _read_table(fields: PolicyFields, codesets: dict[str, data_catalogue.Codeset]) -> data_catalogue.CatalogueTable:
    full_name = fields.text("table")
    schema, _, name = full_name.partition(".")
    if not data_catalogue.NAME.fullmatch(schema) or not data_catalogue.NAME.fullmatch(name):
        raise fields.wrong("table", "table-name", f"{full_name!r} is no name of the form schema.table.")
    found = [(_variable(node, codesets), node) for node in fields.at("variables").items()]
    message = "The variable {0.name!r} stands in this table twice."
    listed = distinct(found, lambda variable: variable.name.casefold(), "duplicate-variable", message)
    variables = {variable.name.casefold(): variable for variable in listed}
    if not variables:
        raise fields.wrong("variables", "empty-list", "A table needs variables.")
    is_person = fields.value("kind", data_catalogue.TableKind) is data_catalogue.TableKind.PERSON
    table = read_model(
        fields,
        data_catalogue.CatalogueTable,
        ("about",),
        schema_name=schema,
        name=name,
        unit=fields.value("unit", data_catalogue.PrivacyUnit) if is_person else None,
        year=_year(fields, variables),
        physical=tuple(_physical(node) for node in fields.listed("physical")),
        main_record=tuple(_main_record(node, variables) for node in fields.listed("main_record")),
        rankings=tuple(_ranking(node, variables) for node in fields.listed("rankings")),
        variables=listed,
        **{k: _named(fields, k, variables) for k in ("link_key", "second_key", "unique_key") if fields.has(k)},
    )
    _check_keys(fields, table)
    return table


def _named(fields: PolicyFields, key: str, variables: dict[str, data_catalogue.Variable]) -> str:
    """Catalogue spelling of a variable that a key of the file names."""
    name = fields.text(key)
    if name.casefold() not in variables:
        raise fields.wrong(key, "unknown-variable", f"This table has no variable {name!r}.")
    return variables[name.casefold()].name


def _year(fields: PolicyFields, variables: dict[str, data_catalogue.Variable]) -> data_catalogue.YearAxis | None:
    if not fields.has("year"):
        return None
    mapping = PolicyFields(fields.at("year"), keys_of(data_catalogue.YearAxis))
    axis = read_model(mapping, data_catalogue.YearAxis, variable=_named(mapping, "variable", variables))
    # academic years are text, all other formats are integers
    wanted = ScalarType.TEXT if axis.format is data_catalogue.YearFormat.ACADEMIC else ScalarType.INT
    if variables[axis.variable.casefold()].type is not wanted:
        raise mapping.wrong("format", "year-format", f"A year of format {axis.format} is stored as {wanted}.")
    return axis


def _physical(node: LocatedValue) -> data_catalogue.PhysicalName:
    fields = PolicyFields(node, keys_of(data_catalogue.PhysicalName))
    pattern = fields.text("pattern")
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise fields.wrong("pattern", "pattern", f"{pattern!r} is no regular expression: {error}.") from error
    if ("year" in groups) == fields.has("years"):
        raise fields.wrong("pattern", "pattern", "A name has either a group `year` or the years that it covers.")
    return read_model(fields, data_catalogue.PhysicalName)


def _main_record(node: LocatedValue, variables: dict[str, data_catalogue.Variable]) -> data_catalogue.MainRecord:
    fields = PolicyFields(node, keys_of(data_catalogue.MainRecord))
    return read_model(fields, data_catalogue.MainRecord, variable=_named(fields, "variable", variables))


def _ranking(node: LocatedValue, variables: dict[str, data_catalogue.Variable]) -> data_catalogue.RowRanking:
    """A ranking. Its variables must be listed, so that the number of values that a query selects is known."""
    fields = PolicyFields(node, keys_of(data_catalogue.RowRanking))
    names = fields.value("within", tuple[str, ...], ())
    found = [variables.get(name.casefold()) for name in names]
    wrong = next((n for n, v in zip(names, found, strict=True) if v is None or v.values is None), None)
    if not names or wrong is not None or len(set(names)) < len(names):
        raise fields.wrong("within", "ranking", f"Rows are ranked within listed variables, each once: not {wrong!r}.")
    return read_model(fields, data_catalogue.RowRanking, within=tuple(v.name for v in found if v is not None))


def _check_keys(fields: PolicyFields, table: data_catalogue.CatalogueTable) -> None:
    """Check that a person table has a link key with a domain, and that physical names cover existing years only."""
    if table.kind is data_catalogue.TableKind.PERSON and not (table.link_key and table.key_domain):
        raise fields.node.wrong("link-key", "A table of persons needs link_key and key_domain.")
    if table.kind is data_catalogue.TableKind.PUBLIC and (table.link_key or table.unit):
        raise fields.node.wrong("link-key", "A public table has neither link_key nor unit.")
    if bool(table.second_key) != bool(table.second_key_domain):
        raise fields.node.wrong("link-key", "second_key and second_key_domain belong together.")
    columns = [r.column for r in table.rankings]
    if len(set(columns)) < len(columns) or any(r.rows > table.max_ranked_rows for r in table.rankings):
        raise fields.wrong("rankings", "ranking", "A ranking stands once, with no more rows than the table has.")
    for key in (table.link_key, table.second_key):
        variable = table.find(key) if key else None
        if variable is not None and variable.cls is not VariableClass.IDENTIFIER:
            raise fields.wrong("link_key", "link-key", f"The link key {variable.name} has to be of class identifier.")
    for name, node in zip(table.physical, fields.listed("physical"), strict=True):
        if not (name.years or frozenset()) <= (table.years or frozenset()):
            raise node.wrong("year-outside", f"{name.pattern} covers years that {table.full_name} does not have.")


def _check_registers(catalogue: data_catalogue.Catalogue, folder: Path) -> None:
    """Check that each register key names a variable of a public table."""
    keyed = [(t, v, v.register_key) for t in catalogue.tables for v in t.variables if v.register_key is not None]
    for table, variable, key in keyed:
        name, _, column = key.rpartition(".")
        register = catalogue.find(name)
        if register is None or register.kind is not data_catalogue.TableKind.PUBLIC or register.find(column) is None:
            message = f"{table.full_name}.{variable.name}: {key} is no variable of a public table."
            raise Invalid("unknown-register", message, str(folder / f"{table.full_name}.yaml"))
