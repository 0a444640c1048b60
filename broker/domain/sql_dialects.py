"""Names and titles of the SQL dialects for submissions. `broker.query` defines their meaning."""

from typing import Literal, get_args

SqlDialectName = Literal["tsql", "duckdb"]
SQL_DIALECTS: tuple[SqlDialectName, ...] = get_args(SqlDialectName)
DIALECT_TITLES: dict[SqlDialectName, str] = {"tsql": "T-SQL", "duckdb": "DuckDB"}
