"""The demo's two processes, web and worker: started as an operator would, ended with the demo."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from broker.demo.alone import Claim
from broker.domain.errors import Unavailable

START_SECONDS = 60


def environment(data: Path, port: int, runtime: str) -> dict[str, str]:
    """Settings of a demo broker: synthetic data, password sign-in, plain HTTP on this machine."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("BROKER_")},
        "BROKER_DATA": str(data),
        "BROKER_PORT": str(port),
        "BROKER_RUNTIME": runtime,
        "BROKER_SYNTHETIC_ONLY": "true",
        "BROKER_DEMO_SIGN_IN": "true",
        "BROKER_SECURE_COOKIES": "false",
    }


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else one that the system gives."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("no port is free on this machine")


@contextmanager
def running(env: dict[str, str], logs: Path, claim: Claim | None = None) -> Iterator[str]:
    """Web and worker up and answering; yields the address. Both hold `claim` for as long as they live."""
    address = f"http://127.0.0.1:{env['BROKER_PORT']}"
    kept = () if claim is None else (claim.fileno(),)
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name in ("worker", "serve"):
            log = stack.enter_context((logs / f"{name}.log").open("ab"))
            command = [sys.executable, "-m", "broker", name]
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True, pass_fds=kept)
            stack.callback(_end, process)
            if claim is not None:
                claim.note(str(process.pid))
        _await(f"{address}/readyz", logs)
        if claim is not None:
            claim.note(address)
        yield address


def _await(url: str, logs: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise Unavailable(f"the web server did not answer within {START_SECONDS} s; see {logs}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
