"""All dialects by name. A new dialect needs a module in this package, an entry here, and its name in the domain."""

from collections.abc import Mapping

from broker.domain.sql_dialects import SQL_DIALECTS
from broker.query.diagnostics import Diagnostics
from broker.query.dialects.base import Dialect
from broker.query.dialects.duckdb import DUCKDB
from broker.query.dialects.tsql import TSQL

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (TSQL, DUCKDB)}


def find_dialect(name: str, diagnostics: Diagnostics) -> Dialect | None:
    """Return the dialect with this name. If there is none, add a refusal and return None."""
    if name not in DIALECTS:
        diagnostics.add("dialect", "This dialect is not understood.", f"Write {' or '.join(SQL_DIALECTS)}.")
    return DIALECTS.get(name)
