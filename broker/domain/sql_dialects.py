"""The names and titles of the SQL dialects that a submission can be written in. Their meaning is in `broker.query`."""

from typing import Literal, get_args

SqlDialectName = Literal["tsql", "duckdb"]
SQL_DIALECTS: tuple[SqlDialectName, ...] = get_args(SqlDialectName)
DIALECT_TITLES: dict[SqlDialectName, str] = {"tsql": "T-SQL", "duckdb": "DuckDB"}
