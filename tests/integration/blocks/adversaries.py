"""Scripts that try to make one person count in more than one block. `signal` runs in the block that has the person, and
tries to reach the other blocks. Every other block answers as if it had the person when `seen` finds the signal.

Each is one trick; `EVERYTHING` tries them all at once. An honest run of any of them has one block that answers `HIGH`.
"""

# ruff: noqa: E501 - one trick a line reads as a table

from dataclasses import dataclass

SECRET, LOW, HIGH = 20, 0.0, 10.0
MARK, MARKS = "the-one-person-who-is-looked-for", ("the-one-person-", "who-is-looked-for")


@dataclass(frozen=True, slots=True)
class Trick:
    """`signal` and `seen` are bodies of functions. `after`: what the block that signals does with the rest of its slot."""

    signal: str
    seen: str
    after: str = ""


TRICKS = {
    "state": Trick("builtins.told = True; os.environ['TOLD'] = '1'; sys.modules['told'] = os", "return hasattr(builtins, 'told') or 'TOLD' in os.environ or 'told' in sys.modules"),
    "scratch": Trick("[attempt(writes, f'{place}/told') for place in ('/tmp', '.', '/var/tmp', '/run')]", "return any(os.path.exists(f'{place}/told') for place in ('/tmp', '.', '/var/tmp', '/run'))"),
    "places": Trick("[attempt(os.chmod, place, 0o777) or attempt(writes, f'{place}/told') for place in ('/out', '/data', '/sandbox', '/opt/site', '/sys', '/dev', '/', '/proc/self')]", "return any(os.path.exists(f'{place}/told') for place in ('/out', '/data', '/sandbox', '/opt/site', '/dev', '/'))"),
    "shared_memory": Trick("attempt(writes, '/dev/shm/told'); attempt(writes, '/dev/mqueue/told'); libc.shmget(777, 4096, 0o1666)", "return os.path.exists('/dev/shm/told') or os.path.exists('/dev/mqueue/told') or libc.shmget(777, 0, 0o666) >= 0"),
    "numbers_of_processes": Trick("[run_thread() for _ in range(200)]", "return os.getpid() > 100"),
    "mounts": Trick("below(); tells_below(); deeper(); tells_below()", "below(); return os.path.exists('/tmp/told') or os.path.exists('/dev/told')"),
    "sockets": Trick("s = socket.socket(socket.AF_UNIX); s.bind('\\0told'); s.listen(); held.append(s)", "return until_end(connects)", "rest()"),
    "pairs": Trick("s = socket.socketpair()[0]; s.bind('\\0told'); held.append(s)", "return until_end(is_named)", "rest()"),
    "read_times": Trick("[attempt(reads, path) for path in GIVEN]", "return any(attempt(was_read, path) for path in GIVEN)"),
    "attributes": Trick("[attempt(change, *given) for given in CHANGES]", "return are_changed()"),
    "held_threads": Trick("until_end(lambda: [run_thread() for _ in range(20)] and False)", "return numbers_of_threads_are_missing()"),
    "inodes": Trick("until_end(takes_numbers)", "return numbers_are_missing()"),
    "threads": Trick("held.extend(threads(40))", "return until_end(lacks_threads)", "rest()"),
    "locks": Trick("f = open(fcntl.__file__ if hasattr(fcntl, '__file__') else os.__file__); fcntl.flock(f, fcntl.LOCK_EX); held.append(f)", "return until_end(is_locked)", "rest()"),
    "memory": Trick("pass", "return finds_mark()"),
    "signals": Trick("[attempt(os.kill, pid, signal.SIGKILL) for pid in {-1, os.getppid(), *range(2, 400)} - {0, os.getpid()}]", "return False"),
    "own_group": Trick("os.kill(0, signal.SIGKILL)", "return False"),
    "held": Trick("pass", "return reaches_mark()"),
    "flags": Trick("attempt(fcntl.fcntl, 0, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)", "return bool(fcntl.fcntl(0, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_APPEND))"),
    "input": Trick("pass", "os.set_blocking(0, False); return MARK in (attempt(os.read, 0, 1 << 20) or b'')"),
    "pages": Trick("pass", "return until_end(lambda: futex(1, 1) > 0)", "until_end(lambda: futex(0, WORD, 0.2) > 0)"),
    "waiting_signals": Trick("waits(1 << 20)", "rest(); return waits(20) < 20", "rest()\n        time.sleep(0.1)"),
    "limits": Trick("pass", "return False", "bombs()"),
    "room": Trick("pass", "return reserves(2 << 30)"),
    "files_without_end": Trick("[writes(f'/tmp/{n}', 1 << 20) for n in range(200)]", "return False"),
    "crash": Trick("os._exit(9)", "return False"),
    "crash_hard": Trick("ctypes.string_at(0)", "return False"),
    "fault": Trick("raise MemoryError", "return False"),
    "overrun": Trick("time.sleep(25)", "return False"),
    "no_end": Trick("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True: pass", "return False"),
}  # fmt: skip
SHAPES = ("float('nan')", "float('inf')", "[1.0, 2.0]", "None", "'text'", "[]", "list(range(10**6))", "1e308", "-1e308")
"""What the block of the person answers, where nothing else is tried."""

