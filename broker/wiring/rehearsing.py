"""What rehearsals run on: adapters on synthetic data that are made in a folder of their own, once. No broker's data."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from broker.policy.models import Policies
from broker.wiring.data import Progress, make_extracts, synthetic_years
from broker.wiring.ports import clock
from broker.wiring.running import build_private, build_sandbox, engine_answers

if TYPE_CHECKING:
    from broker.settings import Settings
    from broker.workflow.rehearsal_data import Wanted
    from broker.workflow.rehearse import Stage
    from broker.workflow.rehearse_script import ScriptStage
    from broker.workflow.synthetic import Making, SyntheticNPD


def build_synthetic(settings: "Settings", policies: Callable[[], Policies]) -> "SyntheticNPD":
    """What rehearsals run on, in a folder of the worker's own."""
    from broker.workflow.synthetic import SyntheticNPD

    folder = settings.root / "synthetic"

    def build(found: Policies, project: str, wanted: "Wanted", making: "Making") -> "Stage":
        return build_stage(found, project, wanted, folder, making)

    return SyntheticNPD(policies, synthetic_years(), build)


def build_stage(policies: Policies, project: str, wanted: "Wanted", root: Path, making: "Making") -> "Stage":
    """What a rehearsal runs on: synthetic data in a folder below `root`, made if they are not there yet."""
    from broker.engine.duckdb_engine import DuckDBEngine
    from broker.engine.here import EngineHere
    from broker.vault.keeper import VaultKeeper
    from broker.vault.made_once import made_once
    from broker.workflow.rehearse import Stage

    def make(folder: Path) -> dict[str, object]:
        making.begins()
        return {"snapshot": _make_rehearsal(policies, project, wanted, folder, making.steps)}

    made = made_once(root.resolve(), wanted.name, make, making.waits)
    return Stage(
        DuckDBEngine(),
        VaultKeeper(made.folder, lambda: policies),
        EngineHere(),
        made.facts["snapshot"],
        build_private(lambda: policies.service.noise_wall_seconds),
    )


def build_script_stage(stage: "Stage", root: Path, python: Path | None) -> "ScriptStage":
    """What a script's rehearsal runs on: a Python of its author's, or a sandbox that no broker takes for its own."""
    from broker.engine.files import ContainerCollector
    from broker.engine.files_here import CollectorHere
    from broker.engine.handed import HandedDuckDB
    from broker.sandbox.home import ScriptHere
    from broker.settings import read_settings
    from broker.workflow.rehearse_script import ScriptStage

    if python is not None:
        return ScriptStage(stage.vaults, stage.snapshot, ScriptHere(python), None, CollectorHere())
    settings, own = read_settings(), root.resolve() / "sandboxes"
    own.mkdir(parents=True, exist_ok=True)
    runtime = settings.runtime if engine_answers() else "bubblewrap"
    runner = build_sandbox(settings.model_copy(update={"data": own, "runtime": runtime}))
    return ScriptStage(stage.vaults, stage.snapshot, runner, HandedDuckDB(), ContainerCollector())


def _make_rehearsal(policies: Policies, project: str, wanted: "Wanted", folder: Path, progress: Progress) -> str:
    """Extracts, snapshot and the project's vault; the extracts are not kept. Gives the snapshot's id."""
    from broker.vault.ingest import ingest
    from broker.vault.keeper import VaultKeeper

    extracts = folder / "extracts"
    make_extracts(wanted.catalogue, wanted.pupils, wanted.years, wanted.seed, extracts, progress)
    snapshot = ingest(extracts, folder, wanted.catalogue, clock().now(), progress)
    rmtree(extracts)
    progress("the project's vault", 0, 1)
    VaultKeeper(folder, lambda: policies).ensure(project, snapshot.ident)
    return snapshot.ident
