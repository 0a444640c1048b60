"""Puts blocks apart from one another: namespaces, mounts and limits, for a process that the launcher has forked and
that has run nothing of a researcher's. Standard library only. Whatever the kernel refuses ends the process: no
block runs less apart than this says."""

import contextlib
import ctypes
import errno
import os
import resource
import threading

import limits
import sealing
import syscalls

NEWNS, NEWUSER, NEWPID = 0x00020000, 0x10000000, 0x20000000
READ_ONLY, NOSUID, NODEV, NOEXEC, AGAIN, BIND, WITH_ALL_BELOW = 1, 2, 4, 8, 32, 4096, 16384
SCRATCH = "/tmp"
NOTHING = f"{SCRATCH}/none"
INODES = 4096
COVERED = ("/out", "/data", "/sys")
"""What all blocks would see: an empty folder lies over each. (`/dev` is made anew, with these devices.)"""
MAPS = "/proc/self/maps"
"""Where libraries look for the others that are loaded: all that a block finds in `/proc`."""
GIVEN = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
"""Files that an engine lays into a container, from a disk of the host where it is told when they were read."""
DEVICES = ("null", "zero", "full", "random", "urandom")
FEW = 64
"""Open files of a block."""
OF_A_LANE = 4
"""Its two processes, a child and that one's thread: fewer than there are in all."""
CAPABILITIES = (0x20080522, 0)
"""Version 3 of the call, of this process."""

libc = ctypes.CDLL(None, use_errno=True)


def enter_lane(cpu: int) -> int:
    """Make this process process 1 of a namespace that holds one lane's blocks, with nothing to write to, on one
    processor. Returns in the child only: a descriptor of its namespace of processes."""
    user, group = os.getuid(), os.getgid()
    sealing.unseal()  # the maps are its own files, and only of a process that may be looked at
    demand(libc.unshare(NEWUSER | NEWNS | NEWPID), "namespaces")
    with contextlib.suppress(PermissionError):  # gVisor has no such rule
        tell("setgroups", "deny")
    tell("uid_map", f"{user} {user} 1")
    tell("gid_map", f"{group} {group} 1")
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os._exit(0)
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    libc.prctl(sealing.PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.sched_setaffinity(0, {cpu})
    cover()
    return own


def tell(name: str, text: str) -> None:
    """One of the files by which the kernel is told who a namespace's users are."""
    with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
        file.write(text)


def cover() -> None:
    """Lay empty folders over all that could be written to or that tells of other processes."""
    mount("tmpfs", SCRATCH, "tmpfs", NOSUID | NOEXEC, "size=64k,mode=755")
    for name in DEVICES:
        place = f"{SCRATCH}/{name}"
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        mount(f"/dev/{name}", place, None, BIND)
    os.close(os.open(NOTHING, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o400))
    mount("tmpfs", SCRATCH, "tmpfs", AGAIN | READ_ONLY | NOSUID | NOEXEC)
    for path in filter(os.path.exists, GIVEN):
        mount(NOTHING, path, None, BIND)
    mount(SCRATCH, "/dev", None, BIND | WITH_ALL_BELOW)
    for path in COVERED:
        mount("tmpfs", path, "tmpfs", READ_ONLY | NOSUID | NODEV | NOEXEC, "size=4k,mode=555")
    cover_processes()


def cover_processes() -> None:
    """Over `/proc` a folder with what the lane itself is made of, of which its blocks are copies: the same for all."""
    with open(MAPS, "rb") as file:
        loaded = file.read()
    mount("tmpfs", "/proc", "tmpfs", NOSUID | NODEV | NOEXEC, "size=1m,mode=755")
    os.mkdir(os.path.dirname(MAPS), 0o755)
    with open(MAPS, "wb") as file:
        file.write(loaded)
    mount("tmpfs", "/proc", "tmpfs", AGAIN | READ_ONLY | NOSUID | NODEV | NOEXEC)


def next_processes(own: int) -> None:
    """The next child begins a namespace of processes of its own. (Linux wants the last one given back first.)"""
    if libc.unshare(NEWPID):
        if ctypes.get_errno() != errno.EINVAL:
            raise SystemExit("The kernel gives no namespace of processes.")
        demand(libc.setns(own, NEWPID), "namespace of processes")
        demand(libc.unshare(NEWPID), "namespace of processes")


def fresh_scratch(size: int) -> None:
    """A scratch folder of this process alone, gone with it."""
    demand(libc.unshare(NEWNS), "mounts of its own")
    options, flags = f"size={size},mode=700", NOSUID | NODEV | NOEXEC
    if not mounted("tmpfs", SCRATCH, "tmpfs", flags, f"{options},nr_inodes={INODES}"):
        mount("tmpfs", SCRATCH, "tmpfs", flags, options)  # gVisor counts no files
    os.chdir(SCRATCH)


def limit(memory: int, seconds: float, scratch: int, tasks: int) -> None:
    """The limits of one block. Address space is counted from what the libraries have mapped already; signals that wait
    are counted for all lanes together, and one block could take all that there may be. (gVisor has none to limit.)"""
    caps = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: int(seconds) + 2,
        resource.RLIMIT_FSIZE: scratch,
        resource.RLIMIT_NOFILE: FEW,
        resource.RLIMIT_NPROC: tasks,
        resource.RLIMIT_SIGPENDING: tasks,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    limits.lower(caps)


def counted_apart() -> bool:
    """Whether this kernel counts the threads of a lane by themselves. gVisor counts those of all lanes together: there
    what one block has would be what another lacks, and blocks do without. Tried by a child that may be few."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    try:
        give_up()
        resource.setrlimit(resource.RLIMIT_NPROC, (OF_A_LANE, OF_A_LANE))
        threading.Thread(target=int).start()
    except BaseException:
        os._exit(1)
    os._exit(0)


def close_off(threads: bool) -> None:
    """Give up every power that the namespaces gave, and forbid what would give one again."""
    give_up()
    syscalls.forbid(threads)


def give_up() -> None:
    header, none = (ctypes.c_uint32 * 2)(*CAPABILITIES), (ctypes.c_uint32 * 6)()
    demand(libc.capset(header, none), "fewer powers")


def mounted(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> bool:
    words = [None if word is None else word.encode() for word in (source, target, kind, data)]
    return not libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    demand(not mounted(source, target, kind, flags, data), "mounts")


def demand(failed: bool | int, what: str) -> None:
    if failed:
        raise SystemExit(f"The kernel refuses {what}: error {ctypes.get_errno()}.")
