"""Files of members in one private folder, each encrypted under its random name with AES-GCM in pieces."""

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.domain.errors import Breach
from broker.domain.release_history import StoredMembers

MAGIC = b"NPDS1"
SALT_BYTES = 16
TAG_BYTES = 16
PIECE = 1 << 24
"""Bytes of a piece before encryption."""
KEY_BYTES = 32
LENGTH_BYTES = 8


def seal(key: bytes, name: str, about: bytes, content: bytes) -> bytes:
    """Encrypt a file. `about` comes first, so that it can be read without the rest."""
    salt = secrets.token_bytes(SALT_BYTES)
    cipher = _cipher(key, salt, name)
    plain = memoryview(len(about).to_bytes(LENGTH_BYTES, "big") + about + content)
    ends = [*range(PIECE, len(plain), PIECE), len(plain)]
    parts = [MAGIC, salt]
    for number, end in enumerate(ends):
        piece = plain[number * PIECE : end]
        parts.append(cipher.encrypt(_nonce(number, end == len(plain)), bytes(piece), name.encode()))
    return b"".join(parts)


def unseal(key: bytes, name: str, sealed: bytes) -> tuple[bytes, bytes]:
    """Return `about` and the content. Raises Breach if anything differs from what was sealed under this name."""
    plain = b"".join(_pieces(key, name, sealed))
    end = LENGTH_BYTES + int.from_bytes(plain[:LENGTH_BYTES], "big")
    return plain[LENGTH_BYTES:end], plain[end:]


def unseal_about(key: bytes, name: str, sealed: bytes) -> bytes:
    """Return `about`, decrypting as few pieces as possible. Raises Breach if the file is cut off or damaged."""
    plain = b""
    for piece in _pieces(key, name, sealed):
        plain += piece
        end = LENGTH_BYTES + int.from_bytes(plain[:LENGTH_BYTES], "big")
        if len(plain) >= end:
            return plain[LENGTH_BYTES:end]
    raise Breach("A file of members is cut off.")


def _pieces(key: bytes, name: str, sealed: bytes) -> Iterator[bytes]:
    start = len(MAGIC) + SALT_BYTES
    if not sealed.startswith(MAGIC) or len(sealed) < start + TAG_BYTES:
        raise Breach("A file of members is something else.")
    cipher = _cipher(key, sealed[len(MAGIC) : start], name)
    whole = PIECE + TAG_BYTES
    view = memoryview(sealed)[start:]
    for number in range(-(-len(view) // whole)):
        piece = view[number * whole : (number + 1) * whole]
        last = (number + 1) * whole >= len(view)
        try:
            yield cipher.decrypt(_nonce(number, last), bytes(piece), name.encode())
        except InvalidTag as fault:
            raise Breach("A file of members is damaged, or was sealed with another key or name.") from fault


def _nonce(number: int, last: bool) -> bytes:
    # The number and the last flag make it impossible to reorder, drop or cut off pieces.
    return number.to_bytes(11, "big") + bytes([last])


def _cipher(key: bytes, salt: bytes, name: str) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise Breach("The memory's key is no key.")
    # A key of its own for each file, so that nonces can simply count pieces.
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"members\0" + name.encode()).derive(key))


Write = Callable[[Path, bytes], None]
"""Writes a file for its owner only, completely or not at all, and durably before it returns."""

FILE_NAME = re.compile(r"[0-9a-f]{32}")
DRAFT_NAME = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")
"""The name of a file that a crash left incomplete (`Write`)."""
FOLDER_MODE = 0o700


class EncryptedMemberFiles:
    """See `broker.domain.ports.history_ports.MemberFiles`."""

    def __init__(self, folder: Path, key: bytes, write: Write) -> None:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # The folder may exist already, with another mode.
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
        return tuple(sorted(set(named) - {p.name for p in self._complete_files()}))

    def unnamed(self, named: Collection[str], before: datetime | None = None) -> tuple[str, ...]:
        found = [p for p in self._complete_files() if p.name not in named]
        return tuple(sorted(p.name for p in found if before is None or _modified_at(p) < before))

    def discard(self, name: str, named: Collection[str]) -> None:
        # Checked here too: a removed file of an entry could never be compared with again.
        if name in named or not FILE_NAME.fullmatch(name):
            raise Breach("A file that the memory names is never removed.")
        (self._folder / name).unlink(missing_ok=True)

    def drop_drafts(self, before: datetime) -> int:
        old = [p for p in self._folder.iterdir() if DRAFT_NAME.fullmatch(p.name) and _modified_at(p) < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _complete_files(self) -> list[Path]:
        """The files without drafts, whose names differ."""
        return [p for p in self._folder.iterdir() if FILE_NAME.fullmatch(p.name)]

    def _read(self, name: str) -> bytes:
        if not FILE_NAME.fullmatch(name):
            raise Breach("That is no name of a file of members.")
        try:
            return (self._folder / name).read_bytes()
        except OSError as fault:
            raise Breach("A file of members is missing, or cannot be read.") from fault


def _modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
