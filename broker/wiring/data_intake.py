"""Incoming data: synthetic extracts, files with rows of persons, and snapshots made from folders of extracts."""

from pathlib import Path
from typing import TYPE_CHECKING

from broker.domain.ports import Ports, Snapshot
from broker.domain.progress import Progress, no_progress
from broker.policy.data_catalogue import Catalogue

if TYPE_CHECKING:
    from broker.evidence.tabulation import Tabulation, TabulationRequest
    from broker.settings import Settings
    from broker.synth.generate import GenerationSummary


def make_extracts(
    catalogue: Catalogue, pupils: int, years: tuple[int, int], seed: int, folder: Path, progress: Progress
) -> "GenerationSummary":
    from broker.synth.generate import generate

    return generate(catalogue, pupils, years, seed, folder, progress)


def synthetic_years() -> range:
    from broker.synth.known_years import YEARS

    return YEARS


def tabulate_file(path: Path, request: "TabulationRequest", progress: Progress = no_progress) -> "Tabulation":
    from broker.engine.duckdb_tabulation import tabulate

    return tabulate(path, request, progress)


def ingest_extracts(settings: "Settings", ports: Ports, folder: Path, progress: Progress) -> tuple[Snapshot, bool]:
    """Ingest a folder of extracts under the catalogue in force; the next jobs run on it.

    Returns the snapshot, and False if persons were erased and jobs may still read earlier snapshots that have them.
    """
    from broker.vault.ingest import ingest
    from broker.vault.snapshot_files import remove_snapshot
    from broker.vault.vault_store import VaultStore
    from broker.workflow.administration.snapshot_erasures import carry_out_erasures, pending_erasures, snapshot_remover
    from broker.workflow.administration.user_accounts import put_snapshot
    from broker.workflow.policies_in_force import policies_in_force

    # Read before the ingest, so that the erasures it carries out are those that it knew.
    left_out = pending_erasures(ports)
    catalogue = policies_in_force(ports.store).catalogue
    snapshot = ingest(folder, settings.root, catalogue, ports.clock.now(), progress, left_out.erased)
    # Before the erasure: earlier snapshots may only go once there is one without the persons.
    put_snapshot(ports, snapshot)
    keeper = VaultStore(settings.root, lambda: policies_in_force(ports.store))
    remove = snapshot_remover(ports.store, keeper, lambda ident: remove_snapshot(settings.root, ident))
    return snapshot, carry_out_erasures(ports, left_out, snapshot.ident, remove)
