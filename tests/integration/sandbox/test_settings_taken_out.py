"""Each setting of the table is removed or reversed on the real engine. The audit finds it, and the self-test's probes
feel it where it can be felt inside. A setting that could go unnoticed fails here."""

import copy
import json
import os
import secrets
from collections.abc import Callable, Iterator
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
def api(engine) -> Iterator[docker.APIClient]:
    client = docker.APIClient()
    yield client
    client.close()


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


EVERY = settings(attempt_spec("j", 1, ContainerTemplate("sha256:x", "runc", "/", selftest.LIMITS), "o"))
HOST, PLAIN = sorted(EVERY["HostConfig"]), sorted(set(EVERY) - {"HostConfig", "Image"} - NOT_IN_INSPECT)


def test_as_it_must_be(api, box):
    assert found_by_audit(api, box, lambda asked, host: None) == []


@pytest.mark.parametrize("key", HOST)
def test_a_host_setting_taken_out_or_turned_round(api, box, key):
    def change(_asked: Settings, host: Settings) -> None:
        host.pop(key)
        if key in TURNED:
            host[key] = TURNED[key]

    assert found_by_audit(api, box, change)


@pytest.mark.parametrize("key", PLAIN)
def test_a_setting_taken_out_or_turned_round(api, box, key):
    def change(asked: Settings, _host: Settings) -> None:
        asked.pop(key)
        if key in TURNED:
            asked[key] = TURNED[key]

    assert found_by_audit(api, box, change)


@pytest.mark.parametrize("key", sorted(FORBIDDEN_VALUES))
def test_what_must_be_absent(api, box, key):
    assert key in ABSENT_SETTINGS
    assert found_by_audit(api, box, lambda _asked, host: host.update({key: FORBIDDEN_VALUES[key]}))


@pytest.mark.parametrize("part", ["no-new-privileges", "seccomp"])
def test_each_security_option(api, box, part):
    def change(_asked: Settings, host: Settings) -> None:
        host["SecurityOpt"] = [option for option in host["SecurityOpt"] if not option.startswith(part)]

    assert found_by_audit(api, box, change)


@pytest.mark.parametrize("name", ["nofile", "core", "fsize"])
def test_each_limit(api, box, name):
    def change(_asked: Settings, host: Settings) -> None:
        host["Ulimits"] = [limit for limit in host["Ulimits"] if limit["Name"] != name]

    assert found_by_audit(api, box, change)


@pytest.mark.parametrize("option", ["noexec", "nosuid", "nodev", "size=", "nr_inodes=", "mode="])
def test_each_option_of_scratch(api, box, option):
    def change(_asked: Settings, host: Settings) -> None:
        parts = host["Tmpfs"]["/tmp"].split(",")
        host["Tmpfs"]["/tmp"] = ",".join(part for part in parts if not part.startswith(option))

    assert found_by_audit(api, box, change)


# What of the table is felt inside: with the setting gone, this probe is open. (No new privileges: the launcher asks the
# kernel for that itself, so nothing is felt; the audit sees it.)
FELT: dict[str, tuple[str, Callable[[Settings, Settings], object]]] = {
    "network": (
        "interfaces",
        lambda asked, host: (host.update(NetworkMode="bridge"), asked.update(NetworkDisabled=False)),
    ),
    "read-only root": ("root-write", lambda asked, host: (host.update(ReadonlyRootfs=False), asked.update(User="0:0"))),
    "capabilities": ("capabilities", lambda _asked, host: host.update(CapDrop=[])),
    "seccomp": (
        "seccomp-filter",
        lambda _asked, host: host.update(SecurityOpt=["no-new-privileges", "seccomp=unconfined"]),
    ),
    "user": ("not-root", lambda asked, _host: asked.update(User="999:999")),
    "noexec": (
        "scratch-noexec",
        lambda _asked, host: host["Tmpfs"].update({"/tmp": "rw,exec,size=16777216,mode=1777"}),
    ),
    "size of scratch": ("scratch-size", lambda _asked, host: host["Tmpfs"].update({"/tmp": "rw,noexec,mode=1777"})),
    "files of scratch": ("scratch-inodes", lambda _asked, host: host["Tmpfs"].update({"/out": "rw,noexec,mode=1777"})),
    "shared memory": ("shared-memory", lambda _asked, host: host.update(ShmSize=256 << 20)),
    "hostname": ("hostname", lambda asked, _host: asked.update(Hostname="another")),
    "environment": ("environment", lambda asked, _host: asked.update(Env=["BROKER_TOKEN=x", *asked["Env"]])),
    "mount": ("data-write", lambda _asked, host: host["Mounts"][0].update(ReadOnly=False)),
    "processes": ("own-processes", lambda _asked, host: host.update(PidMode="host")),
}
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
