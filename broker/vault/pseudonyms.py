"""Pseudonyms: a person's key as one project sees it. Holds the only secret that links the two."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from broker.domain.errors import Breach
from broker.vault.build_once import locked, write_private

MASTER_FILE = "pseudonyms.key"
MASTER_BYTES = 32
LENGTH = 32
"""Hexadecimal digits of a pseudonym: 16 bytes of the HMAC, so that no two of a hundred million pseudonyms are equal."""


@dataclass(frozen=True, slots=True)
class ProjectKey:
    """One project's secret. `ident` identifies it without revealing anything about it."""

    ident: str
    secret: bytes = field(repr=False)

    def pseudonyms(self, domain: str, keys: Iterable[str]) -> list[str]:
        """The pseudonyms of keys. In all tables and years of the project, a key of a domain has the same pseudonym."""
        start, digest, secret = f"{domain}\0".encode(), hmac.digest, self.secret
        return [digest(secret, start + key.encode(), "sha256").hex()[:LENGTH] for key in keys]

    @staticmethod
    def whole(pseudonym: str) -> int:
        """The pseudonym of an integer key: 63 of its bits. The caller must check that no two are equal."""
        return int(pseudonym[:16], 16) >> 1

    def salt(self, purpose: str) -> str:
        """A secret text for one purpose other than pseudonyms."""
        return hmac.digest(self.secret, b"salt\0" + purpose.encode(), "sha256").hex()


def project_key(private: Path, project: str) -> ProjectKey:
    """The key of a project, derived from the master key, which is created on first use."""
    secret = hmac.digest(_master(private), b"project\0" + project.encode(), "sha256")
    return ProjectKey("k" + hashlib.sha256(b"ident\0" + secret).hexdigest()[:12], secret)


def owner_salt(private: Path, purpose: str) -> str:
    """A secret text of the data owner for one purpose: the same for all projects and snapshots, and known to none of
    them."""
    return hmac.digest(_master(private), b"owner\0" + purpose.encode(), "sha256").hex()


def owner_key(private: Path, purpose: str) -> bytes:
    """A key of the data owner for one purpose, derived like `owner_salt`."""
    return bytes.fromhex(owner_salt(private, purpose))


def _master(private: Path) -> bytes:
    private.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = private / MASTER_FILE
    if not path.exists():
        with locked(private / ".key.lock"):
            if not path.exists():
                write_private(path, secrets.token_bytes(MASTER_BYTES))  # a lost key could not be made again
    master = path.read_bytes()
    # Another key would give everybody other pseudonyms.
    if len(master) != MASTER_BYTES or path.stat().st_mode & 0o077:
        raise Breach(f"{path.name} is damaged, or others than its owner may read it.")
    return master
