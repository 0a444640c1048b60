"""Commands that prepare a server: ingest and images."""

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.command_options import AsJson
from broker.cli.local_broker import local_ports
from broker.cli.output.console import err, print_answer
from broker.domain.errors import Invalid
from broker.settings import read_settings

EARLIER_STILL_READ = (
    "Persons were erased, but earlier jobs are still waiting or running. When they have ended, run the same "
    "command again to remove the earlier snapshots."
)


def ingest(
    folder: Annotated[
        Path, typer.Argument(help="Extracts: one folder for each table, with one Parquet file for each year.")
    ],
    as_json: AsJson = False,
) -> int:
    """Make a snapshot: validate, number persons, prove key facts, fingerprint. New jobs run on it."""
    from broker.cli.output.progress_bar import progress_bar
    from broker.wiring.data_intake import ingest_extracts

    if not folder.is_dir():
        raise Invalid("folder", f"There is no folder {str(folder)!r}.", str(folder))
    settings, ports = read_settings(), local_ports()
    with progress_bar("ingest", quiet=as_json) as progress:
        snapshot, done = ingest_extracts(settings, ports, folder, progress)
    known = {"snapshot": snapshot.ident, "fingerprint": snapshot.fingerprint, "synthetic": snapshot.synthetic}
    print_answer(known | {"earlier_still_read": not done}, as_json, f"snapshot {snapshot.ident}")
    if not done:
        err.print(EARLIER_STILL_READ, markup=False)
    return 0


def images(as_json: AsJson = False) -> int:
    """Build the sandbox images that are not up to date."""
    from broker.wiring.execution_adapters import build_images

    built = build_images(read_settings(), lambda line: err.print(line, markup=False))
    return print_answer(built, as_json, "\n".join(f"{name} {digest}" for name, digest in built.items()))
