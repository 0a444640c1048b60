"""Settings and audit: the whole table of what a container must be, and that any other answer of an engine is seen."""

import copy
import json
from pathlib import Path

import pytest

from broker.domain.ports import Limits, SandboxRequest
from broker.sandbox.audit import ABSENT, differences
from broker.sandbox.spec import Spec, settings, spec, user_of

LIMITS = Limits(60, 1 << 30, 1 << 20, 10, 32, 2, 1 << 24)
IMAGE = "sha256:" + "a" * 64


def made(runtime: str = "runc") -> Spec:
    return spec(SandboxRequest("j1", 2, "sql", Path("/srv/vault"), (), LIMITS, True), IMAGE, runtime, "owner")


def inspect_of(wanted: Spec) -> dict:
    """What an engine answers for a container that is as it was asked for."""
    asked = settings(wanted)
    host = asked.pop("HostConfig")
    mount = {"Type": "bind", "Source": wanted.mount, "Destination": "/data", "RW": False, "Propagation": "rprivate"}
    answer = {"Name": "/" + wanted.name, "Image": wanted.image, "Config": asked, "HostConfig": host, "Mounts": [mount]}
    return copy.deepcopy(answer)


def test_the_table():
    asked = settings(made())
    host = asked["HostConfig"]
    assert (host["NetworkMode"], asked["NetworkDisabled"]) == ("none", True)
    assert host["ReadonlyRootfs"]
    assert (host["CapDrop"], host["CapAdd"], host["Privileged"]) == (["ALL"], None, False)
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["Memory"] == host["MemorySwap"] > LIMITS.memory_bytes
    assert (host["NanoCpus"], host["OomKillDisable"]) == (2_000_000_000, False)
    assert all("noexec,nosuid,nodev,size=" in options for options in host["Tmpfs"].values())
    assert [mount["Target"] for mount in host["Mounts"] if mount["ReadOnly"]] == ["/data"]
    assert (host["LogConfig"]["Type"], host["RestartPolicy"]["Name"], host["AutoRemove"]) == ("none", "no", False)
    assert (made().name, asked["Image"], asked["Hostname"]) == ("npdjob-j1-2", IMAGE, "sandbox")
    assert asked["Labels"] == {
        "npd-broker.sandbox.owner": "owner",
        "npd-broker.sandbox.job": "j1",
        "npd-broker.sandbox.attempt": "2",
    }


def test_environment_is_fixed_and_small():
    assert {entry.split("=")[0] for entry in made().environment} == {
        "HOME", "LANG", "MPLBACKEND", "MPLCONFIGDIR", "PATH", "PYTHONHASHSEED", "TZ",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_IO_THREADS",
    }  # fmt: skip


def test_every_attempt_has_a_user_of_its_own_and_none_is_a_system_user():
    users = {user_of(f"job{number}", attempt) for number in range(300) for attempt in (1, 2)}
    assert len(users) == 600
    assert min(users) >= 200_000


def test_seccomp_allows_no_way_out():
    option = next(option for option in made().security if option.startswith("seccomp="))
    profile = json.loads(option.removeprefix("seccomp="))
    allowed = {
        name
        for rule in profile["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule
        for name in rule["names"]
    }
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    forbidden = {
        "ptrace", "process_vm_readv", "process_vm_writev", "keyctl", "add_key", "request_key", "bpf", "io_uring_setup",
        "userfaultfd", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "kexec_load", "init_module",
        "perf_event_open", "open_by_handle_at", "personality", "clone", "clone3", "socket", "memfd_create", "syslog",
    }  # fmt: skip
    assert not allowed & forbidden


def test_an_obedient_engine_passes():
    assert differences(inspect_of(made()), made()) == []


@pytest.mark.parametrize("key", sorted(settings(made())["HostConfig"]))
def test_every_host_setting_is_audited(key):
    answer = inspect_of(made())
    answer["HostConfig"][key] = "something else"
    if key == "SecurityOpt":
        answer["HostConfig"][key] = ["seccomp=unconfined"]
    elif key in ("Ulimits", "CapDrop"):
        answer["HostConfig"][key] = []
    assert any(key in line for line in differences(answer, made()))


@pytest.mark.parametrize("key", sorted(set(settings(made())) - {"HostConfig", "NetworkDisabled"}))
def test_every_container_setting_is_audited(key):
    answer = inspect_of(made())
    answer["Config"][key] = ["x"] if key == "Env" else "something else"
    assert any(key in line for line in differences(answer, made()))


@pytest.mark.parametrize("key", ABSENT)
def test_what_was_never_asked_must_be_absent(key):
    answer = inspect_of(made())
    answer["HostConfig"][key] = ["x"]
    assert any(key in line for line in differences(answer, made()))


@pytest.mark.parametrize(
    "mounts",
    [
        [],
        [{"Type": "bind", "Source": "/srv/vault", "Destination": "/data", "RW": True, "Propagation": "rprivate"}],
        [{"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": False, "Propagation": "rprivate"}],
        [
            {"Type": "bind", "Source": "/srv/vault", "Destination": "/data", "RW": False, "Propagation": "rprivate"},
            {"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/s", "RW": True, "Propagation": ""},
        ],
    ],
)
def test_exactly_one_mount(mounts):
    answer = inspect_of(made()) | {"Mounts": mounts}
    assert any("mounts" in line for line in differences(answer, made()))


@pytest.mark.parametrize(("key", "value"), [("Image", "sha256:" + "b" * 64), ("Name", "/npdjob-j1-3")])
def test_name_and_image(key, value):
    assert differences(inspect_of(made()) | {key: value}, made())


def test_an_empty_answer_is_all_difference():
    assert len(differences({}, made())) > 30
