"""Where a rehearsal at a terminal runs: a synthetic NPD, and what is told while it is made. No real data."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from broker.cli.show import err
from broker.domain.errors import Invalid
from broker.domain.projects import Project
from broker.policy.models import Policies

if TYPE_CHECKING:
    from broker.cli.progress import Tell
    from broker.workflow.rehearsal_data import Wanted
    from broker.workflow.rehearse import Stage


def stage_of(policies: Policies, project: Project, asked: "Wanted", data: Path, quiet: bool) -> "Stage":
    """Where the data are there already, nothing is said."""
    from broker.wiring.rehearsing import build_stage

    with ExitStack() as stack:
        making = _Making(project.ident, asked, data, quiet, stack)
        try:
            return build_stage(policies, project.ident, asked, data, making)
        except OSError as fault:
            sentence = f"The synthetic data cannot be kept in {data}: {fault.strerror or fault}. Say where with --data."
            raise Invalid("rehearsal-folder", sentence, "--data") from fault


class _Making:
    """Tells on standard error that data are made, how long that takes, and how far it is."""

    def __init__(self, project: str, asked: "Wanted", data: Path, quiet: bool, stack: ExitStack) -> None:
        self._project, self._asked, self._data, self._quiet, self._stack = project, asked, data, quiet, stack
        self._tell: Tell | None = None

    def waits(self) -> None:
        self._say("Another rehearsal makes these data: waiting for it.")

    def begins(self) -> None:
        first, last = self._asked.years
        years = str(first) if first == last else f"{first}-{last}"
        self._say(
            f"Making the synthetic NPD of project {self._project}: {self._asked.pupils:,} pupils, {years}. It takes "
            f"about {self._asked.about_seconds} seconds on two free cores, once, and is kept in {self._data}."
        )
        from broker.cli.progress import bar

        self._tell = self._stack.enter_context(bar("synthetic NPD", self._quiet))

    def steps(self, what: str, done: int, total: int) -> None:
        if self._tell is not None:
            self._tell(what, done, total)

    def _say(self, sentence: str) -> None:
        if not self._quiet:
            err.print(sentence, markup=False)
