"""The hostile scripts, scan on and off: a few in real containers here, all of them in `make prove`."""

import os
from pathlib import Path

import pytest

from broker.policy.files import load_policies
from broker.sandbox.docker_sandbox import DockerSandbox
from tests.attacks.hostile_scripts import cases, holds, mount_in, refused_by_scan, run

pytestmark = pytest.mark.long

SERVICE = load_policies(Path("policies")).service
FEW = ("P001", "P003", "P011", "P027", "P043", "P055", "P103", "P137")
CHOSEN = [case for case in cases() if os.environ.get("PROOF_HOSTILE") == "all" or case.ident in FEW]


@pytest.fixture(scope="module")
def mount(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mount_in(tmp_path_factory.mktemp("hostile"))


@pytest.mark.docker
@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.ident)
@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_stopped_at_the_stated_layer_or_an_earlier_one(runtime, case, mount, sandbox_root):
    stopped, refused = run(case, DockerSandbox(sandbox_root, runtime), mount, runtime), refused_by_scan(case, SERVICE)
    for scan in (True, False):
        assert holds(case, stopped, scan=scan, refused=refused) == "", f"scan {'on' if scan else 'off'}"


@pytest.mark.parametrize("case", [c for c in cases() if c.layer == "STATIC-REFUSE"], ids=lambda case: case.ident)
def test_the_scan_refuses_what_it_is_said_to(case):
    assert refused_by_scan(case, SERVICE)


def test_all_samples_are_here():
    found = cases()
    assert len({case.ident for case in found}) == len(found) == 76
