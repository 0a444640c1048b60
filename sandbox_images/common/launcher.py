"""Process 1 of a sandbox: takes one job in frames, has it done, and answers in frames. Standard library only.

It is the trusted side: what the job prints, leaves or dies of reaches the broker only through here, capped. It says
nothing of its own but the closed words of `frames.WORDS`. It imports nothing of the broker.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import struct
import sys
import threading

import frames

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
JOB_LIMIT = 80 * 1024 * 1024
"""What comes in: a job, and the rows that a script has handed over with it. (Of blocks' rows policy says how many.)"""
FRAMES = 3
"""How many come in at most: a job, a program, rows."""
OPEN_FILES = 1024

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_VERSION = 1
RULE_PATH_BENEATH = 1
READ_FILE, REFER = 1 << 2, 1 << 13
DATA = "/data"


class Done(Exception):
    """The job has ended, with a word of the closed list."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Channel:
    """Frames in on standard input, frames out on what was standard output; both are then closed to everyone else."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.set_inheritable(self._out, False)
        self._lock = threading.Lock()
        self._reader: frames.Reader | None = None
        self._held: list[tuple[str, bytes]] = []
        null = os.open(os.devnull, os.O_RDWR)
        for handle in (1, 2):
            os.dup2(null, handle)
        os.close(null)

    def receive(self, count: int, most: int | None = None, *, last: bool = True) -> list[tuple[str, bytes]]:
        """The next `count` frames, of at most `most` bytes where it is said, else of `JOB_LIMIT` with all before them;
        after the last ones standard input is gone. Not a byte of what follows them is read: it may be rows, and this
        process may fork before it asks for them."""
        if self._reader is None or most is not None:
            self._reader = frames.Reader(frames.INWARD, JOB_LIMIT if most is None else most, FRAMES)
        while len(self._held) < count:
            data = os.read(0, min(self._reader.lacks, 1 << 20))
            if not data:
                raise frames.FrameError("the broker stopped in the middle of a frame")
            self._held += self._reader.feed(data)
        found, self._held = self._held[:count], self._held[count:]
        if last:
            self._end_input()
        return found

    def _end_input(self) -> None:
        if self._held or (self._reader is not None and self._reader.pending):
            raise frames.FrameError("more than was agreed")
        shut_input()

    def ready(self, image: str) -> None:
        """Say that all is loaded and nothing read, and whether the kernel can narrow what a job will see."""
        self.send("ready", json.dumps({"image": image, "landlock": landlock_version()}).encode())

    def send(self, kind: str, payload: bytes) -> None:
        with self._lock:
            self._write(frames.pack(kind, payload))

    def last(self, word: str) -> None:
        """Say how it ended and be gone: no frame may follow. Never waits long for a frame that is being written."""
        if self._lock.acquire(timeout=2):
            self._write(frames.pack("status", json.dumps({"word": word}).encode()))
        os._exit(0)

    def shut(self) -> None:
        """For a child: it must hold neither way, to the broker or from it."""
        os.close(self._out)
        shut_input()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._out, view) :]


def shut_input() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def seal() -> None:
    """Close this process to the job: no tracing, no /proc/1/mem, no /proc/1/fd; and no privilege ever again."""
    if os.getpid() != 1:
        raise SystemExit("The launcher runs only as process 1 of a sandbox: it kills every process it can see.")
    drop_user()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise SystemExit("The kernel refuses to seal the launcher.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one signal that would reach process 1 as an exception
    os.umask(0o077)


def unseal() -> None:
    """For a child that runs a job: its own /proc/self is its own again. It holds nothing that is not the job's."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def drop_user() -> None:
    """Where the sandbox could not start as its own user (bubblewrap run by root), become it now, for good."""
    if os.getuid() == 0 and len(sys.argv) > 1:
        user = int(sys.argv[1])
        libc = ctypes.CDLL(None)
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails beyond the last one that the kernel knows
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # the change of user has cleared it
    if os.getuid() == 0:
        raise SystemExit("A job never runs as root.")


def landlock_version() -> int:
    """The kernel's version of Landlock; 0 where it has none, as gVisor."""
    return max(0, ctypes.CDLL(None).syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), LANDLOCK_VERSION))


def narrow(job: dict) -> None:
    """Of the data, leave this process and all its children the files that the job declared. Where the kernel cannot,
    the mount must hold nothing else: another one is a fault of the broker's, and the job does not start."""
    if not job.get("narrow"):
        return
    if own_tasks() > 1:
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


def own_size() -> int:
    """Address space that is taken before the job begins: libraries, mostly."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def own_tasks() -> int:
    """Threads that libraries have started here: they count as the job's user's, but are not the job's."""
    return len(os.listdir("/proc/self/task"))


def limit(settings: dict[str, int], tasks: int, libraries: int = 0) -> None:
    """Set the limits of this process and all it will start. The container's own limits hold besides, where they do.

    Address space is not memory: `libraries` is what those that are imported later may map without using it."""
    caps = {
        resource.RLIMIT_AS: own_size()
        + libraries
        + settings["memory_bytes"]
        + 64 * 1024 * 1024 * (settings["threads"] + 1),
        resource.RLIMIT_NPROC: settings["processes"] + tasks,
        resource.RLIMIT_CPU: settings["wall_seconds"] * max(1, settings["threads"]) + 5,
        resource.RLIMIT_FSIZE: max(settings["scratch_bytes"], settings["output_bytes"]),
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for which, value in caps.items():
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def kill_all() -> None:
    """Kill and reap everything in this sandbox but the launcher, however often it forks."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def watch(channel: Channel, seconds: float) -> None:
    """The clock inside: at its end the launcher says so and exits, which ends everything in the sandbox."""
    timer = threading.Timer(seconds, channel.last, args=("time_limit",))
    timer.daemon = True
    timer.start()


def job_of(payload: bytes) -> dict:
    """The job frame comes from the broker; a wrong one is a fault of ours, not of the job."""
    job = json.loads(payload)
    for table in job["tables"]:
        for path in table["paths"]:
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError("A table's path leaves the mount.")
    return job


def job_and_rows(payload: bytes) -> tuple[dict, bytes]:
    """A job frame of trusted code: JSON in one line, then, where a script has handed rows over, their bytes."""
    head, _, rows = payload.partition(b"\n")
    return job_of(head), rows


def sources(table: dict) -> list[str]:
    """A table's files as they stand in the sandbox."""
    return [f"{DATA}/{path}" for path in table["paths"]]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
