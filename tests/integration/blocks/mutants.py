"""Images with one measure of isolation taken out, made of the real one by a changed source. For tests alone: nothing
here is in any image that a broker knows."""

# ruff: noqa: E501 - edits, scripts and figures read better in one line

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.engine_images import engine_client

IMAGES = Path(__file__).resolve().parents[3] / "sandbox_images"
SOURCES = ("python", "common")
CACHE = "sandbox/__pycache__/{}.cpython-{}.pyc"


@dataclass(frozen=True, slots=True)
class Measure:
    """What keeps blocks apart: `edits` of sources take it out, `trick` is what sees that."""

    edits: tuple[tuple[str, str, str], ...]
    trick: str
    seconds: float = 0.0
    """Of a slot, where it takes longer to see."""
    only: tuple[str, ...] = ("runc", "runsc")
    """Runtimes on which nothing else stands behind it."""


SCRATCH_OF_THE_LANE = (
    "apart.py",
    '    demand(libc.unshare(NEWNS), "mounts of its own")\n',
    "    os.chdir(SCRATCH)\n    return\n",
)
MEASURES = {
    "a process for each block": Measure(
        (
            ("lanes.py", "            child = os.fork()\n            if child == 0:", "            child = 0\n            way.sendall(DONE)\n            if True:"),
            ("lanes.py", "handles[2] if len(handles) > 2 else -1)", "handles[2] if len(handles) > 2 else -1)\n                continue"),
            ("lanes.py", "            os.kill(child, signal.SIGKILL)", "            pass"),
            ("lanes.py", "            os.waitpid(child, 0)", "            pass"),
            ("lanes.py", "            apart.next_processes(own)\n", ""),
            ("block.py", "        close_others({rows, answer, printing})\n", ""),
            ("block.py", "        become(kind.settings)\n", ""),
            ("block.py", "        os._exit(0)", "        os.close(answer)"),
        ),
        "state",
    ),
    "a scratch folder for each block": Measure(
        (
            SCRATCH_OF_THE_LANE,
            ("apart.py", "    for path in COVERED:\n", '    mount("tmpfs", SCRATCH, "tmpfs", NOSUID, "size=1m,mode=777")\n    for path in COVERED:\n'),
        ),
        "scratch",
    ),
    "no other place to write": Measure((("apart.py", 'COVERED = ("/out", ', 'COVERED = ('),), "places"),
    "no files that tell when they were read": Measure(
        (("apart.py", "    for path in filter(os.path.exists, GIVEN):\n", "    for path in ():\n"),), "read_times", only=("runsc",)
    ),
    "devices of its own": Measure(
        (("apart.py", '    mount(SCRATCH, "/dev", None, BIND | WITH_ALL_BELOW)\n', ""),), "shared_memory"
    ),
    "devices beside which nothing can be written": Measure(
        (("apart.py", '    mount("tmpfs", SCRATCH, "tmpfs", AGAIN | READ_ONLY | NOSUID | NOEXEC)\n', ""),), "places"
    ),
    "numbers of processes of its own": Measure(
        (("lanes.py", "    apart.next_processes(own)\n    kind", "    kind"), ("lanes.py", "            apart.next_processes(own)\n", "")),
        "numbers_of_processes", only=("runc",),
    ),
    "no threads where all are counted together": Measure((("apart.py", "    syscalls.forbid(threads)\n", "    syscalls.forbid()\n"),), "threads", only=("runsc",)),
    "no power over mounts": Measure((("block.py", "    apart.close_off(settings[\"threads\"])\n", ""),), "mounts"),
    "no sockets": Measure((("apart.py", "    syscalls.forbid(threads)\n", ""),), "sockets"),
    "no pairs of sockets": Measure((("syscalls.py", ' "socketpair": (53, 199),', ''),), "pairs"),
    "no numbers that all count up": Measure((("syscalls.py", '"pipe": (22, None), "pipe2": (293, 59), ', ''),), "inodes"),
    "no changes of what files are like": Measure(
        tuple(
            ("syscalls.py", line, "\n")
            for line in (
                ' "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),\n',
                ' "truncate": (76, 45),\n',
                '    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),\n',
                '    "setxattr": (188, 5), ',
            )
        ),
        "attributes",
    ),
    "no threads but the C library's": Measure((("syscalls.py", "(EQUAL, 1, 0, THREAD)", "(ANY_BIT, 1, 0, 0x00010000)"),), "held_threads", 2.0, only=("runc",)),
    "no locks": Measure((("apart.py", "    syscalls.forbid(threads)\n", ""),), "locks"),
    "a process group of its own": Measure((("block.py", "    os.setsid()\n", ""),), "own_group", only=("runc",)),
    "rows after the fork": Measure(
        (
            (
                "blocks.py",
                "    found = lanes.opened(channel, kind, job[\"modules\"], cpus)\n    rows = Rows(channel.receive(1, job[\"block\"][\"rows_bytes\"])[0][1])\n",
                "    content = channel.receive(1)[0][1]\n    found = lanes.opened(channel, kind, job[\"modules\"], cpus)\n    rows = Rows(content)\n",
            ),
        ),
        "memory",
    ),
    "not a byte of the rows before the fork": Measure(
        (("launcher.py", "os.read(0, min(self._reader.lacks, 1 << 20))", "os.read(0, 1 << 20)"),), "held"
    ),
    "standard streams of its own": Measure((("block.py", "        own_streams()\n", ""),), "flags"),
    "no waiting at pages that all have": Measure((("syscalls.py", "(GIVE, 0, 0, ALLOW), again]", "(GIVE, 0, 0, ALLOW), (GIVE, 0, 0, ALLOW)]"),), "pages", only=("runc",)),
    "a limit of waiting signals": Measure((("apart.py", "        resource.RLIMIT_SIGPENDING: tasks,\n", ""),), "waiting_signals", 5.0, only=("runc",)),
    "a limit of memory": Measure((("apart.py", "        resource.RLIMIT_AS: memory,\n", ""),), "room"),
    "slots to their end": Measure(
        (
            ("blocks.py", "        wait(until)\n", "        left = {answer for _, _, answer in running}\n        while left and time.monotonic() < until:\n            left -= set(select.select(list(left), [], [], until - time.monotonic())[0])\n"),
            ("blocks.py", "            lane.end(until)\n", "            pass\n"),
            ("blocks.py", "            lane.ended()\n", "            lane.end(0.0)\n            lane.ended()\n"),
            ("blocks.py", "            due += self._seconds + self._rest", "            due = time.monotonic()"),
            ("blocks.py", "        wait(due + self._spare)\n", ""),
            ("blocks.py", "import selectors\n", "import select\nimport selectors\n"),
        ),
        "overrun",
        4.0,
    ),
    "an end to every block": Measure((("lanes.py", "            os.kill(child, signal.SIGKILL)  # ", "            # "),), "overrun"),
    "a constant for what is no answer": Measure(
        (("blocks.py", "        numbers = struct.unpack(f\"<{self._numbers}d\", content) if len(content) == size else ()", "        numbers = struct.unpack(f\"<{self._numbers}d\", content)"),),
        "crash",
    ),
}  # fmt: skip


