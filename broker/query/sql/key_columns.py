"""SQL over the key columns of a table: their names, and how cells are grouped, matched and ordered by them."""

from collections.abc import Sequence

from broker.domain.plans.bounded_table import BoundedTable
from broker.domain.plans.plan import PlannedTable


def key_names(table: PlannedTable | BoundedTable) -> list[str]:
    return [f"k{i}" for i in range(len(table.keys))]


def group_by(keys: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(keys)}" if keys else ""


def same_keys(keys: Sequence[str], one: str, other: str) -> str:
    """SQL condition that rows of two tables have the same keys; NULL keys match each other."""
    return " AND ".join(f"{one}.{k} IS NOT DISTINCT FROM {other}.{k}" for k in keys) or "TRUE"


def key_order(keys: Sequence[str], prefix: str = "") -> str:
    return f" ORDER BY {', '.join(f'{prefix}{k} NULLS LAST' for k in keys)}" if keys else ""


def row_limit(table: PlannedTable) -> str:
    """LIMIT of one row more than allowed, which shows that there are too many."""
    return "" if table.max_rows is None else f" LIMIT {table.max_rows + 1}"
