"""The `broker` command: the one place where the doors meet. `python -m broker` is the same."""

import os
import sys

from broker.cli.main import run
from broker.cli.server import Doors


def _serve() -> None:
    from broker.settings import read_settings
    from broker.web.serve import serve

    serve(read_settings())


def _work() -> None:
    # Slots and threads of a worker share the processors: with threads of its own each product of matrices waits for
    # those of the others. Slots inherit it; it is read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from broker.cli.show import err
    from broker.settings import read_settings
    from broker.worker.supervise import supervise

    supervise(read_settings(), ready=lambda: err.print("The worker is up and takes jobs. Ctrl-C ends it."))


def _demo(once: bool, pupils: int) -> int:
    from broker.demo.run import run_demo

    return run_demo(once=once, pupils=pupils)


def main() -> None:
    sys.exit(run(sys.argv[1:], Doors(serve=_serve, work=_work, demo=_demo)))


if __name__ == "__main__":
    main()