class Changed(DockerSandbox):
    """A sandbox whose python image is another."""

    changed: str = ""

    def _digest(self, image: str) -> str:
        return self.changed if image == "python" else super()._digest(image)


def changed_image(digest: str, edits: tuple[tuple[str, str, str], ...]) -> str:
    """LookupError where an edit does not fit the source any more."""
    texts: dict[str, str] = {}
    for name, before, after in edits:
        text = texts.get(name) or next(p for p in IMAGES.glob(f"*/{name}") if p.parent.name in SOURCES).read_text()
        if before not in text:
            raise LookupError(f"{name}: {before!r}")
        texts[name] = text.replace(before, after)
    with engine_client() as engine:
        container = engine.create_container(digest, command=["none"])["Id"]
        try:
            engine.put_archive(container, "/", _archive(texts, _version(engine, container)))
            return str(engine.commit(container)["Id"])
        finally:
            engine.remove_container(container, force=True)


def _version(engine: Any, container: str) -> str:
    """The image's Python, by the name of its program: compiled files are told from others by it."""
    stream, _ = engine.get_archive(container, "/sandbox/python")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        return tar.getmembers()[0].linkname.rpartition("python")[2].replace(".", "")


def _archive(texts: dict[str, str], version: str) -> bytes:
    """The sources, and in place of what was compiled of them nothing, so that they are read."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, text in texts.items():
            _add(tar, f"sandbox/{name}", text.encode())
            _add(tar, CACHE.format(name.removesuffix(".py"), version), b"")
    return target.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))


def removed(digest: str) -> None:
    with engine_client() as engine:
        engine.remove_image(digest, force=True)
