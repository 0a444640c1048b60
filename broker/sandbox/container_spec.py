"""Turns a request into a container's settings, name and labels. Pure: uses no engine, and reads only the seccomp
profile."""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.domain.ports import SandboxLimits

LABEL = "npd-broker.sandbox"
LABEL_OWNER, LABEL_JOB, LABEL_ATTEMPT = f"{LABEL}.owner", f"{LABEL}.job", f"{LABEL}.attempt"
LABEL_NONCE = f"{LABEL}.nonce"
"""The owner is the broker that started a container: two brokers on one engine must not remove each other's
sandboxes."""

JOB_PREFIX, WARM_PREFIX = "npdjob-", "npdwarm-"
"""Prefixes of names: of an attempt's sandbox, and of one that waits for a job. The name alone says whose it is."""


def container_name(job: str, attempt: int) -> str:
    """The only name that a job's attempt can have: the engine refuses a second one, which is the run-once lock."""
    return f"{JOB_PREFIX}{job}-{attempt}"


def attempt_of_container(name: str) -> tuple[str, int] | None:
    """The job and attempt in a container's name; None if no job has been assigned to it."""
    if not name.startswith(JOB_PREFIX):
        return None
    job, _, attempt = name.removeprefix(JOB_PREFIX).rpartition("-")
    return job, int(attempt) if attempt.isdigit() else 0


def new_warm_name() -> str:
    return WARM_PREFIX + secrets.token_hex(16)


SECCOMP_PROFILE = json.loads((Path(__file__).parent / "seccomp.json").read_text())
SECCOMP = json.dumps(SECCOMP_PROFILE)

APART_SYSCALLS = ("mount", "setns", "unshare")
"""System calls that a launcher that isolates blocks needs in addition. It forbids them again for good, on every
runtime, before a block runs the first line of a researcher's code."""

SECCOMP_APART = json.dumps(
    {
        **SECCOMP_PROFILE,
        "syscalls": [*SECCOMP_PROFILE["syscalls"], {"names": list(APART_SYSCALLS), "action": "SCMP_ACT_ALLOW"}],
    }
)

UNTRUSTED = "python"
"""The image whose sandboxes run researchers' code: their output is read only after all their processes are dead."""

APPARMOR = "docker-default"

LAUNCHER_COMMAND = ("/sandbox/python", "-I", "-S", "-B", "/sandbox/start.py")

SENTRY_THREADS = 256
"""Under runsc the pids limit counts gVisor's own threads on the host, so it can only be a coarse limit; the launcher's
RLIMIT_NPROC is the strict one."""

LAUNCHER_TASKS = 32
SCRATCH, OUT, SHM = "/tmp", "/out", "/dev/shm"  # noqa: S108  each a private tmpfs inside the sandbox
SHM_BYTES = 16 * 1024 * 1024
MAX_TMPFS_INODES = 4096
"""Files in each tmpfs, if the runtime counts them."""

OPEN_FILES = 1024
MARGIN_BYTES = 64 * 1024 * 1024
"""Memory for the launcher and its libraries, in addition to the job's limit."""

MASKED_PATHS = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
)  # fmt: skip
READ_ONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""Kernel files that are hidden and that are read-only: the engine's own lists, and never fewer."""


