"""Commands that are, or prepare, a server: ingest, serve, worker, images, and the demo."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.show import err, out, print_json
from broker.settings import read_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(ingest)
    app.command()(serve)
    app.command()(worker)
    app.command()(images)
    app.command()(demo)


def ingest(
    folder: Annotated[Path, typer.Argument(help="Extracts: one folder a table, one Parquet file a year.")],
    as_json: AsJson = False,
) -> int:
    """Make a snapshot: validate, number persons, prove key facts, fingerprint. The next jobs run on it."""
    from broker.cli.progress import bar
    from broker.wiring import build_ports
    from broker.workflow.administer import put_snapshot
    from broker.workflow.policies import policies_in_force

    settings = read_settings()
    ports = build_ports(settings)
    from broker.vault.ingest import ingest as make_snapshot

    catalogue = policies_in_force(ports.store).catalogue
    with bar("ingest", quiet=as_json) as progress:
        snapshot = make_snapshot(folder, settings.root, catalogue, datetime.now(UTC), progress)
    put_snapshot(ports, snapshot)
    if as_json:
        print_json({"snapshot": snapshot.ident, "fingerprint": snapshot.fingerprint, "synthetic": snapshot.synthetic})
    else:
        out.print(f"snapshot {snapshot.ident}", markup=False)
    return 0


def serve() -> int:
    """Serve pages and API (gunicorn, threads)."""
    from broker.web.serve import serve as run

    run(read_settings())
    return 0


def worker() -> int:
    """Run jobs: the one process that reads source data and the sandbox engine."""
    from broker.worker.supervise import supervise

    supervise(read_settings())
    return 0


def images(as_json: AsJson = False) -> int:
    """Build the sandbox images; those that are up to date are left alone."""
    from broker.sandbox.images import build

    built = build(read_settings().root / "build", lambda line: err.print(line, markup=False))
    if as_json:
        print_json(built)
    else:
        for name, digest in built.items():
            out.print(f"{name} {digest}", markup=False)
    return 0


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the release instead of leaving the page up.")] = False,
    pupils: Annotated[int, typer.Option(min=1000, help="Pupils in the synthetic NPD.")] = 20_000,
) -> int:
    """Take a SQL and a Python job from submission to release on a synthetic NPD, and show every stage."""
    from broker.demo.run import run_demo

    return run_demo(once=once, pupils=pupils)
