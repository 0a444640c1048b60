"""The engine's side of private jobs: exact vectors of bounded tables, and the rows of a private script's blocks."""

# ruff: noqa: S608 - writing SQL is what this module is for; names are quoted

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from broker.domain.errors import Breach
from broker.domain.evidence import VaultProofs
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault
from broker.engine import duckdb_engine
from broker.engine.exact_coordinates import Keys, TableCoordinates, slot_vectors
from broker.engine.hardened_duckdb import views_of
from broker.engine.in_process_engine import table_files
from broker.engine.result_frames import read_public_rows
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.python_jobs.block_tables import BlockTable, BlockTables
from broker.query import quoted, render_public, render_slots, render_sums

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
