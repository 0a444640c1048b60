"""How full the caps on exact figures are, for administrators: which reference populations come to differential privacy
only next. Looks at what the worker measured; opens no file of the memory."""

from dataclasses import dataclass
from heapq import nsmallest

from broker.domain.caps import Gauge, MeasuredPopulation, Place, at, found_by, fullest, places
from broker.domain.errors import Unknown
from broker.domain.ledger.chain import Head
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.policy.memory import MemoryPolicy
from broker.workflow.administer import check_administrator
from broker.workflow.policies import policies_in_force

PAGE = 50
WHOLE = 1000
"""Figures are counted in thousandths; a part of one is shown as one."""


@dataclass(frozen=True, slots=True)
class Caps:
    """One page of a snapshot's reference populations, the fullest first. Of all `populations` so many are `full`, and
    `found` have what was searched for. `unmeasured` have figures and no size yet: the next table that is compared has
    them measured."""

    snapshot: str
    snapshots: tuple[str, ...]
    fraction: float
    least: int
    populations: int
    full: int
    found: int
    page: int
    shown: tuple[Gauge, ...]
    unmeasured: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // PAGE))


def caps(ports: Ports, person: Person, snapshot: str = "", search: str = "", page: int = 1) -> Caps:
    """Those that have every word of `search`; of the newest snapshot that was measured, if none is named."""
    check_administrator(person, Action.VIEW_MEMORY)
    measured_ones, rules = ports.store.measured_snapshots(), policies_in_force(ports.store).memory
    listed = [s.ident for s in ports.store.snapshots() if s.ident in measured_ones]
    known = (*listed, *sorted(measured_ones.difference(listed)))
    if snapshot and snapshot not in known:
        raise Unknown("snapshot", snapshot)
    which = snapshot or next(iter(known), "")
    measured, every, unmeasured = _places(ports, which, rules)
    found = found_by(search.split(), every, measured)
    page = min(max(page, 1), max(1, -(-len(found) // PAGE)))
    first = nsmallest(page * PAGE, found)[(page - 1) * PAGE :]
    shown = tuple(at(place, measured, rules.fraction) for place in first)
    full = sum(place[0] <= -1 for place in every)
    return Caps(
        which, known, rules.fraction, rules.least, len(every), full, len(found), page, shown, unmeasured
    )  # fmt: skip


def fullest_caps(ports: Ports, person: Person) -> tuple[tuple[str, float], ...]:
    """For each snapshot that was measured, the share of its cap that the fullest reference population has used."""
    check_administrator(person, Action.VIEW_MEMORY)
    snapshots = sorted(ports.store.measured_snapshots())
    if not snapshots:
        return ()
    rules = policies_in_force(ports.store).memory
    return tuple((snapshot, fullest(_places(ports, snapshot, rules)[1])) for snapshot in snapshots)


def memory_head(ports: Ports, person: Person) -> Head | None:
    """The signed head, to be kept elsewhere: it has no figures."""
    check_administrator(person, Action.VIEW_MEMORY)
    return ports.store.memory_head()


def _places(ports: Ports, snapshot: str, rules: MemoryPolicy) -> tuple[list[MeasuredPopulation], list[Place], int]:
    measured = ports.store.measured(snapshot)
    used = {name: tuple(-(-n // WHOLE) for n in counts) for name, counts in ports.store.split_counts(snapshot).items()}
    unmeasured = len(used.keys() - {m.population for m in measured})
    return measured, places(measured, used, rules.least, rules.fraction), unmeasured
