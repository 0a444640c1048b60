"""The dialects by their names. A new dialect is a module beside this one, a line here and its name in the domain."""

from collections.abc import Mapping

from broker.domain.sql_dialects import SQL_DIALECTS
from broker.query.diagnostics import Diagnostics
from broker.query.dialects.base import Dialect
from broker.query.dialects.duckdb import DUCKDB
from broker.query.dialects.tsql import TSQL

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (TSQL, DUCKDB)}


def find_dialect(name: str, diagnostics: Diagnostics) -> Dialect | None:
    """The dialect of this name; None with a refusal where there is none."""
    if name not in DIALECTS:
        diagnostics.add("dialect", "This dialect is not understood.", f"Write {' or '.join(SQL_DIALECTS)}.")
    return DIALECTS.get(name)
