"""A file of person rows as a table of keys, person, institution and numbers, ready to be grouped. Groups nothing."""

# ruff: noqa: S608 - SQL is put together from names of its own and literals

from collections.abc import Mapping
from typing import Any

from broker.disclosure.files.tabulation import Asked
from broker.disclosure.repair.tables import Place
from broker.domain.errors import Invalid
from broker.domain.scalars import MISSING
from broker.engine.person_file import PersonFile, literal

NUMBER = "DECIMAL(38,10)"
"""What is added up: exact to ten digits after the point."""
NARROW = "DECIMAL(18,4)"
"""The same where all numbers of a column are small enough: half as long to add up."""
Row = tuple[Any, ...]


def number_of(file: PersonFile, name: str) -> str:
    """A column's numbers, in the narrowest type that holds all of them exactly."""
    column = file.names[name]
    if name in file.whole or (name in file.floating and _is_short(file, column)):
        return column if name in file.whole else f"{column}::{NARROW}"
    column = f"{column}::VARCHAR"
    wide, narrow = (f"try_cast({column} AS {kind})" for kind in (NUMBER, NARROW))
    query = f"SELECT min({file.row}) FILTER ({wide} IS NULL), bool_and({narrow} IS NOT DISTINCT FROM {wide}) FROM file"
    first, is_narrow = file.con.execute(f"{query} WHERE {column} IS NOT NULL").fetchall()[0]
    if first is None:
        return f"{column}::{NARROW if is_narrow else NUMBER}"
    value = file.con.execute(f"SELECT try_cast({column} AS DOUBLE) FROM file WHERE {file.row} = {first}").fetchall()[0][
        0
    ]
    if value is not None and abs(value) < float("inf"):
        raise Invalid("too-large", f"Column {name!r} has a number that is too large to add up.", f"row {first + 1}")
    raise Invalid("bad-number", f"Column {name!r} has a value that is no number.", f"row {first + 1}")


def _is_short(file: PersonFile, column: str) -> bool:
    """Whether each floating number is a decimal of at most fifteen figures, four after the point, which is then how it
    is written: no other such decimal has it as its nearest number."""
    query = f"SELECT bool_and(abs({column}) < 1e11 AND {column} = try_cast({column} AS {NARROW})::DOUBLE) FROM file"
    return bool(file.con.execute(query).fetchall()[0][0])


class Table:
    """The file as `rows`: keys k0…, the person p, the columns v0…, and the institution.

    Where each person has one row these are read from the file as often as they are grouped, by the file's own texts.
    Where rows are grouped by person first, they are written down once, with keys that are short numbers.
    """

    def __init__(self, file: PersonFile, asked: Asked, numbers: Mapping[str, str]) -> None:
        self.con, self.asked = file.con, asked
        unit = file.names[asked.unit]
        self.once = _is_once(file, unit)
        """Whether each person has one row: then nobody is looked for twice."""
        self.least = asked.needs.least if self.once and asked.needs is not None and not asked.totals else None
        """How many different values of a cell are enough, where its sums may be had without looking at each."""
        self.categories, keys = zip(*(_key(file, i, name, self.once) for i, name in enumerate(asked.by)), strict=True)
        self.columns = {n: f"v{i}" for i, n in enumerate(dict.fromkeys((*asked.measures, *asked.ordered)))}
        amounts = "".join(f", {numbers.get(n, file.names[n])} AS {v}" for n, v in self.columns.items())
        school = file.names[asked.institution] if asked.institution else "NULL"
        person = "NULL" if self.once else f"coalesce('p' || {unit}, 'r' || {file.row})"
        kind = "VIEW" if self.once else "TABLE"
        columns = f"{', '.join(keys)}, {person} AS p, {school} AS school{amounts}"
        self.con.execute(f"CREATE TEMP {kind} rows AS SELECT {columns} FROM file")
        self.keys = ", ".join(f"k{i}" for i in range(len(asked.by)))
        self.groups = f"CUBE ({self.keys})" if asked.totals else self.keys

    def by_place(self, query: str) -> dict[Place, Row]:
        """The rest of each row by its place."""
        width = len(self.asked.by)
        return {row[:width]: row[width:] for row in self.con.execute(query).fetchall()}


def _is_once(file: PersonFile, unit: str) -> bool:
    """Whether no unit is there twice. Two of one hash count as the same: they are looked for in vain, and no more."""
    hashes = file.con.execute(f"SELECT hash({unit}) AS h FROM file WHERE {unit} IS NOT NULL").fetchnumpy()["h"]
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any()


def _key(file: PersonFile, number: int, name: str, is_text: bool) -> tuple[tuple[str, ...], str]:
    """The categories in order of text, the missing one last; and the key, as text or as a type of their own. Text that
    is the file's own is grouped by the file's own codes, so it is touched only where there is a missing one."""
    column = file.names[name]
    listed = [row[0] for row in file.con.execute(f"SELECT DISTINCT {column} FROM file").fetchall()]
    filled = f"coalesce({column}, {literal(MISSING)})" if None in listed else column
    found = sorted({MISSING if c is None else c for c in listed}, key=lambda n: (n == MISSING, n))
    if is_text:
        return tuple(found), f"{filled} AS k{number}"
    file.con.execute(f"CREATE TYPE key{number} AS ENUM ({', '.join(map(literal, found))})")
    return tuple(found), f"{filled}::key{number} AS k{number}"
