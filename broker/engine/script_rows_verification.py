"""Verifies a script's rows against the vault: its SQL, its job frame, and the counts that it returns."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are plain or quoted

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from broker.domain.errors import Breach
from broker.domain.jobs.script_requests import MicrodataCheck, MicrodataColumn, MicrodataProblem, MicrodataSchema
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.ports import Vault
from broker.engine.duckdb_engine import joined_years, mounted_table, quoted_table
from broker.engine.result_frames import arrow_table
from broker.query import quoted

LARGEST_NUMBER = "1e9"
LONGEST_LABEL = 200
"""The most characters of a label."""
PLAIN_LABEL = r"[ -~\x{A1}-\x{AC}\x{AE}-\x{17F}\x{2010}-\x{2015}\x{2018}-\x{201D}\x{20AC}\x{2264}\x{2265}]*"
"""Characters allowed in a label that a script makes: nothing invisible, nothing that looks like another letter."""
FORBIDDEN_LABEL = r"^ |  | $|\.[0-9]{5}|(?i)[0-9a-f]{32}"
"""Patterns not allowed in such a label: leading, trailing or double spaces, unneeded digits, and pseudonyms. A label
must also not be a formula to a spreadsheet (`FORMULA`), unless it is a number."""
FORMULA = r"^[\x{22}\x{27}\x{60}\x{B4}\x{2018}-\x{201D}]*[-=+@].*[A-Za-z0-9]"
NUMBER = r"[-+]?[0-9][0-9.,]*%?"
FEW = 10
"""A column with no more values than this is a frequency table in disguise."""
PERSON = "__handed"
"""The pseudonym while rows are verified. No column of a request can have this name: a script's names may not."""

VerificationStep = Mapping[str, object]


def verification_steps(rows: MicrodataSchema, measured: Sequence[str]) -> list[VerificationStep]:
    """The steps of the verification. `measured` are the columns of which a number is requested."""
    binary, few = _distinct(measured, "BETWEEN 1 AND 2"), _distinct(measured, f"BETWEEN 3 AND {FEW}")
    return [
        {"make": [_cast(rows)], "counts": {"rows": _count(""), MicrodataProblem.VALUES: _values(rows)}},
        {"make": [_people(rows), _rows_per_person(rows)], "counts": _of_persons()},
        {"make": [], "counts": {MicrodataProblem.MISMATCH: _mismatches(rows)}},
        {"make": _rows_table(rows), "counts": {MicrodataProblem.BINARY: binary, "few": few}},
    ]


def _cast(rows: MicrodataSchema) -> str:
    columns = [f"CAST({quoted(rows.person.name)} AS VARCHAR) AS {PERSON}"]
    columns += [f"TRY_CAST({quoted(c.name)} AS {type_of(c)}) AS {quoted(c.name)}" for c in rows.columns]
    # Distinguishes a value that is not of the type from a missing one.
    given = [f"{quoted(c.name)} IS NOT NULL AS {quoted('__was_' + c.name)}" for c in rows.columns]
    return f"CREATE TEMP TABLE handed_cast AS SELECT {', '.join([*columns, *given])} FROM handed_file"


def type_of(column: MicrodataColumn) -> str:
    match column.type:
        case ScalarType.FLAG:
            return "TINYINT"
        case ScalarType.INT:
            return "BIGINT"
        case ScalarType.DECIMAL if column.decimals:
            return f"DECIMAL(18,{column.decimals})"
        case ScalarType.TEXT:
            return "VARCHAR"
        case ScalarType.DATE:
            return "DATE"
    return "DOUBLE"


def _count(where: str) -> str:
    return f"SELECT count(*) FROM handed_cast{where}"


def _values(rows: MicrodataSchema) -> str:
    """Counts values that have another type, or are too large or too long."""
    wrong = [w for c in rows.columns for w in _invalid(c)]  # one pass for all columns
    return _count(f" WHERE {' OR '.join(wrong) or 'false'}")


