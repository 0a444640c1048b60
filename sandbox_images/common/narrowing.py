"""Leaves a job, of all that is mounted, the files that it declared: by Landlock, where the kernel has it. Standard
library only."""

import ctypes
import os
import struct

import limits

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_VERSION = 1
RULE_PATH_BENEATH = 1
READ_FILE, REFER = 1 << 2, 1 << 13
DATA = "/data"


def sources(table: dict) -> list[str]:
    """A table's files as they stand in the sandbox."""
    return [f"{DATA}/{path}" for path in table["paths"]]


def landlock_version() -> int:
    """The kernel's version of Landlock; 0 where it has none, as gVisor."""
    return max(0, ctypes.CDLL(None).syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), LANDLOCK_VERSION))


def narrow(job: dict) -> None:
    """Of the data, leave this process and all its children the files that the job declared. Where the kernel cannot,
    the mount must hold nothing else: another one is a fault of the broker's, and the job does not start."""
    if not job.get("narrow"):
        return
    if limits.own_tasks() > 1:
        raise SystemExit("Another thread of this process would see all of the data: narrowing is a thread's own.")
    if not narrowed(job) and mounted() - declared(job):
        raise SystemExit("The mount holds more than the job declared, and the kernel cannot narrow it.")


def narrowed(job: dict) -> bool:
    """Whether the kernel has narrowed it: by Landlock, where it has that."""
    version = landlock_version()
    if version:
        restrict(declared(job), READ_FILE | (REFER if version > 1 else 0))
    return version > 0


def declared(job: dict) -> set[str]:
    return {path for table in job["tables"] for path in sources(table)}


def mounted() -> set[str]:
    """Every file of the data mount."""
    return {os.path.join(folder, name) for folder, _, names in os.walk(DATA) for name in names}


def restrict(files: set[str], rights: int) -> None:
    """Everything but the data as before; of the data, `files`. For good, and for every process that comes of this
    one. Moving files between folders is a right of its own, which is lost if it is not named."""
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = ctypes.create_string_buffer(struct.pack("=Q", rights), 8)
    rules = libc.syscall(LANDLOCK_CREATE, wanted, ctypes.c_size_t(8), 0)
    if rules < 0:
        raise SystemExit("The kernel refuses to narrow the data.")
    with os.scandir("/") as entries:
        others = {entry.path for entry in entries if entry.is_dir(follow_symlinks=False)} - {DATA}
    for path, allowed in [*((path, rights) for path in others), *((path, READ_FILE) for path in files)]:
        allow(libc, rules, path, allowed)
    if libc.syscall(LANDLOCK_RESTRICT, rules, 0):
        raise SystemExit("The kernel refuses to narrow the data.")
    os.close(rules)


def allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12)
    failed = libc.syscall(LANDLOCK_ADD, rules, RULE_PATH_BENEATH, rule, 0)
    os.close(place)
    if failed:
        raise SystemExit("The kernel refuses to narrow the data.")
