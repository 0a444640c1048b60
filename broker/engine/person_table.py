"""A file of person rows as a table of keys, person, institution and numbers, ready to be grouped. Groups nothing."""

# ruff: noqa: S608 - SQL is put together from names of its own and literals

from collections.abc import Mapping
from typing import Any

from broker.disclosure.files.tabulation import Asked
from broker.disclosure.repair.tables import Place
from broker.disclosure.wording import MISSING
from broker.domain.errors import Invalid
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
    """The file as the view `rows`: keys k0…, the person p, the columns v0…, and the institution."""

    def __init__(self, file: PersonFile, asked: Asked, numbers: Mapping[str, str]) -> None:
        self.con, self.asked = file.con, asked
        self.categories = tuple(_make_type(file, i, name) for i, name in enumerate(asked.by))
        self.columns = {n: f"v{i}" for i, n in enumerate(dict.fromkeys((*asked.measures, *asked.ordered)))}
        unit = file.names[asked.unit]
        keys = ", ".join(
            f"coalesce({file.names[c]}, {literal(MISSING)})::key{i} AS k{i}" for i, c in enumerate(asked.by)
        )
        amounts = "".join(f", {numbers.get(n, file.names[n])} AS {v}" for n, v in self.columns.items())
        school = file.names[asked.institution] if asked.institution else "NULL"
        person = f"coalesce('p' || {unit}, 'r' || {file.row})"
        distinct, valued = file.con.execute(f"SELECT count(DISTINCT {unit}), count({unit}) FROM file").fetchall()[0]
        self.once = distinct == valued
        """Whether each person has one row: then nobody is looked for twice."""
        person = "NULL" if self.once else person
        self.con.execute(
            f"CREATE TEMP TABLE rows AS SELECT {keys}, {person} AS p, {school} AS school{amounts} FROM file"
        )
        self.keys = ", ".join(f"k{i}" for i in range(len(asked.by)))
        self.groups = f"CUBE ({self.keys})" if asked.totals else self.keys

    def by_place(self, query: str) -> dict[Place, Row]:
        """The rest of each row by its place."""
        width = len(self.asked.by)
        return {row[:width]: row[width:] for row in self.con.execute(query).fetchall()}


def _make_type(file: PersonFile, number: int, name: str) -> tuple[str, ...]:
    """The categories in order of text, the missing one last; as a type of their own rows are put together faster."""
    query = f"SELECT DISTINCT coalesce({file.names[name]}, {literal(MISSING)}) FROM file"
    found = sorted((str(row[0]) for row in file.con.execute(query).fetchall()), key=lambda n: (n == MISSING, n))
    listed = ", ".join(map(literal, found or [MISSING]))
    file.con.execute(f"CREATE TYPE key{number} AS ENUM ({listed})")
    return tuple(found)
