"""Adapters for rehearsals, on synthetic data that are made once in a folder of their own. No broker's data."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from broker.policy.policy_set import PolicySet
from broker.wiring.broker_ports import clock
from broker.wiring.data_intake import Progress, make_extracts, synthetic_years
from broker.wiring.execution_adapters import build_private, build_sandbox, engine_answers

if TYPE_CHECKING:
    from broker.settings import Settings
    from broker.workflow.rehearsal.query_rehearsal import RehearsalContext
    from broker.workflow.rehearsal.script_rehearsal import ScriptRehearsalContext
    from broker.workflow.rehearsal.synthetic_data import SyntheticDataProgress, SyntheticDataSpec, SyntheticNPD


def build_synthetic(settings: "Settings", policies: Callable[[], PolicySet]) -> "SyntheticNPD":
    """Return the synthetic data for rehearsals, in a folder of the worker's own."""
    from broker.workflow.rehearsal.synthetic_data import SyntheticNPD

    folder = settings.root / "synthetic"

    def build(
        in_force: PolicySet, project: str, wanted: "SyntheticDataSpec", making: "SyntheticDataProgress"
    ) -> "RehearsalContext":
        return build_rehearsal_context(in_force, project, wanted, folder, making)

    return SyntheticNPD(policies, synthetic_years(), build)


def build_rehearsal_context(
    policies: PolicySet, project: str, wanted: "SyntheticDataSpec", root: Path, making: "SyntheticDataProgress"
) -> "RehearsalContext":
    """Return the adapters of a rehearsal, on synthetic data in a folder below `root`. The data are made if they do not
    exist yet."""
    from broker.engine.duckdb_engine import DuckDBEngine
    from broker.engine.in_process_engine import InProcessEngine
    from broker.vault.build_once import build_once
    from broker.vault.vault_store import VaultStore
    from broker.workflow.rehearsal.query_rehearsal import RehearsalContext

    def make(folder: Path) -> dict[str, object]:
        making.begins()
        return {"snapshot": _make_synthetic_snapshot(policies, project, wanted, folder, making.steps)}

    synthetic = build_once(root.resolve(), wanted.name, make, making.waits)
    return RehearsalContext(
        DuckDBEngine(),
        VaultStore(synthetic.folder, lambda: policies),
        InProcessEngine(),
        synthetic.facts["snapshot"],
        build_private(lambda: policies.service.noise_wall_seconds),
    )


def build_script_context(context: "RehearsalContext", root: Path, python: Path | None) -> "ScriptRehearsalContext":
    """Return the adapters of a script's rehearsal: the author's own Python, or a sandbox of its own that no broker
    manages."""
    from broker.engine.file_rebuilders import ContainerRebuilder, InProcessRebuilder
    from broker.engine.script_rows_engine import DuckDBScriptRows
    from broker.sandbox.local_python import LocalPythonRunner
    from broker.settings import read_settings
    from broker.workflow.rehearsal.script_rehearsal import ScriptRehearsalContext

    if python is not None:
        return ScriptRehearsalContext(
            context.vaults, context.snapshot, LocalPythonRunner(python), None, InProcessRebuilder()
        )
    # A folder of its own, so that no broker on this machine takes these sandboxes for its own.
    settings, own = read_settings(), root.resolve() / "sandboxes"
    own.mkdir(parents=True, exist_ok=True)
    runtime = settings.runtime if engine_answers() else "bubblewrap"
    runner = build_sandbox(settings.model_copy(update={"data": own, "runtime": runtime}))
    return ScriptRehearsalContext(context.vaults, context.snapshot, runner, DuckDBScriptRows(), ContainerRebuilder())


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
