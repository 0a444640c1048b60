"""Random databases with the ranks of a vault, and the same without one person: numbers and ranks are made again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import worlds

from broker.domain.plans.bounded_table import BoundedTable
from broker.engine.private_engine import TableCoordinates
from broker.policy.data_catalogue import Catalogue, CatalogueTable, TableKind
from broker.privacy.block_layout import Block, BlockKind, lay_out_blocks
from broker.privacy.measurement_design import KEY_COUNT_BLOCK
from broker.privacy.private_tables import Influence, PrivateTable
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.sensitivity import block_sensitivity, influence_on
from broker.query import render_slots, render_sums
from broker.vault.duckdb_access import storage_type

Rows = worlds.Rows
ROOT = Path(__file__).parents[3]


def crowded(catalogue: Catalogue, seed: int, people: int = 8) -> Rows:
    """Most years with few rows, and some persons with many: duplicates, and rows that differ in one value."""
    rng, found = Random(seed), worlds.rows(catalogue, seed, people)
    for name, some in found.items():
        table = catalogue.table(name)
        if table.kind is TableKind.PUBLIC:
            continue
        for row in list(some):
            for _ in range(rng.choice((0, 0, 0, 1, 5))):
                variable = rng.choice(table.variables)
                keep = {table.link_key, table.second_key, table.year.variable if table.year else None}
                change = variable.name not in keep and rng.random() < 0.6
                some.append(row | ({variable.name: rng.choice(worlds.domain(variable))} if change else {}))
    return found


def without(rows: Rows, person: int) -> Rows:
    return {name: [r for r in some if r.get("__p") != person] for name, some in rows.items()}


def persons(rows: Rows) -> list[int]:
    return sorted({r["__p"] for some in rows.values() for r in some if "__p" in r})


def vault(catalogue: Catalogue, rows: Rows, seed: int) -> duckdb.DuckDBPyConnection:
    """An engine with the rows; everybody's number is drawn again, ranks follow from each person's own rows."""
    con = duckdb.connect()
    con.execute("SET threads=1")
    numbers = persons(rows)
    drawn = dict(zip(numbers, Random(seed).sample(range(len(numbers)), len(numbers)), strict=True))
    for name, some in rows.items():
        table = catalogue.table(name)
        con.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.schema_name}"')
        is_person = table.kind is TableKind.PERSON
        columns = [(f'"{v.name}"', storage_type(v)) for v in table.variables]
        stored = ["__r", *(r.column for r in table.rankings)]
        columns += [("__p", "UINTEGER"), *((f'"{r}"', "UTINYINT") for r in stored)] if is_person else []
        quoted = f'"{table.schema_name}"."{table.name}"'
        con.execute(f"CREATE TABLE {quoted} ({', '.join(f'{n} {kind}' for n, kind in columns)})")
        worlds.insert(con, quoted, ranked(some, table, drawn) if is_person else some)
    return con


def ranked(rows: Sequence[Mapping[str, Any]], table: CatalogueTable, drawn: Mapping[int, int]) -> list[dict[str, Any]]:
    year = table.year.variable if table.year else None
    own: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        own[row["__p"], row[year] if year else None].append(row)
    found = []
    for group in own.values():
        ordered = sorted(group, key=lambda r: repr(sorted((k, v) for k, v in r.items() if k != "__p")))
        for i, row in enumerate(ordered):
            within = {
                r.column: sum(all(other[v] == row[v] for v in r.within) for other in ordered[:i])
                for r in table.rankings
            }
            found.append({**row, "__p": drawn[row["__p"]], "__r": i, **within})
    return found


def payload(con: duckdb.DuckDBPyConnection, sql: str) -> bytes:
    table, sink = con.sql(sql).to_arrow_table(), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def texts(bounded: BoundedTable, proofs: Any = {}) -> list[str]:  # noqa: B006
    slots = [i for i, v in enumerate(bounded.vectors) if hasattr(v, "points")]
    return [render_sums(bounded, proofs), *(render_slots(bounded, i, proofs) for i in slots)]


@dataclass
class Answer:
    """Of a private table: by (grouping set, block) what is measured, and the keys where the data say them."""

    vectors: dict[tuple[int, int | None], Sequence[int]]
    observed: tuple[Any, ...]


def blocks_of(table: PrivateTable) -> dict[int | None, Block]:
    found: dict[int | None, Block] = dict(enumerate(lay_out_blocks(table).blocks))
    return found if table.listed else {**found, None: KEY_COUNT_BLOCK}


def answer(con: duckdb.DuckDBPyConnection, bounded: BoundedTable, table: PrivateTable) -> Answer:
    cells = TableCoordinates(bounded, table, iter([payload(con, t) for t in texts(bounded)]))
    blocks = blocks_of(table)
    sets = range(len(table.sets))
    vectors = {(s, b): cells.vector(block, s, b) for s in sets for b, block in blocks.items()}
    return Answer(vectors, cells.observed)


@dataclass
class Excess:
    found: list[str] = field(default_factory=list)
    tight: float = 0.0
    """The largest share of a bound that one person used up."""


def compare(table: PrivateTable, whole: Answer, less: Answer, seen: Excess) -> None:
    """What one person moved, against what is declared of it."""
    for (number, place), vector in whole.vectors.items():
        block = blocks_of(table)[place]
        moved = _moved(block, vector, less.vectors[number, place], whole.observed[number], less.observed[number])
        bound = _declared(block, table.influence_in(number))
        real = {
            "l0": len(moved), "l1": sum(sum(c) for c in moved), "l2": sum(x * x for c in moved for x in c),
            "linf": max((max(c) for c in moved), default=0),
        }  # fmt: skip
        if block.kind is BlockKind.RANKS:
            real["l1"] = sum(max(c) for c in moved)
            real["l2"] = sum(max(c) ** 2 for c in moved)
        seen.found += [f"{table.name} {block.kind} {k}: {real[k]} > {bound[k]}" for k in real if real[k] > bound[k]]
        seen.tight = max(seen.tight, real["l1"] / bound["l1"])


def _declared(block: Block, influence: Influence) -> dict[str, int]:
    if block.kind is BlockKind.RANKS:
        bounds = influence_on(block, influence)
        rows = min(bounds.rows_per_cell, bounds.max_rows)
        one, most = block.row_total * rows, block.row_total * bounds.max_rows
        return {"l0": min(bounds.cells, bounds.max_rows), "l1": most, "l2": most * one, "linf": one}
    found = block_sensitivity(block, influence)
    return {"l0": found.l0, "l1": found.l1, "l2": found.l2_squared, "linf": found.linf}


def _moved(block: Block, one: Sequence[int], other: Sequence[int], keys: Any, others: Any) -> list[list[int]]:
    """By cell that moved, how far each coordinate did."""
    w = block.width
    first = {keys[i] if keys is not None else i: one[i * w : i * w + w] for i in range(len(one) // w)}
    second = {others[i] if others is not None else i: other[i * w : i * w + w] for i in range(len(other) // w)}
    nothing = [0] * w
    gaps = [
        [abs(a - b) for a, b in zip(first.get(k, nothing), second.get(k, nothing), strict=True)]
        for k in first.keys() | second.keys()
    ]
    return [g for g in gaps if any(g)]


def registers(catalogue: Catalogue) -> dict[str, tuple[Any, ...]]:
    """A public list for every variable that a register lists, but schools: these stay the data's own."""
    return {
        f"{t.full_name}.{v.name}": tuple(worlds.domain(v))
        for t in catalogue.tables
        for v in t.variables
        if v.register_key and not v.name.upper().endswith("URN")
    }


def tables_of(found: PrivateOutputPlan) -> list[tuple[BoundedTable, PrivateTable]]:
    return list(zip(found.bounded, found.tables, strict=True))
