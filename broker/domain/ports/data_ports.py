"""The vault and engine ports: granted data, a plan made a request and read back. Docstrings are the contract."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from broker.domain.evidence import JobEvidence, ModelFit, VaultProofs
from broker.domain.jobs.script_requests import MicrodataCheck, MicrodataSchema, ScriptRegression
from broker.domain.plans.plan import EvidenceNeeds, Plan
from broker.domain.plans.scalars import Value
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.ports.sandbox_ports import SandboxLimits, SandboxRequest
from broker.domain.projects.project import ResearchProject


@dataclass(frozen=True, slots=True)
class VaultTable:
    """A table of a vault as a sandbox mounts it.

    `paths` are relative to the mount: first `<table>/schema.parquet` (no rows: so a table always has its columns),
    then one a year. `years` runs beside them, None for the schema file and for tables without a year axis.
    """

    name: str
    paths: tuple[str, ...]
    years: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Vault:
    """A project's granted data of one snapshot. `evidence` is the rendering for rendered SQL, `script` for scripts;
    `proofs` are what its build proved of granted variables, `persons` the number of its person numbers (from 0)."""

    key: str
    snapshot: str
    project: str
    evidence: Path
    script: Path
    tables: tuple[VaultTable, ...]
    synthetic: bool
    proofs: VaultProofs = field(default_factory=dict)
    persons: int = 0


# Frames (kind, payload) between broker and launcher; `sandbox_images/common/frames.py` puts them on the wire.
#
# to the launcher
#   job      JSON {"kind": "sql"|"fit"|"python"|"files", "tables": [{"schema", "name", "paths": [..]}],
# "statements": [{"name", "sql"} or {.., "first", "doubt", "second"}] (sql only: see `broker.query.TwoPassQuery`),
#            "rows": {"columns", "steps"} (sql and fit: of rows that a script handed over, whose bytes follow the JSON
# after a line end: see `broker.engine.script_rows_engine`), "model" (fit only: see `broker.engine.script_rows_engine`),
#            "files", "caps", "digits", "seconds", "memory" (files only: see `broker.engine.file_collectors`),
#            "allowed": [".csv", ..], "preview": whether `npd` prints what it hands over (python only),
#            "settings": {wall_seconds, memory_bytes, output_bytes, output_files, processes, threads, scratch_bytes}};
#            paths relative to /data
#   program  the researcher's script, UTF-8 (python only)
# from the launcher
#   table    one Arrow IPC stream for each statement, in order (sql only); of handed rows first one of what was counted
#            of them, and nothing after it where there is a problem; of a fit then those of the model
#   file     JSON {"name"} + b"\n" + content: one a file that the script left in /out (python only); of files to be
#            made anew JSON {"problem", "sentence", "made", "sheet"} + b"\n" + content + the table in it (files only)
#   log      what the script printed, capped (python only)
#   status   JSON {"word": a SandboxEnd value}, last


class Vaults(Protocol):
    """Builds and keeps project vaults.

    1. `ensure` returns the vault of (snapshot, grants, catalogue entries, pseudonym key); builds it if it is not
       there, once however many ask, and never half: it appears by a rename when complete.
    2. A vault holds granted variables and years only, with project pseudonyms.
    3. `remove_unused` removes vaults whose key is not in `used`, which is asked while nobody can be given
       that vault.
    4. `registers` gives the lists that rows of released tables come from, by full variable name ("npd.absence.LA").
    5. `narrowed` gives the vault with a rendering for scripts that holds the variables and years of `uses` and nothing
       else, and only their tables; made once for all who ask for the same, and gone with the vault.
    """

    def ensure(self, project: str, snapshot: str) -> Vault: ...

    def ensure_own(self, project: ResearchProject, snapshot: str) -> Vault:
        """The same for a project of the broker's own, which no policy names: nobody but the worker reads its vault."""

    def registers(self, vault: Vault) -> Mapping[str, Sequence[Value]]: ...

    def narrowed(self, vault: Vault, uses: Sequence[VariableUse]) -> Vault: ...

    def remove_unused(self, used: Container[str]) -> int: ...


@dataclass(frozen=True, slots=True)
class SyntheticData:
    """A project's vault on synthetic data, who built it, and of how many pupils and which first and last year."""

    vaults: Vaults
    vault: Vault
    pupils: int
    years: tuple[int, int]


class SyntheticVaults(Protocol):
    """The synthetic NPD as a project would see it: made when it is first asked for, and kept."""

    def for_project(self, project: str) -> tuple[Vaults, Vault]:
        """The project's vault on synthetic data, and who built it. Raises Invalid where none can be made."""

    def for_rehearsal(self, project: str, on_progress: Callable[[int], None]) -> SyntheticData:
        """The same with as many people as a rehearsal has. `on_progress` hears beforehand that they are made, and about
        how many seconds that takes; nothing where they are there."""


class Engine(Protocol):
    """Turns a plan into a sandbox request, and frames into evidence. Holds no data itself."""

    def prepare(
        self, plan: Plan, vault: Vault, job: str, attempt: int, limits: SandboxLimits, needs: EvidenceNeeds
    ) -> SandboxRequest:
        """One statement for each planned table, which gives its result with the evidence that is needed."""

    def read(self, plan: Plan, frames: Sequence[tuple[str, bytes]], needs: EvidenceNeeds) -> JobEvidence:
        """Raise Breach if the frames are not exactly what the plan, with these needs, asked for."""


@dataclass(frozen=True, slots=True)
class SubmittedMicrodata:
    """Whose rows: the attempt, its vault and inputs, and the rows' bytes, which nobody opens outside a container. Those
    of several outputs come one after the other, `parts` bytes each; which of them are of other rows than the first is
    then told by the bits of the problem's times."""

    vault: Vault
    inputs: tuple[VariableUse, ...]
    content: bytes
    job: str
    attempt: int
    parts: tuple[int, ...] = ()


class MicrodataEngine(Protocol):
    """Handed rows to a request of trusted code, and its frames to evidence.

    1. In the container every row is of a person of the vault's, each at most as often as in one input table; declared
       columns agree with the vault. Where they do not, `read` gives the problem and no evidence.
    2. Evidence is what the same plan would have over a table of the vault.
    """

    def prepare(
        self,
        plan: Plan,
        rows: MicrodataSchema,
        microdata: SubmittedMicrodata,
        limits: SandboxLimits,
        needs: EvidenceNeeds,
    ) -> SandboxRequest: ...

    def prepare_fit(
        self, regression: ScriptRegression, rows: MicrodataSchema, microdata: SubmittedMicrodata, limits: SandboxLimits
    ) -> SandboxRequest: ...

    def read_fit(self, frames: Sequence[tuple[str, bytes]]) -> tuple[MicrodataCheck, ModelFit | None]:
        """Raise Breach if the frames are not those of one model."""

    def read(
        self, plan: Plan, frames: Sequence[tuple[str, bytes]], needs: EvidenceNeeds
    ) -> tuple[MicrodataCheck, JobEvidence | None]:
        """Raise Breach if the frames are not exactly what was asked for."""
