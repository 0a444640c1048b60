"""Each setting of the table is removed or reversed on the real engine. The audit finds it, and the self-test's probes
feel it where it can be felt inside. A setting that could go unnoticed fails here."""

import copy
import json
import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest

from broker.domain.ports import SandboxEnd
from broker.sandbox import containers, selftest
from broker.sandbox.built_images import BuiltImages
from broker.sandbox.container_audit import ABSENT_SETTINGS, differences
from broker.sandbox.container_spec import ContainerTemplate, attempt_spec, settings
from broker.sandbox.docker_sandbox import DockerSandbox

pytestmark = [pytest.mark.long, pytest.mark.docker]
Settings = dict[str, Any]

TURNED = {
    "Privileged": True, "CapAdd": ["SYS_ADMIN"], "OomKillDisable": True, "AutoRemove": True, "Init": True,
    "CgroupnsMode": "host", "CpusetCpus": "0", "IpcMode": "host", "Runtime": "runsc",
    "RestartPolicy": {"Name": "always"},
    "MaskedPaths": [], "ReadonlyPaths": [], "MemorySwappiness": 60, "NetworkMode": "bridge", "NetworkDisabled": False,
    "AttachStdin": False, "AttachStdout": False, "AttachStderr": False, "Domainname": "example.org", "Tty": True,
}  # fmt: skip
"""What a setting would be turned into, where leaving it out gives the engine's default, which may be the same."""

NOT_IN_INSPECT = {"NetworkDisabled"}
"""Engines without networks of their own do not repeat it; `NetworkMode` is what they hold to."""

FORBIDDEN_VALUES = {
    "Binds": ["/:/host"],
    "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}],
    "GroupAdd": ["0"], "ExtraHosts": ["a:192.0.2.1"], "Dns": ["192.0.2.1"], "PidMode": "host", "UTSMode": "host",
    "UsernsMode": "host", "Sysctls": {"net.ipv4.ip_forward": "1"}, "OomScoreAdj": -500, "PublishAllPorts": True,
    "CgroupParent": "/elsewhere", "DeviceCgroupRules": ["c 1:3 r"],
}  # fmt: skip


@pytest.fixture
def box(sandbox_root: Path, tmp_path: Path) -> ContainerTemplate:
    return ContainerTemplate(
        BuiltImages(sandbox_root / "build").digest_of("sql"), "runc", str(tmp_path), selftest.LIMITS
    )


def found_by_audit(
    api: docker.APIClient, box: ContainerTemplate, change: Callable[[Settings, Settings], None]
) -> list[str]:
    """What the audit says of a container that was made with other settings; a refusal of the engine is as good."""
    made = attempt_spec(f"taken{secrets.token_hex(4)}", 1, box, "taken-out")
    asked = copy.deepcopy(settings(made))
    change(asked, asked["HostConfig"])
    try:
        container = api.create_container_from_config(asked, name=made.name)["Id"]
    except docker.errors.APIError as refusal:
        return [f"refused: {refusal.explanation}"]
    try:
        return differences(api.inspect_container(container), made)
    finally:
        containers.remove(api, container)


def taken_out(of: str, key: str, asked: Settings, host: Settings) -> None:
    """Leave one thing out, or turn it round."""
    whole = host if of == "host" else asked
    if of in {"host", "plain"}:
        whole.pop(key)
        whole.update({key: TURNED[key]} if key in TURNED else {})
    elif of == "absent":
        host[key] = FORBIDDEN_VALUES[key]
    elif of == "SecurityOpt":
        host[of] = [option for option in host[of] if not option.startswith(key)]
    elif of == "Ulimits":
        host[of] = [limit for limit in host[of] if limit["Name"] != key]
    elif of == "scratch":
        host["Tmpfs"]["/tmp"] = ",".join(p for p in host["Tmpfs"]["/tmp"].split(",") if not p.startswith(key))


