"""Histories of ordinary tables: what a table loses after others were released, beside what it loses alone."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.utility.population import PROJECT, Population
from broker.domain.findings import Assessment
from broker.domain.jobs.job import Output, OutputState
from broker.policy.policy_set import PolicySet
from broker.workflow.pipeline.draft_output import staff_record_of
from broker.workflow.private_jobs.private_ports import RunPorts
from tests.in_process_broker import add_snapshot, found_broker, open_broker, run_sql_job

SERIES = Path(__file__).with_name("series.sql")
HEADER = re.compile(r"^-- @@ (?P<name>.+)$", re.MULTILINE)
THEN = "\n-- then\n"


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loss:
    """Figures of a table with somebody behind them, and how many of them are hidden: alone, and after others."""

    figures: int
    alone: int
    after: int

    @property
    def more(self) -> float:
        """The share of the figures shown alone that is lost after others."""
        return (self.after - self.alone) / max(1, self.figures - self.alone)


def all_series() -> Iterator[Series]:
    written = SERIES.read_text(encoding="utf-8")
    headers = list(HEADER.finditer(written))
    for header, end in zip(headers, [*(h.start() for h in headers[1:]), len(written)], strict=True):
        yield Series(header["name"], tuple(t.strip() for t in written[header.end() : end].split(THEN)))


@dataclass(frozen=True)
class Histories:
    """A broker with this population, in which policy lets every output go by itself."""

    population: Population
    folder: Path

    def __post_init__(self) -> None:
        self._founded.mkdir(parents=True)
        with self._opened(self._founded) as ports:
            found_broker(ports, self._policies)
            add_snapshot(ports, self.population.data.snapshot)

    def losses(self, series: Series) -> list[Loss]:
        """What each table loses."""
        alone = [one for text in series.texts for one in self._hidden([text])]
        after = self._hidden(series.texts)
        return [Loss(all_of, one, other) for (all_of, one), (_, other) in zip(alone, after, strict=True)]

    def _hidden(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        """Figures and hidden figures of each text, asked for one after the other of a new broker."""
        with TemporaryDirectory(dir=self.folder) as parent:
            running = shutil.copytree(self._founded, Path(parent) / "running")
            with self._opened(running) as ports:
                jobs = [run_sql_job(ports, PROJECT, f"-- output: t\n{text}") for text in texts]
                return [_hidden_of(ports, ports.store.outputs_of(job)) for job in jobs]

    @property
    def _founded(self) -> Path:
        return self.folder / "founded"

    @property
    def _policies(self) -> PolicySet:
        every = self.population.policies
        return replace(every, projects=tuple(replace(p, votes=0) if p.ident == PROJECT else p for p in every.projects))

    @contextmanager
    def _opened(self, folder: Path) -> Iterator[RunPorts]:
        made = self.population
        with open_broker(folder, made.folder, made.data.vaults, self._policies) as ports:
            yield ports


def _hidden_of(ports: RunPorts, outputs: Sequence[Output]) -> tuple[int, int]:
    (output,) = outputs
    found = staff_record_of(ports, output).content
    assert isinstance(found, Assessment), output
    shown = [table for table in found.tables if table.shown]
    figures = [one for table in shown for *_, judged in table.cells for one in judged if one.evidence.persons]
    # An output that waits for a person can still leave.
    leaves = output.state in (OutputState.RELEASED, OutputState.IN_REVIEW)
    return len(figures), sum(one.hidden or not leaves for one in figures)
