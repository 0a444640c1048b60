"""Stages one extract at a time: checks it against the catalogue and writes its normalised rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duckdb_access`)
from pathlib import Path

from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import CatalogueTable, TableKind, Variable
from broker.vault import duckdb_access
from broker.vault.extract_files import Extract, ExtractProblem
from broker.vault.person_numbers import with_person_key

WHOLE_TYPES = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
NUMBER_TYPES = WHOLE_TYPES | {"FLOAT", "DOUBLE"}
KEY_FORMAT = "^[!-~]{1,64}$"

RuleCount = tuple[str, str, str]
"""A variable, a rule, and SQL that counts what breaks the rule."""


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How a column is read, in two steps: `plain` reads the source column, and `value` converts the result, under the
    name `column`.

    If `plain` has a value and `value` has none, the type is wrong. `rules` are pairs of id and predicate on `column`;
    the predicate is true for a row that breaks the rule.
    """

    variable: Variable
    column: str
    plain: str
    value: str
    rules: tuple[tuple[str, str], ...]


def stored_variables(table: CatalogueTable) -> tuple[Variable, ...]:
    """The variables that a snapshot holds. Instant identifiers are never granted, so they are not stored."""
    return tuple(v for v in table.variables if v.cls is not VariableClass.INSTANT_IDENTIFIER)


def column_reading(
    table: CatalogueTable, year: int | None, variable: Variable, source: str | None, source_type: str
) -> ColumnReading:
    """The reading of the column `source` for one variable; `source` is None if a stripped column is absent."""
    column, kind = duckdb_access.quote(variable.name), duckdb_access.storage_type(variable)
    if source is None:
        return ColumnReading(variable, column, f"NULL::{kind}", column, ())
    if _is_native(variable, source_type):
        plain, value = duckdb_access.quote(source), _native_value(variable, column, kind)
    else:
        plain = f"nullif(trim({duckdb_access.quote(source)}::VARCHAR, ' \t\r\n'), '')"
        value = _text_value(variable, column, kind)
    rules = [*_bounds(variable, column), *_codes(variable, column, year)]
    if table.year is not None and table.year.variable.casefold() == variable.name.casefold() and year is not None:
        rules.append(
            ("year", f"{column}::VARCHAR IS DISTINCT FROM {duckdb_access.literal(str(table.year.format.write(year)))}")
        )
    # The year rule above already refuses a missing year.
    elif not variable.can_be_missing(None if year is None else frozenset({year})):
        rules.append(("missing", f"{column} IS NULL"))
    if table.is_link_key(variable.name):
        rules.append(("key", f"NOT regexp_full_match({column}::VARCHAR, {duckdb_access.literal(KEY_FORMAT)})"))
    return ColumnReading(variable, column, plain, value, tuple(rules))


def _is_native(variable: Variable, source_type: str) -> bool:
    """Whether the source type can be converted without reading it as text."""
    match variable.type:
        case ScalarType.INT | ScalarType.FLAG:
            return source_type in WHOLE_TYPES
        case ScalarType.DECIMAL | ScalarType.DOUBLE:
            return source_type in NUMBER_TYPES or source_type.startswith("DECIMAL(")
        case ScalarType.DATE:
            return source_type == "DATE"
        case _:
            return False


def _native_value(variable: Variable, column: str, kind: str) -> str:
    if variable.type is ScalarType.FLAG:
        return f"CASE WHEN {column} IN (0, 1) THEN {column}::TINYINT END"
    if kind == "DOUBLE":
        return f"CASE WHEN isfinite({column}::DOUBLE) THEN {column}::DOUBLE END"
    return f"try_cast({column} AS {kind})"


def _text_value(variable: Variable, column: str, kind: str) -> str:
    match variable.type:
        case ScalarType.TEXT:
            return _spelling(variable.codes, column)
        case ScalarType.FLAG:
            return f"CASE lower({column}) {_FLAG_WORDS} END::TINYINT"
        case ScalarType.INT:
            number = f"try_cast({column} AS DECIMAL(38,10))"
            # "3.0" is an integer, "3.5" is none.
            return f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS BIGINT) END"
        case _ if kind == "DOUBLE":
            number = f"try_cast({column} AS DOUBLE)"
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case _:
            return f"try_cast({column} AS {kind})"


