"""Files about populations: reference and standard populations with their caps, and public sizes, each checked against
the catalogue."""

from itertools import pairwise
from pathlib import Path

from broker.policy.data_catalogue import Catalogue, CatalogueTable
from broker.policy.files.model_reader import PolicyFields, distinct, keys_of, read_model
from broker.policy.files.privacy_files import person_table
from broker.policy.files.yaml_reader import LocatedValue, read_yaml
from broker.policy.public_sizes import PublicSizes, RangeShare, TableSizes, UnrelatedVariables, VariableShares
from broker.policy.release_history_policy import ReferencePopulation, ReleaseHistoryPolicy, StandardPopulation

ROUNDING_TOLERANCE = 1e-9  # sums of written shares may exceed 1 by a rounding error
SHARES_KEYS = (keys_of(VariableShares) | {"each"}) - {"each_least", "each_most"}


def read_release_history(path: Path, catalogue: Catalogue) -> ReleaseHistoryPolicy:
    """The policy of the release history. Without the file, there is no reference population."""
    if not path.is_file():
        return ReleaseHistoryPolicy()
    fields = PolicyFields(read_yaml(path), keys_of(ReleaseHistoryPolicy))
    references = [(_reference_population(node, catalogue), node) for node in fields.listed("references")]
    standard = [(_standard_population(node, catalogue), node) for node in fields.listed("standard")]
    code, message = "duplicate-population", "There are two populations of this name."
    return read_model(
        fields,
        ReleaseHistoryPolicy,
        ("fraction",),
        references=distinct(references, lambda found: found.name, code, message),
        standard=distinct(standard, lambda found: found.name, code, message),
    )


def _reference_population(node: LocatedValue, catalogue: Catalogue) -> ReferencePopulation:
    fields = PolicyFields(node, keys_of(ReferencePopulation))
    table = person_table(fields, catalogue)
    for entry in fields.listed("variables"):
        if table.find(entry.text()) is None or table.is_link_key(entry.text()):
            raise entry.wrong("unknown-variable", f"{table.full_name} has no variable {entry.text()!r} to group by.")
    if not fields.listed("variables"):
        raise fields.wrong("variables", "missing-key", "A reference population needs variables.")
    return read_model(fields, ReferencePopulation, table=table.full_name)


def _standard_population(node: LocatedValue, catalogue: Catalogue) -> StandardPopulation:
    fields = PolicyFields(node, keys_of(StandardPopulation))
    return read_model(fields, StandardPopulation, table=person_table(fields, catalogue).full_name)


def read_sizes(folder: Path, catalogue: Catalogue) -> PublicSizes:
    """The public sizes, with one file for some years of a table. Without the folder, no size is known."""
    found: list[TableSizes] = []
    for path in sorted(folder.glob("*.yaml")):
        fields = PolicyFields(read_yaml(path), keys_of(TableSizes))
        sizes = _table_sizes(fields, person_table(fields, catalogue), catalogue)
        if any(t.table == sizes.table and not _are_apart(t, sizes) for t in found):
            raise fields.wrong("years", "duplicate-table", f"Two files have sizes of {sizes.table} in one year.")
        found.append(sizes)
    return PublicSizes(tables=tuple(found))


def _are_apart(one: TableSizes, other: TableSizes) -> bool:
    return one.years is not None and other.years is not None and not one.years & other.years


def _table_sizes(fields: PolicyFields, table: CatalogueTable, catalogue: Catalogue) -> TableSizes:
    shares = [_variable_shares(node, table, catalogue) for node in fields.listed("shares")]
    names = [s.variable for s in shares]
    for node, name in zip(fields.listed("shares"), names, strict=True):
        if names.count(name) > 1:
            raise node.wrong("duplicate-variable", f"The shares of {name} stand here twice.")
    unrelated = tuple(_unrelated(node, names) for node in fields.listed("unrelated"))
    sizes = read_model(fields, TableSizes, table=table.full_name, shares=tuple(shares), unrelated=unrelated)
    years, existing = sizes.years, table.years
    if (years is None) != (existing is None) or not (years or frozenset()) <= (existing or frozenset()):
        raise fields.wrong("years", "year-outside", f"These are no years of {table.full_name}.")
    return sizes


