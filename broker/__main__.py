"""The `broker` command: the only module that imports all doors. `python -m broker` is the same."""

import os
import sys
from typing import Annotated

import typer

from broker.cli.main import run


def serve() -> None:
    """Serve the pages and the API."""
    # Imported here, so that other commands start without the web server.
    from broker.settings import read_settings
    from broker.web import web_server

    web_server.serve(read_settings())


def worker() -> None:
    """Run jobs. Only this process uses source data and the sandbox engine."""
    # Slots and threads of a worker share the processors: if OpenBLAS used several threads, each product of matrices
    # would wait for those of other slots. Slots inherit the setting; it is read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from broker.cli.output.console import err
    from broker.settings import read_settings
    from broker.worker.supervisor import supervise

    supervise(read_settings(), ready=lambda: err.print("The worker is up and takes jobs. Ctrl-C ends it."))


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the release, without leaving the pages up.")] = False,
    pupils: Annotated[int, typer.Option(min=1000, help="Pupils in the synthetic NPD.")] = 20_000,
) -> int:
    """Take a SQL and a Python job from submission to release on a synthetic NPD, and show every stage."""
    from broker.demo.run_demo import run_demo

    return run_demo(once=once, pupils=pupils)


DOORS = (serve, worker, demo)


def main() -> None:
    sys.exit(run(sys.argv[1:], DOORS))


if __name__ == "__main__":
    main()
