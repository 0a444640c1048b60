"""What a private job asks of the world beside the other ports: bounded statements, and noise. Docstrings are the
contract; adapters are handed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxLimits, SandboxRequest, SandboxResult, Vault, WorkerPorts
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.mechanisms import MechanismBundle
from broker.privacy.noise.noise_process import MechanismAnswer
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.python_jobs.block_tables import BlockTables

KeyValues = tuple[Value, ...]


class ExactAnswers(Protocol):
    """Exact vectors, in the order of the design's mechanisms: they go to the noise process and nowhere else."""

    @property
    def vectors(self) -> Sequence[Sequence[int]]: ...

    @property
    def observed(self) -> Sequence[Sequence[Sequence[KeyValues] | None]]:
        """By table and grouping set the keys of the data in the order of their counts; None: the list is public."""

    @property
    def public(self) -> Sequence[Sequence[Sequence[Sequence[Value]]]]:
        """By output and public relation, its rows."""


class PrivateEngine(Protocol):
    """The engine port for private jobs. Holds no data itself."""

    def prepare(
        self,
        plan: Plan,
        measured: Sequence[PrivateOutputPlan],
        vault: Vault,
        job: str,
        attempt: int,
        limits: SandboxLimits,
    ) -> SandboxRequest:
        """Statements whose every row is bounded, and none of which any value can end. Raise Breach where the engine
        cannot plan one: no row of a person is read for that."""

    def read(
        self,
        plan: Plan,
        measured: Sequence[PrivateOutputPlan],
        made: MeasurementDesign,
        frames: Sequence[tuple[str, bytes]],
    ) -> ExactAnswers:
        """Raise Breach if the frames are not exactly what was asked for."""


class BlockEngine(Protocol):
    """Cuts the tables of a private script into blocks of persons. Holds no data itself."""

    def prepare_cut(
        self, cut: BlockTables, blocks: int, key: str, vault: Vault, job: str, attempt: int, limits: SandboxLimits
    ) -> SandboxRequest:
        """Each person's rows of all tables in one block, chosen by a hash of the person under `key`, of nothing
        else."""

    def read_cut(self, frames: Sequence[tuple[str, bytes]]) -> bytes:
        """The rows as the python image takes them, unopened. Raise Breach for other frames."""


class RequestRunner(Protocol):
    """Runs a request as `Sandbox.run` does."""

    def run(self, request: SandboxRequest) -> SandboxResult: ...


@dataclass(frozen=True, slots=True)
class BlockAttempt:
    """The attempt at a private script and the vault that it reads."""

    vault: Vault
    job: str
    attempt: int
    limits: SandboxLimits


class NoisePort(Protocol):
    """The noise process."""

    def draw(self, bundle: MechanismBundle, exact: Sequence[Sequence[int]]) -> tuple[MechanismAnswer, ...]:
        """Raise Unavailable where it does not answer: then nothing was drawn that anybody has seen."""


@dataclass(frozen=True, slots=True)
class PrivatePorts:
    engine: PrivateEngine
    noise: NoisePort
    blocks: BlockEngine


@dataclass(frozen=True, slots=True)
class RunPorts(WorkerPorts):
    """What runs jobs. Without `private` a private job waits for a worker that has it."""

    private: PrivatePorts | None = None
