"""Whether the engine can plan statements at all, asked over their tables without a row: nothing of anybody is read."""

import json

import duckdb

from broker.domain.errors import Breach
from broker.domain.ports import SandboxRequest
from broker.engine.here import sources, views_of

ABOUT_ROWS = "statistics_propagation,empty_result_pullup"
"""What makes a plan shorter because there is no row: with rows, more of it is planned."""


def check_plans(request: SandboxRequest) -> None:
    """Raises Breach for a request of the `sql` image with a statement that ends in an error before it sees a row."""
    ((_, payload),) = request.frames
    job = json.loads(payload)
    try:
        with duckdb.connect(":memory:") as connection:
            for table in job["tables"]:
                schema, rows = views_of(table, sources(request.mount, table)[:1])
                connection.execute(schema)
                connection.execute(f"{rows.replace('CREATE VIEW', 'CREATE TABLE', 1)} LIMIT 0")
            for left_out in ("", ABOUT_ROWS):
                connection.execute(f"SET disabled_optimizers = '{left_out}'")
                for statement in job["statements"]:
                    connection.execute(f"EXPLAIN {statement['sql']}")
    except duckdb.Error as fault:
        raise Breach("The engine cannot plan a statement.") from fault
