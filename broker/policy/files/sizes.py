"""Files of public sizes: names are checked against the catalogue, shares against each other. Estimates nothing."""

from itertools import pairwise
from pathlib import Path

from broker.policy.catalogue import Catalogue
from broker.policy.files.budgets import person_table
from broker.policy.files.fields import Fields
from broker.policy.files.read import Located, read_yaml
from broker.policy.sizes import Range, Shares, Sizes, TableSizes, Unrelated
from broker.policy.tables import Table

SLACK = 1e-9


def read_sizes(folder: Path, catalogue: Catalogue) -> Sizes:
    """One file for some years of a table. A set of policies without the folder knows no size."""
    found: list[TableSizes] = []
    for path in sorted(folder.glob("*.yaml")):
        fields = Fields(read_yaml(path), ("table", "years", "persons", "source", "shares", "unrelated"))
        sizes = _table(fields, person_table(fields, catalogue), catalogue)
        if any(t.table == sizes.table and not _are_apart(t, sizes) for t in found):
            raise fields.wrong("years", "duplicate-table", f"Two files have sizes of {sizes.table} in one year.")
        found.append(sizes)
    return Sizes(tables=tuple(found))


def _are_apart(one: TableSizes, other: TableSizes) -> bool:
    return one.years is not None and other.years is not None and not one.years & other.years


def _table(fields: Fields, table: Table, catalogue: Catalogue) -> TableSizes:
    shares = [_shares(node, table, catalogue) for node in fields.words("shares")]
    names = [s.variable for s in shares]
    for node, name in zip(fields.words("shares"), names, strict=True):
        if names.count(name) > 1:
            raise node.wrong("duplicate-variable", f"The shares of {name} stand here twice.")
    years = fields.years("years") if fields.has("years") else None
    if (years is None) != (table.years is None) or not (years or frozenset()) <= (table.years or frozenset()):
        raise fields.wrong("years", "year-outside", f"These are no years of {table.full_name}.")
    return TableSizes(
        table=table.full_name,
        years=years,
        source=fields.text("source"),
        persons=fields.whole("persons", least=1),
        shares=tuple(shares),
        unrelated=tuple(_unrelated(node, names) for node in fields.words("unrelated")),
    )


def _shares(node: Located, table: Table, catalogue: Catalogue) -> Shares:
    fields = Fields(node, ("variable", "source", "codes", "ranges", "each"))
    each = [_share(n) for n in fields.words("each")]
    codes = fields.at("codes").fields() if fields.has("codes") else {}
    found = Shares(
        variable=_name(fields, table, catalogue),
        source=fields.text("source"),
        codes={code: _share(value) for code, value in codes.items()},
        ranges=tuple(_range(n) for n in fields.words("ranges")),
        each_least=each[0] if each else 0.0,
        each_most=each[-1] if each else 1.0,
    )
    if len(each) not in {0, 2} or found.each_least > found.each_most:
        raise fields.wrong("each", "policy-range", "'each' is the least and the most share of one code.")
    if sum(found.codes.values()) + sum(r.share for r in found.ranges) > 1 + SLACK:
        raise node.wrong("policy-range", f"The shares of {found.variable} add up to more than everybody.")
    ends = [(r.low, r.high) for r in found.ranges]
    if any(high >= low for (_, high), (low, _) in pairwise(ends)):
        raise fields.wrong("ranges", "policy-range", "Ranges are written in order, and none meets another.")
    return found


def _name(fields: Fields, table: Table, catalogue: Catalogue) -> str:
    """A variable of the table, of another one by its full name, or another table alone; in the catalogue's spelling."""
    text = fields.text("variable")
    other = catalogue.find(text)
    if other is not None:
        return other.full_name
    if " / " in text:
        return " / ".join(_own(fields, part, table) for part in text.split(" / "))
    home, _, name = text.rpartition(".")
    of = catalogue.find(home) if home else table
    variable = of.find(name) if of is not None else None
    if of is None or variable is None:
        raise fields.wrong("variable", "unknown-variable", f"{text!r} is no variable of the catalogue.")
    return variable.name if of is table else f"{of.full_name}.{variable.name}"


def _own(fields: Fields, name: str, table: Table) -> str:
    variable = table.find(name)
    if variable is None or not variable.type.is_number:
        raise fields.wrong("variable", "unknown-variable", f"{table.full_name} has no number {name!r}.")
    return variable.name


def _share(node: Located) -> float:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise node.wrong("policy-range", "A share is a number from 0 to 1.")
    return float(value)


def _range(node: Located) -> Range:
    parts = [n.value for n in node.items()]
    numbers = [float(p) for p in parts if isinstance(p, int | float) and not isinstance(p, bool)]
    if len(numbers) != 3 or len(parts) != 3 or numbers[0] > numbers[1] or not 0 <= numbers[2] <= 1:
        raise node.wrong("policy-range", "A range is written [low, high, share].")
    return Range(low=numbers[0], high=numbers[1], share=numbers[2])


def _unrelated(node: Located, known: list[str]) -> Unrelated:
    fields = Fields(node, ("variables", "at_least", "source"))
    named = fields.words("variables")
    for word in named:
        if word.text() not in known:
            raise word.wrong("unknown-variable", f"{word.text()!r} has no shares in this file.")
    factor = fields.number("at_least") if fields.has("at_least") else 1.0
    if not 0 <= factor <= 1:
        raise fields.wrong("at_least", "policy-range", "at_least is a number from 0 to 1.")
    return Unrelated(variables=tuple(w.text() for w in named), source=fields.text("source"), at_least=factor)
