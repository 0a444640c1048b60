"""At the moment of release: compares again with what was released since, and returns what the release adds to the
history."""

from collections.abc import Sequence
from dataclasses import replace

from broker.disclosure.differencing.compare_tables import compare_all
from broker.domain.jobs.job import Job, Output
from broker.domain.ports import PendingHistoryEntry, WorkerPorts
from broker.domain.release_history import HistoryUpdate, HistoryVersion, NewHistoryEntry, SplitCounts, new_entry_to_json
from broker.evidence.member_tables import MemberTable, to_bytes
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.release_history import history_tables
from broker.workflow.release_history.exact_figure_cap import figures_over_cap, splits_of


class HistoryMoved(Exception):
    """Raised with the outputs that were clean when they were compared and are not any more."""

    def __init__(self, outputs: tuple[Output, ...]) -> None:
        super().__init__("later releases change these outputs")
        self.outputs = outputs


def history_update(ports: WorkerPorts, job: Job, release: str, approved: Sequence[Output]) -> HistoryUpdate | None:
    """Return what the release adds to the release history; None if no output has a table to enter. Raises
    HistoryMoved."""
    pending = {o.ident: ports.store.pending_history(o.ident) for o in approved}
    if not any(pending.values()):
        return None
    # Before files that name the release are written.
    history_tables.check_history_holds(ports)
    if gone := [o for o in approved if _has_lost(ports, pending[o.ident])]:
        raise HistoryMoved(tuple(gone))
    seen, snapshot = ports.store.history_version(), job.snapshot or ""
    tables = {o.ident: [history_tables.pending_table(ports, one) for one in pending[o.ident]] for o in approved}
    moved = [o for o in approved if not _is_clean(ports, o, tables[o.ident])]
    every = [table for output in approved for table in tables[output.ident]]
    # If nothing was released since, the cap was applied to exactly this state.
    newer = any(str(seen) != o.memory_version for o in approved if pending[o.ident])
    policies = policies_in_force(ports.store)
    # Others have used up part of the cap since the comparison.
    if newer and not moved and any(figures_over_cap(ports, snapshot, every, policies)):
        moved = [o for o in approved if pending[o.ident]]
    if moved:
        raise HistoryMoved(tuple(moved))
    owners = (output for output in approved for _ in tables[output.ident])
    rows = zip(owners, every, splits_of(ports, snapshot, every, policies), strict=True)
    return HistoryUpdate(seen, tuple(_entry(ports, output, release, table, splits) for output, table, splits in rows))


def _entry(
    ports: WorkerPorts, output: Output, release: str, table: MemberTable, splits: tuple[SplitCounts, ...]
) -> NewHistoryEntry:
    """Return the new entry with a file that names the release. After a restored back-up, the file shows what was
    released."""
    entry = replace(table.entry, release=release, output=output.ident)
    new = NewHistoryEntry(entry, table.figures, splits)
    return replace(
        new, members=history_tables.history_ports(ports).files.put(new_entry_to_json(new), to_bytes(table.members))
    )


def _has_lost(ports: WorkerPorts, pending: Sequence[PendingHistoryEntry]) -> bool:
    """Whether a file of a waiting table is gone. A restored store names files that were removed since."""
    return bool(history_tables.history_ports(ports).files.missing([one.file for one in pending]))


def _is_clean(ports: WorkerPorts, output: Output, tables: Sequence[MemberTable]) -> bool:
    """Whether the tables are clean against the entries that are new since the output was compared. The comparison, and
    its checkers, covered the rest."""
    newer = ports.store.history_entries(after=HistoryVersion(int(output.memory_version or 0)))
    loads = [
        history_tables.history_table(ports, history_tables.history_ports(ports), e)
        for e in newer
        if ports.store.members_of(e.number)
    ]
    return all(c.is_clean for table in tables for c in compare_all(table, loads))
