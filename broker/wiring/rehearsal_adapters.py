"""Adapters for rehearsals, on synthetic data that are made once in a folder of their own. No broker's data."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from broker.domain.progress import Progress
from broker.policy.policy_set import PolicySet
from broker.wiring.broker_ports import clock
from broker.wiring.data_intake import make_extracts, synthetic_years
from broker.wiring.execution_adapters import build_private, build_sandbox, engine_answers

if TYPE_CHECKING:
    from broker.settings import Settings
    from broker.workflow.rehearsal.rehearsal_data import RehearsalData
    from broker.workflow.rehearsal.synthetic_data import SyntheticDataSpec, SyntheticNPD


def build_synthetic(settings: "Settings", policies: Callable[[], PolicySet]) -> "SyntheticNPD":
    """Return the synthetic data for rehearsals, in a folder of the worker's own."""
    from broker.workflow.rehearsal.synthetic_data import SyntheticNPD

    folder = settings.root / "synthetic"

    def build(in_force: PolicySet, project: str, wanted: "SyntheticDataSpec", progress: Progress) -> "RehearsalData":
        return build_rehearsal_data(in_force, project, wanted, folder, progress)

    return SyntheticNPD(policies, synthetic_years(), build)


def build_rehearsal_data(
    policies: PolicySet, project: str, wanted: "SyntheticDataSpec", root: Path, progress: Progress
) -> "RehearsalData":
    """Return the adapters of a rehearsal, on synthetic data in a folder below `root`. The data are made if they do not
    exist yet."""
    from broker.engine.duckdb_engine import DuckDBEngine
    from broker.engine.file_rebuilders import InProcessRebuilder
    from broker.engine.in_process_engine import InProcessEngine
    from broker.vault.build_once import build_once
    from broker.vault.vault_store import VaultStore
    from broker.workflow.rehearsal.rehearsal_data import RehearsalData
    from broker.workflow.rehearsal.synthetic_data import BEGINNING, WAITING
    from broker.workflow.run_context import RehearsalPorts

    def make(folder: Path) -> dict[str, object]:
        progress(BEGINNING, 0, 1)
        return {"snapshot": _make_synthetic_snapshot(policies, project, wanted, folder, progress)}

    synthetic = build_once(root.resolve(), wanted.name, make, lambda: progress(WAITING, 0, 1))
    private = build_private(lambda: policies.service.noise_wall_seconds)
    ports = RehearsalPorts(DuckDBEngine(), InProcessEngine(), InProcessRebuilder(), private=private)
    return RehearsalData(ports, VaultStore(synthetic.folder, lambda: policies), synthetic.facts["snapshot"])


def build_script_data(data: "RehearsalData", root: Path, python: Path | None) -> "RehearsalData":
    """Return the same data with the adapters of a script's rehearsal: the author's own Python, or a sandbox of its own
    that no broker manages."""
    from broker.engine.file_rebuilders import ContainerRebuilder
    from broker.engine.script_rows_engine import DuckDBScriptRows
    from broker.sandbox.local_python import LocalPythonRunner
    from broker.settings import read_settings

    if python is not None:
        return replace(data, ports=replace(data.ports, sandbox=LocalPythonRunner(python)))
    # A folder of its own, so that no broker on this machine takes these sandboxes for its own.
    settings, own = read_settings(), root.resolve() / "sandboxes"
    own.mkdir(parents=True, exist_ok=True)
    runtime = settings.runtime if engine_answers() else "bubblewrap"
    sandbox = build_sandbox(settings.model_copy(update={"data": own, "runtime": runtime}))
    rows = DuckDBScriptRows()
    return replace(
        data, ports=replace(data.ports, sandbox=sandbox, file_rebuilder=ContainerRebuilder(), microdata_engine=rows)
    )


def _make_synthetic_snapshot(
    policies: PolicySet, project: str, wanted: "SyntheticDataSpec", folder: Path, progress: Progress
) -> str:
    """Make extracts, snapshot and the project's vault, remove the extracts, and return the snapshot's id."""
    from broker.vault.ingest import ingest
    from broker.vault.vault_store import VaultStore

    extracts = folder / "extracts"
    make_extracts(wanted.catalogue, wanted.pupils, wanted.years, wanted.seed, extracts, progress)
    snapshot = ingest(extracts, folder, wanted.catalogue, clock().now(), progress)
    # The snapshot has all of it.
    rmtree(extracts)
    progress("the project's vault", 0, 1)
    # Built here, so that the first rehearsal does not have to.
    VaultStore(folder, lambda: policies).ensure(project, snapshot.ident)
    return snapshot.ident
