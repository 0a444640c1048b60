"""Reads catalogue files into tables: one file for each table with its variables, and one for the code lists."""

import re
from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import (
    Catalogue,
    CatalogueTable,
    Codeset,
    MainRecord,
    PhysicalName,
    PrivacyUnit,
    RowRanking,
    TableKind,
    Variable,
    YearAxis,
    YearFormat,
)
from broker.policy.files.yaml_reader import LocatedValue, PolicyFields, read_yaml

VARIABLE_KEYS = (
    "name", "type", "class", "dfe", "default", "codeset", "codes", "low", "high", "decimals", "listed", "missing",
    "register", "most", "about",
)  # fmt: skip
STORED = frozenset({ScalarType.INT, ScalarType.FLAG, ScalarType.DECIMAL, ScalarType.TEXT, ScalarType.DATE})
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTIFIABILITY = re.compile(r"[1-5][A-E]")


def read_variable(node: LocatedValue, codesets: dict[str, Codeset]) -> Variable:
    fields = PolicyFields(node, VARIABLE_KEYS)
    codeset = fields.text_or_none("codeset")
    variable = Variable(
        name=fields.text("name"),
        type=fields.choice("type", ScalarType),
        cls=fields.choice("class", VariableClass),
        identifiability=fields.text_or_none("dfe"),
        default_item=fields.flag("default", False),
        codeset=codeset,
        codes=_variable_codes(fields, codesets),
        low=fields.number_or_none("low"),
        high=fields.number_or_none("high"),
        decimals=fields.whole("decimals") if fields.has("decimals") else None,
        missing=fields.flag("missing", True),
        listed=fields.flag("listed", False),
        register_key=fields.text_or_none("register"),
        most=fields.whole("most", least=1) if fields.has("most") else None,
        description=fields.text_or_none("about") or "",
    )
    _check_variable(fields, variable)
    return variable


def _variable_codes(fields: PolicyFields, codesets: dict[str, Codeset]) -> tuple[str, ...] | None:
    if fields.has("codeset") and fields.has("codes"):
        raise fields.wrong("codes", "codes", "A variable has either a codeset or codes of its own.")
    if fields.has("codeset"):
        name = fields.text("codeset")
        if name not in codesets:
            raise fields.wrong("codeset", "unknown-codeset", f"There is no code list {name!r}.")
        return codesets[name].codes
    if not fields.has("codes"):
        return None
    codes = tuple(item.text() for item in fields.listed("codes"))
    if not codes or len(set(codes)) != len(codes):
        raise fields.wrong("codes", "codes", "The code list is empty or names a code twice.")
    return codes


def _check_variable(fields: PolicyFields, variable: Variable) -> None:
    name, kind = variable.name, variable.type
    if not _VARIABLE_NAME.fullmatch(name):
        raise fields.wrong("name", "variable-name", f"{name!r} is no name of a variable.")
    if kind not in STORED:
        raise fields.wrong("type", "variable-type", f"A stored variable is {', '.join(sorted(STORED))}, not {kind}.")
    if variable.identifiability and not _IDENTIFIABILITY.fullmatch(variable.identifiability):
        raise fields.wrong("dfe", "identifiability", "Identifiability is a digit 1-5 and a letter A-E.")
    if variable.codes is not None and kind is not ScalarType.TEXT:
        raise fields.wrong("type", "codes", "A variable with a code list is text.")
    if (kind is ScalarType.DECIMAL) != (variable.decimals is not None):
        raise fields.wrong("decimals", "decimals", "Decimals belong to variables of type decimal, and to no other.")
    _check_bounds(fields, variable)


def _check_bounds(fields: PolicyFields, variable: Variable) -> None:
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


