"""The engine's side of a private job: bounded tables to a sandbox request, frames to exact vectors in the order that
is measured. What it returns is exact: it goes to the noise process and nowhere else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pyarrow as pa

from broker.domain.bounded import BoundedTable, Powers, Slots
from broker.domain.errors import Breach
from broker.domain.plans import Plan
from broker.domain.ports import Limits, SandboxRequest, Vault
from broker.domain.proofs import Proofs
from broker.domain.scalars import Value
from broker.engine.duckdb_engine import mounted, tables_read
from broker.engine.frames import KINDS, arrow_table, plain_value, read_public
from broker.privacy.asking.measurable import Measurable
from broker.privacy.blocks import Block, Kind, ranks
from broker.privacy.design import Design
from broker.privacy.tables import PrivateTable
from broker.query import render_public, render_slots, render_sums

Keys = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Exact:
    """`vectors`: one for each mechanism of the design. `observed`: by table and grouping set the keys of the data in
    the order of their counts, None where the list is public. `public`: by output the rows of its public relations."""

    vectors: tuple[Sequence[int], ...]
    observed: tuple[tuple[Sequence[Keys] | None, ...], ...]
    public: tuple[tuple[tuple[tuple[Value, ...], ...], ...], ...]


class PrivateDuckDB:
    """See `broker.workflow.private.ports.PrivateEngine`."""

    def prepare(
        self, plan: Plan, measured: Sequence[Measurable], vault: Vault, job: str, attempt: int, limits: Limits
    ) -> SandboxRequest:
        return prepare_private(plan, measured, vault, job, attempt, limits)

    def read(
        self, plan: Plan, measured: Sequence[Measurable], made: Design, frames: Sequence[tuple[str, bytes]]
    ) -> Exact:
        return read_private(plan, measured, made, frames)


def prepare_private(
    plan: Plan, measured: Sequence[Measurable], vault: Vault, job: str, attempt: int, limits: Limits
) -> SandboxRequest:
    """As `DuckDBEngine.prepare`: the same image, mounts and settings, and other statements."""
    frame = {
        "kind": "sql",
        "tables": [mounted(vault, table, years) for table, years in sorted(tables_read(plan).items())],
        "statements": [{"name": n, "sql": sql} for n, sql in statements(plan, measured, vault.proofs)],
        "settings": {name: getattr(limits, name) for name in Limits.__slots__},
    }
    payload = json.dumps(frame, sort_keys=True).encode()
    return SandboxRequest(job, attempt, "sql", vault.evidence, (("job", payload),), limits, vault.synthetic)


def statements(plan: Plan, measured: Sequence[Measurable], proofs: Proofs) -> Iterator[tuple[str, str]]:
    """Of each output its tables, sums before slots, then its public relations."""
    for output, found in zip(plan.outputs, measured, strict=True):
        for number, table in enumerate(found.bounded):
            yield f"{output.name}#{number}", render_sums(table, proofs)
            for place in _slots(table):
                yield f"{output.name}#{number}/{place}", render_slots(table, place, proofs)
        yield from ((f"{output.name}/{i}", render_public(rows, 1)) for i, rows in enumerate(output.public))


def read_private(
    plan: Plan, measured: Sequence[Measurable], design: Design, frames: Sequence[tuple[str, bytes]]
) -> Exact:
    """Strictly: whatever was not asked for is a Breach."""
    kinds = [kind for kind, _ in frames]
    if kinds[-1:] == ["status"]:
        kinds.pop()
    if kinds != ["table"] * sum(1 for _ in statements(plan, measured, {})):
        raise Breach("The sandbox returned other frames than one for each bounded table.")
    payloads = iter([payload for kind, payload in frames if kind == "table"])
    cells, public = [], []
    tables = iter(design.tables)
    for output, found in zip(plan.outputs, measured, strict=True):
        cells += [Cells(bounded, next(tables), payloads) for bounded in found.bounded]
        public.append(tuple(read_public(rows, next(payloads)) for rows in output.public))
    vectors = tuple(cells[p.table].vector(design.block(p), p.set, p.block) for p in design.parts)
    return Exact(vectors, tuple(c.observed for c in cells), tuple(public))


def _slots(table: BoundedTable) -> list[int]:
    return [i for i, v in enumerate(table.vectors) if isinstance(v, Slots)]


class Cells:
    """The coordinates of one table as they came, by grouping set and cell; cells outside public lists are dropped."""

    def __init__(self, bounded: BoundedTable, table: PrivateTable, payloads: Iterator[bytes]) -> None:
        self._bounded, self._table = bounded, table
        self._places = [_places(table, s) for s in range(len(table.sets))]
        self._sums = self._read(next(payloads), _names(bounded))
        self._slots = {i: self._read(next(payloads), ["slot", "n"]) for i in _slots(bounded)}
        self.observed = tuple(self._observed(s) for s in range(len(table.sets)))

    def _observed(self, number: int) -> tuple[Keys, ...] | None:
        if self._places[number] is not None:
            return None
        return tuple(sorted((k for k, _ in self._sums[number] if self._is_listed(number, k)), key=repr))

    def vector(self, block: Block, number: int, place: int | None) -> Sequence[int]:
        """Of a block in a grouping set, cell by cell in the order of the public domain; what was not observed is 0.
        `place` None: the persons by key."""
        given = self.observed[number]
        places = {k: i for i, k in enumerate(given)} if given is not None else self._places[number] or {}
        place = len(self._bounded.vectors) - 1 if place is None else place
        vector = self._bounded.vectors[place]
        if isinstance(vector, Slots):
            return self._of_slots(block, number, place, places)
        start, width = _start(self._bounded, place), vector.width
        found = [0] * (len(places) * width)
        for keys, numbers in self._sums[number]:
            if (at := places.get(keys)) is not None:
                found[at * width : (at + 1) * width] = numbers[start : start + width]
        return found

    def _of_slots(self, block: Block, number: int, place: int, places: Mapping[Keys, int]) -> Sequence[int]:
        width = self._bounded.vectors[place].width
        counts = [[0] * width for _ in places]
        for keys, (slot, rows) in self._slots[place][number]:
            if (at := places.get(keys)) is not None:
                if not 0 <= slot < width:
                    raise _breach("has a slot that is none")
                counts[at][slot] += rows
        if block.kind is Kind.BINS:
            return [n for cell in counts for n in cell]
        empty = ranks(block.points, [0] * width, block.of)
        return [n for cell in counts for n in (ranks(block.points, cell, block.of) if any(cell) else empty)]

    def _read(self, payload: bytes, names: list[str]) -> list[list[tuple[Keys, Sequence[int]]]]:
        """By grouping set, (keys, numbers)."""
        found, width = arrow_table(payload), len(self._bounded.keys)
        self._check(found.schema, names)
        by_mark = {_mark(s, width): number for number, s in enumerate(self._table.sets)}
        rows: list[list[tuple[Keys, Sequence[int]]]] = [[] for _ in self._table.sets]
        for mark, *values in zip(*(column.to_pylist() for column in found.columns), strict=True):
            if mark not in by_mark:
                raise _breach("has a grouping set that was not asked for")
            number = by_mark[mark]
            keys = tuple(plain_value(values[i]) for i in self._table.sets[number])
            rows[number].append((keys, _counts(values[width:])))
        return rows

    def _check(self, schema: pa.Schema, names: list[str]) -> None:
        wanted = ["g", *(f"k{i}" for i in range(len(self._bounded.keys))), *names]
        if schema.names != wanted:
            raise _breach("has other columns than asked for")
        for key, kind in zip(self._bounded.keys, schema.types[1:], strict=False):
            if str(kind) not in KINDS[key.type] and not pa.types.is_decimal128(kind):
                raise _breach(f"has a key of type {kind}")
        if any(str(kind) != "int64" for kind in [schema.types[0], *schema.types[1 + len(self._bounded.keys) :]]):
            raise _breach("has a number that is not of 64 bits")

    def _is_listed(self, number: int, keys: Keys) -> bool:
        """Whether the keys that have a list are on it."""
        lists = [self._table.dimensions[i].values for i in self._table.sets[number]]
        return all(values is None or k in values for k, values in zip(keys, lists, strict=True))


def _places(table: PrivateTable, number: int) -> dict[Keys, int] | None:
    lists = [table.dimensions[i].values for i in table.sets[number]]
    if any(values is None for values in lists):
        return None
    return {keys: i for i, keys in enumerate(product(*(values or () for values in lists)))}


def _mark(grouped: Sequence[int], width: int) -> int:
    """As the engine marks a grouping set: a bit for each key that it is not grouped by, the first key's the highest."""
    return sum(1 << (width - 1 - i) for i in range(width) if i not in grouped)


def _names(table: BoundedTable) -> list[str]:
    return [f"v{i}_{j}" for i, v in enumerate(table.vectors) if isinstance(v, Powers) for j in range(v.width)]


def _start(table: BoundedTable, place: int) -> int:
    return sum(v.width for v in table.vectors[:place] if isinstance(v, Powers))


def _counts(values: Sequence[Any]) -> Sequence[int]:
    if any(type(v) is not int or v < 0 for v in values):
        raise _breach("has a coordinate that is none")
    return values


def _breach(what: str) -> Breach:
    return Breach(f"A private result of the engine {what}.")
