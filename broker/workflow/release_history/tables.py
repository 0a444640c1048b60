"""Tables as the memory knows them: judged ones that may leave, and remembered ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from broker.disclosure.differencing.compare import Load
from broker.disclosure.differencing.members import Members, from_bytes
from broker.disclosure.differencing.tables import Table
from broker.disclosure.recipes import told_by
from broker.domain.errors import Breach, Unavailable
from broker.domain.findings import Assessment
from broker.domain.lineage import read_by
from broker.domain.plans import Plan, PlannedOutput
from broker.domain.ports import MemoryPorts, Ports, WorkerPorts
from broker.domain.ports.release_history import TableMembers, Where
from broker.domain.release_history import Entry, Source
from broker.domain.remembered import StoredMembers, from_about
from broker.policy.profiles import Profile, Rounding


@dataclass(frozen=True, slots=True)
class Of:
    """Whose tables they are, of which snapshot, judged by which rules and when."""

    project: str
    snapshot: str
    profile: Profile
    now: datetime

    @property
    def noise(self) -> int:
        """Two counts of almost the same persons can be moved apart by so much."""
        return 2 * self.profile.noise_deviation if self.profile.rounding is Rounding.CELL_KEY else 0


def memory_of(ports: WorkerPorts) -> MemoryPorts:
    if ports.memory is None:
        raise Unavailable("This worker has no memory: it compares and releases nothing.")
    return ports.memory


def check_holds(ports: Ports) -> None:
    """Before a file is written that tells of something released: where the store would refuse the release, it would
    look as if it had been made and forgotten."""
    if not ports.store.memory_holds():
        raise Breach("The memory does not hold its last signed head: nothing is released or entered until it does.")


def entry_of(of: Of, output: PlannedOutput, recipe: str, found: TableMembers, known: Mapping[str, int]) -> Entry:
    """The entry that a planned table would be; `known` are the populations that hold all of it."""
    return Entry(
        number=0,
        release="",
        output="",
        table=found.where[1],
        project=of.project,
        snapshot=of.snapshot,
        profile=of.profile.name,
        t=of.profile.t,
        recipe=recipe,
        unit=output.unit,
        source=Source.RELEASE,
        when=of.now,
        cells=len(found.cells),
        noise=of.noise,
        within=dict(known),
    )


def judged_table(
    plan: Plan, where: Where, entry: Entry, found: TableMembers, members: Members, judged: Assessment
) -> Table:
    """A table as it would be known if it left as it is judged."""
    output = plan.outputs[where[0]]
    cells = {keys: number for number, keys in enumerate(found.cells)}
    try:
        figures = told_by(output.tables[where[1]], judged.tables[where[1]], cells, read_by(output))
    except KeyError as error:
        raise Breach("A judged table has a cell that its members do not have.") from error
    return Table(entry, figures, members)


def remembered_table(ports: Ports, memory: MemoryPorts, entry: Entry) -> Load:
    """Reads a remembered table when it is asked for."""

    def load() -> Table:
        stored = ports.store.members_of(entry.number)
        if stored is None:
            raise Breach(f"Entry {entry.number} of the memory has no members.")
        return Table(entry, ports.store.known_figures(entry.number), from_bytes(memory.files.get(stored)))

    return load


def kept_table(memory: MemoryPorts, stored: StoredMembers) -> Table:
    """A table that was compared and waits for its release."""
    told = from_about(memory.files.about(stored.name))
    return Table(told.entry, told.figures, from_bytes(memory.files.get(stored)))


def numbered(table: Table, number: int) -> Table:
    return Table(replace(table.entry, number=number), table.figures, table.members)