_FLAG_WORDS = " ".join(
    f"WHEN {duckdb_access.literal(word)} THEN {value}"
    for words, value in ((("1", "1.0", "true", "t", "y", "yes"), 1), (("0", "0.0", "false", "f", "n", "no"), 0))
    for word in words
)


def _spelling(codes: tuple[str, ...] | None, plain: str) -> str:
    """The code list's spelling of a code in any case. No case is folded if two codes differ only in case."""
    # Folding case could turn one code into another.
    if codes is None or len({c.upper() for c in codes}) < len(codes):
        return plain  # ambiguous
    others = [c for c in codes if c != c.upper()]
    if not others:
        return f"upper({plain})"
    arms = " ".join(f"WHEN {duckdb_access.literal(c.upper())} THEN {duckdb_access.literal(c)}" for c in others)
    return f"CASE upper({plain}) {arms} ELSE upper({plain}) END"


def _codes(variable: Variable, column: str, year: int | None) -> list[tuple[str, str]]:
    if not variable.codes:
        return []
    rules = [("code", f"{column}::VARCHAR NOT IN ({duckdb_access.literals(variable.codes)})")]
    others = [ends.code for ends in variable.code_years if year is not None and not ends.include(year)]
    return [*rules, ("code-year", f"{column}::VARCHAR IN ({duckdb_access.literals(others)})")] if others else rules


def _bounds(variable: Variable, column: str) -> list[tuple[str, str]]:
    if not variable.type.is_number:
        return []
    rules = []
    if variable.low is not None:
        rules.append(("low", f"{column} < {variable.low!r}"))
    if variable.high is not None:
        rules.append(("high", f"{column} > {variable.high!r}"))
    return rules


def stage_extract(con: duckdb_access.Connection, extract: Extract, staged: Path) -> list[ExtractProblem]:
    """Write the normalised rows of one extract to `staged`, with `__domain` and `__key` of each row's person. Return
    its problems; a file with problems may not be staged at all."""
    try:
        readings, problems = _readings(extract, _columns(con, extract))
        if not problems:  # columns must be right before values are read
            plain = ", ".join(f"{r.plain} AS {r.column}" for r in readings)
            values = ", ".join(f"{r.value} AS {r.column}" for r in readings)
            con.execute(f"CREATE OR REPLACE TEMP TABLE plain_rows AS SELECT {plain} FROM {_source(extract)}")
            con.execute(f"CREATE OR REPLACE TEMP TABLE read_rows AS SELECT {values} FROM plain_rows")
            # All problems at once, so that a delivery is corrected once.
            columns = [*_wrong_types(con, readings), *_column_rules(readings)]
            counts = [*columns, *_many_values(extract.table), *_table_rules(extract.table)]
            problems = [ExtractProblem(extract.name, *broken) for broken in _broken_rules(con, "read_rows", counts)]
            _write(con, extract, staged)
    except duckdb_access.Error:
        return [ExtractProblem(extract.name, None, "unreadable", 1)]
    return problems


def _source(extract: Extract) -> str:
    if extract.path.suffix == ".csv":
        # Fixed options, so that no line is skipped whatever the data look like: the first line is the header.
        whole = "skip = 0, comment = '', escape = '\"'"
        options = f"all_varchar = true, header = true, delim = ',', quote = '\"', {whole}, hive_partitioning = false"
        return f"read_csv({duckdb_access.literal(extract.path)}, {options})"
    return duckdb_access.parquet_of(extract.path)


def _columns(con: duckdb_access.Connection, extract: Extract) -> list[tuple[str, str]]:
    rows = con.execute(f"DESCRIBE SELECT * FROM {_source(extract)}").fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]


