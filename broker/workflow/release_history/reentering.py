"""The memory followed with its files, and given back what a restored back-up had forgotten. For whoever may open the
files: a worker, and an operator beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach
from broker.domain.ledger.chain import Head
from broker.domain.people import SYSTEM
from broker.domain.ports import Store, WorkerPorts
from broker.domain.ports.release_history import MemberFiles
from broker.domain.ports.release_history_store import MemoryCheck
from broker.domain.remembered import NewEntry, StoredMembers, from_about
from broker.workflow.both import two_have_asked
from broker.workflow.release_history.left_files import may_prove
from broker.workflow.release_history.tables import memory_of
from broker.workflow.restore_memory import ASKED, SUBJECT, ForgottenTables


@dataclass(frozen=True, slots=True)
class WholeCheck:
    """The store's word on the memory, and the numbers of entries whose file of members is not there, cannot be opened
    or is about something else."""

    store: MemoryCheck
    files: tuple[int, ...]

    @property
    def holds(self) -> bool:
        return self.store.holds and not self.files


def verify(store: Store, files: MemberFiles, heads: Sequence[Head] = ()) -> WholeCheck:
    """One file in memory at a time."""
    return WholeCheck(store.verify_memory(heads), tuple(_without_members(store, files)))


def _without_members(store: Store, files: MemberFiles) -> Iterator[int]:
    for entry in store.remembered():
        stored = store.members_of(entry.number)
        if stored is None:
            continue
        try:
            files.get(stored)
            told = from_about(files.about(stored.name))
        except (Breach, ValueError, KeyError, TypeError):
            yield entry.number
            continue
        if told.entry != replace(entry, number=0) or told.figures != store.known_figures(entry.number):
            yield entry.number


def forgotten_tables(store: Store, files: MemberFiles) -> tuple[tuple[NewEntry, ...], tuple[str, ...]]:
    """What files tell of releases that the memory has no entry of, in the order of their release; and the files that
    cannot be read."""
    found, broken = [], []
    for name in files.unnamed(store.member_files()):
        if not may_prove(store, files, name):
            continue
        try:
            stored = files.stored(name)
            files.get(stored)
            found.append(replace(from_about(files.about(name)), members=stored))
        except (Breach, ValueError, KeyError, TypeError):
            broken.append(name)
    return tuple(sorted(found, key=lambda n: (n.entry.when, n.entry.release, n.entry.table))), tuple(broken)


def reenter_agreed(ports: WorkerPorts) -> int:
    """Where two administrators have agreed what was forgotten, and the files tell exactly that, enter it. How many
    tables were entered."""
    files, store = memory_of(ports).files, ports.store
    lost = store.lost_memory_head()
    cases = {c for line in store.audit_of(SUBJECT, ASKED) for k, c in line.event.codes if k == "case"} if lost else ()
    if lost is None or not cases:
        return 0
    entries, _ = forgotten_tables(store, files)
    for case in sorted(cases):
        forgotten = ForgottenTables(lost, _stored(entries), case)
        by = two_have_asked(ports, SUBJECT, ASKED, forgotten.codes)
        if by is not None:
            now = ports.clock.now()
            told = AuditEvent(now, SYSTEM.ident, "memory.reentered", SUBJECT, forgotten.codes)
            store.reenter_memory(lost, entries, by, now, [told])
            return len(entries)
    return 0


def _stored(entries: Sequence[NewEntry]) -> tuple[StoredMembers, ...]:
    return tuple(e.members for e in entries if e.members is not None)
