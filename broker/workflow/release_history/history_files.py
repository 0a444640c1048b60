"""Files of members: removes those that no entry names, verifies them, and enters them again after a
restored back-up."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from broker.domain import release_history
from broker.domain.errors import Breach, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import OutputState
from broker.domain.ports import Store, WorkerPorts
from broker.domain.ports.history_ports import MemberFiles
from broker.domain.signed_log import ChainCheck, ChainHead
from broker.workflow.administration import backup_restore
from broker.workflow.release_history.history_tables import history_ports

MIN_AGE_IN_LEASES = 20
"""Files younger than this many leases stay: the worker that wrote one is probably about to name it. If it does so only
later, the store refuses and the file is written again."""

LEFT_STATES = frozenset({OutputState.RELEASED, OutputState.RECALLED})


def sweep_members(ports: WorkerPorts) -> int:
    """Remove files that nothing names, and return how many."""
    files, store, now = history_ports(ports).files, ports.store, ports.clock.now()
    before = now - MIN_AGE_IN_LEASES * ports.lease
    files.drop_drafts(before)
    # After a restored back-up the files may be all that is left of the last releases.
    if not store.history.is_intact():
        return 0
    old = files.unnamed(store.member_files(), before)
    # The store retires first: from then on nothing can name the files that are removed below.
    gone = store.retire_member_files([name for name in old if not may_record_release(store, files, name)], now)
    # Read again: a release may have named a file since.
    named = store.member_files()
    for name in sorted(gone):
        files.discard(name, named)
    return len(gone)


def may_record_release(store: Store, files: MemberFiles, name: str) -> bool:
    """Whether the file may be the only record of a release: it names one that the release history has no entry of, or
    it cannot be read."""
    entry = _entry_of(files, name)
    if entry is None:
        return True
    # Written by a comparison: its table has not been released.
    waits = entry.source is release_history.HistorySource.RELEASE and not entry.release
    return not waits and not _is_entered(store, entry)


def _entry_of(files: MemberFiles, name: str) -> release_history.HistoryEntry | None:
    try:
        return release_history.new_entry_from_json(files.about(name)).entry
    # A file that cannot be read may be the only record of a release.
    except (Breach, ValueError, KeyError, TypeError):
        return None


def _is_entered(store: Store, entry: release_history.HistoryEntry) -> bool:
    """Whether the release history has the file's table from another file. This happens if a release failed and was
    tried again."""
    if entry.source is not release_history.HistorySource.RELEASE:
        return any((e.source, e.output) == (entry.source, entry.output) for e in store.history_entries())
    try:
        output = store.output(entry.output)
    except Unknown:
        return False
    release = store.release_of(output.job) if output.state in LEFT_STATES else None
    if release is None:
        return False
    return any((e.output, e.table) == (entry.output, entry.table) for e in store.history_entries(release=release.ident))


def verify_history(store: Store, files: MemberFiles, heads: Sequence[ChainHead] = ()) -> ChainCheck:
    """Check the chain and every file of members. Holds only one file at a time."""
    return replace(store.history.verify(heads), without_members=tuple(_without_members(store, files)))


def _without_members(store: Store, files: MemberFiles) -> Iterator[int]:
    for entry in store.history_entries():
        stored = store.members_of(entry.number)
        if stored is None:
            continue
        try:
            files.get(stored)
            recorded = release_history.new_entry_from_json(files.about(stored.name))
        except (Breach, ValueError, KeyError, TypeError):
            yield entry.number
            continue
        # The file was written before the entry had its number.
        if recorded.entry != replace(entry, number=0) or recorded.figures != store.known_figures(entry.number):
            yield entry.number


def missing_tables(
    store: Store, files: MemberFiles
) -> tuple[tuple[release_history.NewHistoryEntry, ...], tuple[str, ...]]:
    """Return the releases that files name and the release history lacks, in order of release; and the names of files
    that cannot be read."""
    found, broken = [], []
    for name in files.unnamed(store.member_files()):
        if not may_record_release(store, files, name):
            continue
        try:
            stored = files.stored(name)
            files.get(stored)
            found.append(replace(release_history.new_entry_from_json(files.about(name)), members=stored))
        except (Breach, ValueError, KeyError, TypeError):
            broken.append(name)
    return tuple(sorted(found, key=lambda n: (n.entry.when, n.entry.release, n.entry.table))), tuple(broken)


def restore_agreed_entries(ports: WorkerPorts) -> int:
    """Enter the missing tables if two administrators have agreed on exactly these. Returns how many were entered."""
    files, store = history_ports(ports).files, ports.store
    lost = store.history.lost_head()
    if lost is None:
        return 0
    cases = backup_restore.requested_cases(store)
    if not cases:
        return 0
    entries, _ = missing_tables(store, files)
    files_of_entries = tuple(e.members for e in entries if e.members is not None)
    for case in sorted(cases):
        missing = backup_restore.MissingHistoryTables(lost, files_of_entries, case)
        # The digest covers exactly these files, so the administrators agreed on these and no others.
        by = backup_restore.history_restorers(ports, missing)
        if by is not None:
            event = AuditEvent(ports.clock.now(), SYSTEM.ident, "memory.reentered", "memory", missing.codes)
            store.history.restore(lost, entries, by, event.at, [event])
            return len(entries)
    return 0
