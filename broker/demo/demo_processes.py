"""The demo's two processes, web and worker; a lock on its folder; and signals that end it like Ctrl-C."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from broker.client import BrokerClient
from broker.domain.errors import Conflict, Unavailable

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def note(lock: IO[str], words: str) -> None:
    """Write a word into the lock on a demo's folder, for a second demo to read."""
    lock.write(f"{words} ")
    lock.flush()


@contextmanager
def lock_folder(folder: Path) -> Iterator[IO[str]]:
    """Hold the lock on `folder`. Processes that inherit it hold it too, so that the processes of a killed demo are
    noticed. Raises Conflict, with the other demo's address, if another one holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Conflict("demo-runs", _already_running(folder, lock.read().split())) from None
        lock.truncate(0)
        # A second demo prints these, so that its user can end the first one.
        note(lock, str(os.getpid()))
        yield lock


def _already_running(folder: Path, words: list[str]) -> str:
    pids = " ".join(word for word in words if word.isdecimal())
    where = next((f" at {word}" for word in words if not word.isdecimal()), "")
    return f"A demo runs already{where}, in {folder}. Use it, or end it first: Ctrl-C where it runs, or `kill {pids}`."


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let TERM and HUP unwind as Ctrl-C does, so that everything that was started is ended."""
    before = {number: signal.signal(number, _interrupt) for number in END_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_signals() -> None:
    """Ignore further signals, so that nothing interrupts the ending, which takes seconds."""
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


START_SECONDS = 60


def environment(data: Path, port: int, runtime: str) -> dict[str, str]:
    """Return the settings of a demo broker: synthetic data, password sign-in, plain HTTP on this machine."""
    return {
        # Settings of another broker in the environment must not reach the demo's.
        **{k: v for k, v in os.environ.items() if not k.startswith("BROKER_")},
        "BROKER_DATA": str(data),
        "BROKER_PORT": str(port),
        "BROKER_RUNTIME": runtime,
        "BROKER_SYNTHETIC_ONLY": "true",
        "BROKER_DEMO_SIGN_IN": "true",
        "BROKER_SECURE_COOKIES": "false",
    }


def free_port(wanted: int) -> int:
    """Return `wanted` if nobody listens there, else a port from the system. Raises Unavailable if there is none."""
    # Port 0: the system chooses.
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
def running(env: dict[str, str], logs: Path, lock: IO[str]) -> Iterator[str]:
    """Run web and worker, and yield the address once they answer. Both hold the folder's lock as long as they live."""
    address = f"http://127.0.0.1:{env['BROKER_PORT']}"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name in ("worker", "serve"):
            log = stack.enter_context((logs / f"{name}.log").open("ab"))
            command = [sys.executable, "-m", "broker", name]
            # A new session, so that Ctrl-C reaches the demo only, which then ends both processes in order.
            process = subprocess.Popen(
                command, env=env, stdout=log, stderr=log, start_new_session=True, pass_fds=(lock.fileno(),)
            )
            stack.callback(_end_process, process)
            note(lock, str(process.pid))
        _await_answer(address, logs)
        note(lock, address)
        yield address


def _await_answer(address: str, logs: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with closing(BrokerClient(address)) as client:
        while not client.ready():
            if time.monotonic() > deadline:
                raise Unavailable(f"the web server did not answer within {START_SECONDS} s; see {logs}")
            time.sleep(0.1)


def _end_process(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