EVERY = settings(attempt_spec("j", 1, ContainerTemplate("sha256:x", "runc", "/", selftest.LIMITS), "o"))
TAKEN_OUT = {
    "host": sorted(EVERY["HostConfig"]),
    "plain": sorted(set(EVERY) - {"HostConfig", "Image"} - NOT_IN_INSPECT),
    "absent": sorted(FORBIDDEN_VALUES),
    "SecurityOpt": ["no-new-privileges", "seccomp"],
    "Ulimits": ["nofile", "core", "fsize"],
    "scratch": ["noexec", "nosuid", "nodev", "size=", "nr_inodes=", "mode="],
}


def test_as_it_must_be(api, box):
    assert found_by_audit(api, box, lambda asked, host: None) == []


def test_what_must_be_absent_is_listed():
    assert set(FORBIDDEN_VALUES) <= set(ABSENT_SETTINGS)


@pytest.mark.parametrize(("of", "key"), [(of, key) for of, keys in TAKEN_OUT.items() for key in keys])
def test_what_is_taken_out_or_turned_round_is_found(api, box, of, key):
    assert found_by_audit(api, box, partial(taken_out, of, key))


# What of the table is felt inside: with the setting gone, this probe is open. (No new privileges: the launcher asks the
# kernel for that itself, so nothing is felt; the audit sees it.)
FELT: dict[str, tuple[str, Callable[[Settings, Settings], object]]] = {
    "network": ("interfaces",
        lambda asked, host: (host.update(NetworkMode="bridge"), asked.update(NetworkDisabled=False))),
    "read-only root": ("root-write", lambda asked, host: (host.update(ReadonlyRootfs=False), asked.update(User="0:0"))),
    "capabilities": ("capabilities", lambda _, host: host.update(CapDrop=[])),
    "seccomp": ("seccomp-filter",
        lambda _, host: host.update(SecurityOpt=["no-new-privileges", "seccomp=unconfined"])),
    "user": ("not-root", lambda asked, _: asked.update(User="999:999")),
    "noexec": ("scratch-noexec", lambda _, host: host["Tmpfs"].update({"/tmp": "rw,exec,size=16777216,mode=1777"})),
    "size of scratch": ("scratch-size", lambda _, host: host["Tmpfs"].update({"/tmp": "rw,noexec,mode=1777"})),
    "files of scratch": ("scratch-inodes", lambda _, host: host["Tmpfs"].update({"/out": "rw,noexec,mode=1777"})),
    "shared memory": ("shared-memory", lambda _, host: host.update(ShmSize=256 << 20)),
    "hostname": ("hostname", lambda asked, _: asked.update(Hostname="another")),
    "environment": ("environment", lambda asked, _: asked.update(Env=["BROKER_TOKEN=x", *asked["Env"]])),
    "mount": ("data-write", lambda _, host: host["Mounts"][0].update(ReadOnly=False)),
    "processes": ("own-processes", lambda _, host: host.update(PidMode="host")),
}  # fmt: skip
QUICK = ("noexec", "capabilities", "environment")
CHOSEN = sorted(FELT) if os.environ.get("PROOF_SETTINGS") == "all" else QUICK


@pytest.mark.parametrize("setting", CHOSEN)
def test_what_is_felt_inside(sandbox_root, tmp_path, monkeypatch, setting):
    probe, change = FELT[setting]
    strict = containers.settings

    def lax(made: Any) -> Settings:
        asked = strict(made)
        change(asked, asked["HostConfig"])
        return asked

    tmp_path.chmod(0o777)
    sandbox, script = DockerSandbox(sandbox_root, "runc"), selftest.PROBE_PROGRAM.read_text()
    first, second = (selftest._request(tmp_path, secrets.token_hex(4), script, selftest.LIMITS) for _ in range(2))
    assert answers(sandbox.run(first))[probe], "with the setting the wall holds"
    monkeypatch.setattr(containers, "settings", lax)
    monkeypatch.setattr(containers, "differences", lambda inspect, made: [])
    assert not answers(sandbox.run(second)).get(probe), "without it nobody would notice"


def answers(result: Any) -> dict[str, bool]:
    """What the probes found; a launcher that refuses to start answers nothing, which holds nothing."""
    if result.end is not SandboxEnd.ENDED:
        return {}
    (file,) = (payload for kind, payload in result.frames if kind == "file")
    return {name: held for name, (held, _) in json.loads(file.split(b"\n", 1)[1]).items()}
