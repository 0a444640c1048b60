"""The synthetic NPD of each project on a server, in a folder of the worker's own: made when it is first asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from broker.domain.errors import Unknown
from broker.domain.ports import SyntheticData, Vault, Vaults
from broker.policy.models import Policies
from broker.workflow.rehearsal_data import Wanted, wanted

if TYPE_CHECKING:
    from broker.workflow.rehearse import Stage


class Making(Protocol):
    """Who wants to know that data are made for a rehearsal, or that somebody else is making them."""

    def waits(self) -> None: ...

    def begins(self) -> None: ...

    def steps(self, what: str, done: int, total: int) -> None: ...


class Unseen:
    """Nobody watches while the worker makes synthetic data."""

    def waits(self) -> None: ...

    def begins(self) -> None: ...

    def steps(self, what: str, done: int, total: int) -> None: ...


class Told(Unseen):
    """Somebody is told beforehand about how many seconds it takes, whoever makes them."""

    def __init__(self, tell: Callable[[int], None], seconds: int) -> None:
        self._tell, self._seconds = tell, seconds

    def waits(self) -> None:
        self._tell(self._seconds)

    def begins(self) -> None:
        self._tell(self._seconds)


Build = Callable[[Policies, str, Wanted, Making], "Stage"]


class SyntheticNPD:
    """The port `SyntheticVaults`. `years` are those that can be made, `build` makes what is not there."""

    def __init__(self, policies: Callable[[], Policies], years: range, build: Build) -> None:
        self._policies, self._years, self._build = policies, years, build

    def of(self, project: str) -> tuple[Vaults, Vault]:
        policies = self._policies()
        asked = self._wanted(policies, project, policies.service.synthetic_pupils)
        stage = self._build(policies, project, asked, Unseen())
        return stage.vaults, stage.vaults.ensure(project, stage.snapshot)

    def for_rehearsal(self, project: str, making: Callable[[int], None]) -> SyntheticData:
        policies = self._policies()
        asked = self._wanted(policies, project, policies.service.rehearsal_pupils)
        stage = self._build(policies, project, asked, Told(making, asked.about_seconds))
        vault = stage.vaults.ensure(project, stage.snapshot)
        return SyntheticData(stage.vaults, vault, asked.pupils, asked.years)

    def _wanted(self, policies: Policies, project: str, pupils: int) -> Wanted:
        found = policies.project(project)
        if found is None:
            raise Unknown("project", project)
        return wanted(found, policies.catalogue, self._years, pupils, policies.service.synthetic_seed)
