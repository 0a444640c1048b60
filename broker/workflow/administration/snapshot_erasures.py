"""Lets administrators see and retire snapshots, and erases a person from all of them if two administrators agree."""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass

from broker.domain.errors import Invalid
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM, Action, Person
from broker.domain.plans.scalars import ScalarType
from broker.domain.ports import ContentStore, Ports, Snapshot, Store, Vaults
from broker.domain.projects.erasures import ErasedPersons, Erasure, ErasureState
from broker.workflow.administration.user_accounts import CASE, check_administrator, check_second_administrator
from broker.workflow.policies_in_force import policies_in_force

KEY = re.compile(r"[!-~]{1,64}")


def all_erasures(ports: Ports, person: Person) -> list[Erasure]:
    check_administrator(person, Action.MANAGE_SNAPSHOTS)
    return ports.store.erasures()


def key_domains(ports: Ports) -> dict[str, str]:
    """Return the kinds of key that identify persons, each with the variables that contain it."""
    found: dict[str, list[str]] = {}
    for table in policies_in_force(ports.store).catalogue.tables:
        for key, domain in ((table.link_key, table.key_domain), (table.second_key, table.second_key_domain)):
            if key and domain and key not in found.setdefault(domain, []):
                found[domain].append(key)
    return {domain: ", ".join(keys) for domain, keys in sorted(found.items())}


def request_erasure(ports: Ports, by: Person, domain: str, key: str, case: str) -> int:
    """Request the erasure of the person who has this key, and return the erasure's number.

    Raises Invalid if the key or the case number is malformed, or if the case number contains the key.
    """
    check_administrator(by, Action.MANAGE_SNAPSHOTS)
    digest = _digest_of(ports, domain, key)
    # The case number goes into the audit log, which must not contain the key.
    if not CASE.fullmatch(case) or key.strip().casefold() in case.casefold():
        raise Invalid(
            "case",
            "Enter the number of the decision. Use letters, digits, / . _ and -, and do not include a key.",
            "/case",
        )
    now = ports.clock.now()
    erasure = Erasure(0, domain, digest, case, by.ident, now)
    return ports.store.request_erasure(erasure, AuditEvent(now, by.ident, "erasure.asked", "", (("case", case),)))


def confirm_erasure(ports: Ports, by: Person, number: int, key: str) -> None:
    """Confirm an erasure as the second administrator, who enters the key again from the decision.

    So a key that was mistyped once erases nobody.
    """
    check_administrator(by, Action.MANAGE_SNAPSHOTS)
    found = ports.store.erasure(number)
    check_second_administrator(ports, found.by, by, "requested this erasure", "confirm")
    if _digest_of(ports, found.domain, key) != found.digest:
        raise Invalid("key", "This is not the key for which the erasure was requested.", "/key")
    now = ports.clock.now()
    event = AuditEvent(now, by.ident, "erasure.confirmed", str(number), (("case", found.case),))
    ports.store.confirm_erasure(number, by.ident, now, event)


def withdraw_erasure(ports: Ports, by: Person, number: int) -> None:
    """Withdraw a request. Any administrator may do this until it is confirmed."""
    check_administrator(by, Action.MANAGE_SNAPSHOTS)
    now = ports.clock.now()
    ports.store.withdraw_erasure(number, now, AuditEvent(now, by.ident, "erasure.withdrawn", str(number)))


def _digest_of(ports: Ports, domain: str, key: str) -> str:
    if domain not in key_domains(ports):
        raise Invalid("domain", "Choose the type of key.", "/domain")
    written = key.strip()
    if not KEY.fullmatch(written) or (_is_whole(ports, domain) and not written.isdigit()):
        raise Invalid("key", "Enter a key of 1 to 64 letters, digits and signs, as it is in the extracts.", "/key")
    # The same person whether the administrator types leading zeros or not.
    return key_digest(ports.content_store, domain, str(int(written)) if _is_whole(ports, domain) else written)


