"""What a job costs whom, and the accounts that it counts in. No mechanism: losses are given, as amounts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from broker.domain.amounts import Accounting, Amount
from broker.domain.errors import Breach


@dataclass(frozen=True, slots=True)
class Loss:
    """What one answer costs, under every accounting in which it can be told: each account takes its own."""

    amounts: tuple[Amount, ...]

    def __post_init__(self) -> None:
        if len({a.accounting for a in self.amounts}) != len(self.amounts) or not self.amounts:
            raise Breach("A loss has one amount for each accounting, and at least one.")
        if not all(a.micro or a.delta for a in self.amounts):
            raise Breach("Every answer about persons costs something.")

    def under(self, accounting: Accounting) -> Amount | None:
        return next((a for a in self.amounts if a.accounting is accounting), None)


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """Where losses add up. Of one unit (pupil, staff): all there is, which is the promise; or an allotment of it, for a
    project, a data set (a table, over all its years and snapshots), or a project's use of a data set."""

    unit: str
    project: str = ""
    dataset: str = ""

    @property
    def name(self) -> str:
        """The id by which audit lines and messages name it."""
        return "/".join((self.unit, self.project, self.dataset)).rstrip("/")

    @property
    def is_shared(self) -> bool:
        """Other projects spend from it too: what is left of it tells about them."""
        return not self.project


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job costs one unit: `whole` is charged once, `by_dataset` to each data set that is read."""

    unit: str
    whole: Loss
    by_dataset: tuple[tuple[str, Loss], ...]

    def charges(self, project: str) -> dict[Account, Loss]:
        """Every account that this could count in, where there is one."""
        found = {Account(self.unit): self.whole, Account(self.unit, project): self.whole}
        for dataset, loss in self.by_dataset:
            found |= {Account(self.unit, "", dataset): loss, Account(self.unit, project, dataset): loss}
        return found


def costs_to_json(costs: Iterable[Cost]) -> str:
    """The text that a store keeps: the same costs are always the same text."""
    listed = sorted([c.unit, _listed(c.whole), sorted([d, _listed(loss)] for d, loss in c.by_dataset)] for c in costs)
    return json.dumps(listed, separators=(",", ":"))


def costs_from_json(text: str) -> tuple[Cost, ...]:
    listed = json.loads(text)
    return tuple(Cost(unit, _loss(whole), tuple((d, _loss(x)) for d, x in rest)) for unit, whole, rest in listed)


def _listed(loss: Loss) -> list[tuple[str, int, int]]:
    return sorted((a.accounting.value, a.micro, a.delta) for a in loss.amounts)


def _loss(listed: list[tuple[str, int, int]]) -> Loss:
    return Loss(tuple(Amount(Accounting(kind), micro, delta) for kind, micro, delta in listed))
