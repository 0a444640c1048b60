"""Runs under the engine version that has the TPC extensions: prints texts, tables and scanned columns as one JSON.

Not imported by tests: `tpc.py` starts it with an interpreter of its own. `python tpc_engine.py tpch 0.01`.
"""

import importlib
import json
import sys
from pathlib import Path

import duckdb

MAKE = {"tpch": "CALL dbgen(sf={0})", "tpcds": "CALL dsdgen(sf={0})"}


def connection(name: str, scale: float) -> duckdb.DuckDBPyConnection:
    module = importlib.import_module(f"duckdb_extension_{name}")
    (file,) = Path(str(module.__file__)).parent.rglob("*.duckdb_extension")
    con = duckdb.connect(config={"threads": "1"})
    con.execute(f"LOAD '{file}'")
    con.execute(MAKE[name].format(scale))
    return con


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    from scanned_columns import scanned

    name, scale = sys.argv[1], float(sys.argv[2])
    con = connection(name, scale)
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal"
        " ORDER BY table_name, column_index"
    ).fetchall():
        tables.setdefault(table, []).append((column, kind))
    names = {t: [c for c, _ in columns] for t, columns in tables.items()}
    queries = []
    for number, text in con.execute(f"SELECT query_nr, query FROM {name}_queries() ORDER BY 1").fetchall():
        found = scanned(con, text, names)
        con.execute("SET disabled_optimizers = 'statistics_propagation,empty_result_pullup'")
        found |= scanned(con, text, names)
        con.execute("RESET disabled_optimizers")
        queries.append({"number": number, "text": text, "scanned": sorted(found)})
    json.dump({"version": duckdb.__version__, "tables": tables, "queries": queries}, sys.stdout)


if __name__ == "__main__":
    main()
