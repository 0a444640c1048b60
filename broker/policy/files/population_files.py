"""Files about populations: reference and standard populations with their caps, and public sizes, each checked against
the catalogue."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from broker.domain.model_reader import Readers, read_model, read_value
from broker.domain.stated_values import LocatedValue, Named
from broker.policy.data_catalogue import Catalogue, CatalogueTable
from broker.policy.files.privacy_files import person_table, table_names
from broker.policy.files.yaml_reader import read_file, read_folder
from broker.policy.public_sizes import LeastAndMost, PublicSizes, RangeShare, TableSizes, VariableShares
from broker.policy.release_history_policy import ReferencePopulation, ReleaseHistoryPolicy


def read_release_history(path: Path, catalogue: Catalogue) -> ReleaseHistoryPolicy:
    """The policy of the release history. Without the file, there is no reference population."""
    if not path.is_file():
        return ReleaseHistoryPolicy()
    reference = partial(_reference_population, catalogue=catalogue)
    return read_file(path, ReleaseHistoryPolicy, {ReferencePopulation: reference, **table_names(catalogue)})


def _reference_population(node: LocatedValue, catalogue: Catalogue) -> ReferencePopulation:
    population = read_model(node, ReferencePopulation, table_names(catalogue))
    table = catalogue.table(population.table)
    for entry in node.at("variables").items():
        if table.find(entry.text()) is None or table.is_link_key(entry.text()):
            raise entry.wrong("unknown-variable", f"{table.full_name} has no variable {entry.text()!r} to group by.")
    return population


def read_sizes(folder: Path, catalogue: Catalogue) -> PublicSizes:
    """The public sizes, with one file for some years of a table. Without the folder, no size is known."""
    found: list[TableSizes] = []
    for node in read_folder(folder).items():
        sizes = _table_sizes(node, catalogue)
        if any(t.table == sizes.table and not _are_apart(t, sizes) for t in found):
            raise node.wrong("duplicate-table", f"Two files have sizes of {sizes.table} in one year.", "years")
        found.append(sizes)
    return PublicSizes(tables=tuple(found))


def _are_apart(one: TableSizes, other: TableSizes) -> bool:
    return one.years is not None and other.years is not None and not one.years & other.years


def _table_sizes(node: LocatedValue, catalogue: Catalogue) -> TableSizes:
    table = person_table(node.at("table"), catalogue)
    sized = partial(_sized_variable, table=table, catalogue=catalogue)
    readers: Readers = {VariableShares: partial(_variable_shares, sized=sized), **table_names(catalogue)}
    sizes = read_model(node, TableSizes, readers)
    known = {shares.variable for shares in sizes.shares}
    for entry in (entry for group in node.listed("unrelated") for entry in group.at("variables").items()):
        if entry.text() not in known:
            raise entry.wrong("unknown-variable", f"{entry.text()!r} has no shares in this file.")
    years, existing = sizes.years, table.years
    if (years is None) != (existing is None) or not (years or frozenset()) <= (existing or frozenset()):
        raise node.wrong("year-outside", f"These are no years of {table.full_name}.", "years")
    return sizes


def _variable_shares(node: LocatedValue, sized: Callable[[LocatedValue], str]) -> VariableShares:
    least, most = read_value(node.at("each"), LeastAndMost) if node.has("each") else (0.0, 1.0)
    readers: Readers = {Named.SIZED_VARIABLE: sized, RangeShare: _range}
    return read_model(node, VariableShares, readers, each_least=least, each_most=most)


def _range(node: LocatedValue) -> RangeShare:
    parts = tuple(node.items())
    if len(parts) != 3:
        raise node.wrong("policy-range", "A range is written [low, high, share].")
    return read_model(replace(node, value=dict(zip(("low", "high", "share"), parts, strict=True))), RangeShare)


def _sized_variable(node: LocatedValue, table: CatalogueTable, catalogue: Catalogue) -> str:
    """Spelling in the catalogue of a variable of the table, a variable of another table (by full name), another table
    alone, or a quotient of two numbers of the table."""
    text = node.text()
    other = catalogue.find(text)
    if other is not None:
        return other.full_name
    if " / " in text:  # a quotient of two numbers
        return " / ".join(_number_of_table(node, part, table) for part in text.split(" / "))
    table_name, _, name = text.rpartition(".")
    owner = catalogue.find(table_name) if table_name else table
    variable = owner.find(name) if owner is not None else None
    if owner is None or variable is None:
        raise node.wrong("unknown-variable", f"{text!r} is no variable of the catalogue.")
    return variable.name if owner is table else f"{owner.full_name}.{variable.name}"


def _number_of_table(node: LocatedValue, name: str, table: CatalogueTable) -> str:
    variable = table.find(name)
    if variable is None or not variable.type.is_number:
        raise node.wrong("unknown-variable", f"{table.full_name} has no number {name!r}.")
    return variable.name
