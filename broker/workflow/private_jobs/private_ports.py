"""Ports that private jobs need besides the others: bounded statements, and noise. The docstrings are the contract;
callers pass adapters in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault, WorkerPorts
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.mechanisms import MechanismBundle
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.python_jobs.block_tables import BlockTables

KeyValues = tuple[Value, ...]


class ExactAnswers(Protocol):
    """Exact vectors, in the order of the design's mechanisms. They go to the noise process and nowhere else."""

    @property
    def vectors(self) -> Sequence[Sequence[int]]: ...

    @property
    def observed(self) -> Sequence[Sequence[Sequence[KeyValues] | None]]:
        """Keys of the data in the order of their counts, by table and grouping set. None: the list is public."""

    @property
    def public(self) -> Sequence[Sequence[Sequence[Sequence[Value]]]]:
        """Rows of each public relation, by output."""


class PrivateEngine(Protocol):
    """Engine port for private jobs. Holds no data itself."""

    def prepare(
        self, plan: Plan, measured: Sequence[PrivateOutputPlan], vault: Vault, job: str, attempt: int,
        limits: SandboxLimits,
    ) -> SandboxRequest:  # fmt: skip
        """Return statements in which each row is bounded and which no value can make fail.

        Raises Breach if the engine cannot plan one; it reads no person's row to find out.
        """

    def read(
        self, plan: Plan, measured: Sequence[PrivateOutputPlan], made: MeasurementDesign,
        frames: Sequence[tuple[str, bytes]],
    ) -> ExactAnswers:  # fmt: skip
        """Return the exact answers. Raises Breach if the frames are not exactly those requested."""


class BlockEngine(Protocol):
    """Cuts the tables of a private script into blocks of persons. Holds no data itself."""

    def prepare_cut(
        self, cut: BlockTables, blocks: int, key: str, vault: Vault, job: str, attempt: int, limits: SandboxLimits
    ) -> SandboxRequest:
        """Return the request that puts all rows of a person, of all tables, into one block. The block follows from a
        hash of the person under `key`, and from nothing else."""

    def read_cut(self, frames: Sequence[tuple[str, bytes]]) -> bytes:
        """Return the rows in the form that the python image reads, without opening them. Raises Breach for other
        frames."""


class NoisePort(Protocol):
    """Port to the noise process."""

    def draw(self, bundle: MechanismBundle, exact: Sequence[Sequence[int]]) -> tuple[MechanismAnswer, ...]:
        """Return the noisy answers, one for each mechanism. Raises Unavailable if the process does not answer: then
        nobody has seen anything that was drawn."""


@dataclass(frozen=True, slots=True)
class PrivatePorts:
    engine: PrivateEngine
    noise: NoisePort
    blocks: BlockEngine


@dataclass(frozen=True, slots=True)
class RunPorts(WorkerPorts):
    """Ports for running jobs. Without `private`, a private job waits for a worker that has it."""

    private: PrivatePorts | None = None
