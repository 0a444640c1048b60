"""`broker demo`, as `make demo` calls it: three releases and a refusal; one at a time; and it ends whole."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.web.conftest import missing

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(300)]


def begin(folder: Path, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("BROKER_")} | {"BROKER_DATA": str(folder)}
    command = [sys.executable, "-m", "broker", "demo", "--pupils", "2000", *arguments]
    with log.open("wb") as told:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=told, stderr=told)


def await_words(words: str, demo: subprocess.Popen[bytes], log: Path) -> None:
    while words not in log.read_text():
        assert demo.poll() is None, log.read_text()[-4000:]
        time.sleep(0.2)


def alive(folder: Path) -> bool:
    """Whether any process of the demo lives: each holds the lock."""
    with (folder / "demo.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_demo_releases_three_jobs_runs_alone_and_ends_cleanly(engine, tmp_path):
    folder, log = tmp_path / "demo", tmp_path / "first.log"
    demo = begin(folder, log)
    await_words("Ctrl-C ends it.", demo, log)
    text = log.read_text()
    told = (
        "from nothing to three releases", "it costs epsilon 0.5", "spent ", "npd.cla", "demo-checker-2", "demo-admin-2",
    )  # fmt: skip
    assert missing(text, *told) == []
    assert text.count("sha256 ") >= 3
    assert f"BROKER_DATA={folder} .venv/bin/broker token demo-researcher" in text
    address = re.search(r"page: (\S+)", text)
    assert address is not None

    second = tmp_path / "second.log"
    assert begin(folder, second).wait() == 1
    assert f"A demo runs already at {address[1]}" in second.read_text()

    assert "The worker is up" in (folder / "logs" / "worker.log").read_text()
    demo.send_signal(signal.SIGTERM)
    demo.wait(120)
    assert not alive(folder)
    assert not (folder / "queue" / "valkey.sock").exists()

    third = tmp_path / "third.log"
    assert begin(folder, third, "--once").wait() == 0, third.read_text()[-4000:]
    assert "`make demo` starts them again" in third.read_text()
    assert "page: " not in third.read_text()
