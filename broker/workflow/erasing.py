"""A person's erasure: one administrator asks, a second one names the same person again, the next ingest carries it out.

Here a person is the keyed digest of a key of theirs, made the moment the key arrives: no store, log or page holds the
key, and no answer tells whether anybody has it.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass

from broker.domain.audit import AuditEvent
from broker.domain.erasures import Erased, Erasure, ErasureState
from broker.domain.errors import Forbidden, Invalid
from broker.domain.people import SYSTEM, Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports, Shelf, Store, Vaults
from broker.domain.scalars import Type
from broker.workflow.administer import check_administrator, holder
from broker.workflow.policies import policies_in_force

CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/._-]{0,39}")
KEY = re.compile(r"[!-~]{1,64}")


def all_erasures(ports: Ports, person: Person) -> list[Erasure]:
    check_administrator(person, Action.KEEP_SNAPSHOTS)
    return ports.store.erasures()


def domains(ports: Ports) -> dict[str, str]:
    """The kinds of key that tell persons apart, each with the variables that hold it."""
    found: dict[str, list[str]] = {}
    for table in policies_in_force(ports.store).catalogue.tables:
        for key, domain in ((table.link_key, table.key_domain), (table.second_key, table.second_key_domain)):
            if key and domain and key not in found.setdefault(domain, []):
                found[domain].append(key)
    return {domain: ", ".join(keys) for domain, keys in sorted(found.items())}


def ask(ports: Ports, by: Person, domain: str, key: str, case: str) -> int:
    """Ask for the erasure of the person who has this key; gives the erasure's number."""
    check_administrator(by, Action.KEEP_SNAPSHOTS)
    digest = _digest_of(ports, domain, key)
    if not CASE.fullmatch(case) or key.strip().casefold() in case.casefold():
        raise Invalid("case", "Write the number of the decision: letters, digits, / . _ and -, and no key.", "/case")
    now = ports.clock.now()
    asked = Erasure(0, domain, digest, case, by.ident, now)
    return ports.store.ask_erasure(asked, AuditEvent(now, by.ident, "erasure.asked", "", (("case", case),)))


def confirm(ports: Ports, by: Person, number: int, key: str) -> None:
    """The second administrator writes the key again, from the decision: what was mistyped once erases nobody."""
    check_administrator(by, Action.KEEP_SNAPSHOTS)
    found = ports.store.erasure(number)
    if holder(ports, found.by) == holder(ports, by.ident):
        raise Forbidden("second-administrator", "Whoever asked for an erasure cannot confirm it.")
    if _digest_of(ports, found.domain, key) != found.digest:
        raise Invalid("key", "This is not the key that the erasure was asked for.", "/key")
    now = ports.clock.now()
    event = AuditEvent(now, by.ident, "erasure.confirmed", str(number), (("case", found.case),))
    ports.store.confirm_erasure(number, by.ident, now, event)


def withdraw(ports: Ports, by: Person, number: int) -> None:
    """Either of them may, until it is confirmed."""
    check_administrator(by, Action.KEEP_SNAPSHOTS)
    now = ports.clock.now()
    ports.store.withdraw_erasure(number, now, AuditEvent(now, by.ident, "erasure.withdrawn", str(number)))


def _digest_of(ports: Ports, domain: str, key: str) -> str:
    if domain not in domains(ports):
        raise Invalid("domain", "Choose which kind of key it is.", "/domain")
    written = key.strip()
    if not KEY.fullmatch(written) or (_is_whole(ports, domain) and not written.isdigit()):
        raise Invalid("key", "A key is 1 to 64 letters, digits and signs, as the extracts have it.", "/key")
    return digest(ports.shelf, domain, str(int(written)) if _is_whole(ports, domain) else written)


def _is_whole(ports: Ports, domain: str) -> bool:
    """Whether snapshots hold these keys as whole numbers, which have no leading zeros."""
    tables = policies_in_force(ports.store).catalogue.tables
    pairs = [(t, k) for t in tables for k, d in ((t.link_key, t.key_domain), (t.second_key, t.second_key_domain))
             if k and d == domain]  # fmt: skip
    found = (table.find(key) for table, key in pairs)
    return all(v is not None and v.type is Type.INT for v in found)


def digest(shelf: Shelf, domain: str, key: str) -> str:
    """Keyed, so that trying every key tells nothing to whoever has the store alone."""
    return shelf.keyed_hash(f"erasure\0{domain}\0{key}".encode())


class VaultsRead(Container[str]):
    """The vaults that a job reads, or may read again, at the moment of asking."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __contains__(self, key: object) -> bool:
        return key in self._store.vaults_in_use(reading=True)


@dataclass(frozen=True, slots=True)
class LeavingOut:
    """The erasures that an ingest carries out, as they were when it began."""

    numbers: tuple[int, ...]
    erased: Erased


def leaving_out(ports: Ports) -> LeavingOut:
    found = ports.store.erased_digests()
    shelf = ports.shelf
    return LeavingOut(tuple(found), Erased(frozenset(found.values()), lambda domain, key: digest(shelf, domain, key)))


def removing(store: Store, vaults: Vaults, files: Callable[[str], None]) -> Callable[[str], None]:
    """Removes a snapshot's files, and every vault that no job reads now: it is built anew for one that does later."""

    def remove(ident: str) -> None:
        files(ident)
        vaults.remove_unused(VaultsRead(store))

    return remove


def carry_out(ports: Ports, left_out: LeavingOut, snapshot: str, remove: Callable[[str], None]) -> bool:
    """After a snapshot without these persons was put: retire every earlier one and `remove` its files, as soon as no
    job that was accepted before can come to read it. False: such jobs are there; the same ingest again goes on."""
    now, actor = ports.clock.now(), SYSTEM.ident
    codes = (("snapshot", snapshot),)
    ports.store.note_left_out(left_out.numbers, snapshot, now, AuditEvent(now, actor, "erasure.left-out", "", codes))
    waiting = [e for e in ports.store.erasures() if e.state is ErasureState.LEFT_OUT and e.number in left_out.numbers]
    if not waiting:
        return True
    since = max(e.left_out_at or now for e in waiting)
    order = [s.ident for s in ports.store.snapshots()]
    first_without_all = min(order.index(e.snapshot) for e in waiting if e.snapshot)
    for ident in order[first_without_all + 1 :]:
        event = AuditEvent(now, actor, "snapshot.erased", ident, codes)
        if not ports.store.supersede_snapshot(ident, since, now, [event]):
            return False
        remove(ident)
    ports.store.note_erased([e.number for e in waiting], now, AuditEvent(now, actor, "erasure.done", "", codes))
    return True