def _invalid(column: MicrodataColumn) -> Iterator[str]:
    name, was = quoted(column.name), quoted("__was_" + column.name)
    yield f"({was} AND {name} IS NULL)"  # present, but not of the type
    if column.type is ScalarType.FLAG:
        yield f"{name} NOT IN (0, 1)"
    elif column.type is ScalarType.TEXT:
        yield f"length({name}) > {LONGEST_LABEL}"
        # Verified columns have the vault's own values; others are made by the script.
        if column.variable is None:
            yield f"NOT regexp_full_match({name}, '{PLAIN_LABEL}')"
            yield f"regexp_matches({name}, '{FORBIDDEN_LABEL}')"
            yield f"regexp_matches({name}, '{FORMULA}') AND NOT regexp_full_match({name}, '{NUMBER}')"
    elif column.type is ScalarType.DOUBLE:
        yield f"NOT isfinite({name})"
    if column.type in {ScalarType.DECIMAL, ScalarType.DOUBLE}:
        yield f"abs({name}) > {LARGEST_NUMBER}"
    if column.low is not None and column.high is not None:
        yield f"{name} NOT BETWEEN {column.low!r} AND {column.high!r}"


def _people(rows: MicrodataSchema) -> str:
    """Each pseudonym in the inputs, with its one person."""
    parts = [
        f'SELECT CAST({quoted(k.variable)} AS VARCHAR) AS k, "__p" AS p, "__k" AS rk FROM {quoted_table(k.table)} '
        f"WHERE {quoted(k.variable)} IS NOT NULL"
        for k in rows.keys
    ]
    union = " UNION ALL ".join(parts)
    return f"CREATE TEMP TABLE handed_people AS SELECT k, min(p) AS p, min(rk) AS rk FROM ({union}) GROUP BY k"


def _rows_per_person(rows: MicrodataSchema) -> str:
    """The largest number of rows that each person has in one table."""
    tables = dict.fromkeys(k.table for k in rows.keys)
    union = " UNION ALL ".join(f'SELECT "__p" AS p, count(*) AS n FROM {quoted_table(t)} GROUP BY p' for t in tables)
    return f"CREATE TEMP TABLE handed_often AS SELECT p, max(n) AS n FROM ({union}) GROUP BY p"


def _of_persons() -> dict[str, str]:
    joined = f"FROM handed_cast c JOIN handed_people q ON q.k = c.{PERSON}"
    # More rows of a person than any table has were multiplied by the script.
    often = f"(SELECT q.p AS p, count(*) AS n {joined} GROUP BY q.p)"
    return {
        "persons": f"SELECT count(DISTINCT q.p) {joined}",
        "without_person": _count(f" WHERE {PERSON} IS NULL"),
        MicrodataProblem.UNKNOWN: _count(f" ANTI JOIN handed_people q ON q.k = {PERSON} WHERE {PERSON} IS NOT NULL"),
        MicrodataProblem.REPEATED: f"SELECT count(*) FROM {often} h JOIN handed_often o USING (p) WHERE h.n > o.n",
    }


def _mismatches(rows: MicrodataSchema) -> str:
    """Counts rows whose declared columns of a table match no row of the person in the vault. If all of them are missing
    it is no mismatch, because a join leaves them so for a person whom that table lacks."""
    tables: dict[str, list[MicrodataColumn]] = {}
    for column in rows.columns:
        if column.variable is not None:
            tables.setdefault(column.table, []).append(column)
    if not tables:
        return "SELECT 0"
    wrong = " OR ".join(_differs(table, columns) for table, columns in tables.items())
    return f"SELECT count(*) FROM handed_cast c JOIN handed_people q ON q.k = c.{PERSON} WHERE {wrong}"


def _differs(table: str, columns: Sequence[MicrodataColumn]) -> str:
    there = " OR ".join(f"c.{quoted(c.name)} IS NOT NULL" for c in columns)
    same = " AND ".join(f"v.{quoted(c.variable_name)} IS NOT DISTINCT FROM c.{quoted(c.name)}" for c in columns)
    return f'(({there}) AND NOT EXISTS (SELECT 1 FROM {quoted_table(table)} v WHERE v."__p" = q.p AND {same}))'


