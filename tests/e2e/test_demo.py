"""`broker demo --once`, as `make demo` calls it: two releases and a refusal, exit 0; and the bench's first line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def test_the_demo_takes_two_jobs_to_release(engine, tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith("BROKER_")}
    env |= {"BROKER_DATA": str(tmp_path / "demo")}
    command = [sys.executable, "-m", "broker", "demo", "--once", "--pupils", "2000"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-2000:]
    assert "from nothing to two releases" in ended.stdout
    assert ended.stdout.count("sha256 ") >= 2
    assert "npd.cla" in ended.stdout
    assert "demo-checker-2" in ended.stdout
    assert "demo-admin-2" in ended.stdout
