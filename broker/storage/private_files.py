"""Files that only the broker's own user may read: written whole, durably, and keys made once. No content is known."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from broker.domain.errors import Breach

KEY_BYTES = 32


def write_whole(path: Path, content: bytes) -> None:
    """All of it under its name or nothing: a crash leaves at most a file that nobody names."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        write_private(draft, content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def own_key(path: Path, owner: str) -> bytes:
    """The owner's key, made on first use; of two that make it at once the first stands (link, not rename)."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        write_private(draft, secrets.token_bytes(KEY_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        sync_folder(path.parent)
    if path.stat().st_mode & 0o077:
        raise Breach(f"The {owner}'s key can be read by others: its mode must be 0600.")
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Breach(f"The {owner}'s key is damaged; hashes made with it could not be checked.")
    return key