def _rows_table(rows: MicrodataSchema) -> list[str]:
    """The table with the evidence columns of a vault: person number, record key, and the institution's number if a
    verified column names the institution."""
    columns = [f"c.{PERSON} AS {quoted(rows.person.name)}", *(f"c.{quoted(c.name)}" for c in rows.columns)]
    school = rows.institution
    number, joined = "0::UINTEGER", ""
    if school is not None:
        code, table = quoted(school.variable_name), quoted_table(school.table)
        known = f'SELECT {code} AS code, max("__i") AS i FROM {table} GROUP BY code'
        number, joined = "coalesce(i.i, 0)::UINTEGER", f" LEFT JOIN ({known}) i ON i.code = c.{quoted(school.name)}"
    columns += ['q.p AS "__p"', 'q.rk AS "__k"', f'{number} AS "__i"']
    source = f"FROM handed_cast c JOIN handed_people q ON q.k = c.{PERSON}{joined}"
    return [
        "CREATE SCHEMA handed",
        f"CREATE TABLE handed.rows AS SELECT {', '.join(columns)} {source}",
        "DROP TABLE handed_cast",
    ]


def _distinct(measured: Sequence[str], so_many: str) -> str:
    """Counts the columns whose number of different values is within `so_many`."""
    counts = [f"(count(DISTINCT {quoted(c)}) {so_many})::INTEGER" for c in measured]
    return f"SELECT {' + '.join(counts)} FROM handed.rows" if counts else "SELECT 0"


COUNTS = ("rows", "persons", "without_person", "few")
Frames = Sequence[tuple[str, bytes]]


def framed_job(job: Mapping[str, Any], content: bytes) -> bytes:
    """JSON on one line, then the rows."""
    return json.dumps(job, sort_keys=True).encode() + b"\n" + content


def rows_request(rows: MicrodataSchema, measured: Sequence[str], parts: Sequence[int] = ()) -> dict[str, Any]:
    names = [rows.person.name, *(c.name for c in rows.columns)]
    more = {"person": rows.person.name, "parts": list(parts)} if parts else {}
    return {"columns": names, "steps": verification_steps(rows, measured), **more}


def input_tables(vault: Vault, rows: MicrodataSchema, inputs: Iterable[VariableUse]) -> list[dict[str, object]]:
    """The inputs that verify the rows, in the inputs' years, as the launcher mounts them."""
    needed = {k.table for k in rows.keys} | {c.table for c in rows.columns if c.variable is not None}
    years = joined_years((use.table, use.years) for use in inputs if use.table in needed)
    return [mounted_table(vault, table, years[table]) for table in sorted(years)]


def read_checked(frames: Frames) -> MicrodataCheck:
    """The counts of the first frame: one row of non-negative integers. Raises Breach otherwise."""
    if not frames or frames[0][0] != "table":
        raise Breach("The sandbox did not return counts of the rows.")
    table = arrow_table(frames[0][1])
    names = [*COUNTS, *MicrodataProblem]
    if table.schema.names != names or table.num_rows != 1 or {str(t) for t in table.schema.types} != {"int64"}:
        raise Breach("The sandbox returned other counts of the rows than were requested.")
    (row,) = table.to_pylist()
    if any(not isinstance(n, int) or n < 0 for n in row.values()):
        raise Breach("The sandbox returned an impossible count.")
    # The first problem, in the order of the checks.
    problem = next((p for p in MicrodataProblem if row[p]), None)
    times = row[problem] if problem is not None else 0
    return MicrodataCheck(row["rows"], row["persons"], row["without_person"], problem, times, row["few"])


def check_nothing_follows(frames: Frames) -> None:
    if [kind for kind, _ in frames] not in ([], ["status"]):
        raise Breach("The sandbox computed figures of rows that have a problem.")
