"""The engine's side of private jobs: exact vectors of bounded tables, read strictly and put in the order in which they
are measured, and the rows of a private script's blocks."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are quoted

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.domain.errors import Breach
from broker.domain.evidence import VaultProofs
from broker.domain.plans.bounded_table import BernsteinVector, BinVector, BoundedTable
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault
from broker.engine import duckdb_engine
from broker.engine.hardened_duckdb import views_of
from broker.engine.in_process_engine import table_files
from broker.engine.result_frames import ARROW_TYPES, arrow_table, dictionary_codes, plain_value, read_public_rows
from broker.privacy.block_layout import Block, rank_scores
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.private_tables import PrivateTable
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.python_jobs.block_tables import BlockTable, BlockTables
from broker.query import quoted, render_public, render_slots, render_sums

Keys = tuple[Value, ...]
Numbers = NDArray[np.int64]

HASH_DIGITS = 15
"""Hexadecimal digits of the hash that a block's number is made of."""
BLOCK = "__block"


@dataclass(frozen=True, slots=True)
class DuckDBBlocks:
    """See `broker.workflow.private_jobs.private_ports.BlockEngine`."""

    def prepare_cut(
        self, cut: BlockTables, blocks: int, key: str, vault: Vault, job: str, attempt: int, limits: SandboxLimits
    ) -> SandboxRequest:
        content = {
            "tables": [duckdb_engine.mounted_table(vault, t.name, t.years) for t in (*cut.public, *cut.persons)],
            "statements": [],  # the cut has its own
            "cut": {
                "blocks": blocks,
                "public": [_all_rows(t) for t in cut.public],
                "persons": [_in_blocks(t, blocks, key) for t in cut.persons],
            },
        }
        return duckdb_engine.framed_sql_request(vault, content, job, attempt, limits)

    def read_cut(self, frames: Sequence[tuple[str, bytes]]) -> bytes:
        found = [(kind, payload) for kind, payload in frames if kind != "status"]
        if len(found) != 1 or found[0][0] != "table":
            raise Breach("The sandbox returned other frames than one with the blocks' rows.")
        return found[0][1]


def _all_rows(table: BlockTable) -> str:
    names = _names(table)
    return f"SELECT {names} FROM {duckdb_engine.quoted_table(table.name)} ORDER BY {names}"


def _in_blocks(table: BlockTable, blocks: int, key: str) -> str:
    """Rows of a block are in an order that depends only on their content and the key."""
    names, rows = _names(table), duckdb_engine.quoted_table(table.name)
    # __k::VARCHAR)" || __k is the same in all tables of persons, so a person is in the same block of each.
    digest = f"sha256('{key}/' || __k::VARCHAR)"
    number = f"(('0x' || substr({digest}, 1, {HASH_DIGITS}))::UBIGINT % {blocks})::INTEGER"
    return f"SELECT {number} AS {BLOCK}, {names} FROM {rows} ORDER BY {BLOCK}, hash('{key}', {names})"


def _names(table: BlockTable) -> str:
    return ", ".join(quoted(v) for v in table.variables)


ROW_OPTIMIZERS = "statistics_propagation,empty_result_pullup"
"""Optimizers that shorten a plan because there are no rows: with rows, more of it is planned."""


def check_plans(request: SandboxRequest) -> None:
    """Raise Breach if a statement of an `sql` request fails before it reads a row."""
    ((_, payload),) = request.frames
    job = json.loads(payload)
    try:
        with duckdb.connect(":memory:") as connection:
            for table in job["tables"]:
                schema, rows = views_of(table, table_files(request.mount, table)[:1])
                connection.execute(schema)
                connection.execute(f"{rows.replace('CREATE VIEW', 'CREATE TABLE', 1)} LIMIT 0")  # types without rows
            # Plans on empty tables: also with the optimizers off that would drop parts of a plan without rows.
            for left_out in ("", ROW_OPTIMIZERS):
                connection.execute(f"SET disabled_optimizers = '{left_out}'")
                for statement in job["statements"]:
                    connection.execute(f"EXPLAIN {statement['sql']}")
    except duckdb.Error as fault:
        raise Breach("The engine cannot plan a statement.") from fault


@dataclass(frozen=True, slots=True)
class ExactVectors:
    """`vectors`: one for each mechanism of the design. `observed`: by table and grouping set, the keys in the data in
    the order of their counts, or None if the list is public. `public`: by output, the rows of its public relations."""

    vectors: tuple[Sequence[int], ...]
    observed: tuple[tuple[Sequence[Keys] | None, ...], ...]
    public: tuple[tuple[tuple[tuple[Value, ...], ...], ...], ...]


