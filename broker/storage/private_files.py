"""Files that only the broker's own operating-system account may read: written whole and durably; and keys made once."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from broker.domain.errors import Breach

KEY_BYTES = 32


def write_whole(path: Path, content: bytes) -> None:
    """Write the file whole or not at all. A crash leaves at most a draft that nobody names."""
    # In the same folder, because a rename is atomic only within one file system.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        write_private(draft, content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    # The new name is durable only when its folder is written to disk.
    sync_folder(path.parent)


def write_private(path: Path, content: bytes) -> None:
    # Created with its mode, so that nobody can open it before its mode is set.
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
    """Return the owner's key, made on first use. If two processes make it at once, the first key stays. Raises Breach
    if others can read it."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        write_private(draft, secrets.token_bytes(KEY_BYTES))
        # A link fails if the name exists; a rename would replace the other process's key.
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
