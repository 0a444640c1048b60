"""DuckDB's default connection, with a view of each table that is here. Reads no row."""

import duckdb

from npd.place import Mounted, Place


def make_views(place: Place) -> None:
    """`FROM npd.absence`, and `FROM absence` where only one table has that name."""
    bare = [table.name.lower() for table in place.tables.values()]
    for table in place.tables.values():
        _view(table, alone=bare.count(table.name.lower()) == 1)


def limit(settings: dict) -> None:
    """The job's own limits; the sandbox holds them anyway."""
    duckdb.sql(f"SET threads={int(settings['threads'])}")
    duckdb.sql(f"SET memory_limit='{settings['memory_bytes'] * 3 // 4}B'")
    duckdb.sql("SET temp_directory='/tmp/duckdb'")
    duckdb.sql("SET autoinstall_known_extensions=false")


def _view(table: Mounted, *, alone: bool) -> None:
    schema, name = _quoted(table.schema), _quoted(table.name)
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in table.files)
    duckdb.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    duckdb.sql(f"CREATE OR REPLACE VIEW {schema}.{name} AS SELECT * FROM read_parquet([{files}], union_by_name=true)")
    if alone and table.schema.lower() != "main":
        duckdb.sql(f"CREATE OR REPLACE VIEW main.{name} AS SELECT * FROM {schema}.{name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
