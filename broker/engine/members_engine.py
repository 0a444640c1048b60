"""Members of a plan's tables: two statements for each table in a sandbox request, and their frames read strictly into
arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.domain.errors import Breach
from broker.domain.evidence import VaultProofs
from broker.domain.jobs.script_requests import MicrodataSchema
from broker.domain.plans.member_amounts import AmountKind, amount_columns
from broker.domain.plans.plan import EvidenceNeeds, Plan, PlannedTable
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxLimits, SandboxRequest, SubmittedMicrodata, Vault
from broker.domain.ports.history_ports import Frames, TableAddress, TableMembers
from broker.engine.duckdb_engine import sql_request, table_payloads, tables_in
from broker.engine.result_checks import breach
from broker.engine.result_frames import ARROW_TYPES, arrow_table, check_type, plain_value
from broker.engine.script_rows_engine import over_script_rows, with_script_rows
from broker.engine.script_rows_verification import read_checked
from broker.evidence.member_tables import members_of, to_bytes
from broker.evidence.table_families import shown_tables
from broker.query import render_member_cells, render_members

Persons = NDArray[np.uint32]
Amounts = NDArray[Any]


def member_tables(plan: Plan, wanted: Sequence[TableAddress]) -> list[tuple[TableAddress, PlannedTable]]:
    known = dict(shown_tables(plan))
    if not set(wanted) <= known.keys() or len(set(wanted)) < len(wanted):
        raise Breach("Members were requested of a table that no output shows, or twice of one table.")
    return [(where, known[where]) for where in wanted]


def member_statements(
    tables: Sequence[tuple[TableAddress, PlannedTable]], least: int, proofs: VaultProofs
) -> Iterator[tuple[str, str]]:
    for (output, number), table in tables:
        yield f"{output}#{number}/cells", render_member_cells(table, least)
        yield f"{output}#{number}/members", render_members(table, least, proofs)


def _cells(table: PlannedTable, payload: bytes) -> tuple[tuple[Value, ...], ...]:
    found = arrow_table(payload)
    keys = [f"k{i}" for i in range(len(table.keys))]
    _check_names(found, ["cell", *keys])
    for name, key in zip(keys, table.keys, strict=True):
        check_type(ARROW_TYPES[key.type], found.schema.field(name).type)
    number = _numbers(found, "cell", pa.int32())
    # The second statement refers to cells by these numbers.
    if not np.array_equal(number, np.arange(len(number))):
        raise breach("numbers its cells otherwise than planned")
    columns = [list(map(plain_value, found.column(name).to_pylist())) for name in keys]
    cells = tuple(zip(*columns, strict=True)) if columns else ((),)
    # Persons of one cell would be split over two.
    if len(set(cells)) < len(cells):
        raise breach("has a cell twice")
    return cells


def _members(
    where: TableAddress, table: PlannedTable, cells: tuple[tuple[Value, ...], ...], payload: bytes, numbers: Persons
) -> TableMembers:
    found = arrow_table(payload)
    columns = amount_columns(table)
    _check_names(found, ["p", "cell", *(c.name for c in columns)])
    local, cell = _numbers(found, "p", pa.uint32()), _numbers(found, "cell", pa.int32())
    # They index arrays below.
    if (local >= len(numbers)).any() or (cell < 0).any() or (cell >= len(cells)).any():
        raise breach("has a person or a cell that there is not")
    amounts = {
        c.name: _numbers(found, c.name, pa.float64() if c.kind is AmountKind.TOTAL else pa.uint32()) for c in columns
    }
    _check_amounts(table, amounts)
    return TableMembers(where, cells, to_bytes(members_of(len(cells), numbers[local], cell, amounts)))


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
    """Raise Breach unless everybody has a row, no more values than rows and no more ones than values, and totals are
    finite."""
    rows = amounts[AmountKind.ROWS]
    if not rows.all():
        raise breach("has a member without a row")
    for column in amount_columns(table):
        amount = amounts[column.name]
        if column.kind is AmountKind.TOTAL and not np.isfinite(amount).all():
            raise breach("has a figure that is not finite")
        below = {
            AmountKind.NON_NULL_ROWS: rows,
            AmountKind.ONES: amounts.get(f"s{column.statistic}_{AmountKind.NON_NULL_ROWS}"),
        }.get(column.kind)
        if below is not None and (amount > below).any():
            raise breach("counts more in a statistic than a member has rows")


@dataclass(frozen=True, slots=True)
class DuckDBMembersEngine:
    """See `broker.domain.ports.history_ports.MembersEngine`."""

    def shown(self, plan: Plan) -> tuple[TableAddress, ...]:
        return tuple(where for where, _ in shown_tables(plan))

    def prepare_members(
        self, plan: Plan, vault: Vault, job: str, attempt: int, limits: SandboxLimits, needs: EvidenceNeeds,
        wanted: Sequence[TableAddress],
    ) -> SandboxRequest:  # fmt: skip
        tables = member_tables(plan, wanted)
        read = tables_in(table.contributions for _, table in tables)
        texts = [{"name": name, "sql": sql} for name, sql in member_statements(tables, needs.min_persons, vault.proofs)]
        return sql_request(vault, read, texts, job, attempt, limits)

    def read_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[TableAddress]
    ) -> tuple[TableMembers, ...]:
        """The tables' members. `numbers` maps the project's person numbers to global ones. Raises Breach for unexpected
        frames."""
        persons = np.frombuffer(numbers, "<u4").astype(np.uint32)  # native byte order
        tables = member_tables(plan, wanted)
        payloads = table_payloads(frames, 2 * len(tables), "two for each table")
        return tuple(
            _members(where, table, _cells(table, next(payloads)), next(payloads), persons) for where, table in tables
        )

    def prepare_script_members(
        self, plan: Plan, rows: MicrodataSchema, to: SubmittedMicrodata, limits: SandboxLimits, needs: EvidenceNeeds,
        wanted: Sequence[TableAddress],
    ) -> SandboxRequest:  # fmt: skip
        """The rows are verified by the same statements as when the table was made, so that they are the same rows."""
        request = self.prepare_members(plan, with_script_rows(to.vault), to.job, to.attempt, limits, needs, wanted)
        return over_script_rows(request, plan, rows, to)

    def read_script_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[TableAddress]
    ) -> tuple[TableMembers, ...]:
        # The same rows had no problem when they were judged.
        if read_checked(frames).problem is not None:
            raise Breach("Rows that were judged have a problem now.")
        return self.read_members(plan, frames[1:], numbers, wanted)
