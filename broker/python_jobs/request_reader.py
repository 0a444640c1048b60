"""Reads the requests that scripts leave next to rows: from JSON to frozen values, with a closed list of keys. Opens no
rows."""

import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from broker.domain.errors import Invalid
from broker.domain.jobs import script_requests
from broker.python_jobs.regression_formula import is_column_name, read_formula
from broker.python_jobs.sanitised_files import unique_keys

MAX_REQUEST_BYTES = 64 * 1024
MAX_COLUMNS, MAX_KEYS = 30, 6
MAX_TEXT = 500
MAX_BOUND = 1e9
VERSION = 1
_TABLE_KEYS = {"version", "kind", "name", "person", "by", "measures", "variables", "description"}
_REGRESSION_KEYS = {"version", "kind", "name", "person", "formula", "family", "variables", "description"}
_FIGURE_KEYS = {"version", "kind", "name", "data", "mark", "x", "y", "colour", "description"}
_WITHOUT_COLUMN = {script_requests.MeasureKind.COUNT, script_requests.MeasureKind.PERSONS}
Document = Mapping[str, Any]
W = TypeVar("W", bound=StrEnum)


def read_request(content: bytes, kind: str, name: str) -> script_requests.ScriptRequest:
    """Read the request of kind `table`, `regression` or `figure` from the file of output `name`. Raises Invalid."""
    document = _read_document(content)
    if document.get("version") != VERSION or document.get("kind") != kind or document.get("name") != name:
        _malformed("version, kind or name is not that of the file", "")
    match kind:
        case "table":
            return _table_request(document)
        case "regression":
            return _regression_request(document)
    return _figure_request(document)


def _malformed(fault: str, pointer: str) -> NoReturn:
    raise Invalid("request", f"The library did not write this request: {fault}.", pointer)


