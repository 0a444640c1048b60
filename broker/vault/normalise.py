"""How one column of an extract becomes a column of a snapshot, and what it must obey. Pure: SQL text only."""

from dataclasses import dataclass

from broker.domain.scalars import Type
from broker.domain.variables import VariableClass
from broker.policy.models import Table, Variable
from broker.vault.duck import name, storage_type, text, texts

WHOLE_TYPES = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
KEY_FORMAT = "^[!-~]{1,64}$"


@dataclass(frozen=True, slots=True)
class Reading:
    """`value` is the normalised column; each of `rules` (id, predicate) is true for a row that breaks it."""

    variable: Variable
    value: str
    rules: tuple[tuple[str, str], ...]


def stored(table: Table) -> tuple[Variable, ...]:
    """The variables that a snapshot holds: instant identifiers are never granted, so they are never kept."""
    return tuple(v for v in table.variables if v.cls is not VariableClass.INSTANT_IDENTIFIER)


def is_stripped(table: Table, variable: Variable) -> bool:
    """Whether extracts may lack a column: direct identifiers are taken out before data are handed over."""
    identifying = {VariableClass.INSTANT_IDENTIFIER, VariableClass.IDENTIFIER}
    return variable.cls in identifying and not table.is_link_key(variable.name)


def read(table: Table, year: int | None, variable: Variable, column: str | None, source_type: str) -> Reading:
    """The reading of `column` (its name in the file; None where a stripped column is absent) for one variable."""
    kind = storage_type(variable)
    if column is None:
        return Reading(variable, f"NULL::{kind}", ())
    raw = name(column)
    plain = f"nullif(trim({raw}::VARCHAR, ' \t\r\n'), '')"
    value = _value(variable, kind, raw, plain, source_type)
    rules = [("type", f"{plain} IS NOT NULL AND ({value}) IS NULL"), *_bounds(variable, value), *_codes(variable, value)]
    if table.year is not None and table.year.variable.casefold() == variable.name.casefold() and year is not None:
        written = text(str(table.year.format.write(year)))
        rules.append(("year", f"({value})::VARCHAR IS DISTINCT FROM {written}"))
    elif not variable.missing:
        rules.append(("missing", f"{plain} IS NULL"))
    if table.is_link_key(variable.name):
        rules.append(("key", f"NOT regexp_full_match({plain}, {text(KEY_FORMAT)})"))
    return Reading(variable, value, tuple(rules))


def _value(variable: Variable, kind: str, raw: str, plain: str, source_type: str) -> str:
    match variable.type:
        case Type.TEXT:
            return _spelling(variable.codes, plain)
        case Type.FLAG:
            return f"CASE lower({plain}) {_FLAG_WORDS} END::TINYINT"
        case Type.INT if source_type in WHOLE_TYPES:
            return f"try_cast({raw} AS BIGINT)"
        case Type.INT:
            number = f"try_cast({plain} AS DECIMAL(38,10))"
            return f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS BIGINT) END"
        case Type.DATE:
            return f"try_cast({plain} AS DATE)"
        case _ if kind == "DOUBLE":
            return f"CASE WHEN isfinite(try_cast({plain} AS DOUBLE)) THEN try_cast({plain} AS DOUBLE) END"
        case _:
            return f"try_cast({plain} AS {kind})"


_FLAG_WORDS = " ".join(
    f"WHEN {text(word)} THEN {value}"
    for words, value in ((("1", "1.0", "true", "t", "y", "yes"), 1), (("0", "0.0", "false", "f", "n", "no"), 0))
    for word in words
)


def _spelling(codes: tuple[str, ...] | None, plain: str) -> str:
    """The code set's own spelling of a code in any case; nothing is folded where two codes differ in case only."""
    if codes is None or len({c.upper() for c in codes}) < len(codes):
        return plain
    others = [c for c in codes if c != c.upper()]
    if not others:
        return f"upper({plain})"
    arms = " ".join(f"WHEN {text(c.upper())} THEN {text(c)}" for c in others)
    return f"CASE upper({plain}) {arms} ELSE upper({plain}) END"


def _codes(variable: Variable, value: str) -> list[tuple[str, str]]:
    if not variable.codes:
        return []
    return [("code", f"({value})::VARCHAR NOT IN ({texts(variable.codes)})")]


def _bounds(variable: Variable, value: str) -> list[tuple[str, str]]:
    if not variable.type.is_number:
        return []
    rules = []
    if variable.low is not None:
        rules.append(("low", f"({value}) < {variable.low!r}"))
    if variable.high is not None:
        rules.append(("high", f"({value}) > {variable.high!r}"))
    return rules
