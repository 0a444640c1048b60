"""How one column of an extract becomes a column of a snapshot, and what it must obey. Pure: SQL text only."""

from dataclasses import dataclass

from broker.domain.scalars import Type
from broker.domain.variables import VariableClass
from broker.policy.tables import Table
from broker.policy.variables import Variable
from broker.vault.duck import name, storage_type, text, texts

WHOLE_TYPES = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
NUMBER_TYPES = WHOLE_TYPES | {"FLOAT", "DOUBLE"}
KEY_FORMAT = "^[!-~]{1,64}$"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read, in two steps: `plain` of the source column, then `value` of that, which is called `column`.

    Where `plain` has a value and `value` has none, the type is wrong. `rules` (id, predicate on `column`) are true
    for a row that breaks them.
    """

    variable: Variable
    column: str
    plain: str
    value: str
    rules: tuple[tuple[str, str], ...]


def stored(table: Table) -> tuple[Variable, ...]:
    """The variables that a snapshot holds: instant identifiers are never granted, so they are never kept."""
    return tuple(v for v in table.variables if v.cls is not VariableClass.INSTANT_IDENTIFIER)


def is_stripped(table: Table, variable: Variable) -> bool:
    """Whether extracts may lack a column: direct identifiers are taken out before data are handed over."""
    identifying = {VariableClass.INSTANT_IDENTIFIER, VariableClass.IDENTIFIER}
    return variable.cls in identifying and not table.is_link_key(variable.name)


def read(table: Table, year: int | None, variable: Variable, source: str | None, source_type: str) -> Reading:
    """The reading of the column `source` of a file (None where a stripped column is absent) for one variable."""
    column, kind = name(variable.name), storage_type(variable)
    if source is None:
        return Reading(variable, column, f"NULL::{kind}", column, ())
    if _is_native(variable, source_type):
        plain, value = name(source), _native_value(variable, column, kind)
    else:
        plain = f"nullif(trim({name(source)}::VARCHAR, ' \t\r\n'), '')"
        value = _text_value(variable, column, kind)
    rules = [*_bounds(variable, column), *_codes(variable, column)]
    if table.year is not None and table.year.variable.casefold() == variable.name.casefold() and year is not None:
        rules.append(("year", f"{column}::VARCHAR IS DISTINCT FROM {text(str(table.year.format.write(year)))}"))
    elif not variable.missing:
        rules.append(("missing", f"{column} IS NULL"))
    if table.is_link_key(variable.name):
        rules.append(("key", f"NOT regexp_full_match({column}::VARCHAR, {text(KEY_FORMAT)})"))
    return Reading(variable, column, plain, value, tuple(rules))


def _is_native(variable: Variable, source_type: str) -> bool:
    """Whether the source has a type that needs no reading as text."""
    match variable.type:
        case Type.INT | Type.FLAG:
            return source_type in WHOLE_TYPES
        case Type.DECIMAL | Type.DOUBLE:
            return source_type in NUMBER_TYPES or source_type.startswith("DECIMAL(")
        case Type.DATE:
            return source_type == "DATE"
        case _:
            return False


def _native_value(variable: Variable, column: str, kind: str) -> str:
    if variable.type is Type.FLAG:
        return f"CASE WHEN {column} IN (0, 1) THEN {column}::TINYINT END"
    if kind == "DOUBLE":
        return f"CASE WHEN isfinite({column}::DOUBLE) THEN {column}::DOUBLE END"
    return f"try_cast({column} AS {kind})"


def _text_value(variable: Variable, column: str, kind: str) -> str:
    match variable.type:
        case Type.TEXT:
            return _spelling(variable.codes, column)
        case Type.FLAG:
            return f"CASE lower({column}) {_FLAG_WORDS} END::TINYINT"
        case Type.INT:
            number = f"try_cast({column} AS DECIMAL(38,10))"
            return f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS BIGINT) END"
        case _ if kind == "DOUBLE":
            number = f"try_cast({column} AS DOUBLE)"
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case _:
            return f"try_cast({column} AS {kind})"


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


def _codes(variable: Variable, column: str) -> list[tuple[str, str]]:
    if not variable.codes:
        return []
    return [("code", f"{column}::VARCHAR NOT IN ({texts(variable.codes)})")]


def _bounds(variable: Variable, column: str) -> list[tuple[str, str]]:
    if not variable.type.is_number:
        return []
    rules = []
    if variable.low is not None:
        rules.append(("low", f"{column} < {variable.low!r}"))
    if variable.high is not None:
        rules.append(("high", f"{column} > {variable.high!r}"))
    return rules
