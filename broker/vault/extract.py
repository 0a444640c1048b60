"""One extract at a time: checks it against the catalogue and writes its normalised rows. Knows no other file."""
# ruff: noqa: S608 - SQL is put together from quoted names and literals (`broker.vault.duck`)

from pathlib import Path

from broker.policy.tables import TableKind
from broker.vault.duck import Connection, Error, count, name, parquet_of, single, storage_type, text, write
from broker.vault.files import Extract
from broker.vault.normalise import Reading, is_stripped, read, stored
from broker.vault.persons import with_person_key
from broker.vault.problems import Problem


def stage(con: Connection, extract: Extract, staged: Path) -> list[Problem]:
    """Write the normalised rows of one extract to `staged`, with `__domain` and `__key` of each row's person;
    return what is wrong with it. A file with problems may not be staged at all."""
    try:
        readings, problems = _readings(extract, _columns(con, extract))
        if not problems:
            plain = ", ".join(f"{r.plain} AS {r.column}" for r in readings)
            values = ", ".join(f"{r.value} AS {r.column}" for r in readings)
            con.execute(f"CREATE OR REPLACE TEMP TABLE plain_rows AS SELECT {plain} FROM {_source(extract)}")
            con.execute(f"CREATE OR REPLACE TEMP TABLE read_rows AS SELECT {values} FROM plain_rows")
            problems = [
                *_broken_rules(con, extract, readings),
                *_many_values(con, extract),
                *_table_rules(con, extract),
            ]
            _write(con, extract, staged)
    except Error:
        return [Problem(extract.name, None, "unreadable", 1)]
    return problems


def _source(extract: Extract) -> str:
    if extract.path.suffix == ".csv":
        # No line is left out, whatever the lines below look like: the first is the header.
        whole = "skip = 0, comment = '', escape = '\"'"
        options = f"all_varchar = true, header = true, delim = ',', quote = '\"', {whole}, hive_partitioning = false"
        return f"read_csv({text(extract.path)}, {options})"
    return parquet_of(extract.path)


def _columns(con: Connection, extract: Extract) -> list[tuple[str, str]]:
    rows = con.execute(f"DESCRIBE SELECT * FROM {_source(extract)}").fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]


def _readings(extract: Extract, columns: list[tuple[str, str]]) -> tuple[list[Reading], list[Problem]]:
    table, problems = extract.table, []
    found: dict[str, tuple[str, str]] = {}
    for column, kind in columns:
        if table.find(column) is None:
            problems.append(Problem(extract.name, column, "unknown-column", 1))
        elif column.casefold() in found:
            problems.append(Problem(extract.name, column, "column-twice", 1))
        found.setdefault(column.casefold(), (column, kind))
    readings = []
    for variable in table.variables:
        place = found.get(variable.name.casefold())
        if place is None and not is_stripped(table, variable):
            problems.append(Problem(extract.name, variable.name, "missing-column", 1))
        readings.append(read(table, extract.year, variable, *(place or (None, ""))))
    return readings, problems


def _broken_rules(con: Connection, extract: Extract, readings: list[Reading]) -> list[Problem]:
    given = single(con, f"SELECT {', '.join(f'count({r.column})' for r in readings)} FROM plain_rows")
    rules = [(r.variable.name, rule, f"count_if({predicate})") for r in readings for rule, predicate in r.rules]
    wrong = [(r.variable.name, "type", f"{n} - count({r.column})") for r, n in zip(readings, given, strict=True)]
    counted = [*wrong, *rules]
    row = single(con, f"SELECT {', '.join(count for _, _, count in counted)} FROM read_rows")
    return [Problem(extract.name, column, rule, n) for (column, rule, _), n in zip(counted, row, strict=True) if n]


def _write(con: Connection, extract: Extract, staged: Path) -> None:
    columns = [(v.name, storage_type(v)) for v in stored(extract.table)]
    query = f"SELECT {', '.join(name(column) for column, _ in columns)} FROM read_rows"
    if extract.table.kind is TableKind.PERSON:
        query = with_person_key(extract.table, extract.label, [column for column, _ in columns])
        columns += [("__domain", "VARCHAR"), ("__key", "VARCHAR")]
    write(con, query, staged, columns)


def _many_values(con: Connection, extract: Extract) -> list[Problem]:
    """Variables with more different values than the catalogue says, and how many they have."""
    asked = [(v.name, v.most) for v in stored(extract.table) if v.most is not None]
    if not asked:
        return []
    row = single(con, f"SELECT {', '.join(f'count(DISTINCT {name(column)})' for column, _ in asked)} FROM read_rows")
    return [Problem(extract.name, c, "most", n) for (c, most), n in zip(asked, row, strict=True) if n > most]


def _table_rules(con: Connection, extract: Extract) -> list[Problem]:
    """Rules over several rows: rows a person and year, and the unique key of a public table."""
    table = extract.table
    if table.kind is TableKind.PERSON:
        column, rule, most = table.link_key, "rows-per-person", table.max_rows_per_unit_year
    else:
        column, rule, most = table.unique_key, "unique-key", 1
    if column is None or table.second_key is not None:
        return []
    key = name(column)
    n = count(
        con,
        f"SELECT count(*) FROM (SELECT {key} FROM read_rows WHERE {key} IS NOT NULL "
        f"GROUP BY {key} HAVING count(*) > {most})",
    )
    problems = [Problem(extract.name, column, rule, n)] if n else []
    if table.kind is TableKind.PUBLIC and (empty := count(con, f"SELECT count_if({key} IS NULL) FROM read_rows")):
        problems.append(Problem(extract.name, column, "missing", empty))
    return problems