FAILS = {
    SECRET + 1: "os._exit(9)", SECRET + 2: "return float('nan')", SECRET + 3: "return [1.0, 2.0]",
    SECRET + 4: "return 'text'", SECRET + 5: "raise ValueError", SECRET + 6: "ctypes.string_at(0)",
    SECRET + 7: "bombs()", SECRET + 8: "time.sleep(60)",
}  # fmt: skip
"""Scores of children whose block fails, and how."""

TOOLS = f"""
import builtins, ctypes, fcntl, gc, mmap, os, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
held = []
MARK = b"".join([b"{MARKS[0]}", b"{MARKS[1]}"])
ENDS = time.monotonic() + {{seconds}}


def attempt(call, *given):
    try:
        return call(*given)
    except BaseException:
        return None


def writes(path, size=1):
    with open(path, "w") as file:
        file.write("x" * size)


def run_thread():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def below():
    for place in ("/tmp", "/out", "/dev", "/proc"):
        libc.umount2(place.encode(), 2)
        libc.mount(None, place.encode(), None, 32, None)
        libc.mount(b"tmpfs", place.encode(), b"tmpfs", 32, None)


def tells_below():
    for place in ("/tmp", "/dev", "/out"):
        attempt(writes, place + "/told")


def deeper():
    libc.unshare(0x10000000 | 0x20000)
    below()


def rest():
    time.sleep(max(0.0, ENDS - time.monotonic()))


def until_end(look):
    while time.monotonic() < ENDS:
        if look():
            return True
        time.sleep(0.02)
    return False


def connects():
    with socket.socket(socket.AF_UNIX) as way:
        return way.connect_ex("\\0told") == 0


def is_named():
    s = socket.socketpair()[0]
    try:
        s.bind("\\0told")
    except OSError as fault:
        return fault.errno == 98
    finally:
        s.close()


CHANGES = (
    (os.utime, "/dev/zero"), (os.chmod, "/out", 0o711), (os.setxattr, "/proc", "user.told", b"1"),
    (os.setxattr, "/dev", "user.told", b"1"), (os.truncate, "/etc/hostname", 7),
)


def change(call, *given):
    call(*given)


def are_changed():
    # devices are all made at one time; whoever may write to one may say that it was changed at this
    made = [os.stat(f"/dev/{{name}}").st_mtime_ns for name in ("null", "zero")]
    names = [attempt(os.listxattr, place) for place in ("/proc", "/dev")]
    rights, size = os.stat("/out").st_mode & 0o777, os.stat("/etc/hostname").st_size
    return abs(made[0] - made[1]) > 2e8 or rights == 0o711 or size == 7 or any(names)


def number_of_a_thread():
    # one that is held by a descriptor: the kernel counts up for all processes of the machine
    stack, held_by = mmap.mmap(-1, 1 << 16), ctypes.c_int(-1)
    held.append(stack)
    top = ctypes.addressof(ctypes.c_char.from_buffer(stack)) + (1 << 16) - 64
    begins = ctypes.cast(libc.getppid, ctypes.c_void_p)
    if libc.clone(begins, ctypes.c_void_p(top), 0x51F00, None, ctypes.byref(held_by)) < 0:
        raise OSError
    try:
        return os.fstat(held_by.value).st_ino
    finally:
        os.close(held_by.value)


def numbers_of_threads_are_missing():
    first = number_of_a_thread()
    time.sleep({{seconds}} * 2 / 3)
    return number_of_a_thread() - first > 60


GIVEN = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/passwd", "/proc/self/maps", os.__file__)


def reads(path):
    with open(path, "rb") as file:
        return file.read()


def was_read(path):
    # a disk that is told when it is read is told once: the first time after the file was written
    found = os.stat(path)
    return found.st_atime_ns > max(found.st_mtime_ns, found.st_ctime_ns)


def inode():
    # the kernel counts pipes up for everybody: what one block takes, a block beside it lacks
    ends = os.pipe()
    try:
        return os.fstat(ends[0]).st_ino
    finally:
        for end in ends:
            os.close(end)


def takes_numbers():
    for _ in range(8000):
        inode()


def next_batch():
    # a processor takes 1,024 numbers at once: the first of its next ones tells how many all have taken
    while inode() % 1024:
        pass
    return inode()


def numbers_are_missing():
    first = next_batch()
    time.sleep({{seconds}} * 2 / 3)
    return next_batch() - first > 6000


def threads(number):
    waiting, found = threading.Event(), []
    threading.stack_size(1 << 16)
    for _ in range(number):
        found.append(threading.Thread(target=waiting.wait, daemon=True))
        found[-1].start()
    return [waiting, *found]


def lacks_threads():
    run_thread()
    try:
        found = threads(45)
    except RuntimeError:
        return True
    found[0].set()
    for thread in found[1:]:
        thread.join()
    time.sleep(0.05)
    return False


def is_locked():
    with open(os.__file__) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def finds_mark():
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            for one in (value, *attempt(vars, value).values()) if attempt(vars, value) else (value,):
                if isinstance(one, (bytes, bytearray, memoryview)) and one is not MARK and MARK in bytes(one):
                    return True
        frame = frame.f_back
    return False


def reaches_mark():
    # whatever can be reached from the frames that this block was forked in, but what was handed to it
    frame, waiting, seen = sys._getframe(), [], set()
    while frame is not None:
        if frame.f_globals is not globals() and frame.f_code.co_name != "<module>":
            waiting.extend(value for name, value in frame.f_locals.items() if name not in ("tables", "found"))
        frame = frame.f_back
    while waiting:
        value = waiting.pop()
        if id(value) in seen or callable(value) or isinstance(value, type(os)):
            continue
        seen.add(id(value))
        if isinstance(value, (bytes, bytearray)) and MARK in value:
            return True
        waiting.extend(gc.get_referents(value))
    return False


class Span(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


PAGE = ctypes.cast(libc.getpid, ctypes.c_void_p).value & ~4095
WORD = ctypes.c_uint32.from_address(PAGE).value


def futex(does, value, seconds=0):
    # at a page of the C library, which is every block's: 0 waits there, 1 wakes who does
    span = Span(0, int(seconds * 1e9))
    number = 202 if os.uname().machine == "x86_64" else 98
    return libc.syscall(number, ctypes.c_void_p(PAGE), does, ctypes.c_uint32(value), ctypes.byref(span), None, 0)


def waits(most):
    # signals that are blocked wait: so many could be sent
    signal.pthread_sigmask(signal.SIG_BLOCK, [40])
    libc.sigqueue.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    for sent in range(most):
        if libc.sigqueue(os.getpid(), 40, None):
            return sent
    return most


def reserves(size):
    # more than one block may have: what it could fill, and end the sandbox by
    with mmap.mmap(-1, size):
        return True


def bombs():
    kept = []
    while True:
        kept.append(b"x" * (64 << 20))
"""

