"""The vault and engine ports: granted data, a plan made a request and read back. Docstrings are the contract."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from broker.domain.outputs import JobEvidence
from broker.domain.plans import Needs, Plan
from broker.domain.ports.sandbox import Limits, SandboxRequest
from broker.domain.proofs import Proofs
from broker.domain.scalars import Value


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
    proofs: Proofs = field(default_factory=dict)
    persons: int = 0


# Frames (kind, payload) between broker and launcher; `sandbox_images/common/frames.py` puts them on the wire.
#
# to the launcher
#   job      JSON {"kind": "sql"|"python", "tables": [{"schema", "name", "paths": [..]}],
#            "statements": [{"name", "sql"} or {.., "first", "doubt", "second"}] (sql only: see `broker.query.Looks`),
#            "allowed": [".csv", ..], "preview": whether `npd` prints what it hands over (python only),
#            "settings": {wall_seconds, memory_bytes, output_bytes, output_files, processes, threads, scratch_bytes}};
#            paths relative to /data
#   program  the researcher's script, UTF-8 (python only)
# from the launcher
#   table    one Arrow IPC stream for each statement, in order (sql only)
#   file     JSON {"name"} + b"\n" + content: one a file that the script left in /out (python only)
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
    """

    def ensure(self, project: str, snapshot: str) -> Vault: ...

    def registers(self, vault: Vault) -> Mapping[str, Sequence[Value]]: ...

    def remove_unused(self, used: Container[str]) -> int: ...


class Engine(Protocol):
    """Turns a plan into a sandbox request, and frames into evidence. Holds no data itself."""

    def prepare(self, plan: Plan, vault: Vault, job: str, attempt: int, limits: Limits, needs: Needs) -> SandboxRequest:
        """One statement for each planned table, which gives its result with the evidence that is needed."""

    def read(self, plan: Plan, frames: Sequence[tuple[str, bytes]], needs: Needs) -> JobEvidence:
        """Raise Breach if the frames are not exactly what the plan, with these needs, asked for."""
