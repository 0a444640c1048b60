"""Takes files out of /out after every process of the job is dead. Follows nothing, trusts no name and no size."""

import json
import os
import re
import stat

import launcher

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
HANDED = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,57}\.((table|regression|figure)\.json|rows\.arrow|[a-z0-9]{1,8}\.about\.json)",
    re.ASCII,
)
"""What the library `npd` leaves beside files: requests to the broker, rows for its trusted stage, descriptions."""
LOOKED_AT = 10_000


def payload(name: str, content: bytes) -> bytes:
    return json.dumps({"name": name}).encode() + b"\n" + content


def gather(folder: str, allowed: frozenset[str], settings: dict) -> list[tuple[str, bytes]]:
    """Regular files of allowed types and what the library hands over, directly in `folder`; all else stays. Too many or
    too big: none at all."""
    home = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    found, left = [], settings["output_bytes"]
    for name in wanted(home, allowed):
        content = read(home, name, left)
        if content is None:
            continue
        found.append((name, content))
        left -= len(content)
        if len(found) > settings["output_files"]:
            raise launcher.Done("output_limit")
    return found


def wanted(home: int, allowed: frozenset[str]) -> list[str]:
    names = []
    with os.scandir(home) as entries:
        for looked, entry in enumerate(entries):
            if looked >= LOOKED_AT:
                raise launcher.Done("output_limit")
            ending = os.path.splitext(entry.name)[1].lower()
            if HANDED.fullmatch(entry.name) or (ending in allowed and NAME.fullmatch(entry.name)):
                names.append(entry.name)
    return sorted(names)


def read(home: int, name: str, left: int) -> bytes | None:
    """The file's bytes; None for what is no plain file of this job; its hash is the broker's business."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=home)
    except OSError:
        return None
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            return None
        if facts.st_size > left:
            raise launcher.Done("output_limit")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(left)
    finally:
        os.close(handle)
