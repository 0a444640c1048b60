"""A release history for workflow tests: persons are plain numbers, files are in a dictionary, tests name
populations."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from broker.domain.errors import Breach
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports import ReleaseHistoryPorts, SandboxRequest
from broker.domain.ports.history_ports import KnownPopulation, TableAddress, TableMembers
from broker.domain.release_history import StoredMembers
from broker.evidence.member_tables import members_of, to_bytes
from broker.evidence.table_families import shown_tables

COMPARES = (("members", b""),)
"""How a test's sandbox tells a look at members from a run."""

Cells = Mapping[tuple[Value, ...], Sequence[int]]
"""Who is in each cell."""


@dataclass
class FilesInMemory:
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    put_so_far: int = 0

    def put(self, about: str, content: bytes) -> StoredMembers:
        self.put_so_far += 1
        name = f"m{self.put_so_far}"
        self.files[name] = about, content
        return StoredMembers(name, hashlib.sha256(content).hexdigest())

    def get(self, stored: StoredMembers) -> bytes:
        content = self.files[stored.name][1]
        if hashlib.sha256(content).hexdigest() != stored.digest:
            raise Breach("another file")
        return content

    def about(self, name: str) -> str:
        return self.files[name][0]

    def stored(self, name: str) -> StoredMembers:
        return StoredMembers(name, hashlib.sha256(self.files[name][1]).hexdigest())

    def missing(self, named: Collection[str]) -> tuple[str, ...]:
        return tuple(sorted(set(named) - self.files.keys()))

    def unnamed(self, named: Collection[str], before: datetime | None = None) -> tuple[str, ...]:
        """A test's clock does not write these: all of them are old enough."""
        return tuple(sorted(self.files.keys() - set(named)))

    def drop_drafts(self, before: datetime) -> int:
        return 0

    def discard(self, name: str, named: Collection[str]) -> None:
        assert name not in named
        self.files.pop(name, None)


@dataclass
class SomePopulations:
    """Nobody is taken to know anything but the `known` reference populations."""

    known: tuple[KnownPopulation, ...] = ()

    def numbers(self, vault: Any) -> bytes:
        return b""

    def everybody(self, snapshot: str, table: str, year: int | None) -> KnownPopulation:
        name = f"{table} {year}"
        return replace(some_persons(110_000), ident=name, name=table, snapshot=snapshot, table=table, year=year)

    def references(self, snapshot: str) -> tuple[KnownPopulation, ...]:
        return self.known


@dataclass
class GivenMembers:
    """Members of a plan's tables as a test gives them: `cells_of` says who is in each cell of a table."""

    cells_of: Callable[[Plan, TableAddress], Cells]

    def shown(self, plan: Plan) -> tuple[TableAddress, ...]:
        return tuple(where for where, _ in shown_tables(plan))

    def prepare_members(
        self, plan: Plan, vault: Any, job: str, attempt: int, limits: Any, needs: Any, wanted: Any
    ) -> SandboxRequest:
        return SandboxRequest(job, attempt, "sql", vault.evidence, COMPARES, limits, vault.synthetic)

    def read_members(
        self, plan: Plan, frames: Any, numbers: bytes, wanted: Sequence[TableAddress]
    ) -> tuple[TableMembers, ...]:
        return tuple(self._table(plan, where) for where in wanted)

    def prepare_script_members(self, plan: Plan, rows: Any, to: Any, limits: Any, needs: Any, wanted: Any) -> Any:
        return SandboxRequest(to.job, to.attempt, "sql", to.vault.evidence, COMPARES, limits, to.vault.synthetic)

    def read_script_members(self, plan: Plan, frames: Any, numbers: bytes, wanted: Sequence[TableAddress]) -> Any:
        return self.read_members(plan, frames, numbers, wanted)

    def _table(self, plan: Plan, where: TableAddress) -> TableMembers:
        cells = self.cells_of(plan, where)
        persons = np.asarray([p for found in cells.values() for p in found], np.uint32)
        numbers = np.asarray([n for n, found in enumerate(cells.values()) for _ in found], np.int64)
        return TableMembers(where, tuple(cells), to_bytes(members_of(len(cells), persons, numbers)))


def some_persons(*sizes: int) -> KnownPopulation:
    """A reference population in groups of so many."""
    content = to_bytes(members_of(len(sizes), np.arange(sum(sizes)), np.repeat(np.arange(len(sizes)), sizes)))
    return KnownPopulation("ref", "some", "s1", "npd.absence", 2022, ((),), sizes, content)


def memory(cells_of: Callable[[Plan, TableAddress], Cells]) -> ReleaseHistoryPorts:
    return ReleaseHistoryPorts(FilesInMemory(), SomePopulations(), GivenMembers(cells_of))
