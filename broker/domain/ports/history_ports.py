"""Ports of the release history that only a worker has: the members of the cells of a job's tables, known populations,
and the files of members. Docstrings are the contract.

Members are bytes here, as `broker.disclosure.differencing` writes them: the domain knows no arrays. Persons in them are
GLOBAL numbers. No sandbox reads the release history and no page opens its files: only the worker's ports below give
access to them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.jobs.script_requests import MicrodataSchema
from broker.domain.plans.plan import EvidenceNeeds, Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports.data_ports import SubmittedMicrodata, Vault
from broker.domain.ports.sandbox_ports import SandboxLimits, SandboxRequest
from broker.domain.release_history import StoredMembers

TableAddress = tuple[int, int]
"""A table of a job: the number of the output and the number of the table in it (as in
`disclosure.linking.families`)."""

Frames = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class TableMembers:
    """Members of one planned table, with the keys of its cells by number of the cell."""

    address: TableAddress
    cells: tuple[tuple[Value, ...], ...]
    content: bytes


class MembersEngine(Protocol):
    """Members of the shown planned tables of a plan. Holds no data itself.

    1. `shown` are the tables that have members: those that occur in an output. Tables that depend on other people
       (context) and joint tables have none.
    2. A request covers the tables of `wanted`, in that order. A caller with little memory requests one at a time. The
       limits are those of `members_limits` in the workflow, because one row for each person is more than any result.
    3. `numbers` are the vault's, from `Populations.numbers`. Project-local numbers never leave `read_members`.
    4. Summed by cell, members equal the evidence of the same plan: persons, rows, ones, sums."""

    def shown(self, plan: Plan) -> tuple[TableAddress, ...]: ...

    def prepare_members(
        self, plan: Plan, vault: Vault, job: str, attempt: int, limits: SandboxLimits, needs: EvidenceNeeds,
        wanted: Sequence[TableAddress],
    ) -> SandboxRequest: ...  # fmt: skip

    def read_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[TableAddress]
    ) -> tuple[TableMembers, ...]:
        """The members. Raises Breach if the frames are not exactly what was requested."""

    def prepare_script_members(
        self, plan: Plan, rows: MicrodataSchema, microdata: SubmittedMicrodata, limits: SandboxLimits,
        needs: EvidenceNeeds, wanted: Sequence[TableAddress],
    ) -> SandboxRequest:  # fmt: skip
        """The same for submitted rows of a script, which are verified again."""

    def read_script_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[TableAddress]
    ) -> tuple[TableMembers, ...]:
        """The members. Also raises Breach if the rows have a problem: they had none when they were judged."""


@dataclass(frozen=True, slots=True)
class KnownPopulation:
    """A partition of the persons of a snapshot that everybody is assumed to know. Equal definitions on the same
    snapshot have equal `ident`s and the same cell numbers."""

    ident: str
    name: str
    snapshot: str
    table: str
    year: int | None
    cells: tuple[tuple[Value, ...], ...]
    sizes: tuple[int, ...]
    content: bytes
    """Members of its cells: each person of the population in one cell, once."""
    variables: tuple[str, ...] = ()
    """Variables of which the keys of its cells are values."""
    pooled: bool = False
    """Figures are counted against this population, its small cells together with their neighbours. Nothing else is
    compared with it."""


class Populations(Protocol):
    """What the vault knows of persons beyond a project's grants. For the worker only; no mount contains it."""

    def numbers(self, vault: Vault) -> bytes:
        """The global number of each project-local number, in order: 32-bit, little-endian."""

    def everybody(self, snapshot: str, table: str, year: int | None) -> KnownPopulation:
        """All persons of a person table and year, as one cell. Made at the first request, and stored."""

    def references(self, snapshot: str) -> Iterator[KnownPopulation]:
        """The policy's reference populations, one for each year of their tables in the snapshot. Yielded one by one,
        because together they are large. Made at the first request, and stored."""


class MemberFiles(Protocol):
    """The encrypted files of members. For the worker only.

    1. `put` is durable before it returns. `about` is what is needed to enter the file's table again after a restored
       back-up; it is encrypted with the file.
    2. `get` raises Breach if the file is missing or damaged, belongs to another entry, or has another digest.
    3. A file that no entry names was left by a crash between file and row, or was forgotten by a restored back-up. If
       the release history has its last signed head, it was a crash, and nothing of the file was released."""

    def put(self, about: str, content: bytes) -> StoredMembers: ...

    def get(self, stored: StoredMembers) -> bytes: ...

    def about(self, name: str) -> str:
        """The text that was given with a file when it was put."""

    def stored(self, name: str) -> StoredMembers:
        """Name and digest of a file, as an entry would have them, to enter forgotten entries again."""

    def missing(self, named: Collection[str]) -> tuple[str, ...]:
        """Names without a file. The release history cannot be compared with while there is one."""

    def unnamed(self, named: Collection[str], before: datetime | None = None) -> tuple[str, ...]:
        """Files that are not among these names: all of them, or those written before a moment."""

    def discard(self, name: str, named: Collection[str]) -> None:
        """Remove a file that is not among these names. Raises Breach for one that is."""

    def drop_drafts(self, before: datetime) -> int:
        """Remove unfinished files that crashes before a moment have left. Returns their number."""