def _read_document(content: bytes) -> Document:
    if len(content) > MAX_REQUEST_BYTES:
        _malformed(f"it has more than {MAX_REQUEST_BYTES} bytes", "")
    try:
        # NaN and Infinity are no JSON
        found = json.loads(content.decode("utf-8"), object_pairs_hook=unique_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _malformed("it is not JSON, or names a key twice", "")
    if not isinstance(found, dict):
        _malformed("it is not an object", "")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _check_keys(document: Document, wanted: set[str], optional: frozenset[str] = frozenset()) -> None:
    if not wanted <= set(document) <= wanted | optional:
        _malformed(f"its keys are not {', '.join(sorted(wanted))}", "")


def _plain_text(document: Document, key: str) -> str:
    value = document[key]
    if not isinstance(value, str) or len(value) > MAX_TEXT or not all(c.isprintable() for c in value):
        _malformed(f"{key} is no plain text of at most {MAX_TEXT} characters", f"/{key}")
    return value


def _word(document: Document, key: str, words: type[W]) -> W:
    """The member of an enumeration that a key states."""
    written = document[key]
    if not isinstance(written, str) or written not in set(words):  # a list or an object cannot be looked up in a set
        _malformed(f"{key} is one of {', '.join(words)}", f"/{key}")
    return words(written)


def _column_name(value: object, pointer: str) -> str:
    if not isinstance(value, str) or not is_column_name(value):
        _malformed("a column's name has letters, digits and _ only, and at most 63 of them", pointer)
    return value


def _declared_variables(document: Document, person: str) -> tuple[tuple[str, str], ...]:
    """Columns that are declared as catalogue variables, including the person's."""
    found = document["variables"]
    if not isinstance(found, dict) or len(found) > MAX_COLUMNS:
        _malformed(f"variables is no object of at most {MAX_COLUMNS} columns", "/variables")
    declared: list[tuple[str, str]] = []
    for column, variable in found.items():
        pointer = f"/variables/{column}" if is_column_name(column) else "/variables"
        parts = variable.split(".") if isinstance(variable, str) else []
        if len(parts) not in {2, 3} or not all(p.isidentifier() and len(p) <= 63 for p in parts):
            _malformed("a variable is written schema.table.variable", pointer)
        declared.append((_column_name(column, "/variables"), variable))
    if person not in found:
        message = f"The column {person} has the pseudonyms: declare in variables which catalogue variable it is."
        raise Invalid("request", message, "/variables")
    return tuple(declared)


def _table_request(document: Document) -> script_requests.ScriptTable:
    _check_keys(document, _TABLE_KEYS, frozenset({"bounds"}))
    person = _column_name(document["person"], "/person")
    by, measures = document["by"], document["measures"]
    if not isinstance(by, list) or len(by) > MAX_KEYS:
        _malformed(f"by is no list of at most {MAX_KEYS} columns", "/by")
    keys = tuple(_column_name(c, f"/by/{n}") for n, c in enumerate(by))
    if not isinstance(measures, dict) or not 1 <= len(measures) <= MAX_COLUMNS:
        _malformed(f"measures is no object of 1 to {MAX_COLUMNS} measures", "/measures")
    requested = tuple(_measure_request(name, definition) for name, definition in measures.items())
    names = [n.casefold() for n in (*keys, *(a.name for a in requested))]
    if len(set(names)) < len(names):
        _malformed("two columns of the table have one name", "/measures")
    used = {*keys, *(a.column for a in requested if a.column is not None)}
    if person in used:
        _malformed("the pseudonym is neither a key nor a number", "/person")
    variables, description = _declared_variables(document, person), _plain_text(document, "description")
    # declared columns have the bounds of the catalogue
    measured = {a.column for a in requested} - {column for column, _ in variables}
    bounds = tuple(_bounds(document.get("bounds", {}), measured))
    return script_requests.ScriptTable(
        _plain_text(document, "name"), person, keys, requested, variables, description, bounds
    )


def _bounds(written: object, measured: Set[str | None]) -> Iterator[tuple[str, float, float]]:
    """Least and largest value of a measured column that the script computed itself, as (column, least, largest)."""
    if not isinstance(written, dict):
        _malformed("bounds is no object", "/bounds")
    for name, ends in written.items():
        column = _column_name(name, "/bounds")
        # type() excludes bool
        numbers = ends if isinstance(ends, list) and all(type(e) in {int, float} for e in ends) else []
        if column not in measured or len(numbers) != 2 or not -MAX_BOUND <= numbers[0] < numbers[1] <= MAX_BOUND:
            _malformed(
                "bounds are [least, largest] of a measured column that is no catalogue variable", f"/bounds/{column}"
            )
        yield column, float(numbers[0]), float(numbers[1])


def _measure_request(name: str, definition: object) -> script_requests.MeasureRequest:
    column = _column_name(name, "/measures")
    pointer = f"/measures/{column}"
    if not isinstance(definition, dict) or len(definition) != 1:
        _malformed("a measure is one statistic", pointer)
    ((statistic, operand),) = definition.items()
    if statistic not in set(script_requests.MeasureKind):
        _malformed(f"a statistic is one of {', '.join(script_requests.MeasureKind)}", pointer)
    kind = script_requests.MeasureKind(statistic)
    if kind in _WITHOUT_COLUMN:
        if operand is not True:
            _malformed("count and persons are of no column", pointer)
        return script_requests.MeasureRequest(column, kind, None)
    return script_requests.MeasureRequest(column, kind, _column_name(operand, pointer))


def _regression_request(document: Document) -> script_requests.ScriptRegression:
    _check_keys(document, _REGRESSION_KEYS, frozenset({"cluster"}))
    person = _column_name(document["person"], "/person")
    written = document["formula"]
    if not isinstance(written, str):
        _malformed("formula is a text", "/formula")
    formula = read_formula(written)
    family, cluster = _word(document, "family", script_requests.ModelFamily), document.get("cluster")
    if formula.absorbed and family is not script_requests.ModelFamily.OLS:
        raise Invalid("request", "Only a linear model can absorb fixed effects.", "/formula")
    if person in formula.columns:
        raise Invalid(
            "request", "You cannot use the pseudonym in a formula: it would give each person a figure.", "/formula"
        )
    return script_requests.ScriptRegression(
        _plain_text(document, "name"),
        person,
        formula,
        written,
        family,
        None if cluster is None else _column_name(cluster, "/cluster"),
        _declared_variables(document, person),
        _plain_text(document, "description"),
    )


def _figure_request(document: Document) -> script_requests.ScriptFigure:
    _check_keys(document, _FIGURE_KEYS)
    colour = document["colour"]
    return script_requests.ScriptFigure(
        _plain_text(document, "name"),
        _plain_text(document, "data"),
        _word(document, "mark", script_requests.FigureMark),
        _column_name(document["x"], "/x"),
        _column_name(document["y"], "/y"),
        None if colour is None else _column_name(colour, "/colour"),
        _plain_text(document, "description"),
    )


NUMBER_LITERALS = re.compile(r"(?<![A-Za-z0-9_.])(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
"""Numbers that a text contains as literals."""


def in_text_order(request: script_requests.ScriptTable, text: str) -> script_requests.ScriptTable:
    """Keys and measures in the order in which the text first names them; names that it does not contain follow in
    alphabetical order."""

    def sort_key(name: str) -> tuple[int, str]:
        return _text_position(name, text), name

    by = tuple(sorted(request.by, key=sort_key))
    return replace(request, by=by, measures=tuple(sorted(request.measures, key=lambda m: sort_key(m.name))))


def in_canonical_order(formula: script_requests.ModelFormula) -> script_requests.ModelFormula:
    """The terms in a canonical order: short ones first, then by columns; columns within a term are sorted too. The
    order of terms does not change a model."""

    def sort_key(term: tuple[script_requests.FormulaFactor, ...]) -> tuple[int, list[str]]:
        return len(term), [f.column for f in term]

    terms = [tuple(sorted(term, key=lambda f: f.column)) for term in formula.terms]
    return replace(formula, terms=tuple(sorted(terms, key=sort_key)))


def names_not_in_text(
    request: script_requests.ScriptTable | script_requests.ScriptRegression, text: str
) -> tuple[str, ...]:
    """Names that would be shown but are not words of the text, and bounds that it does not contain. Bounds decide how
    many digits are shown."""
    if isinstance(request, script_requests.ScriptRegression):
        return tuple(n for n in request.formula.columns if _text_position(n, text) == len(text))
    names = (*request.by, *(m.name for m in request.measures))
    # Python allows underscores in numbers
    numbers = {float(n.replace("_", "")) for n in NUMBER_LITERALS.findall(text)} if request.bounds else set()
    # the sign is not part of a literal
    computed = (f"bounds of {column}" for column, *ends in request.bounds if not {abs(end) for end in ends} <= numbers)
    return (*(n for n in names if _text_position(n, text) == len(text)), *computed)


def _text_position(name: str, text: str) -> int:
    found = re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text)  # as a whole word
    return len(text) if found is None else found.start()
