"""How much of the cap on exact figures each reference population has used, for administrators."""

from dataclasses import dataclass
from heapq import nsmallest

from broker.domain import population_caps
from broker.domain.errors import Unknown
from broker.domain.identity.people import Action, Person
from broker.domain.ports import Ports
from broker.policy.release_history_policy import ReleaseHistoryPolicy
from broker.workflow.administration.user_accounts import check_administrator
from broker.workflow.policies_in_force import policies_in_force

PAGE = 50
UNITS_PER_FIGURE = 1000
"""Figures are counted in thousandths. Part of a figure is shown as one."""


@dataclass(frozen=True, slots=True)
class CapPage:
    """One page of a snapshot's reference populations, the fullest first.

    Of all `populations`, `full` have reached the cap and `matching` match the search. `unmeasured` have figures but no
    size yet: the next comparison measures them.
    """

    snapshot: str
    snapshots: tuple[str, ...]
    fraction: float
    least: int
    populations: int
    full: int
    matching: int
    page: int
    shown: tuple[population_caps.CapUsage, ...]
    unmeasured: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.matching // PAGE))


def cap_page(ports: Ports, person: Person, snapshot: str = "", search: str = "", page: int = 1) -> CapPage:
    """Return the page of populations that have every word of `search`, of the newest measured snapshot if none is
    named. Raises Unknown for a snapshot that was not measured."""
    check_administrator(person, Action.VIEW_HISTORY)
    measured_ones, rules = ports.store.measured_snapshots(), policies_in_force(ports.store).memory
    listed = [s.ident for s in ports.store.snapshots() if s.ident in measured_ones]
    known = (*listed, *sorted(measured_ones.difference(listed)))
    if snapshot and snapshot not in known:
        raise Unknown("snapshot", snapshot)
    which = snapshot or next(iter(known), "")
    measured, every, unmeasured = _ranked_populations(ports, which, rules)
    found = population_caps.matching_cells(search.split(), every, measured)
    page = min(max(page, 1), max(1, -(-len(found) // PAGE)))
    first = nsmallest(page * PAGE, found)[(page - 1) * PAGE :]
    shown = tuple(population_caps.cap_usage(place, measured, rules.fraction) for place in first)
    full = sum(place[0] <= -1 for place in every)  # ranked by the negative share of the cap
    return CapPage(
        which, known, rules.fraction, rules.least, len(every), full, len(found), page, shown, unmeasured
    )  # fmt: skip


def fullest_caps(ports: Ports, person: Person) -> tuple[tuple[str, float], ...]:
    """Return, for each measured snapshot, the share of its cap that the fullest reference population has used."""
    check_administrator(person, Action.VIEW_HISTORY)
    snapshots = sorted(ports.store.measured_snapshots())
    if not snapshots:
        return ()
    rules = policies_in_force(ports.store).memory
    return tuple(
        (snapshot, population_caps.highest_share(_ranked_populations(ports, snapshot, rules)[1]))
        for snapshot in snapshots
    )


def _ranked_populations(
    ports: Ports, snapshot: str, rules: ReleaseHistoryPolicy
) -> tuple[list[population_caps.MeasuredPopulation], list[population_caps.RankedCell], int]:
    measured = ports.store.measured(snapshot)
    used = {
        name: tuple(-(-n // UNITS_PER_FIGURE) for n in counts)
        for name, counts in ports.store.split_counts(snapshot).items()
    }
    unmeasured = len(used.keys() - {m.population for m in measured})
    return measured, population_caps.rank_cells(measured, used, rules.least, rules.fraction), unmeasured