def _readings(extract: Extract, columns: list[tuple[str, str]]) -> tuple[list[ColumnReading], list[ExtractProblem]]:
    table, problems = extract.table, []
    found: dict[str, tuple[str, str]] = {}
    for column, kind in columns:
        if table.find(column) is None:
            problems.append(ExtractProblem(extract.name, column, "unknown-column", 1))
        elif column.casefold() in found:
            problems.append(ExtractProblem(extract.name, column, "column-twice", 1))
        found.setdefault(column.casefold(), (column, kind))  # the first of two
    readings = []
    for variable in table.variables:
        place = found.get(variable.name.casefold())
        # Extracts may lack direct identifiers: they are removed before data are handed over.
        if place is None and table.can_grant(variable):
            problems.append(ExtractProblem(extract.name, variable.name, "missing-column", 1))
        readings.append(column_reading(table, extract.year, variable, *(place or (None, ""))))
    return readings, problems


def _wrong_types(con: duckdb_access.Connection, readings: list[ColumnReading]) -> list[RuleCount]:
    given = duckdb_access.single_row(con, f"SELECT {', '.join(f'count({r.column})' for r in readings)} FROM plain_rows")
    return [(r.variable.name, "type", f"{n} - count({r.column})") for r, n in zip(readings, given, strict=True)]


def _column_rules(readings: Sequence[ColumnReading]) -> list[RuleCount]:
    return [(r.variable.name, rule, f"count_if({predicate})") for r in readings for rule, predicate in r.rules]


def _broken_rules(con: duckdb_access.Connection, rows: str, counts: Sequence[RuleCount]) -> list[tuple[str, str, int]]:
    """Variable, rule and number wherever the rows break a rule."""
    if not counts:
        return []
    row = duckdb_access.single_row(con, f"SELECT {', '.join(sql for *_, sql in counts)} FROM {rows}")
    return [(variable, rule, n) for (variable, rule, _), n in zip(counts, row, strict=True) if n]


def broken_rules_of_stored(
    con: duckdb_access.Connection, table: CatalogueTable, year: int | None, path: Path, variables: Sequence[Variable]
) -> list[tuple[str, str]]:
    """The (variable, rule) pairs that stored rows break: the catalogue may be stricter than that of their ingest."""
    readings = [column_reading(table, year, v, v.name, duckdb_access.storage_type(v)) for v in variables]
    found = _broken_rules(con, duckdb_access.parquet_of(path), _column_rules(readings))
    return [(variable, rule) for variable, rule, _ in found]


def _write(con: duckdb_access.Connection, extract: Extract, staged: Path) -> None:
    columns = [(v.name, duckdb_access.storage_type(v)) for v in stored_variables(extract.table)]
    query = f"SELECT {', '.join(duckdb_access.quote(column) for column, _ in columns)} FROM read_rows"
    if extract.table.kind is TableKind.PERSON:
        query = with_person_key(extract.table, extract.label, [column for column, _ in columns])
        columns += [("__domain", "VARCHAR"), ("__key", "VARCHAR")]
    duckdb_access.write(con, query, staged, columns)


def _many_values(table: CatalogueTable) -> Iterator[RuleCount]:
    """Variables with more different values than the catalogue allows, with their number."""
    for variable in stored_variables(table):
        if variable.most is not None:
            n = f"count(DISTINCT {duckdb_access.quote(variable.name)})"
            yield variable.name, "most", f"CASE WHEN {n} > {variable.most} THEN {n} END"


def _table_rules(table: CatalogueTable) -> Iterator[RuleCount]:
    """Rules over several rows: rows for each person and year, and the unique key of a public table."""
    if table.kind is TableKind.PERSON:
        column, rule, most = table.link_key, "rows-per-person", table.max_rows_per_unit_year
    else:
        column, rule, most = table.unique_key, "unique-key", 1
    if column is None or table.second_key is not None:
        return
    key = duckdb_access.quote(column)
    often = f"SELECT {key} FROM read_rows WHERE {key} IS NOT NULL GROUP BY {key} HAVING count(*) > {most}"
    yield column, rule, f"(SELECT count(*) FROM ({often}))"
    if table.kind is TableKind.PUBLIC:
        yield column, "missing", f"count_if({key} IS NULL)"
