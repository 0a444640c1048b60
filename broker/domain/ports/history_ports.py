"""Ports of the release history that only a worker has: who is in the cells of a job's tables, known populations, and
the files that say who. Docstrings are the contract.

Members are bytes here, as `broker.disclosure.differencing` writes them: the domain knows no arrays. Persons in them are
GLOBAL numbers. No sandbox sees the release history and no page opens its files: only the worker's ports below lead to
them.
"""

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
"""A table of a job: the output's number and the table's number in it (as `disclosure.linking.families`)."""

Frames = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class TableMembers:
    """Of one planned table: its cells' keys, by the number of the cell, and the members."""

    address: TableAddress
    cells: tuple[tuple[Value, ...], ...]
    content: bytes


class MembersEngine(Protocol):
    """Members of the shown planned tables of a plan. Holds no data itself.

    1. `shown` are the tables that have members: those that stand in an output. What depends on other people (context)
       and joint tables have none.
    2. A request is for the tables of `wanted`, in that order: a caller that wants little memory asks one by one. Its
       limits are `members_limits`' of the workflow, because a row for each person is more than any result.
    3. `numbers` are the vault's, of `Populations.numbers`: project-local numbers never leave `read_members`.
    4. Added up by cell, members are what the evidence of the same plan says: persons, rows, ones, sums.
    """

    def shown(self, plan: Plan) -> tuple[TableAddress, ...]: ...

    def prepare_members(
        self,
        plan: Plan,
        vault: Vault,
        job: str,
        attempt: int,
        limits: SandboxLimits,
        needs: EvidenceNeeds,
        wanted: Sequence[TableAddress],
    ) -> SandboxRequest: ...

    def read_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[TableAddress]
    ) -> tuple[TableMembers, ...]:
        """Raise Breach if the frames are not exactly what was asked for."""

    def prepare_script_members(
        self,
        plan: Plan,
        rows: MicrodataSchema,
        microdata: SubmittedMicrodata,
        limits: SandboxLimits,
        needs: EvidenceNeeds,
        wanted: Sequence[TableAddress],
    ) -> SandboxRequest:
        """The same of rows that a script handed over, which are verified again."""

    def read_script_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[TableAddress]
    ) -> tuple[TableMembers, ...]:
        """Raise Breach also where the rows have a problem: they had none when they were judged."""


@dataclass(frozen=True, slots=True)
class KnownPopulation:
    """A partition of persons of a snapshot that everybody is taken to know. `ident` is equal for equal definitions on
    the same snapshot, and its cells have the same numbers then."""

    ident: str
    name: str
    snapshot: str
    table: str
    year: int | None
    cells: tuple[tuple[Value, ...], ...]
    sizes: tuple[int, ...]
    content: bytes
    """Members of its cells: each person of it in one cell, once."""
    variables: tuple[str, ...] = ()
    """What the keys of its cells are values of."""
    pooled: bool = False
    """Figures are counted against it, its small cells together with their neighbours; nothing else is compared with
    it."""


class Populations(Protocol):
    """What the vault knows of persons beyond a project's grants. The worker only; nothing of it is in any mount."""

    def numbers(self, vault: Vault) -> bytes:
        """The global number of each project-local one, in order: 32-bit, little-endian."""

    def everybody(self, snapshot: str, table: str, year: int | None) -> KnownPopulation:
        """All persons of a person table and year: one cell. Made when it is first asked for, and kept."""

    def references(self, snapshot: str) -> Iterator[KnownPopulation]:
        """The policy's reference populations, one for every year of their tables that the snapshot has, one by one:
        all at once are large. Made when they are first asked for, and kept."""


class MemberFiles(Protocol):
    """The encrypted files of members. Worker only.

    1. `put` is durable before it returns; `about` (`domain.remembered.about`) is what is needed to remember the file's
       table again after a restored back-up, and is encrypted with it.
    2. `get` raises Breach where the file is missing, damaged, another's, or of another digest.
    3. A file that no entry names is what a crash between file and row has left, or what a restored back-up forgot.
       Where the memory holds its last signed head it is the first: nothing of it was released.
    """

    def put(self, about: str, content: bytes) -> StoredMembers: ...

    def get(self, stored: StoredMembers) -> bytes: ...

    def about(self, name: str) -> str:
        """What was said of a file when it was put."""

    def stored(self, name: str) -> StoredMembers:
        """How an entry would name a file: what it has forgotten is entered again so."""

    def missing(self, named: Collection[str]) -> tuple[str, ...]:
        """Those of these names that there is no file of: the memory cannot be compared with while there is one."""

    def unnamed(self, named: Collection[str], before: datetime | None = None) -> tuple[str, ...]:
        """The files that are not among these names: all, or those written before a moment."""

    def discard(self, name: str, named: Collection[str]) -> None:
        """Remove a file that is not among these names; Breach for one that is."""

    def drop_drafts(self, before: datetime) -> int:
        """Remove what crashes before a moment have left of files that were not written to their end."""
