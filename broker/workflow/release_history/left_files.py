"""Files of members that no entry names: what a process left that never came to its end, and what a restored back-up has
forgotten. The first are swept, the second are never touched."""

from broker.domain.errors import Breach, Unknown
from broker.domain.outputs import OutputState
from broker.domain.ports import Store, WorkerPorts
from broker.domain.ports.release_history import MemberFiles
from broker.domain.release_history import Entry, Source
from broker.domain.remembered import from_about
from broker.workflow.release_history.tables import memory_of

LEASES = 20
"""A file younger than so many leases is left alone: what has written it is most likely about to name it. If it names it
later still, the store refuses, and the file is written again."""

LEFT = frozenset({OutputState.RELEASED, OutputState.RECALLED})


def sweep_members(ports: WorkerPorts) -> int:
    """Remove files that nothing names. How many were removed."""
    files, store, now = memory_of(ports).files, ports.store, ports.clock.now()
    before = now - LEASES * ports.lease
    files.drop_drafts(before)
    if not store.memory_holds():
        return 0
    old = files.unnamed(store.member_files(), before)
    gone = store.give_up([name for name in old if not may_prove(store, files, name)], now)
    named = store.member_files()
    for name in sorted(gone):
        files.discard(name, named)
    return len(gone)


def may_prove(store: Store, files: MemberFiles, name: str) -> bool:
    """Whether a file may be all that tells of something released: it names a release that the memory has no entry of.
    One that cannot be read may be anything."""
    entry = _entry_of(files, name)
    if entry is None:
        return True
    waits = entry.source is Source.RELEASE and not entry.release
    return not waits and not _is_entered(store, entry)


def _entry_of(files: MemberFiles, name: str) -> Entry | None:
    try:
        return from_about(files.about(name)).entry
    except (Breach, ValueError, KeyError, TypeError):
        return None


def _is_entered(store: Store, entry: Entry) -> bool:
    """Whether the memory has the table that a file tells of, from another file: a release that did not come to its end
    was tried again."""
    if entry.source is not Source.RELEASE:
        return any((e.source, e.output) == (entry.source, entry.output) for e in store.remembered())
    try:
        output = store.output(entry.output)
    except Unknown:
        return False
    release = store.release_of(output.job) if output.state in LEFT else None
    if release is None:
        return False
    return any((e.output, e.table) == (entry.output, entry.table) for e in store.remembered(release=release.ident))
