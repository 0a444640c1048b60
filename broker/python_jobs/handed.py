"""The one reader of requests that scripts leave beside rows: JSON to frozen values, closed in every key. Opens no rows.

All of it was written by a researcher's code: what is not exactly as the library writes it is Invalid("request").
"""

import json
from collections.abc import Iterator, Mapping, Set
from typing import Any, NoReturn

from broker.domain.errors import Invalid
from broker.domain.handed import Asked, Family, Handed, HandedFigure, HandedRegression, HandedTable, Mark, Told
from broker.python_jobs.formula import is_column, read_formula

LARGEST = 64 * 1024
MOST_COLUMNS, MOST_BY = 30, 6
LONGEST_TEXT = 500
FURTHEST = 1e9
VERSION = 1
_TABLE = {"version", "kind", "name", "person", "by", "measures", "variables", "description"}
_REGRESSION = {"version", "kind", "name", "person", "formula", "family", "variables", "description"}
_FIGURE = {"version", "kind", "name", "data", "mark", "x", "y", "colour", "description"}
_OF_NOTHING = {Told.COUNT, Told.PERSONS}
Document = Mapping[str, Any]


def read_request(content: bytes, kind: str, name: str) -> Handed:
    """The request of kind `table`, `regression` or `figure` in the file of output `name`."""
    document = _document(content)
    if document.get("version") != VERSION or document.get("kind") != kind or document.get("name") != name:
        _wrong("version, kind or name is not that of the file", "")
    match kind:
        case "table":
            return _table(document)
        case "regression":
            return _regression(document)
    return _figure(document)


def _wrong(what: str, pointer: str) -> NoReturn:
    raise Invalid("request", f"The request is not as the library writes it: {what}.", pointer)


def _document(content: bytes) -> Document:
    if len(content) > LARGEST:
        _wrong(f"it has more than {LARGEST} bytes", "")
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _wrong("it is no JSON, or names a key twice", "")
    if not isinstance(found, dict):
        _wrong("it is no object", "")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _keys(document: Document, wanted: set[str], may: frozenset[str] = frozenset()) -> None:
    if not wanted <= set(document) <= wanted | may:
        _wrong(f"its keys are not {', '.join(sorted(wanted))}", "")


def _text(document: Document, key: str) -> str:
    value = document[key]
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not all(c.isprintable() for c in value):
        _wrong(f"{key} is no plain text of at most {LONGEST_TEXT} characters", f"/{key}")
    return value


def _column(value: object, pointer: str) -> str:
    if not isinstance(value, str) or not is_column(value):
        _wrong("a column's name has letters, digits and _ only, and at most 63 of them", pointer)
    return value


def _variables(document: Document, person: str) -> tuple[tuple[str, str], ...]:
    """Columns declared as catalogue variables, the person's among them."""
    found = document["variables"]
    if not isinstance(found, dict) or len(found) > MOST_COLUMNS:
        _wrong(f"variables is no object of at most {MOST_COLUMNS} columns", "/variables")
    told: list[tuple[str, str]] = []
    for column, variable in found.items():
        pointer = f"/variables/{column}" if is_column(column) else "/variables"
        parts = variable.split(".") if isinstance(variable, str) else []
        if len(parts) not in {2, 3} or not all(p.isidentifier() and len(p) <= 63 for p in parts):
            _wrong("a variable is written schema.table.variable", pointer)
        told.append((_column(column, "/variables"), variable))
    if person not in found:
        message = f"The column {person} holds the pseudonyms: declare in variables which catalogue variable it is."
        raise Invalid("request", message, "/variables")
    return tuple(told)


def _table(document: Document) -> HandedTable:
    _keys(document, _TABLE, frozenset({"bounds"}))
    person = _column(document["person"], "/person")
    by, measures = document["by"], document["measures"]
    if not isinstance(by, list) or len(by) > MOST_BY:
        _wrong(f"by is no list of at most {MOST_BY} columns", "/by")
    keys = tuple(_column(c, f"/by/{n}") for n, c in enumerate(by))
    if not isinstance(measures, dict) or not 1 <= len(measures) <= MOST_COLUMNS:
        _wrong(f"measures is no object of 1 to {MOST_COLUMNS} measures", "/measures")
    asked = tuple(_measure(name, told) for name, told in measures.items())
    names = [n.casefold() for n in (*keys, *(a.name for a in asked))]
    if len(set(names)) < len(names):
        _wrong("two columns of the table have one name", "/measures")
    used = {*keys, *(a.column for a in asked if a.column is not None)}
    if person in used:
        _wrong("the pseudonym is neither a key nor a number", "/person")
    variables, description = _variables(document, person), _text(document, "description")
    measured = {a.column for a in asked} - {column for column, _ in variables}
    bounds = tuple(_bounds(document.get("bounds", {}), measured))
    return HandedTable(_text(document, "name"), person, keys, asked, variables, description, bounds)


def _bounds(found: object, measured: Set[str | None]) -> Iterator[tuple[str, float, float]]:
    """The least and the largest that a measured column of the script's own can be."""
    if not isinstance(found, dict):
        _wrong("bounds is no object", "/bounds")
    for name, ends in found.items():
        column = _column(name, "/bounds")
        numbers = ends if isinstance(ends, list) and all(type(e) in {int, float} for e in ends) else []
        if column not in measured or len(numbers) != 2 or not -FURTHEST <= numbers[0] < numbers[1] <= FURTHEST:
            _wrong(
                "bounds are [least, largest] of a measured column that is no catalogue variable", f"/bounds/{column}"
            )
        yield column, float(numbers[0]), float(numbers[1])


def _measure(name: str, told: object) -> Asked:
    column = _column(name, "/measures")
    pointer = f"/measures/{column}"
    if not isinstance(told, dict) or len(told) != 1:
        _wrong("a measure is one statistic", pointer)
    ((statistic, of),) = told.items()
    if statistic not in set(Told):
        _wrong(f"a statistic is one of {', '.join(Told)}", pointer)
    found = Told(statistic)
    if found in _OF_NOTHING:
        if of is not True:
            _wrong("count and persons are of no column", pointer)
        return Asked(column, found, None)
    return Asked(column, found, _column(of, pointer))


def _regression(document: Document) -> HandedRegression:
    _keys(document, _REGRESSION, frozenset({"cluster"}))
    person = _column(document["person"], "/person")
    written = document["formula"]
    if not isinstance(written, str):
        _wrong("formula is a text", "/formula")
    formula = read_formula(written)
    if document["family"] not in set(Family):
        _wrong(f"family is one of {', '.join(Family)}", "/family")
    family, cluster = Family(document["family"]), document.get("cluster")
    if formula.absorbed and family is not Family.OLS:
        raise Invalid("request", "Fixed effects are absorbed in a linear model only.", "/formula")
    if person in formula.columns:
        raise Invalid(
            "request", "The pseudonym has no place in a formula: it would give each person a figure.", "/formula"
        )
    return HandedRegression(
        _text(document, "name"),
        person,
        formula,
        written,
        family,
        None if cluster is None else _column(cluster, "/cluster"),
        _variables(document, person),
        _text(document, "description"),
    )


def _figure(document: Document) -> HandedFigure:
    _keys(document, _FIGURE)
    if document["mark"] not in set(Mark):
        _wrong(f"mark is one of {', '.join(Mark)}", "/mark")
    colour = document["colour"]
    return HandedFigure(
        _text(document, "name"),
        _text(document, "data"),
        Mark(document["mark"]),
        _column(document["x"], "/x"),
        _column(document["y"], "/y"),
        None if colour is None else _column(colour, "/colour"),
        _text(document, "description"),
    )
