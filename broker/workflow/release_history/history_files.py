"""Files of members: swept where no entry names them, verified, and entered again after a restored back-up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from broker.domain.errors import Breach, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.outputs import OutputState
from broker.domain.ledger.ledger_chain import ChainHead
from broker.domain.ports import Store, WorkerPorts
from broker.domain.ports.history_ports import MemberFiles
from broker.domain.ports.ledger_ports import HistoryCheck
from broker.domain.release_history import (
    HistoryEntry,
    HistorySource,
    NewHistoryEntry,
    StoredMembers,
    new_entry_from_json,
)
from broker.workflow.administration.backup_restore import (
    HISTORY_RESTORE_REQUESTED,
    HISTORY_SUBJECT,
    MissingHistoryTables,
    joint_requesters,
)
from broker.workflow.release_history.history_tables import history_ports

MIN_AGE_IN_LEASES = 20
"""A file younger than so many leases is left alone: what has written it is most likely about to name it. If it names it
later still, the store refuses, and the file is written again."""

LEFT_STATES = frozenset({OutputState.RELEASED, OutputState.RECALLED})


def sweep_members(ports: WorkerPorts) -> int:
    """Remove files that nothing names. How many were removed."""
    files, store, now = history_ports(ports).files, ports.store, ports.clock.now()
    before = now - MIN_AGE_IN_LEASES * ports.lease
    files.drop_drafts(before)
    if not store.history_is_intact():
        return 0
    old = files.unnamed(store.member_files(), before)
    gone = store.retire_member_files([name for name in old if not may_record_release(store, files, name)], now)
    named = store.member_files()
    for name in sorted(gone):
        files.discard(name, named)
    return len(gone)


def may_record_release(store: Store, files: MemberFiles, name: str) -> bool:
    """Whether a file may be all that tells of something released: it names a release that the memory has no entry of.
    One that cannot be read may be anything."""
    entry = _entry_of(files, name)
    if entry is None:
        return True
    waits = entry.source is HistorySource.RELEASE and not entry.release
    return not waits and not _is_entered(store, entry)


def _entry_of(files: MemberFiles, name: str) -> HistoryEntry | None:
    try:
        return new_entry_from_json(files.about(name)).entry
    except (Breach, ValueError, KeyError, TypeError):
        return None


def _is_entered(store: Store, entry: HistoryEntry) -> bool:
    """Whether the memory has the table that a file tells of, from another file: a release that did not come to its end
    was tried again."""
    if entry.source is not HistorySource.RELEASE:
        return any((e.source, e.output) == (entry.source, entry.output) for e in store.history_entries())
    try:
        output = store.output(entry.output)
    except Unknown:
        return False
    release = store.release_of(output.job) if output.state in LEFT_STATES else None
    if release is None:
        return False
    return any((e.output, e.table) == (entry.output, entry.table) for e in store.history_entries(release=release.ident))


@dataclass(frozen=True, slots=True)
class FullHistoryCheck:
    """The store's word on the memory, and the numbers of entries whose file of members is not there, cannot be opened
    or is about something else."""

    store: HistoryCheck
    files: tuple[int, ...]

    @property
    def holds(self) -> bool:
        return self.store.holds and not self.files


def verify_history(store: Store, files: MemberFiles, heads: Sequence[ChainHead] = ()) -> FullHistoryCheck:
    """One file in memory at a time."""
    return FullHistoryCheck(store.verify_history(heads), tuple(_without_members(store, files)))


def _without_members(store: Store, files: MemberFiles) -> Iterator[int]:
    for entry in store.history_entries():
        stored = store.members_of(entry.number)
        if stored is None:
            continue
        try:
            files.get(stored)
            recorded = new_entry_from_json(files.about(stored.name))
        except (Breach, ValueError, KeyError, TypeError):
            yield entry.number
            continue
        if recorded.entry != replace(entry, number=0) or recorded.figures != store.known_figures(entry.number):
            yield entry.number


def missing_tables(store: Store, files: MemberFiles) -> tuple[tuple[NewHistoryEntry, ...], tuple[str, ...]]:
    """What files tell of releases that the memory has no entry of, in the order of their release; and the files that
    cannot be read."""
    found, broken = [], []
    for name in files.unnamed(store.member_files()):
        if not may_record_release(store, files, name):
            continue
        try:
            stored = files.stored(name)
            files.get(stored)
            found.append(replace(new_entry_from_json(files.about(name)), members=stored))
        except (Breach, ValueError, KeyError, TypeError):
            broken.append(name)
    return tuple(sorted(found, key=lambda n: (n.entry.when, n.entry.release, n.entry.table))), tuple(broken)


def restore_agreed_entries(ports: WorkerPorts) -> int:
    """Where two administrators have agreed what was forgotten, and the files tell exactly that, enter it. How many
    tables were entered."""
    files, store = history_ports(ports).files, ports.store
    lost = store.lost_history_head()
    cases = (
        {
            c
            for line in store.audit_of(HISTORY_SUBJECT, HISTORY_RESTORE_REQUESTED)
            for k, c in line.event.codes
            if k == "case"
        }
        if lost
        else ()
    )
    if lost is None or not cases:
        return 0
    entries, _ = missing_tables(store, files)
    for case in sorted(cases):
        missing = MissingHistoryTables(lost, _stored(entries), case)
        by = joint_requesters(ports, HISTORY_SUBJECT, HISTORY_RESTORE_REQUESTED, missing.codes)
        if by is not None:
            now = ports.clock.now()
            event = AuditEvent(now, SYSTEM.ident, "memory.reentered", HISTORY_SUBJECT, missing.codes)
            store.restore_history(lost, entries, by, now, [event])
            return len(entries)
    return 0


def _stored(entries: Sequence[NewHistoryEntry]) -> tuple[StoredMembers, ...]:
    return tuple(e.members for e in entries if e.members is not None)
