"""Outputs' bytes by content hash in a folder: one for staff, one for what may leave. Knows nothing of what they are."""

import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from broker.domain.errors import Breach, Invalid, Unknown

SHELVES = frozenset({"staff", "released"})
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FolderShelf:
    """The port `Shelf` on a folder that only the broker's own user may enter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for shelf in SHELVES:
            (folder / shelf).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = _key(folder / "key")

    def put(self, shelf: str, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(shelf, digest)
        if not self._holds(path, digest):
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(path.parent.parent)
            _write(path, content)
        return digest

    def get(self, shelf: str, digest: str) -> bytes:
        path = self._path(shelf, digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Unknown("content", digest) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise Breach(f"Content {digest} on the {shelf} shelf is not what its hash says.")
        return content

    def keyed_hash(self, content: bytes) -> str:
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()

    def _path(self, shelf: str, digest: str) -> Path:
        if shelf not in SHELVES:
            raise Invalid("shelf", f"There is no shelf {shelf!r}.")
        if not _DIGEST.fullmatch(digest):
            raise Unknown("content", digest)
        return self._folder / shelf / digest[:2] / digest

    def _holds(self, path: Path, digest: str) -> bool:
        """Whether whole content is there; what a disk has spoilt is written anew."""
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _write(path: Path, content: bytes) -> None:
    """All of it under its name or nothing: a crash leaves at most a file that nobody names."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        _write_private(draft, content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _key(path: Path) -> bytes:
    """The shelf's own key, made on first use; of two that make it at once the first stands (link, not rename)."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        _write_private(draft, secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        _sync_folder(path.parent)
    if path.stat().st_mode & 0o077:
        raise Breach("The shelf's key can be read by others: its mode must be 0600.")
    key = path.read_bytes()
    if len(key) != 32:
        raise Breach("The shelf's key is damaged; hashes made with it could not be checked.")
    return key
