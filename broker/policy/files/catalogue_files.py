"""Reads catalogue files into tables: one file for each table with its variables, and one for the code lists."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from broker.domain.model_reader import Readers, read_field, read_model, read_value
from broker.domain.stated_values import LocatedValue, Named
from broker.policy.code_lists import CodeList, Codeset, CodeYears
from broker.policy.data_catalogue import NAME, Catalogue, CatalogueTable, TableKind, Variable
from broker.policy.files.yaml_reader import read_folder, read_yaml

CODESETS_FILE = "codesets.yaml"


def read_catalogue(folder: Path) -> Catalogue:
    """All tables of a folder, in order of file name. Raises Invalid for the first fault."""
    lists = read_yaml(folder / CODESETS_FILE).with_keys({"version", "codesets", "code_years"})
    codesets = {name: _codeset(name, node) for name, node in lists.at("codesets").fields().items()}
    for name, node in lists.at("code_years").fields().items() if "code_years" in lists.fields() else ():
        codesets[name] = _with_years(node, codesets.get(name))
    tables = read_folder(folder, CODESETS_FILE)
    node = replace(lists, value={"version": lists.at("version"), "tables": tables})
    readers = {CatalogueTable: partial(_table, codesets=codesets)}
    catalogue = read_model(node, Catalogue, readers, codesets=tuple(codesets.values()))
    _check_registers(catalogue, tables)  # last, because a register key can name a later table
    return catalogue


def _codeset(name: str, node: LocatedValue) -> Codeset:
    """A code list from a list of codes, or from a mapping of codes to labels."""
    if isinstance(node.value, dict):
        labels = read_value(node, dict[str, str])
        return Codeset(name=name, codes=tuple(labels), labels=labels)
    return Codeset(name=name, codes=read_value(node, CodeList))


def _with_years(node: LocatedValue, found: Codeset | None) -> Codeset:
    """A code list with the years of its codes, from a mapping of codes to `since` and `until`."""
    if found is None:
        raise node.wrong("unknown-codeset", "There is no code list of this name.")
    for code, ends in node.fields().items():
        if code not in found.codes:
            raise ends.wrong("unknown-code", f"The list has no code {code!r}.")
    return replace(found, years=tuple(read_model(ends, CodeYears, code=code) for code, ends in node.fields().items()))


def _table(node: LocatedValue, codesets: dict[str, Codeset]) -> CatalogueTable:
    full_name = node.at("table").text()
    schema, _, name = full_name.partition(".")
    if not NAME.fullmatch(schema) or not NAME.fullmatch(name):
        raise node.wrong("table-name", f"{full_name!r} is no name of the form schema.table.", "table")
    readers = {Variable: partial(_variable, codesets=codesets)}
    listed: tuple[Variable, ...] = read_field(node.at("variables"), CatalogueTable, "variables", readers)
    variables = {v.name.casefold(): v for v in listed}
    names: Readers = {
        Named.OWN_VARIABLE: partial(_own_variable, variables=variables),
        Named.LISTED_VARIABLE: partial(_listed_variable, variables=variables),
    }
    table = read_model(node, CatalogueTable, names, schema_name=schema, name=name, variables=listed)
    for found, place in zip(table.physical, node.listed("physical"), strict=True):
        if not (found.years or frozenset()) <= (table.years or frozenset()):
            raise place.wrong("year-outside", f"{found.pattern} covers years that {full_name} does not have.")
    return table


def _variable(node: LocatedValue, codesets: dict[str, Codeset]) -> Variable:
    variable = read_model(node, Variable)
    if variable.codeset is None:
        return variable
    if variable.codeset not in codesets:
        raise node.wrong("unknown-codeset", f"There is no code list {variable.codeset!r}.", "codeset")
    listed = codesets[variable.codeset]
    return replace(variable, codes=listed.codes, code_years=listed.years)


def _own_variable(node: LocatedValue, variables: dict[str, Variable]) -> str:
    if node.text().casefold() not in variables:
        raise node.wrong("unknown-variable", f"This table has no variable {node.text()!r}.")
    return variables[node.text().casefold()].name


def _listed_variable(node: LocatedValue, variables: dict[str, Variable]) -> str:
    """A variable with listed values, so that the number of values that a query selects is known."""
    variable = variables.get(node.text().casefold())
    if variable is None or variable.values is None:
        raise node.wrong("ranking", f"Rows are ranked within listed variables, each once: not {node.text()!r}.")
    return variable.name


def _check_registers(catalogue: Catalogue, tables: LocatedValue) -> None:
    """Check that each register key names a variable of a public table."""
    for table, described in zip(catalogue.tables, tables.items(), strict=True):
        for variable, node in zip(table.variables, described.at("variables").items(), strict=True):
            name, _, column = (key := variable.register_key or "").rpartition(".")
            register = catalogue.find(name)
            if key and not (register and register.kind is TableKind.PUBLIC and register.find(column)):
                raise node.wrong("unknown-register", f"{key} is no variable of a public table.")