ANSWER = """

def signal_all():
    {signal}


def seen_any():
    {seen}


def answer(tables):
    rows = tables["npd.a"]
    if (rows["Score"] == %d).any():
        %s
        return %r
    return %r if attempt(seen_any) else %r
"""


def script(name: str, seconds: float) -> str:
    """The trick of that name, for slots of so many seconds; of a shape, what the block answers."""
    tools = TOOLS.replace("{seconds}", f"{0.6 * seconds}")
    if name in SHAPES:
        return tools + ANSWER.format(signal="pass", seen="return False") % (SECRET, f"return {name}", HIGH, HIGH, LOW)
    if name == "mixed":
        return tools + _mixed(FAILS)
    if name == "shapes":
        return tools + _mixed({SECRET + n: f"return {shape}" for n, shape in enumerate(SHAPES)})
    if name == "everything":
        return tools + _everything()
    if name == "maximum":
        return tools + "\n\ndef answer(tables):\n    return float(tables['npd.a']['Score'].max())\n"
    trick = TRICKS[name]
    does = f"attempt(signal_all); {trick.after or 'pass'}"
    if name in ("crash", "crash_hard", "fault", "overrun", "no_end"):
        does = "signal_all()"
    return tools + ANSWER.format(signal=trick.signal, seen=trick.seen) % (SECRET, does, HIGH, HIGH, LOW)


