"""Container settings and audit: the whole table of settings. The audit finds any other answer of an engine."""

import copy
import json
from dataclasses import replace

import pytest

from broker.domain.ports import SandboxLimits
from broker.sandbox import container_spec
from broker.sandbox.container_audit import ABSENT_SETTINGS, differences
from broker.sandbox.container_spec import ContainerSpec, ContainerTemplate, attempt_spec, container_user, settings

LIMITS = SandboxLimits(60, 1 << 30, 1 << 20, 10, 32, 2, 1 << 24)
IMAGE = "sha256:" + "a" * 64
BOX = ContainerTemplate(IMAGE, "runc", "/srv/vault", LIMITS)
MADE = attempt_spec("j1", 2, BOX, "owner")
MOUNT = {"Type": "bind", "Source": "/srv/vault", "Destination": "/data", "RW": False, "Propagation": "rprivate"}


def made(runtime: str = "runc") -> ContainerSpec:
    return MADE if runtime == "runc" else attempt_spec("j1", 2, replace(BOX, runtime=runtime), "owner")


def inspect_of(wanted: ContainerSpec) -> dict:
    """What an engine answers for a container that is as it was asked for."""
    asked = settings(wanted)
    host = asked.pop("HostConfig")
    answer = {"Name": "/" + wanted.name, "Image": IMAGE, "Config": asked, "HostConfig": host, "Mounts": [MOUNT]}
    return copy.deepcopy(answer)


TMPFS = "rw,noexec,nosuid,nodev,size={},nr_inodes=4096,mode=1777"
LISTED_APART = {"SecurityOpt", "MaskedPaths", "ReadonlyPaths"}

THE_TABLE = {
    "Image": IMAGE,
    "Entrypoint": ["/sandbox/python"],
    "Cmd": ["-I", "-S", "-B", "/sandbox/start.py"],
    "User": f"{container_user('npdjob-j1-2')}:{container_user('npdjob-j1-2')}",
    "WorkingDir": "/tmp",
    "Hostname": "sandbox", "Domainname": "", "NetworkDisabled": True,
    "OpenStdin": True, "StdinOnce": True, "AttachStdin": True, "AttachStdout": True, "AttachStderr": True,
    "Tty": False, "StopSignal": "SIGKILL",
}  # fmt: skip
THE_HOST_TABLE = {
    "Runtime": "runc", "NetworkMode": "none", "ReadonlyRootfs": True,
    "CapDrop": ["ALL"], "CapAdd": None, "Privileged": False,
    "Memory": LIMITS.memory_bytes + (64 << 20), "MemorySwap": LIMITS.memory_bytes + (64 << 20), "MemorySwappiness": 0,
    "OomKillDisable": False, "PidsLimit": 64, "NanoCpus": 2_000_000_000, "CpusetCpus": "",
    "Ulimits": [
        {"Name": "core", "Soft": 0, "Hard": 0},
        {"Name": "fsize", "Soft": 1 << 24, "Hard": 1 << 24},
        {"Name": "nofile", "Soft": 1024, "Hard": 1024},
    ],
    "IpcMode": "private", "CgroupnsMode": "private", "ShmSize": 16 << 20,
    "Tmpfs": {"/tmp": TMPFS.format(1 << 24), "/out": TMPFS.format(1 << 20), "/dev/shm": TMPFS.format(16 << 20)},
    "Mounts": [{
        "Type": "bind", "Source": "/srv/vault", "Target": "/data", "ReadOnly": True,
        "BindOptions": {"Propagation": "rprivate"},
    }],
    "LogConfig": {"Type": "none", "Config": {}}, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "AutoRemove": False, "Init": False,
}  # fmt: skip


