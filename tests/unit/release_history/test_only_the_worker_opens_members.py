"""Only the worker's ports open the release history. The web's ports import none of its code and make no folder; no
mount of a sandbox is in or above its folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.domain.errors import Breach
from broker.domain.plans.plan import EvidenceNeeds, Plan
from broker.domain.ports import SandboxLimits, Vault
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.members_engine import DuckDBMembersEngine
from broker.policy.files import load_policies
from broker.settings import read_settings
from broker.wiring.worker_ports import build_release_history

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[3]
WEB = """
import sys
import broker.web.app
from broker.settings import read_settings
from broker.wiring.broker_ports import build_ports
settings = read_settings()
ports = build_ports(settings.model_copy(update={"queue_url": "redis://127.0.0.1:1/0"}))
ports.store.history.verify()
print(sorted(m for m in sys.modules if m.startswith(("broker.encrypted_store", "broker.vault", "broker.engine"))))
print((settings.root / "memory").exists(), (settings.root / "private").exists())
"""


def test_the_webs_ports_know_nothing_of_the_files(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "BROKER_DATA": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", WEB], capture_output=True, text=True, env=environment, check=False)
    assert found.stdout.splitlines() == ["[]", "False False"], found.stderr[-2000:]


def test_the_workers_memory_is_its_own_folder_with_a_key_of_the_owner(tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER_DATA", str(tmp_path))
    policies = load_policies(ROOT / "policies")
    settings = read_settings()
    stored = build_release_history(settings, lambda: policies).files.put("{}", b"members")
    assert (settings.root / "memory" / stored.name).is_file()
    assert (settings.root / "memory").stat().st_mode & 0o077 == 0
    assert build_release_history(settings, lambda: policies).files.get(stored) == b"members"
    (settings.root / "private" / "pseudonyms.key").unlink()
    other = build_release_history(settings, lambda: policies).files
    with pytest.raises(Breach, match="another key"):
        other.get(stored)


def test_no_request_to_a_sandbox_mounts_or_names_the_memory(tmp_path):
    """Every mount is a folder of a vault, and a vault's folder is `data/vaults/KEY`: beside the memory, never above."""
    folder = tmp_path / "vaults" / "v1"
    vault = Vault("v1", "s1", "P0421", folder / "evidence", folder / "script", (), synthetic=True)
    limits, nothing = SandboxLimits(1, 1, 1, 1, 1, 1, 1), Plan((), ())
    asked = [
        DuckDBEngine().prepare(nothing, vault, "j", 1, limits, EvidenceNeeds(10)),
        DuckDBMembersEngine().prepare_members(nothing, vault, "j", 1, limits, EvidenceNeeds(10), ()),
    ]
    for request in asked:
        assert request.mount == vault.evidence
        assert tmp_path / "memory" not in [request.mount, *request.mount.parents]
        assert request.mount not in (tmp_path / "memory").parents
        assert not any(b"memory/" in payload for _, payload in request.frames)
