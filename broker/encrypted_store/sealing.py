"""Bytes sealed under a name: AES-GCM in pieces, with a key of its own for each file. Touches no file.

Each piece is bound to the file's name, its place and whether it is the last: pieces cannot be left out, moved, or taken
from another file. The key of a file is derived from the owner's with a random salt, so nonces may simply count.
"""

import secrets
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.domain.errors import Breach

MAGIC = b"NPDS1"
SALT_BYTES = 16
TAG_BYTES = 16
PIECE = 1 << 24
"""Bytes of a piece before it is sealed."""
KEY_BYTES = 32
LENGTH_BYTES = 8


def seal(key: bytes, name: str, about: bytes, content: bytes) -> bytes:
    """`about` comes first, so that it can be read without the rest."""
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
    """About and content. Breach where anything is not as it was sealed under this name."""
    plain = b"".join(_pieces(key, name, sealed))
    end = LENGTH_BYTES + int.from_bytes(plain[:LENGTH_BYTES], "big")
    return plain[LENGTH_BYTES:end], plain[end:]


def unseal_about(key: bytes, name: str, sealed: bytes) -> bytes:
    """What was said of the content, of as few pieces as hold it."""
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
    return number.to_bytes(11, "big") + bytes([last])


def _cipher(key: bytes, salt: bytes, name: str) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise Breach("The memory's key is no key.")
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"members\0" + name.encode()).derive(key))