def _variable_shares(node: LocatedValue, table: CatalogueTable, catalogue: Catalogue) -> VariableShares:
    fields = PolicyFields(node, SHARES_KEYS)
    each = [_share(n) for n in fields.listed("each")]
    codes = fields.at("codes").fields() if fields.has("codes") else {}
    found = read_model(
        fields,
        VariableShares,
        variable=_sized_variable(fields, table, catalogue),
        codes={code: _share(value) for code, value in codes.items()},
        ranges=tuple(_range(n) for n in fields.listed("ranges")),
        each_least=each[0] if each else 0.0,
        each_most=each[-1] if each else 1.0,
    )
    if len(each) not in {0, 2} or found.each_least > found.each_most:
        raise fields.wrong("each", "policy-range", "'each' is the least and the most share of one code.")
    if sum(found.codes.values()) + sum(r.share for r in found.ranges) > 1 + ROUNDING_TOLERANCE:
        raise node.wrong("policy-range", f"The shares of {found.variable} add up to more than everybody.")
    ends = [(r.low, r.high) for r in found.ranges]
    # a value in two ranges would count twice
    if any(high >= low for (_, high), (low, _) in pairwise(ends)):
        raise fields.wrong("ranges", "policy-range", "Ranges are written in order, and none meets another.")
    return found


def _sized_variable(fields: PolicyFields, table: CatalogueTable, catalogue: Catalogue) -> str:
    """Spelling in the catalogue of a variable of the table, a variable of another table (by full name), another table
    alone, or a quotient of two numbers of the table."""
    text = fields.text("variable")
    other = catalogue.find(text)
    if other is not None:
        return other.full_name
    if " / " in text:  # a quotient of two numbers
        return " / ".join(_number_of_table(fields, part, table) for part in text.split(" / "))
    table_name, _, name = text.rpartition(".")
    owner = catalogue.find(table_name) if table_name else table
    variable = owner.find(name) if owner is not None else None
    if owner is None or variable is None:
        raise fields.wrong("variable", "unknown-variable", f"{text!r} is no variable of the catalogue.")
    return variable.name if owner is table else f"{owner.full_name}.{variable.name}"


def _number_of_table(fields: PolicyFields, name: str, table: CatalogueTable) -> str:
    variable = table.find(name)
    if variable is None or not variable.type.is_number:
        raise fields.wrong("variable", "unknown-variable", f"{table.full_name} has no number {name!r}.")
    return variable.name


def _share(node: LocatedValue) -> float:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # bool is an int in Python
        raise node.wrong("policy-range", "A share is a number from 0 to 1.")
    return float(value)


def _range(node: LocatedValue) -> RangeShare:
    parts = [n.value for n in node.items()]
    numbers = [float(p) for p in parts if isinstance(p, int | float) and not isinstance(p, bool)]
    if len(numbers) != 3 or len(parts) != 3 or numbers[0] > numbers[1] or not 0 <= numbers[2] <= 1:
        raise node.wrong("policy-range", "A range is written [low, high, share].")
    return RangeShare(low=numbers[0], high=numbers[1], share=numbers[2])


def _unrelated(node: LocatedValue, known: list[str]) -> UnrelatedVariables:
    fields = PolicyFields(node, keys_of(UnrelatedVariables))
    for entry in fields.listed("variables"):
        if entry.text() not in known:
            raise entry.wrong("unknown-variable", f"{entry.text()!r} has no shares in this file.")
    return read_model(fields, UnrelatedVariables, variables=fields.value("variables", tuple[str, ...], ()))
