"""Data on their way in: synthetic extracts, files of person rows, and snapshots that folders of extracts become."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from broker.domain.ports import Ports, Snapshot
from broker.policy.catalogue import Catalogue

if TYPE_CHECKING:
    from broker.disclosure.files.tabulation import Asked, Tabulation
    from broker.settings import Settings
    from broker.synth.generate import Summary

Progress = Callable[[str, int, int], None]
"""(what is done now, steps done, steps in all)"""


def make_extracts(
    catalogue: Catalogue, pupils: int, years: tuple[int, int], seed: int, folder: Path, progress: Progress
) -> "Summary":
    from broker.synth.generate import generate

    return generate(catalogue, pupils, years, seed, folder, progress)


def synthetic_years() -> range:
    from broker.synth.known_years import KNOWN

    return KNOWN


def tabulate_file(path: Path, asked: "Asked", progress: Progress = lambda what, done, total: None) -> "Tabulation":
    from broker.engine.tabulate import tabulate

    return tabulate(path, asked, progress)


def take_in(settings: "Settings", ports: Ports, folder: Path, progress: Progress) -> tuple[Snapshot, bool]:
    """Ingest a folder of extracts under the catalogue in force, and let the next jobs run on it. False: somebody was
    erased, and earlier snapshots that hold them are still read."""
    from broker.vault.ingest import ingest
    from broker.vault.keeper import VaultKeeper
    from broker.vault.snapshots import remove_snapshot
    from broker.workflow.administer import put_snapshot
    from broker.workflow.erasing import carry_out, leaving_out, removing
    from broker.workflow.policies import policies_in_force

    left_out = leaving_out(ports)
    catalogue = policies_in_force(ports.store).catalogue
    snapshot = ingest(folder, settings.root, catalogue, ports.clock.now(), progress, left_out.erased)
    put_snapshot(ports, snapshot)
    keeper = VaultKeeper(settings.root, lambda: policies_in_force(ports.store))
    remove = removing(ports.store, keeper, lambda ident: remove_snapshot(settings.root, ident))
    return snapshot, carry_out(ports, left_out, snapshot.ident, remove)
