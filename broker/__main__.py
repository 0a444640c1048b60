"""The `broker` command: the only module that imports all doors. `python -m broker` is the same."""

import os
import sys

from broker.cli.commands.server_commands import EntryPoints
from broker.cli.main import run


def _serve() -> None:
    # Imported here, so that other commands start without the web server.
    from broker.settings import read_settings
    from broker.web.web_server import serve

    serve(read_settings())


def _work() -> None:
    # Slots and threads of a worker share the processors: if OpenBLAS used several threads, each product of matrices
    # would wait for those of other slots. Slots inherit the setting; it is read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from broker.cli.output.console import err
    from broker.settings import read_settings
    from broker.worker.supervisor import supervise

    supervise(read_settings(), ready=lambda: err.print("The worker is up and takes jobs. Ctrl-C ends it."))


def _demo(once: bool, pupils: int) -> int:
    from broker.demo.run_demo import run_demo

    return run_demo(once=once, pupils=pupils)


def main() -> None:
    sys.exit(run(sys.argv[1:], EntryPoints(serve=_serve, work=_work, demo=_demo)))


if __name__ == "__main__":
    main()