def test_the_table():
    """All settings, each as it must be: taking one out of `spec` fails here."""
    asked = settings(made())
    host = asked.pop("HostConfig")
    assert {key: host[key] for key in host if key not in LISTED_APART} == THE_HOST_TABLE
    assert asked.pop("Env") == list(container_spec.environment(LIMITS.threads, apart=False))
    labels = asked.pop("Labels")
    assert asked == THE_TABLE
    nonce = labels.pop("npd-broker.sandbox.nonce")
    assert len(nonce) == 16
    told = {"owner": "owner", "job": "j1", "attempt": "2"}
    assert labels == {f"npd-broker.sandbox.{name}": value for name, value in told.items()}
    assert set(host["MaskedPaths"]) >= {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"}
    assert set(host["ReadonlyPaths"]) == {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}


def test_security_options():
    plain, confined = (attempt_spec("j", 1, replace(BOX, apparmor=there), "o").security for there in (False, True))
    assert [option.split("=")[0] for option in plain] == ["no-new-privileges", "seccomp"]
    assert confined == (*plain, "apparmor=docker-default")


def test_under_gvisor_the_engine_counts_its_threads_too():
    host = settings(made("runsc"))["HostConfig"]
    assert (host["Runtime"], host["PidsLimit"]) == ("runsc", 64 + 256)


def test_one_that_waits_differs_only_by_name_user_and_labels():
    name = container_spec.new_warm_name()
    one, other = settings(container_spec.warm_spec(BOX, "owner", name, "n")), settings(made())
    assert {key for key in other if one[key] != other[key]} == {"User", "Labels"}
    assert one["Labels"] == {"npd-broker.sandbox.owner": "owner", "npd-broker.sandbox.nonce": "n"}
    assert container_spec.new_warm_name() != name
    assert container_spec.attempt_of_container(name) is None


@pytest.mark.parametrize("job", ["j1", "a-b-3"])
def test_a_container_name_has_its_owner(job):
    assert container_spec.attempt_of_container(container_spec.container_name(job, 12)) == (job, 12)


def test_slots_have_processors_of_their_own():
    assert container_spec.slot_cpus(0, 1, {0, 1, 2, 3}) == ""
    assert [container_spec.slot_cpus(slot, 2, {0, 1, 2, 3}) for slot in (0, 1)] == ["0,1", "2,3"]
    assert [container_spec.slot_cpus(slot, 3, {4, 7}) for slot in (0, 1, 2)] == ["4", "7", "4"]


def test_environment_is_fixed_and_small():
    assert {entry.split("=")[0] for entry in settings(made())["Env"]} == {
        "HOME", "LANG", "MPLBACKEND", "MPLCONFIGDIR", "PATH", "PYTHONHASHSEED", "TZ",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_IO_THREADS",
    }  # fmt: skip


def test_every_attempt_has_a_user_of_its_own_and_none_is_a_system_user():
    names = {container_spec.container_name(f"job{number}", attempt) for number in range(300) for attempt in (1, 2)}
    users = set(map(container_user, names))
    assert len(users) == 600
    assert min(users) >= 200_000


def seccomp(of: ContainerSpec) -> dict:
    option = next(option for option in of.security if option.startswith("seccomp="))
    return json.loads(option.removeprefix("seccomp="))


def names_allowed(of: ContainerSpec, whatever_arguments: bool = False) -> set[str]:
    rules = [rule for rule in seccomp(of)["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"]
    return {name for rule in rules if not (whatever_arguments and "args" in rule) for name in rule["names"]}


def test_only_a_launcher_that_puts_blocks_apart_may_make_namespaces():
    apart = attempt_spec("j1", 2, replace(BOX, apart=True), "owner")
    namespaces = {"mount", "setns", "unshare"}
    assert names_allowed(apart) - names_allowed(made()) == namespaces == set(container_spec.APART_SYSCALLS)
    assert differences(inspect_of(apart), apart) == []
    assert differences(inspect_of(apart), made()) != []
    assert differences(inspect_of(made()), apart) != []
    own, usual = settings(apart), settings(made())
    assert "OMP_NUM_THREADS=1" in own["Env"]
    assert set(own["Env"]) - set(usual["Env"]) >= {"ARROW_DEFAULT_MEMORY_POOL=system"}
    assert own["HostConfig"]["NanoCpus"] == usual["HostConfig"]["NanoCpus"]
    confined = attempt_spec("j1", 2, replace(BOX, apart=True, apparmor=True), "o")
    assert (confined.apparmor, apart.apparmor) == ("unconfined", "")


def test_seccomp_allows_no_way_out():
    assert seccomp(made())["defaultAction"] == "SCMP_ACT_ERRNO"
    forbidden = {
        "ptrace", "process_vm_readv", "process_vm_writev", "keyctl", "add_key", "request_key", "bpf", "io_uring_setup",
        "userfaultfd", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "kexec_load", "init_module",
        "perf_event_open", "open_by_handle_at", "personality", "clone", "clone3", "socket", "memfd_create", "syslog",
    }  # fmt: skip
    assert not names_allowed(made(), whatever_arguments=True) & forbidden


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


@pytest.mark.parametrize("key", ABSENT_SETTINGS)
def test_settings_that_were_never_requested_must_be_absent(key):
    answer = inspect_of(made())
    answer["HostConfig"][key] = ["x"]
    assert any(key in line for line in differences(answer, made()))


@pytest.mark.parametrize("mounts", [
    [], [MOUNT | {"RW": True}], [MOUNT | {"Source": "/srv"}],
    [MOUNT, {"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/s", "RW": True, "Propagation": ""}],
])  # fmt: skip
def test_exactly_one_mount(mounts):
    answer = inspect_of(made()) | {"Mounts": mounts}
    assert any("mounts" in line for line in differences(answer, made()))


@pytest.mark.parametrize(("key", "value"), [("Image", "sha256:" + "b" * 64), ("Name", "/npdjob-j1-3")])
def test_name_and_image(key, value):
    assert differences(inspect_of(made()) | {key: value}, made())


def test_an_empty_answer_is_all_difference():
    assert len(differences({}, made())) > 30
