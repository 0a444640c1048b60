"""What is common to tables and regressions of handed rows: the job frame, its tables, and what was counted of rows.

The broker never opens the rows: they follow the frame's JSON as bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from broker.domain.errors import Breach
from broker.domain.handed import HandedRows, RowsChecked, RowsProblem
from broker.domain.ports import Vault
from broker.domain.variables import Use, Years
from broker.engine.duckdb_engine import mounted
from broker.engine.frames import arrow_table
from broker.engine.verifying import steps_of

COUNTS = ("rows", "persons", "without_person", "few")
Frames = Sequence[tuple[str, bytes]]


def framed(job: Mapping[str, Any], content: bytes) -> bytes:
    """JSON in one line, then the rows."""
    return json.dumps(job, sort_keys=True).encode() + b"\n" + content


def asked_of_rows(rows: HandedRows, measured: Sequence[str], parts: Sequence[int] = ()) -> dict[str, Any]:
    names = [rows.person.name, *(c.name for c in rows.columns)]
    more = {"person": rows.person.name, "parts": list(parts)} if parts else {}
    return {"columns": names, "steps": steps_of(rows, measured), **more}


def tables_of(vault: Vault, rows: HandedRows, inputs: Iterable[Use]) -> list[dict[str, object]]:
    """The inputs that rows are verified by, in the inputs' years, as the launcher mounts them."""
    needed = {k.table for k in rows.keys} | {c.table for c in rows.columns if c.variable is not None}
    years: dict[str, Years | None] = {}
    for use in inputs:
        if use.table in needed:
            before = years.get(use.table, frozenset())
            years[use.table] = None if use.years is None or before is None else before | use.years
    return [mounted(vault, table, years[table]) for table in sorted(years)]


def read_checked(frames: Frames) -> RowsChecked:
    """The counts of the first frame: one row, whole numbers, none below zero."""
    if not frames or frames[0][0] != "table":
        raise Breach("The sandbox did not say what it found of the rows.")
    table = arrow_table(frames[0][1])
    names = [*COUNTS, *RowsProblem]
    if table.schema.names != names or table.num_rows != 1 or {str(t) for t in table.schema.types} != {"int64"}:
        raise Breach("The sandbox said other things of the rows than it was asked.")
    (row,) = table.to_pylist()
    if any(not isinstance(n, int) or n < 0 for n in row.values()):
        raise Breach("The sandbox counted what cannot be.")
    problem = next((p for p in RowsProblem if row[p]), None)
    times = row[problem] if problem is not None else 0
    return RowsChecked(row["rows"], row["persons"], row["without_person"], problem, times, row["few"])


def check_nothing_follows(frames: Frames) -> None:
    if [kind for kind, _ in frames] not in ([], ["status"]):
        raise Breach("The sandbox computed figures of rows that have a problem.")
