"""At the moment of release: compared again with what was remembered since, and what goes into memory with it."""

from collections.abc import Sequence
from dataclasses import replace

from broker.disclosure.differencing.compare import compare_all
from broker.disclosure.differencing.members import to_bytes
from broker.disclosure.differencing.tables import Table
from broker.domain.jobs import Job
from broker.domain.outputs import Output
from broker.domain.ports import ToRemember, WorkerPorts
from broker.domain.release_history import MemoryVersion
from broker.domain.remembered import NewEntry, Remembering, Splits, StoredMembers, about
from broker.workflow.policies import policies_in_force
from broker.workflow.release_history.crowding import crowded, splits_of
from broker.workflow.release_history.tables import check_holds, kept_table, memory_of, remembered_table


class Moved(Exception):
    """Outputs that were clean when they were compared, and are not any more."""

    def __init__(self, outputs: tuple[Output, ...]) -> None:
        super().__init__("what was released since changes these outputs")
        self.outputs = outputs


def remembering(ports: WorkerPorts, job: Job, release: str, approved: Sequence[Output]) -> Remembering | None:
    """What the release brings into memory; None for one without a table to remember. Raises Moved."""
    kept = {o.ident: ports.store.to_remember(o.ident) for o in approved}
    if not any(kept.values()):
        return None
    check_holds(ports)
    if gone := [o for o in approved if _has_lost(ports, kept[o.ident])]:
        raise Moved(tuple(gone))
    seen, snapshot = ports.store.memory_version(), job.snapshot or ""
    tables = {o.ident: [_table(ports, one) for one in kept[o.ident]] for o in approved}
    moved = [o for o in approved if not _is_clean(ports, o, tables[o.ident])]
    every = [table for output in approved for table in tables[output.ident]]
    newer = any(str(seen) != o.memory_version for o in approved if kept[o.ident])
    policies = policies_in_force(ports.store)
    if newer and not moved and any(crowded(ports, snapshot, every, policies)):
        moved = [o for o in approved if kept[o.ident]]
    if moved:
        raise Moved(tuple(moved))
    of = (output for output in approved for _ in tables[output.ident])
    told = zip(of, every, splits_of(ports, snapshot, every, policies), strict=True)
    return Remembering(seen, tuple(_entry(ports, output, release, table, splits) for output, table, splits in told))


def _entry(ports: WorkerPorts, output: Output, release: str, table: Table, splits: tuple[Splits, ...]) -> NewEntry:
    """With a file that names the release: after a restored back-up it tells what was released."""
    entry = replace(table.entry, release=release, output=output.ident)
    new = NewEntry(entry, table.figures, splits)
    return replace(new, members=memory_of(ports).files.put(about(new), to_bytes(table.members)))


def _has_lost(ports: WorkerPorts, kept: Sequence[ToRemember]) -> bool:
    """Whether a file of what waits is not there any more: a store that was restored names what was swept since."""
    return bool(memory_of(ports).files.missing([one.file for one in kept]))


def _table(ports: WorkerPorts, one: ToRemember) -> Table:
    return kept_table(memory_of(ports), StoredMembers(one.file, one.digest))


def _is_clean(ports: WorkerPorts, output: Output, tables: Sequence[Table]) -> bool:
    """Against what was remembered since: the rest was looked at when the output was compared, and by its checkers."""
    newer = ports.store.remembered(after=MemoryVersion(int(output.memory_version or 0)))
    loads = [remembered_table(ports, memory_of(ports), e) for e in newer if ports.store.members_of(e.number)]
    return all(c.is_clean for table in tables for c in compare_all(table, loads))