class PrivateDuckDB:
    """See `broker.workflow.private_jobs.private_ports.PrivateEngine`."""

    def prepare(
        self, plan: Plan, measured: Sequence[PrivateOutputPlan], vault: Vault, job: str, attempt: int,
        limits: SandboxLimits,
    ) -> SandboxRequest:  # fmt: skip
        """Like `DuckDBEngine.prepare`, with the same image, mounts and settings but other statements."""
        texts = [{"name": n, "sql": sql} for n, sql in private_statements(plan, measured, vault.proofs)]
        request = duckdb_engine.sql_request(vault, duckdb_engine.tables_read(plan), texts, job, attempt, limits)
        check_plans(request)
        return request

    def read(
        self, plan: Plan, measured: Sequence[PrivateOutputPlan], made: MeasurementDesign,
        frames: Sequence[tuple[str, bytes]],
    ) -> ExactVectors:  # fmt: skip
        """Read the exact vectors strictly: raises Breach for anything that was not requested."""
        count = sum(1 for _ in private_statements(plan, measured, {}))
        payloads = duckdb_engine.table_payloads(frames, count, "one for each bounded table")
        cells, public = [], []
        tables = iter(made.tables)
        for output, found in zip(plan.outputs, measured, strict=True):
            cells += [TableCoordinates(bounded, next(tables), payloads) for bounded in found.bounded]
            public.append(tuple(read_public_rows(rows, next(payloads)) for rows in output.public))
        # In the design's order.
        vectors = tuple(cells[p.table].vector(made.block(p), p.set, p.block) for p in made.parts)
        return ExactVectors(vectors, tuple(c.observed for c in cells), tuple(public))


def private_statements(
    plan: Plan, measured: Sequence[PrivateOutputPlan], proofs: VaultProofs
) -> Iterator[tuple[str, str]]:
    """For each output its tables, sums before slots, and then its public relations."""
    for output, found in zip(plan.outputs, measured, strict=True):
        for number, table in enumerate(found.bounded):
            yield f"{output.name}#{number}", render_sums(table, proofs)
            for place in slot_vectors(table):
                yield f"{output.name}#{number}/{place}", render_slots(table, place, proofs)
        yield from ((f"{output.name}/{i}", render_public(rows, 1)) for i, rows in enumerate(output.public))


@dataclass(frozen=True, slots=True)
class GroupingSetRows:
    """The rows of one grouping set. `values`: the distinct values of each key. `codes`: for each key, the index of each
    row's value. `numbers`: one row of numbers for each row."""

    values: tuple[list[Value], ...]
    codes: tuple[Numbers, ...]
    numbers: Numbers

    def places(self, lists: Sequence[Sequence[Value]]) -> Numbers:
        """Each row's cell in the product of the keys' lists, the last key fastest; -1 if a value is not on its list."""
        found = np.zeros(len(self.numbers), np.int64)
        for values, codes, listed in zip(self.values, self.codes, lists, strict=True):
            positions = {value: i for i, value in enumerate(listed)}
            at = np.array([positions.get(v, -1) for v in values], np.int64)[codes]
            found = np.where((found < 0) | (at < 0), -1, found * len(listed) + at)
        return found

    def by_keys(self) -> list[Keys]:
        columns = [[values[c] for c in codes.tolist()] for values, codes in zip(self.values, self.codes, strict=True)]
        return list(zip(*columns, strict=True)) if columns else [()] * len(self.numbers)


