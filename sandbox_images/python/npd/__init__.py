"""What a script finds ready: `load("absence")` and DuckDB views of the mounted tables. Reads /data, checks nothing.

The sandbox shows only granted variables and years, so there is nothing here to guard.
"""

import duckdb
import pandas as pd

_tables: dict[str, str] = {}


def load(table: str) -> pd.DataFrame:
    """A mounted table as a DataFrame: `load("absence")` or `load("npd.absence")`; decimals come as floats."""
    view = _tables.get(table.strip().lower())
    if view is None:
        known = ", ".join(sorted(name for name in _tables if "." in name)) or "none"
        raise KeyError(f"There is no table {table!r} here. Mounted tables: {known}.")
    relation = duckdb.sql(f"SELECT * FROM {view}")
    columns = ", ".join(_as_float(name, kind) for name, kind in zip(relation.columns, relation.types, strict=True))
    return duckdb.sql(f"SELECT {columns} FROM {view}").df()


def tables() -> list[str]:
    """The mounted tables, as `schema.table`."""
    return sorted(name for name in _tables if "." in name)


def _as_float(name: str, kind: object) -> str:
    column = _quoted(name)
    return f"CAST({column} AS DOUBLE) AS {column}" if str(kind).startswith("DECIMAL") else column


def _prepare(mounted: list[dict], settings: dict) -> None:
    """Make the views; called once by the launcher before the script."""
    duckdb.sql(f"SET threads={int(settings['threads'])}")
    duckdb.sql(f"SET memory_limit='{settings['memory_bytes'] * 3 // 4}B'")
    duckdb.sql("SET temp_directory='/tmp/duckdb'")
    duckdb.sql("SET autoinstall_known_extensions=false")
    bare = [table["name"].lower() for table in mounted]
    for table in mounted:
        _view(table, alone=bare.count(table["name"].lower()) == 1)


def _view(table: dict, *, alone: bool) -> None:
    schema, name = _quoted(table["schema"]), _quoted(table["name"])
    files = ", ".join("'/data/" + path.replace("'", "''") + "'" for path in table["paths"])
    duckdb.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    duckdb.sql(f"CREATE VIEW {schema}.{name} AS SELECT * FROM read_parquet([{files}], union_by_name=true)")
    _tables[f"{table['schema']}.{table['name']}".lower()] = f"{schema}.{name}"
    if alone:
        _tables[table["name"].lower()] = f"{schema}.{name}"
        if table["schema"].lower() != "main":
            duckdb.sql(f"CREATE VIEW main.{name} AS SELECT * FROM {schema}.{name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