TABLE_KEYS = (
    "table", "kind", "about", "unit", "link_key", "key_domain", "second_key", "second_key_domain", "unique_key", "year",
    "physical", "max_rows_per_unit_year", "main_record", "rankings", "grantable", "variables",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_catalogue(folder: Path) -> Catalogue:
    """All tables of a folder, in order of file name. Raises Invalid for the first error."""
    version, codesets = _read_codesets(folder / "codesets.yaml")
    tables: dict[str, CatalogueTable] = {}
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
    catalogue = Catalogue(version=version, codesets=tuple(codesets.values()), tables=tuple(tables.values()))
    _check_registers(catalogue, folder)  # last, because a register key can name a later table
    return catalogue


def _read_codesets(path: Path) -> tuple[int, dict[str, Codeset]]:
    fields = PolicyFields(read_yaml(path), ("version", "codesets"))
    lists = fields.at("codesets").fields()
    return fields.whole("version", least=1), {name: _codeset(name, node) for name, node in lists.items()}


def _codeset(name: str, node: LocatedValue) -> Codeset:
    """A code list from a list of codes, or from a mapping of codes to labels."""
    if isinstance(node.value, dict):
        labels = {code: label.text() for code, label in node.value.items()}
        return Codeset(name=name, codes=tuple(labels), labels=labels)
    codes = tuple(item.text() for item in node.items())
    if not codes or len(set(codes)) != len(codes):
        raise node.wrong("codes", f"The code list {name!r} is empty or names a code twice.")
    return Codeset(name=name, codes=codes)


def _read_table(fields: PolicyFields, codesets: dict[str, Codeset]) -> CatalogueTable:
    full_name = fields.text("table")
    schema, _, name = full_name.partition(".")
    if not _NAME.fullmatch(schema) or not _NAME.fullmatch(name):
        raise fields.wrong("table", "table-name", f"{full_name!r} is no name of the form schema.table.")
    variables = _variables(fields, codesets)
    kind = fields.choice("kind", TableKind)
    table = CatalogueTable(
        schema_name=schema,
        name=name,
        kind=kind,
        description=fields.text("about"),
        unit=fields.choice("unit", PrivacyUnit) if kind is TableKind.PERSON else None,
        link_key=_variable_name(fields, "link_key", variables),
        key_domain=fields.text_or_none("key_domain"),
        second_key=_variable_name(fields, "second_key", variables),
        second_key_domain=fields.text_or_none("second_key_domain"),
        unique_key=_variable_name(fields, "unique_key", variables),
        year=_year(fields, variables),
        physical=tuple(_physical(node) for node in fields.listed("physical")),
        max_rows_per_unit_year=fields.whole("max_rows_per_unit_year", 1, least=1),
        main_record=tuple(_main_record(node, variables) for node in fields.listed("main_record")),
        rankings=tuple(_ranking(node, variables) for node in fields.listed("rankings")),
        grantable=fields.flag("grantable", True),
        variables=tuple(variables.values()),
    )
    _check_keys(fields, table)
    return table


def _variables(fields: PolicyFields, codesets: dict[str, Codeset]) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    for node in fields.at("variables").items():
        variable = read_variable(node, codesets)
        if variable.name.casefold() in found:
            raise node.wrong("duplicate-variable", f"The variable {variable.name!r} stands in this table twice.")
        found[variable.name.casefold()] = variable
    if not found:
        raise fields.wrong("variables", "empty-list", "A table needs variables.")
    return found


def _variable_name(fields: PolicyFields, key: str, variables: dict[str, Variable]) -> str | None:
    """Catalogue spelling of a variable that a key of the file names; None without the key."""
    name = fields.text_or_none(key)
    if name is None:
        return None
    if name.casefold() not in variables:
        raise fields.wrong(key, "unknown-variable", f"This table has no variable {name!r}.")
    return variables[name.casefold()].name


def _year(fields: PolicyFields, variables: dict[str, Variable]) -> YearAxis | None:
    if not fields.has("year"):
        return None
    axis = PolicyFields(fields.at("year"), ("variable", "format", "years"))
    name = _variable_name(axis, "variable", variables) or axis.text("variable")
    kind = axis.choice("format", YearFormat)
    # academic years are text, all other formats are integers
    wanted = ScalarType.TEXT if kind is YearFormat.ACADEMIC else ScalarType.INT
    if variables[name.casefold()].type is not wanted:
        raise axis.wrong("format", "year-format", f"A year of format {kind} is stored as {wanted}.")
    return YearAxis(variable=name, format=kind, years=axis.years("years"))


def _physical(node: LocatedValue) -> PhysicalName:
    fields = PolicyFields(node, ("pattern", "year_offset", "years", "suffix"))
    pattern = fields.text("pattern")
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise fields.wrong("pattern", "pattern", f"{pattern!r} is no regular expression: {error}.") from error
    if ("year" in groups) == fields.has("years"):
        raise fields.wrong("pattern", "pattern", "A name has either a group `year` or the years that it covers.")
    return PhysicalName(
        pattern=pattern,
        year_offset=fields.whole("year_offset", -1, least=None),
        years=fields.years("years") if fields.has("years") else None,
        suffix=fields.text_or_none("suffix") or "",
    )


def _main_record(node: LocatedValue, variables: dict[str, Variable]) -> MainRecord:
    fields = PolicyFields(node, ("variable", "ascending", "nulls_first"))
    name = _variable_name(fields, "variable", variables) or fields.text("variable")
    return MainRecord(
        variable=name, ascending=fields.flag("ascending", True), nulls_first=fields.flag("nulls_first", True)
    )


def _ranking(node: LocatedValue, variables: dict[str, Variable]) -> RowRanking:
    """A ranking. Its variables must be listed, so that the number of values that a query selects is known."""
    fields = PolicyFields(node, ("within", "rows"))
    names = [item.text() for item in fields.listed("within")]
    found = [variables.get(name.casefold()) for name in names]
    wrong = next((n for n, v in zip(names, found, strict=True) if v is None or v.values is None), None)
    if not names or wrong is not None or len(set(names)) < len(names):
        raise fields.wrong("within", "ranking", f"Rows are ranked within listed variables, each once: not {wrong!r}.")
    within = tuple(v.name for v in found if v is not None)
    return RowRanking(within=within, rows=fields.whole("rows", least=1))


def _check_keys(fields: PolicyFields, table: CatalogueTable) -> None:
    """Check that a person table has a link key with a domain, and that physical names cover existing years only."""
    if table.kind is TableKind.PERSON and not (table.link_key and table.key_domain):
        raise fields.node.wrong("link-key", "A table of persons needs link_key and key_domain.")
    if table.kind is TableKind.PUBLIC and (table.link_key or table.unit):
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


def _check_registers(catalogue: Catalogue, folder: Path) -> None:
    """Check that each register key names a variable of a public table."""
    for table in catalogue.tables:
        for variable in table.variables:
            if variable.register_key is None:
                continue
            name, _, column = variable.register_key.rpartition(".")
            register = catalogue.find(name)
            if register is None or register.kind is not TableKind.PUBLIC or register.find(column) is None:
                message = (
                    f"{table.full_name}.{variable.name}: {variable.register_key} is no variable of a public table."
                )
                raise Invalid("unknown-register", message, str(folder / f"{table.full_name}.yaml"))