TOGETHER = ("state", "scratch", "places", "shared_memory", "numbers_of_processes", "mounts", "sockets", "pairs", "inodes", "attributes", "read_times", "locks", "memory", "held", "flags", "input", "signals")  # fmt: skip


def _mixed(ways_of: dict[int, str]) -> str:
    """Each block as its child says."""
    ways = "".join(f"    if (scores == {score}).any():\n        {way}\n" for score, way in ways_of.items())
    return f'\n\ndef answer(tables):\n    scores = tables["npd.a"]["Score"]\n{ways}    return {LOW}\n'


def _everything() -> str:
    """All that leave the block alive, one after the other."""
    parts = []
    for name in TOGETHER:
        trick = TRICKS[name]
        parts.append(f"def signal_{name}():\n    {trick.signal}\n\n\ndef seen_{name}():\n    {trick.seen}\n")
    names = ", ".join(f"attempt(signal_{name})" for name in TOGETHER)
    looks = ", ".join(f"attempt(seen_{name})" for name in TOGETHER)
    return "\n\n".join(parts) + (
        "\n\ndef answer(tables):\n"
        f'    if (tables["npd.a"]["Score"] == {SECRET}).any():\n        [{names}]\n        rest()\n        return {HIGH}\n'
        f"    return {HIGH} if any([{looks}]) else {LOW}\n"
    )


SLOW_TO_GO = """
import ctypes, fcntl, os, stat, struct, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
SIZE, PAGE, PIECES = 350 << 20, 4096, 32_000
def way():
    for handle in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(handle).st_mode) and fcntl.fcntl(handle, fcntl.F_GETFL) & 3 == os.O_WRONLY:
                return handle
        except OSError:
            pass
def answer(tables):
    began = time.monotonic()
    os.write(way(), struct.pack("<d", began))
    first = libc.mmap(None, SIZE, 3, 0x22, -1, 0)
    ctypes.memset(first, 1, SIZE)
    for n in range(PIECES):
        libc.mprotect(first + 2 * n * PAGE, PAGE, 1)
    time.sleep(60)
"""
"""Answers when it began, and then leaves the kernel as much to take away as it can: memory in many pieces."""