@dataclass(frozen=True, slots=True)
class ContainerTemplate:
    """The settings of a container that do not depend on its job: jobs with equal templates can use each other's waiting
    container. `cpus` are the processors it may use, empty for all. `apparmor`: the engine has it. `apart`: its launcher
    isolates blocks."""

    image: str
    runtime: str
    mount: str
    limits: SandboxLimits
    cpus: str = ""
    apparmor: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container: its template, and the name, user and labels that are its own."""

    name: str
    user: int
    labels: Mapping[str, str]
    template: ContainerTemplate

    @property
    def apparmor(self) -> str:
        """The engine's profile forbids all mounts, also those of a launcher that isolates blocks. Such a container is
        unconfined, and the launcher's own filter takes the profile's place."""
        if not self.template.apparmor:
            return ""
        return "unconfined" if self.template.apart else APPARMOR

    @property
    def security(self) -> tuple[str, ...]:
        profile = (f"apparmor={self.apparmor}",) if self.apparmor else ()
        return ("no-new-privileges", f"seccomp={SECCOMP_APART if self.template.apart else SECCOMP}", *profile)


def container_user(name: str) -> int:
    """A user id that no other sandbox shares, so that limits for a user are limits for the job."""
    return 200_000 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % 1_000_000_000


def slot_cpus(slot: int, slots: int, available: Collection[int]) -> str:
    """The processors for one slot's jobs, as the engine writes them. Slots have separate processors, so that jobs in
    parallel cannot time each other through them. Empty (all) if only one job runs at a time."""
    if slots == 1:
        return ""
    every = sorted(available)
    share = max(1, len(every) // slots)
    first = slot * share % len(every)  # more slots than processors: they share
    return ",".join(str(number) for number in every[first : first + share])


def attempt_spec(job: str, attempt: int, template: ContainerTemplate, owner: str) -> ContainerSpec:
    """The container of one attempt."""
    name, nonce = container_name(job, attempt), secrets.token_hex(8)
    labels = {LABEL_OWNER: owner, LABEL_NONCE: nonce, LABEL_JOB: job, LABEL_ATTEMPT: str(attempt)}
    return ContainerSpec(name, container_user(name), labels, template)


def warm_spec(template: ContainerTemplate, owner: str, name: str, nonce: str) -> ContainerSpec:
    """A container that waits for a job: the same, except that its name and labels belong to no job."""
    return ContainerSpec(name, container_user(name), {LABEL_OWNER: owner, LABEL_NONCE: nonce}, template)


def environment(threads: int, *, apart: bool) -> tuple[str, ...]:
    """All environment variables of a job: nothing secret, nothing about this machine. If blocks are `apart`, each
    library has one thread, and Arrow reserves no gigabyte in advance, because a block could fill it beyond its
    limit."""
    counts = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_IO_THREADS"}
    fixed = {"HOME": SCRATCH, "MPLBACKEND": "Agg", "MPLCONFIGDIR": SCRATCH, "PATH": "/usr/bin",
             "PYTHONHASHSEED": "0", "TZ": "UTC", "LANG": "C.UTF-8"}  # fmt: skip
    if apart:
        fixed["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    every = {**fixed, **{name: str(1 if apart else threads) for name in counts}}
    return tuple(f"{name}={every[name]}" for name in sorted(every))


def host_settings(spec: ContainerSpec) -> dict[str, Any]:
    """The host configuration in the engine's spelling."""
    template, limits = spec.template, spec.template.limits
    memory = limits.memory_bytes + MARGIN_BYTES
    # The launcher's own processes count too.
    pids = limits.processes + LAUNCHER_TASKS + (SENTRY_THREADS if template.runtime == "runsc" else 0)
    sizes = {SCRATCH: limits.scratch_bytes, OUT: limits.output_bytes, SHM: SHM_BYTES}
    ulimits = {"core": 0, "fsize": max(limits.scratch_bytes, limits.output_bytes), "nofile": OPEN_FILES}
    return {
        "Runtime": template.runtime,
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Privileged": False,
        "SecurityOpt": list(spec.security),
        "Memory": memory,
        "MemorySwap": memory,  # equal to the memory: no swap
        "MemorySwappiness": 0,
        "OomKillDisable": False,
        "PidsLimit": pids,
        "NanoCpus": limits.threads * 1_000_000_000,
        "CpusetCpus": template.cpus,
        "Ulimits": [{"Name": name, "Soft": value, "Hard": value} for name, value in ulimits.items()],
        "IpcMode": "private",
        "CgroupnsMode": "private",  # by name: engines on cgroup v1 default to the host's
        "ShmSize": SHM_BYTES,
        "Tmpfs": {path: f"rw,noexec,nosuid,nodev,size={size},nr_inodes={MAX_TMPFS_INODES},mode=1777"
                  for path, size in sizes.items()},
        "MaskedPaths": list(MASKED_PATHS),
        "ReadonlyPaths": list(READ_ONLY_PATHS),
        "Mounts": [{"Type": "bind", "Source": template.mount, "Target": "/data", "ReadOnly": True,
                    "BindOptions": {"Propagation": "rprivate"}}],
        "LogConfig": {"Type": "none", "Config": {}},  # the broker reads the streams under its own limit
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": False,  # the broker reads how it ended first
        "Init": False,  # the launcher is process 1
    }  # fmt: skip


def settings(spec: ContainerSpec) -> dict[str, Any]:
    """The body of the engine's create call."""
    return {
        "Image": spec.template.image,
        "Entrypoint": list(LAUNCHER_COMMAND[:1]),
        "Cmd": list(LAUNCHER_COMMAND[1:]),
        "User": f"{spec.user}:{spec.user}",
        "WorkingDir": SCRATCH,
        "Env": list(environment(spec.template.limits.threads, apart=spec.template.apart)),
        "Labels": dict(spec.labels),  # set once: a waiting container cannot get a job's
        "Hostname": "sandbox",
        "Domainname": "",
        "NetworkDisabled": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "StopSignal": "SIGKILL",
        "HostConfig": host_settings(spec),
    }