class TableCoordinates:
    """The coordinates of one table as read, by grouping set and cell."""

    def __init__(self, bounded: BoundedTable, table: PrivateTable, payloads: Iterator[bytes]) -> None:
        self._bounded, self._table = bounded, table
        self._sums = self._read(next(payloads), _column_names(bounded))
        self._slots = {i: self._read(next(payloads), ["slot", "n"]) for i in slot_vectors(bounded)}
        self.observed = tuple(self._observed(s) for s in range(len(table.sets)))

    def _observed(self, number: int) -> tuple[Keys, ...] | None:
        if self._is_public(number):
            return None
        # Sorted, so that the order of released keys does not depend on the rows.
        return tuple(sorted((k for k in self._sums[number].by_keys() if self._is_listed(number, k)), key=repr))

    def vector(self, block: Block, number: int, place: int | None) -> Sequence[int]:
        """The vector of a block in a grouping set, cell by cell in the order of the public domain; unobserved cells are
        0. `place` None: the persons by key."""
        place = len(self._bounded.vectors) - 1 if place is None else place
        vector = self._bounded.vectors[place]
        if isinstance(vector, BinVector):
            return self._of_slots(block, number, place)
        start, width = _start(self._bounded, place), vector.width
        rows = self._sums[number]
        cells, at = self._places(number, rows)
        found = np.zeros((cells, width), np.int64)
        found[at[at >= 0]] = rows.numbers[at >= 0, start : start + width]
        cells_in_order: list[int] = found.reshape(-1).tolist()
        return cells_in_order

    def _of_slots(self, block: Block, number: int, place: int) -> Sequence[int]:
        rows, width = self._slots[place][number], self._bounded.vectors[place].width
        cells, at = self._places(number, rows)
        slots, counts = rows.numbers[at >= 0].T
        # It would be counted in the next cell.
        if (slots >= width).any():
            raise _breach("has a slot that is none")
        found = np.zeros((cells, width), np.int64)
        np.add.at(found, (at[at >= 0], slots), counts)
        # Computed once: most cells may be empty.
        empty = rank_scores(block.points, [0] * width, block.required_fraction)
        return [
            n
            for cell in found.tolist()
            for n in (rank_scores(block.points, cell, block.required_fraction) if any(cell) else empty)
        ]

    def _places(self, number: int, rows: GroupingSetRows) -> tuple[int, Numbers]:
        """The number of cells, and the cell of each row (-1 for none)."""
        given = self.observed[number]
        if given is not None:
            places = {k: i for i, k in enumerate(given)}
            return len(places), np.array([places.get(k, -1) for k in rows.by_keys()], np.int64)
        return self._table.cells(number), rows.places([v or () for v in self._lists(number)])

    def _read(self, payload: bytes, names: list[str]) -> list[GroupingSetRows]:
        """The rows by grouping set. Raises Breach for anything that was not requested."""
        found, width = arrow_table(payload), len(self._bounded.keys)
        self._check(found.schema, names)
        columns = [column.combine_chunks() for column in found.columns]
        marks, *numbers = (_whole(c) for c in (columns[0], *columns[1 + width :]))
        wanted = [_set_mark(s, width) for s in self._table.sets]
        # The result comes from the sandbox and is not trusted.
        if not np.isin(marks, wanted).all():
            raise _breach("has a grouping set that was not requested")
        keys = [dictionary_codes(c) for c in columns[1 : 1 + width]]
        values = [[plain_value(v) for v in distinct] for distinct, _ in keys]
        together = np.stack(numbers, axis=1) if numbers else np.zeros((len(marks), 0), np.int64)
        return [
            GroupingSetRows(
                tuple(values[i] for i in s), tuple(keys[i][1][marks == mark] for i in s), together[marks == mark]
            )
            for s, mark in zip(self._table.sets, wanted, strict=True)
        ]

    def _check(self, schema: pa.Schema, names: list[str]) -> None:
        wanted = ["g", *(f"k{i}" for i in range(len(self._bounded.keys))), *names]
        if schema.names != wanted:
            raise _breach("has other columns than were requested")
        for key, kind in zip(self._bounded.keys, schema.types[1:], strict=False):
            if str(kind) not in ARROW_TYPES[key.type] and not pa.types.is_decimal128(kind):
                raise _breach(f"has a key of type {kind}")
        if any(str(kind) != "int64" for kind in [schema.types[0], *schema.types[1 + len(self._bounded.keys) :]]):
            raise _breach("has a number that is not of 64 bits")

    def _lists(self, number: int) -> list[tuple[Value, ...] | None]:
        return [self._table.dimensions[i].values for i in self._table.sets[number]]

    def _is_public(self, number: int) -> bool:
        return all(values is not None for values in self._lists(number))

    def _is_listed(self, number: int, keys: Keys) -> bool:
        """Whether all keys that have a list are on it."""
        return all(v is None or k in v for v, k in zip(self._lists(number), keys, strict=True))


def slot_vectors(table: BoundedTable) -> list[int]:
    return [i for i, v in enumerate(table.vectors) if isinstance(v, BinVector)]


def _set_mark(grouped: Sequence[int], width: int) -> int:
    """The engine's mark of a grouping set: one bit for each key that is not grouped by, the first key's the highest."""
    return sum(1 << (width - 1 - i) for i in range(width) if i not in grouped)


def _column_names(table: BoundedTable) -> list[str]:
    return [f"v{i}_{j}" for i, v in enumerate(table.vectors) if isinstance(v, BernsteinVector) for j in range(v.width)]


def _start(table: BoundedTable, place: int) -> int:
    return sum(v.width for v in table.vectors[:place] if isinstance(v, BernsteinVector))


def _whole(column: pa.Array) -> Numbers:
    """Marks, slots and coordinates. Raises Breach if one is missing or negative."""
    if column.null_count:
        raise _breach("has a coordinate that is none")
    found: Numbers = column.to_numpy(zero_copy_only=False)
    if (found < 0).any():
        raise _breach("has a coordinate that is none")
    return found


def _breach(what: str) -> Breach:
    return Breach(f"A private result of the engine {what}.")
