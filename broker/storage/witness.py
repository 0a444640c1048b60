"""The last signed head of a chain in a folder beside the database: a restored back-up cannot agree with it unseen.

The folder should stand on another disk than the database and never be restored with it. It holds no figures.
"""

import fcntl
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from broker.domain.errors import Breach
from broker.domain.ledger.chain import Head
from broker.storage.private_files import own_key, write_whole


class FolderWitness:
    """Signs heads of one chain (`of`) with a key of its own, and keeps the last one: it never goes back."""

    def __init__(self, folder: Path, of: str = "ledger") -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._of = folder, of
        self._key = own_key(folder / "key", of)

    def sign(self, number: int, digest: str) -> Head:
        signed = hmac.new(self._key, f"{self._of}\n{number}\n{digest}".encode(), sha256)
        return Head(number, signed.hexdigest())

    def knows(self, head: Head, digest: str) -> bool:
        """Whether `head` is the signature of this hash at its number."""
        return hmac.compare_digest(self.sign(head.number, digest).signature, head.signature)

    def last(self) -> Head | None:
        try:
            found = json.loads((self._folder / "head").read_text())
            return Head(int(found["number"]), str(found["signature"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise Breach(f"The {self._of}'s last signed head cannot be read.") from error

    def keep(self, head: Head) -> None:
        """Durable before it returns. Of several that come at once the furthest stays."""
        with self._alone():
            last = self.last()
            if last is None or last.number < head.number:
                text = json.dumps({"number": head.number, "signature": head.signature})
                write_whole(self._folder / "head", text.encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
