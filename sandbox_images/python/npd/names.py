"""Names of outputs and columns: what the header declares, what is plain, what is used already. Touches no data."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from npd.catalogue import all_keys, keys_of
from npd.errors import NpdError, listed, nearest
from npd.place import Place
from npd.reading import names_of

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}", re.ASCII)

LONGEST = 500


def output_name(place: Place, name: str | None) -> str:
    """The stem of an output's name, which the header declares and no other output of the job has."""
    declared = {PurePath(each).stem: each for each in place.outputs}
    if name is None:
        if len(declared) != 1:
            raise NpdError(f"Say name=: the header declares {listed(declared) if declared else 'no output'}.")
        (name,) = declared
    if not isinstance(name, str):
        raise NpdError(f"name= is text, such as name={next(iter(declared), 'table')!r}.")
    stem = name.rpartition(".")[0] if "." in name else name
    if not STEM.fullmatch(stem):
        raise NpdError(f"{name!r} is no name for an output: use letters, digits, _ and -.")
    if stem not in declared and (declared or place.text or not place.preview):
        hint = nearest(stem, declared)
        line = f"# output: {stem}.csv | what it is"
        raise NpdError(f"The header declares no output {stem!r}.{hint} Write at the top of the script: {line}")
    if stem in place.done:
        raise NpdError(f"The output {stem!r} was handed over already: give each its own name.")
    return stem


def description_of(place: Place, stem: str, given: str | None) -> str:
    """The script's words, or else the header's."""
    found = given or next((words for name, words in place.outputs.items() if PurePath(name).stem == stem), "")
    if not isinstance(found, str) or len(found) > LONGEST or not found.isprintable():
        raise NpdError(f"description= is one line of text, of at most {LONGEST} characters.")
    return found


def columns_of(given: Any, what: str) -> list[str]:
    """One name or several, each once."""
    names = [given] if isinstance(given, str) else list(given or ())
    for name in names:
        plain(name, what)
    if len(set(names)) < len(names):
        raise NpdError(f"{what} names a column twice.")
    return names


def plain(name: Any, what: str) -> None:
    if not isinstance(name, str) or not PLAIN.fullmatch(name):
        raise NpdError(f"{what}: {name!r} is no plain name. Rename it: letters, digits and _, such as mean_score.")


def person_column(columns: Sequence[str], given: str | None) -> str:
    """The column that holds the pseudonyms: the one given, or the one that is called as in the catalogue."""
    if given is not None:
        if given not in columns:
            raise NpdError(f"The rows have no column {given!r}, which person= names.{nearest(given, columns)}")
        return given
    found = [name for name in columns if name in all_keys()]
    if len(found) == 1:
        return found[0]
    if found:
        raise NpdError(f"The rows have several columns of pseudonyms ({listed(found)}): say person=.")
    raise NpdError(
        "The rows have no column of pseudonyms: what is handed over is one row a person or event, not a finished "
        "table. Keep PupilMatchingRefAnonymous (or the table's own link key) in the rows, or say person=."
    )


def catalogue_variables(place: Place, given: Any, columns: Sequence[str]) -> dict[str, str]:
    """Column to `schema.table.variable`, for columns that are said to be as the catalogue has them."""
    if given is None:
        return {}
    if isinstance(given, str) or not isinstance(given, (Mapping, Iterable)):
        raise NpdError('variables= is a list, ["spring_census.LA"], or a mapping, {"LA": "spring_census.LA"}.')
    pairs = given.items() if isinstance(given, Mapping) else [(str(each).rpartition(".")[2], each) for each in given]
    return {column: _variable(place, column, str(source), columns) for column, source in pairs}


def _variable(place: Place, column: str, source: str, columns: Sequence[str]) -> str:
    if column not in columns:
        raise NpdError(f"variables= names {column!r}, which is no column of the rows.{nearest(column, columns)}")
    table, dot, variable = source.rpartition(".")
    if not dot:
        raise NpdError(f'variables= says of which table: write {{"{column}": "table.{source}"}}.')
    found = place.find(table)
    name = names_of(found, [variable])[0]
    if not place.asked_for(found, name):
        line = f"# input: {found.full_name} [{name}, ...]"
        raise NpdError(f"{source} is none of the job's inputs: add it to its header, {line}.")
    return f"{found.full_name}.{name}"


def with_person(place: Place, variables: dict[str, str], person: str) -> dict[str, str]:
    """The declared variables, with that of the pseudonyms: its own, or that of a table whose key is called so."""
    if person in variables:
        return variables
    tables = sorted(place.tables.values(), key=lambda t: f"{t.full_name}." not in " ".join(variables.values()))
    holding = [t for t in tables if person in keys_of(t.full_name)]
    for table in holding:
        if place.asked_for(table, person):
            return variables | {person: f"{table.full_name}.{person}"}
    if holding:
        line = f"# input: {holding[0].full_name} [{person}, ...]"
        raise NpdError(f"{person} is none of the job's inputs: add it to its header, {line}.")
    advice = f'variables={{"{person}": "spring_census.PupilMatchingRefAnonymous"}}'
    raise NpdError(f"Say which table's pseudonyms {person!r} holds: {advice}.")
