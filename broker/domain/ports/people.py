"""The part of the store port for people and what lets them in. Docstrings are the contract."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.people import Person
from broker.domain.ports.records import Access


class PeopleStore(Protocol):
    """People, their sessions and tokens, and the notices that were mailed to them."""

    def person(self, ident: str) -> Person: ...

    def people(self) -> list[Person]: ...

    def put_person(
        self,
        person: Person,
        events: Sequence[AuditEvent],
        password_hash: str | None = None,
        *,
        before: Sequence[Person] | None = None,
    ) -> None:
        """Make or change an account; one made inactive loses its tokens. With `before` only if that is what is stored
        (empty: nobody), else Conflict("stale")."""

    def password_hash(self, ident: str) -> str | None: ...

    def person_by_token(self, token_hash: str, now: datetime, idle: timedelta | None = None) -> Person | None:
        """Whose token it is, while it is good. A session that was not seen for `idle` is none; one that is good is seen
        now."""

    def put_token(
        self,
        token_hash: str,
        person: str,
        expires: datetime | None,
        events: Sequence[AuditEvent],
        *,
        made: datetime | None = None,
        session: bool = False,
        most: int | None = None,
    ) -> None:
        """Conflict("too-many-tokens") where the person would have more than `most` good API tokens."""

    def accesses(self, person: str, now: datetime) -> list[Access]:
        """Sessions and tokens of a person that are neither revoked nor at their end, newest first."""

    def end_accesses(self, person: str, but: str, events: Sequence[AuditEvent], ident: str | None = None) -> int:
        """Revoke all of a person's sessions and tokens, or those whose hash begins with `ident`, but for the one whose
        hash is `but`; how many. Without any no event is written."""

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None: ...

    def mailed(self, person: str) -> frozenset[str]:
        """Keys of the notices that were mailed to a person."""

    def note_mailed(self, person: str, keys: Sequence[str], now: datetime, events: Sequence[AuditEvent]) -> None: ...
