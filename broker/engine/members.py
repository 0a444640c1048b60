"""Members of the tables of a plan: two statements a table to a sandbox request, and their frames to arrays, strictly.

The sandbox sees project-local person numbers; what is read here has global ones, and goes to the memory and nowhere
else.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.disclosure.differencing.members import Members, members_of
from broker.disclosure.linking.families import shown_tables
from broker.domain.errors import Breach
from broker.domain.members import What, amount_columns
from broker.domain.plans import Needs, Plan, PlannedTable
from broker.domain.ports import Limits, SandboxRequest, Vault
from broker.domain.ports.release_history import Where
from broker.domain.proofs import Proofs
from broker.domain.scalars import Value
from broker.engine.checks import breach
from broker.engine.duckdb_engine import mounted, tables_in
from broker.engine.frames import arrow_table, check_kind, plain_value
from broker.query import render_member_cells, render_members

Persons = NDArray[np.uint32]
Amounts = NDArray[Any]


@dataclass(frozen=True, slots=True)
class FoundMembers:
    """Whose members, the keys of the cells by their numbers, and who is in them."""

    where: Where
    cells: tuple[tuple[Value, ...], ...]
    members: Members


def shown(plan: Plan) -> tuple[Where, ...]:
    return tuple(where for where, _ in shown_tables(plan))


def member_tables(plan: Plan, wanted: Sequence[Where]) -> list[tuple[Where, PlannedTable]]:
    known = dict(shown_tables(plan))
    if not set(wanted) <= known.keys() or len(set(wanted)) < len(wanted):
        raise Breach("Members were asked of a table that no output shows, or twice of one.")
    return [(where, known[where]) for where in wanted]


def member_statements(
    tables: Sequence[tuple[Where, PlannedTable]], least: int, proofs: Proofs
) -> Iterator[tuple[str, str]]:
    for (output, number), table in tables:
        yield f"{output}#{number}/cells", render_member_cells(table, least)
        yield f"{output}#{number}/members", render_members(table, least, proofs)


def prepare_members(
    plan: Plan, vault: Vault, job: str, attempt: int, limits: Limits, needs: Needs, wanted: Sequence[Where]
) -> SandboxRequest:
    """As `DuckDBEngine.prepare`: the same image, mounts and settings, and other statements."""
    tables = member_tables(plan, wanted)
    read = tables_in(table.contributions for _, table in tables)
    frame = {
        "kind": "sql",
        "tables": [mounted(vault, table, years) for table, years in sorted(read.items())],
        "statements": [
            {"name": name, "sql": sql} for name, sql in member_statements(tables, needs.least, vault.proofs)
        ],
        "settings": {name: getattr(limits, name) for name in Limits.__slots__},
    }
    payload = json.dumps(frame, sort_keys=True).encode()
    return SandboxRequest(job, attempt, "sql", vault.evidence, (("job", payload),), limits, vault.synthetic)


def read_members(
    plan: Plan, frames: Sequence[tuple[str, bytes]], numbers: Persons, wanted: Sequence[Where]
) -> Iterator[FoundMembers]:
    """One table after the other; `numbers` are the global ones of the project's."""
    kinds = [kind for kind, _ in frames]
    if kinds[-1:] == ["status"]:
        kinds.pop()
    tables = member_tables(plan, wanted)
    if kinds != ["table"] * (2 * len(tables)):
        raise Breach("The sandbox returned other frames than two for each table.")
    payloads = iter([payload for kind, payload in frames if kind == "table"])
    for where, table in tables:
        cells = _cells(table, next(payloads))
        yield _members(where, table, cells, next(payloads), numbers)


def _cells(table: PlannedTable, payload: bytes) -> tuple[tuple[Value, ...], ...]:
    found = arrow_table(payload)
    keys = [f"k{i}" for i in range(len(table.keys))]
    _check_names(found, ["cell", *keys])
    for name, key in zip(keys, table.keys, strict=True):
        check_kind(key.type, found.schema.field(name).type)
    number = _numbers(found, "cell", pa.int32())
    if not np.array_equal(number, np.arange(len(number))):
        raise breach("numbers its cells otherwise than planned")
    columns = [list(map(plain_value, found.column(name).to_pylist())) for name in keys]
    cells = tuple(zip(*columns, strict=True)) if columns else ((),)
    if len(set(cells)) < len(cells):
        raise breach("has a cell twice")
    return cells


def _members(
    where: Where, table: PlannedTable, cells: tuple[tuple[Value, ...], ...], payload: bytes, numbers: Persons
) -> FoundMembers:
    found = arrow_table(payload)
    columns = amount_columns(table)
    _check_names(found, ["p", "cell", *(c.name for c in columns)])
    local, cell = _numbers(found, "p", pa.uint32()), _numbers(found, "cell", pa.int32())
    if (local >= len(numbers)).any() or (cell < 0).any() or (cell >= len(cells)).any():
        raise breach("has a person or a cell that there is not")
    amounts = {c.name: _numbers(found, c.name, pa.float64() if c.what is What.TOTAL else pa.uint32()) for c in columns}
    _check_amounts(table, amounts)
    return FoundMembers(where, cells, members_of(len(cells), numbers[local], cell, amounts))


def _check_names(found: pa.Table, names: list[str]) -> None:
    if found.schema.names != names:
        raise breach("has other columns than planned")


def _numbers(found: pa.Table, name: str, kind: pa.DataType) -> NDArray[Any]:
    column = found.column(name)
    if column.type != kind or column.null_count:
        raise breach("has a column of another type than planned, or a member without a number")
    found_numbers: NDArray[Any] = column.to_numpy()
    return found_numbers


def _check_amounts(table: PlannedTable, amounts: Mapping[str, Amounts]) -> None:
    """Nobody has no row, more values than rows, or more ones than values; a total is finite."""
    rows = amounts[What.ROWS]
    if not rows.all():
        raise breach("has a member without a row")
    for column in amount_columns(table):
        amount = amounts[column.name]
        if column.what is What.TOTAL and not np.isfinite(amount).all():
            raise breach("has a figure that is not finite")
        below = {What.GIVEN: rows, What.ONES: amounts.get(f"s{column.statistic}_{What.GIVEN}")}.get(column.what)
        if below is not None and (amount > below).any():
            raise breach("counts more in a statistic than a member has rows")
