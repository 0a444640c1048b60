"""A request as a container's settings, and the audit of what the engine made of them. Pure: no engine, no files but the
seccomp profile. Every setting is wanted as such; nothing is left to an engine's default that could change."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.domain.ports import SandboxRequest

SECCOMP = json.dumps(json.loads((Path(__file__).parent / "seccomp.json").read_text()))

LABEL = "npd-broker.sandbox"
LABEL_OWNER, LABEL_JOB, LABEL_ATTEMPT = f"{LABEL}.owner", f"{LABEL}.job", f"{LABEL}.attempt"
"""The owner is the broker that started it: two brokers on one engine must not sweep each other's sandboxes."""

COMMAND = ("/sandbox/python", "-I", "-S", "-B", "/sandbox/start.py")

SENTRY_THREADS = 256
"""Under runsc the pids limit counts gVisor's own threads on the host, so it can only be a far bound there; the
launcher's RLIMIT_NPROC is the near one."""

LAUNCHER_TASKS = 32
SCRATCH, OUT = "/tmp", "/out"  # noqa: S108  a private tmpfs inside the sandbox
SHM_BYTES = 16 * 1024 * 1024
OPEN_FILES = 1024
MARGIN_BYTES = 64 * 1024 * 1024
"""Memory for the launcher and its libraries, on top of what the job may take."""


@dataclass(frozen=True, slots=True)
class Spec:
    """All settings of one container: `config` for create, `host` for its host configuration."""

    name: str
    image: str
    runtime: str
    user: str
    labels: Mapping[str, str]
    mount: str
    memory: int
    pids: int
    nano_cpus: int
    tmpfs: Mapping[str, str]
    ulimits: Mapping[str, int]
    environment: tuple[str, ...]
    ipc: str = "private"
    security: tuple[str, ...] = field(default=("no-new-privileges", f"seccomp={SECCOMP}"))


def name_of(job: str, attempt: int) -> str:
    """The one name a job's attempt can have: the engine's refusal of a second one is the run-once lock."""
    return f"npdjob-{job}-{attempt}"


def user_of(job: str, attempt: int) -> int:
    """A user that no other job shares, so that limits per user are limits per job."""
    return 200_000 + int.from_bytes(hashlib.sha256(name_of(job, attempt).encode()).digest()[:4]) % 1_000_000_000


def spec(request: SandboxRequest, image: str, runtime: str, owner: str) -> Spec:
    limits = request.limits
    user = user_of(request.job, request.attempt)
    size = {SCRATCH: limits.scratch_bytes, OUT: limits.output_bytes}
    return Spec(
        name=name_of(request.job, request.attempt),
        image=image,
        runtime=runtime,
        user=f"{user}:{user}",
        labels={LABEL_OWNER: owner, LABEL_JOB: request.job, LABEL_ATTEMPT: str(request.attempt)},
        mount=str(request.mount.resolve()),
        memory=limits.memory_bytes + MARGIN_BYTES,
        pids=limits.processes + LAUNCHER_TASKS + (SENTRY_THREADS if runtime == "runsc" else 0),
        nano_cpus=limits.threads * 1_000_000_000,
        tmpfs={path: f"rw,noexec,nosuid,nodev,size={size[path]},nr_inodes=4096,mode=1777" for path in size},
        ulimits={"nofile": OPEN_FILES, "core": 0, "fsize": max(limits.scratch_bytes, limits.output_bytes)},
        environment=environment(limits.threads),
    )


def environment(threads: int) -> tuple[str, ...]:
    """All that a job sees of an environment: nothing secret, nothing of this machine."""
    counts = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_IO_THREADS"}
    fixed = {"HOME": SCRATCH, "MPLBACKEND": "Agg", "MPLCONFIGDIR": SCRATCH, "PATH": "/usr/bin",
             "PYTHONHASHSEED": "0", "TZ": "UTC", "LANG": "C.UTF-8"}  # fmt: skip
    every = {**fixed, **{name: str(threads) for name in counts}}
    return tuple(f"{name}={every[name]}" for name in sorted(every))


def host_settings(made: Spec) -> dict[str, Any]:
    """The host configuration as the engine's interface spells it."""
    return {
        "Runtime": made.runtime,
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Privileged": False,
        "SecurityOpt": list(made.security),
        "Memory": made.memory,
        "MemorySwap": made.memory,
        "MemorySwappiness": 0,
        "OomKillDisable": False,
        "PidsLimit": made.pids,
        "NanoCpus": made.nano_cpus,
        "Ulimits": [{"Name": name, "Soft": value, "Hard": value} for name, value in sorted(made.ulimits.items())],
        "IpcMode": made.ipc,
        "ShmSize": SHM_BYTES,
        "Tmpfs": dict(made.tmpfs),
        "Mounts": [{"Type": "bind", "Source": made.mount, "Target": "/data", "ReadOnly": True,
                    "BindOptions": {"Propagation": "rprivate"}}],
        "LogConfig": {"Type": "none", "Config": {}},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": False,
        "Init": False,
    }  # fmt: skip


def settings(made: Spec) -> dict[str, Any]:
    """The body of the engine's create call."""
    return {
        "Image": made.image,
        "Entrypoint": list(COMMAND[:1]),
        "Cmd": list(COMMAND[1:]),
        "User": made.user,
        "WorkingDir": SCRATCH,
        "Env": list(made.environment),
        "Labels": dict(made.labels),
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
        "HostConfig": host_settings(made),
    }
