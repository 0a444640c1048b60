"""What would leave of an assessment: the table and the record that goes with it. Nothing of evidence or findings."""

from datetime import date
from decimal import Decimal
from typing import Any

from broker.disclosure.wording import public_rounding
from broker.domain.csv_text import written_csv
from broker.domain.findings import Assessment
from broker.domain.scalars import Value
from broker.policy.profiles import Profile, Rounding

RELEASED_RECORD, VERSION = "npd-broker released record", 1
RELEASED_DIGITS = 10
PUBLIC_PARAMETERS = {
    "threshold": "t",
    "mean_digits": "mean_digits",
    "percent_digits": "percent_digits",
    "sum_digits": "sum_digits",
}
"""What the released record calls them beside the rounding, and the profile's fields. None depends on the data."""


def released_csv(assessment: Assessment) -> bytes:
    """The table that would leave: UTF-8, a header, one symbol for every hidden figure, always the same bytes."""
    symbol = assessment.symbols[0][0] if assessment.symbols else ""
    rows = (zip(row.released, row.suppressed, strict=True) for row in assessment.rows)
    told = ([symbol if hidden else text_of_value(value) for value, hidden in row] for row in rows)
    return written_csv(assessment.columns, told)


def text_of_value(value: Value) -> str:
    """A released value as text: plain decimals without trailing zeros, ISO dates, nothing for NULL."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case Decimal() | float():
            exact = round(Decimal(str(value)), RELEASED_DIGITS)
            plain = f"{exact if exact else abs(exact):f}"
            return plain.rstrip("0").rstrip(".") if "." in plain else plain
        case date():
            return value.isoformat()
        case _:
            return str(value)


def released_record(assessment: Assessment, profile: Profile) -> dict[str, Any]:
    """What may be said of how the table was made: method and public parameters, the same whatever the data are.

    Parameters of dominance stay unsaid: who knows them can undo what they protect.
    """
    return {
        "record": RELEASED_RECORD,
        "version": VERSION,
        "name": assessment.name,
        "columns": list(assessment.columns),
        "method": "disclosure control",
        "profile": profile.name,
        "parameters": {
            **{told: getattr(profile, name) for told, name in PUBLIC_PARAMETERS.items()},
            **public_rounding(profile),
        },
        "additive": profile.rounding is Rounding.CONVENTIONAL and profile.round_base == 1,
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def released_file_record(name: str) -> dict[str, Any]:
    """Of a script's file: the broker computed nothing of it, people looked at it."""
    return {
        "record": RELEASED_RECORD,
        "version": VERSION,
        "name": name,
        "columns": [],
        "method": "looked at by people",
        "profile": None,
        "parameters": {},
        "additive": None,
        "symbols": {},
        "notes": ["A script made this file. Its figures were not computed by the broker."],
    }