def _is_whole(ports: Ports, domain: str) -> bool:
    """Whether snapshots store these keys as whole numbers, which have no leading zeros."""
    tables = policies_in_force(ports.store).catalogue.tables
    pairs = [(t, k) for t in tables for k, d in ((t.link_key, t.key_domain), (t.second_key, t.second_key_domain))
             if k and d == domain]  # fmt: skip
    found = (table.find(key) for table, key in pairs)
    return all(v is not None and v.type is ScalarType.INT for v in found)


def key_digest(content_store: ContentStore, domain: str, key: str) -> str:
    """Return the keyed hash of a key. With the store alone, nobody can find the key by trying every one."""
    return content_store.keyed_hash(f"erasure\0{domain}\0{key}".encode())


class VaultsInUse(Container[str]):
    """The vaults that unfinished jobs name; with `reading`, those that a job reads or may read again. The store is
    read at each test, because an earlier list would lack a vault named since."""

    def __init__(self, store: Store, *, reading: bool = False) -> None:
        self._store, self._reading = store, reading

    def __contains__(self, key: object) -> bool:
        return key in self._store.vaults_in_use(reading=self._reading)


@dataclass(frozen=True, slots=True)
class PendingErasures:
    """The erasures that an ingest carries out, as they were when it began."""

    numbers: tuple[int, ...]
    erased: ErasedPersons


def pending_erasures(ports: Ports) -> PendingErasures:
    found = ports.store.erased_digests()
    content_store = ports.content_store
    return PendingErasures(
        tuple(found),
        ErasedPersons(frozenset(found.values()), lambda domain, key: key_digest(content_store, domain, key)),
    )


def snapshot_remover(store: Store, vaults: Vaults, files: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that removes a snapshot's files, and every vault that no job reads now. A vault that a later
    job needs is built again."""

    def remove(ident: str) -> None:
        files(ident)
        # Evaluated for each vault, so the vault of a job that starts meanwhile stays.
        vaults.remove_unused(VaultsInUse(store, reading=True))

    return remove


def carry_out_erasures(ports: Ports, left_out: PendingErasures, snapshot: str, remove: Callable[[str], None]) -> bool:
    """Retire every earlier snapshot and `remove` its files, after a snapshot without these persons was stored.

    Returns False if jobs accepted earlier may still read one of them; running the same ingest again continues.
    """
    now, actor = ports.clock.now(), SYSTEM.ident
    codes = (("snapshot", snapshot),)
    ports.store.note_left_out(left_out.numbers, snapshot, now, AuditEvent(now, actor, "erasure.left-out", "", codes))
    waiting = [e for e in ports.store.erasures() if e.state is ErasureState.LEFT_OUT and e.number in left_out.numbers]
    if not waiting:
        return True
    # Jobs accepted before this moment may still run on an earlier snapshot.
    since = max(e.left_out_at or now for e in waiting)
    order = [s.ident for s in ports.store.snapshots()]
    first_without_all = min(order.index(e.snapshot) for e in waiting if e.snapshot)
    # Snapshots are listed newest first: those after the first one without these persons still contain one of them.
    for ident in order[first_without_all + 1 :]:
        event = AuditEvent(now, actor, "snapshot.erased", ident, codes)
        if not ports.store.supersede_snapshot(ident, since, now, [event]):
            return False
        remove(ident)
    ports.store.note_erased([e.number for e in waiting], now, AuditEvent(now, actor, "erasure.done", "", codes))
    return True


def all_snapshots(ports: Ports, person: Person) -> list[Snapshot]:
    check_administrator(person, Action.MANAGE_SNAPSHOTS)
    return ports.store.snapshots()


def retire_snapshot(ports: Ports, person: Person, ident: str) -> None:
    """Retire a snapshot; jobs then run on the newest one left. The release history, ledger and releases of the retired
    one stay, because people know them."""
    check_administrator(person, Action.MANAGE_SNAPSHOTS)
    now = ports.clock.now()
    ports.store.retire_snapshot(ident, now, [AuditEvent(now, person.ident, "snapshot.retired", ident)])
