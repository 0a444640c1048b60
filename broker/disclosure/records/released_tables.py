"""Released tables: written as CSV with their record, read back from the bytes, and converted to Parquet and to chart
points."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from broker.disclosure.assessment_texts import public_rounding
from broker.domain.csv_text import write_csv
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules, Rounding

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """`keys` are the indexes of the key columns, `figures` those of number columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: tuple[int, ...]
    figures: tuple[int, ...]
    symbols: Mapping[str, str]
    max_errors: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """By column, the largest error of each row's figure, where it is known."""

    def is_hidden(self, place: int, value: str) -> bool:
        return place not in self.keys and value in self.symbols

    def max_error(self, place: int, row: int) -> str | None:
        found = self.max_errors.get(self.columns[place])
        return None if found is None else found[row]

    def column(self, place: int) -> list[str]:
        return [row[place] for row in self.rows]


def read_released(content: bytes, symbols: Mapping[str, str], keys: frozenset[str] | None) -> ReleasedTable:
    """Read a released CSV. `keys` names the plan's key columns. If it is None, keys are the columns before the first
    one of numbers and symbols (the first column never counts as such). Raises Invalid("no-table") if the content is not
    a CSV table."""
    try:
        # Spreadsheets may add a byte order mark.
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid("no-table", "This output is not a table.", "") from error
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise Invalid("no-table", "This output is not a table.", "")
    columns, rows = tuple(lines[0]), tuple(tuple(line) for line in lines[1:])
    # Symbols of hidden figures count as numbers.
    numbers = [i for i in range(len(columns)) if _is_number([r[i] for r in rows], symbols)]
    if keys is None:
        first = next((i for i in numbers if i), len(columns))
        places = tuple(range(first))
    else:
        places = tuple(i for i, name in enumerate(columns) if name in keys)
    return ReleasedTable(columns, rows, places, tuple(i for i in numbers if i not in places), symbols)


def _is_number(values: list[str], symbols: Mapping[str, str]) -> bool:
    return all(v == "" or v in symbols or NUMBER.fullmatch(v) for v in values)


def released_parquet(table: ReleasedTable, about: Mapping[str, str]) -> bytes:
    """The table as Parquet: figures are numbers; a hidden one is null, and the column `name.symbol` has its symbol.
    The column `name.max_error` has the largest errors. `about` becomes metadata of the file. Equal tables give equal
    bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays: dict[str, Any] = {}
    for place, name in enumerate(table.columns):
        values = table.column(place)
        hidden = [table.is_hidden(place, v) for v in values]
        shown = [None if h or v == "" else v for v, h in zip(values, hidden, strict=True)]
        arrays[name] = _arrow_array(shown)
        if any(hidden):
            arrays[f"{name}.symbol"] = pa.array([v if h else None for v, h in zip(values, hidden, strict=True)])
        if name in table.max_errors:
            errors = table.max_errors[name]
            arrays[f"{name}.max_error"] = pa.array([None if e is None else float(e) for e in errors], pa.float64())
    # No date or version: equal bytes.
    arrow_table = pa.table(arrays).replace_schema_metadata({f"npd-broker.{k}": v for k, v in about.items()})
    file = io.BytesIO()
    pq.write_table(arrow_table, file)
    return file.getvalue()


def _arrow_array(values: list[str | None]) -> Any:
    """Codes with a leading zero stay text."""
    import pyarrow as pa

    there = [v for v in values if v is not None]
    # A leading zero does not match, so such codes stay text.
    if there and all(WHOLE_NUMBER.fullmatch(v) for v in there):
        return pa.array([None if v is None else int(v) for v in values], pa.int64())
    if there and all(NUMBER.fullmatch(v) for v in there):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array(values, pa.string())


def released_points(table: ReleasedTable, x: int, y: int, colour: int | None) -> list[dict[str, Any]]:
    """One point for each row whose figure is shown."""
    whole = all(WHOLE_NUMBER.fullmatch(v) for v in table.column(x))
    found = []
    for row in table.rows:
        if table.is_hidden(y, row[y]) or not row[y]:
            continue
        point: dict[str, Any] = {"x": int(row[x]) if whole else row[x], "y": float(row[y])}
        found.append(point if colour is None else point | {"colour": row[colour]})
    return found


RELEASED_RECORD, VERSION = "npd-broker released record", 1
RELEASED_DIGITS = 10
PUBLIC_PARAMETERS = {
    "threshold": "t",
    "mean_digits": "mean_digits",
    "percent_digits": "percent_digits",
    "sum_digits": "sum_digits",
}
"""Public names of parameters in the released record, with the profile's names. None depends on the data."""


def released_csv(assessment: Assessment) -> bytes:
    """The table as it would be released: UTF-8 with a header, one symbol for every hidden figure. Equal assessments
    give equal bytes."""
    symbol = assessment.symbols[0][0] if assessment.symbols else ""
    rows = (zip(row.released, row.suppressed, strict=True) for row in assessment.rows)
    texts = ([symbol if hidden else text_of_value(value) for value, hidden in row] for row in rows)
    return write_csv(assessment.columns, texts)


def text_of_value(value: Value) -> str:
    """A released value as text: decimals without trailing zeros, ISO dates, an empty text for NULL."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case Decimal() | float():
            exact = round(Decimal(str(value)), RELEASED_DIGITS)
            plain = f"{exact if exact else abs(exact):f}"  # no negative zero
            return plain.rstrip("0").rstrip(".") if "." in plain else plain
        case date():
            return value.isoformat()
        case _:
            return str(value)


def released_record(assessment: Assessment, profile: DisclosureRules) -> dict[str, Any]:
    """The public record of how a table was made: the method and public parameters, whatever the data are, and how far
    rounding moves each figure at most. The parameters of dominance rules are left out, because anyone who knows them
    can undo their protection."""
    return {
        "record": RELEASED_RECORD,
        "version": VERSION,
        "name": assessment.name,
        "columns": list(assessment.columns),
        "method": "disclosure control",
        "profile": profile.name,
        "parameters": {
            **{public_name: getattr(profile, name) for public_name, name in PUBLIC_PARAMETERS.items()},
            **public_rounding(profile),
        },
        "additive": profile.rounding is Rounding.CONVENTIONAL and profile.round_base == 1,
        "max_errors": {name: list(map(_text_or_none, errors)) for name, errors in assessment.max_errors.items()},
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def _text_or_none(value: Value) -> str | None:
    return None if value is None else text_of_value(value)


def released_file_record(name: str) -> dict[str, Any]:
    """The record of a script's file: the broker computed nothing in it, and people checked it."""
    return {
        "record": RELEASED_RECORD,
        "version": VERSION,
        "name": name,
        "columns": [],
        "method": "looked at by people",
        "profile": None,
        "parameters": {},
        "additive": None,
        "max_errors": {},
        "symbols": {},
        "notes": ["A script made this file. The broker did not compute its figures."],
    }
