"""Files of members in one folder that only the broker's own user can read, each sealed under its random name. Knows
nothing of what is in them, and no database."""

import hashlib
import re
import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from broker.domain.errors import Breach
from broker.domain.remembered import StoredMembers
from broker.encrypted_store.sealing import seal, unseal, unseal_about

Write = Callable[[Path, bytes], None]
"""Writes a file for its owner only, all of it under its name or nothing, durable before it returns."""

NAME = re.compile(r"[0-9a-f]{32}")
DRAFT = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")
"""What a crash leaves of a file that was not written to its end (`Write`)."""
MODE = 0o700


class SealedFiles:
    """See `broker.domain.ports.release_history.MemberFiles`."""

    def __init__(self, folder: Path, key: bytes, write: Write) -> None:
        folder.mkdir(mode=MODE, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            raise Breach("The memory's folder can be read by others: its mode must be 0700.")
        self._folder, self._key, self._write = folder, key, write

    def put(self, about: str, content: bytes) -> StoredMembers:
        name = secrets.token_hex(16)
        sealed = seal(self._key, name, about.encode(), content)
        self._write(self._folder / name, sealed)
        return StoredMembers(name, hashlib.sha256(sealed).hexdigest())

    def get(self, stored: StoredMembers) -> bytes:
        sealed = self._read(stored.name)
        if hashlib.sha256(sealed).hexdigest() != stored.digest:
            raise Breach("A file of members is not the one that was remembered.")
        return unseal(self._key, stored.name, sealed)[1]

    def about(self, name: str) -> str:
        return unseal_about(self._key, name, self._read(name)).decode()

    def stored(self, name: str) -> StoredMembers:
        return StoredMembers(name, hashlib.sha256(self._read(name)).hexdigest())

    def missing(self, named: Collection[str]) -> tuple[str, ...]:
        return tuple(sorted(set(named) - {p.name for p in self._whole()}))

    def unnamed(self, named: Collection[str], before: datetime | None = None) -> tuple[str, ...]:
        found = [p for p in self._whole() if p.name not in named]
        return tuple(sorted(p.name for p in found if before is None or _written(p) < before))

    def discard(self, name: str, named: Collection[str]) -> None:
        if name in named or not NAME.fullmatch(name):
            raise Breach("A file that the memory names is never removed.")
        (self._folder / name).unlink(missing_ok=True)

    def drop_drafts(self, before: datetime) -> int:
        old = [p for p in self._folder.iterdir() if DRAFT.fullmatch(p.name) and _written(p) < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _whole(self) -> list[Path]:
        """A draft that a crash has left has another name."""
        return [p for p in self._folder.iterdir() if NAME.fullmatch(p.name)]

    def _read(self, name: str) -> bytes:
        if not NAME.fullmatch(name):
            raise Breach("That is no name of a file of members.")
        try:
            return (self._folder / name).read_bytes()
        except OSError as fault:
            raise Breach("A file of members is missing, or cannot be read.") from fault


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
