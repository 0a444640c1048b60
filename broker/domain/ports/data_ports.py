"""The vault and engine ports: granted data; a plan turned into a request, and its frames read back. Docstrings are the
contract."""

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
    """A table of a vault as a sandbox mounts it. `paths` are relative to the mount: first `<table>/schema.parquet`
    (without rows, so that a table always has its columns), then one for each year. `years` are parallel to `paths`:
    None for the schema file and for tables without years."""

    name: str
    paths: tuple[str, ...]
    years: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Vault:
    """A project's granted data of one snapshot. `evidence` is the form for rendered SQL, `script` the form for scripts.
    `proofs`: what its build proved about granted variables. `persons`: number of its person numbers (from 0)."""

    key: str
    snapshot: str
    project: str
    evidence: Path
    script: Path
    tables: tuple[VaultTable, ...]
    synthetic: bool
    proofs: VaultProofs = field(default_factory=dict)
    persons: int = 0


# Frames (kind, payload) between broker and launcher; `sandbox_images/common/frames.py` serialises them.
#
# to the launcher
#   job      JSON {"kind": "sql"|"fit"|"python"|"files", "tables": [{"schema", "name", "paths": [..]}],
#            "statements": [{"name", "sql"} or {.., "first", "doubt", "second"}] (sql only: see
#            `broker.query.TwoPassQuery`),
#            "rows": {"columns", "steps"} (sql and fit, for submitted rows, whose bytes follow the JSON after a line
#            end: see `broker.engine.script_rows_engine`),
#            "model" (fit only: see `broker.engine.script_rows_engine`),
#            "files", "caps", "digits", "seconds", "memory" (files only: see `broker.engine.file_rebuilders`),
#            "allowed": [".csv", ..], "preview": whether `npd` prints the rows that it submits (python only),
#            "settings": {wall_seconds, memory_bytes, output_bytes, output_files, processes, threads, scratch_bytes}};
#            paths relative to /data
#   program  the researcher's script, UTF-8 (python only)
# from the launcher
#   table    one Arrow IPC stream for each statement, in order (sql only); for submitted rows, first one with the counts
#            of the check, and nothing after it if there is a problem; for a fit, then those of the model
#   file     JSON {"name"} + b"\n" + content, for each file that the script left in /out (python only); for files to
#            rebuild, JSON {"problem", "sentence", "made", "sheet"} + b"\n" + content + the table in it (files only)
#   log      what the script printed, capped (python only)
#   status   JSON {"word": a SandboxEnd value}, last


class Vaults(Protocol):
    """Builds and stores project vaults.

    1. `ensure` returns the vault of (snapshot, grants, catalogue entries, pseudonym key). It builds a missing vault
       once, however many callers request it, and never partially: the vault appears by a rename when complete.
    2. A vault has granted variables and years only, with project pseudonyms.
    3. `remove_unused` removes vaults whose key is not in `used`. It reads `used` while nobody can receive that vault.
    4. `registers` returns the value lists for rows of released tables, by full variable name ("npd.absence.LA").
    5. `narrowed` returns the vault with a form for scripts that has the variables and years of `uses` and their tables,
       and nothing else. It is built once for equal requests, and removed with the vault."""

    def ensure(self, project: str, snapshot: str) -> Vault: ...

    def ensure_own(self, project: ResearchProject, snapshot: str) -> Vault:
        """The same for a project of the broker itself, which no policy names. Only the worker reads its vault."""

    def registers(self, vault: Vault) -> Mapping[str, Sequence[Value]]: ...

    def narrowed(self, vault: Vault, uses: Sequence[VariableUse]) -> Vault: ...

    def remove_unused(self, used: Container[str]) -> int: ...


@dataclass(frozen=True, slots=True)
class SyntheticData:
    """A project's vault on synthetic data, the store that built it, its number of pupils, and its first and last
    year."""

    vaults: Vaults
    vault: Vault
    pupils: int
    years: tuple[int, int]


class SyntheticVaults(Protocol):
    """The synthetic NPD as a project would see it. It is made at the first request, and stored."""

    def for_project(self, project: str, pupils: int, before_making: Callable[[int], None]) -> SyntheticData:
        """The project's data of so many pupils. If they must be made first, `before_making` is called, with the
        estimated seconds. Raises Invalid if they cannot be made."""


class Engine(Protocol):
    """Turns a plan into a sandbox request, and frames into evidence. Holds no data itself."""

    def prepare(
        self, plan: Plan, vault: Vault, job: str, attempt: int, limits: SandboxLimits, needs: EvidenceNeeds
    ) -> SandboxRequest:
        """Request with one statement for each planned table. It gives the result and the evidence that the rules
        need."""

    def read(self, plan: Plan, frames: Sequence[tuple[str, bytes]], needs: EvidenceNeeds) -> JobEvidence:
        """Evidence from the frames. Raises Breach if the frames are not exactly what the plan, with these needs,
        requested."""


@dataclass(frozen=True, slots=True)
class SubmittedMicrodata:
    """Submitted rows of one attempt: its vault and inputs, and the bytes of the rows, which are opened inside a
    container only. The rows of several outputs are concatenated, `parts` bytes each. If some of them differ from the
    first, the bits of the problem's `times` say which."""

    vault: Vault
    inputs: tuple[VariableUse, ...]
    content: bytes
    job: str
    attempt: int
    parts: tuple[int, ...] = ()


class MicrodataEngine(Protocol):
    """Turns submitted rows into a request for trusted code, and its frames into evidence.

    1. In the container, every row belongs to a person of the vault, each at most as often as in one input table, and
       declared columns agree with the vault. Otherwise `read` returns the problem and no evidence.
    2. The evidence is the same as that of the same plan over a table of the vault."""

    def prepare(
        self, plan: Plan, rows: MicrodataSchema, microdata: SubmittedMicrodata, limits: SandboxLimits,
        needs: EvidenceNeeds,
    ) -> SandboxRequest: ...  # fmt: skip

    def prepare_fit(
        self, regression: ScriptRegression, rows: MicrodataSchema, microdata: SubmittedMicrodata, limits: SandboxLimits
    ) -> SandboxRequest: ...

    def read_fit(self, frames: Sequence[tuple[str, bytes]]) -> tuple[MicrodataCheck, ModelFit | None]:
        """The check of the rows, and the fit. Raises Breach if the frames are not those of one model."""

    def read(
        self, plan: Plan, frames: Sequence[tuple[str, bytes]], needs: EvidenceNeeds
    ) -> tuple[MicrodataCheck, JobEvidence | None]:
        """The check of the rows, and the evidence. Raises Breach if the frames are not exactly what was requested."""
