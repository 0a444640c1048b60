"""Contents of outputs by their hash, in a folder: one area for staff, one for what may leave. Does not know what they
are."""

import hashlib
import hmac
import re
from pathlib import Path

from broker.domain.errors import Breach, Invalid, Unknown
from broker.storage.private_files import own_key, sync_folder, write_whole

AREAS = frozenset({"staff", "released"})
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FolderContentStore:
    """The port `ContentStore` on a folder that only the broker's own account may enter."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for area in AREAS:
            (folder / area).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = own_key(folder / "key", "shelf")

    def put(self, area: str, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(area, digest)
        if not self._holds(path, digest):
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                # The new folder's name is durable only when its parent is written to disk.
                sync_folder(path.parent.parent)
            write_whole(path, content)
        return digest

    def get(self, area: str, digest: str) -> bytes:
        path = self._path(area, digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Unknown("content", digest) from None
        # What was approved is this hash, so other bytes must never be served.
        if hashlib.sha256(content).hexdigest() != digest:
            raise Breach(f"Content {digest} on the {area} shelf is not what its hash says.")
        return content

    def keyed_hash(self, content: bytes) -> str:
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()

    def _path(self, area: str, digest: str) -> Path:
        if area not in AREAS:
            raise Invalid("shelf", f"There is no shelf {area!r}.")
        if not _DIGEST.fullmatch(digest):
            raise Unknown("content", digest)
        return self._folder / area / digest[:2] / digest

    def _holds(self, path: Path, digest: str) -> bool:
        """Whether the whole content is there. Content that the disk damaged is written again."""
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest
