"""The store's contract about accounts, tokens, policy sets and snapshots, on both databases."""

from dataclasses import replace

import pytest

from broker.domain.errors import Breach, Conflict, Forbidden, Unknown
from broker.domain.identity.people import Person, Role
from broker.domain.ports import Snapshot

ALICE = Person("alice", "Alice", frozenset({Role.RESEARCHER, Role.CHECKER}))


def test_an_account_reads_back_changes_and_retains_its_password(store, given):
    store.put_person(ALICE, [given.event()], "hash-1")
    assert store.person("alice") == ALICE
    changed = replace(ALICE, name="Alice B", roles=frozenset({Role.ADMINISTRATOR}), active=False)
    store.put_person(changed, [given.event()])
    assert (store.person("alice"), store.password_hash("alice")) == (changed, "hash-1")
    store.put_person(changed, [given.event()], "hash-2")
    assert store.password_hash("alice") == "hash-2"
    assert changed in store.people()
    assert [p.ident for p in store.people()] == sorted(p.ident for p in store.people())


def test_an_unknown_person_is_unknown(store, given):
    for ask in (store.person, store.password_hash):
        with pytest.raises(Unknown):
            ask("nobody")
    with pytest.raises(Unknown):
        store.put_token("h", "nobody", None, [given.event()])


def test_a_token_is_its_persons_until_it_expires_is_revoked_or_the_person_is_not_active(store, given):
    store.put_person(ALICE, [given.event()])
    store.put_token("h1", "alice", given.at(10), [given.event()])
    store.put_token("h2", "alice", None, [given.event()])
    assert store.person_by_token("h1", given.at(9)) == ALICE
    assert store.person_by_token("h1", given.at(10)) is None
    assert store.person_by_token("h2", given.at(10**6)) == ALICE
    assert store.person_by_token("h3", given.at()) is None
    store.revoke_token("h2", [given.event()])
    assert store.person_by_token("h2", given.at()) is None
    store.put_person(replace(ALICE, active=False), [given.event()])
    assert store.person_by_token("h1", given.at()) is None


def test_a_token_is_made_once_and_only_one_that_exists_is_revoked(store, given):
    store.put_token("h1", "ada", None, [given.event()])
    with pytest.raises(Conflict):
        store.put_token("h1", "bob", None, [given.event()])
    assert store.person_by_token("h1", given.at()).ident == "ada"
    with pytest.raises(Unknown):
        store.revoke_token("h9", [given.event()])


# --- policies ----------------------------------------------------------------------------------


def test_a_policy_set_is_in_force_once_a_second_administrator_applied_it(store, given):
    before = store.policy_in_force()
    store.propose_policy(given.policy("b" * 64), [given.event()])
    assert store.policy_in_force() == before
    assert [p.fingerprint for p in store.proposed_policies()] == ["b" * 64]
    with pytest.raises(Forbidden) as caught:
        store.apply_policy("b" * 64, "admin-1", given.at(1), [given.event()])
    assert caught.value.code == "second-administrator"
    store.apply_policy("b" * 64, "admin-2", given.at(1), [given.event()])
    in_force = store.policy_in_force()
    assert (in_force.fingerprint, in_force.applied_by, in_force.applied_at) == ("b" * 64, "admin-2", given.at(1))
    assert in_force == store.policy("b" * 64)
    assert store.proposed_policies() == []


def test_a_policy_set_is_applied_once_and_not_proposed_twice(store, given):
    store.propose_policy(given.policy("b" * 64), [given.event()])
    with pytest.raises(Conflict):
        store.propose_policy(given.policy("b" * 64), [given.event()])
    store.apply_policy("b" * 64, "admin-2", given.at(1), [given.event()])
    for change in (
        lambda: store.apply_policy("b" * 64, "admin-3", given.at(1), [given.event()]),
        lambda: store.propose_policy(given.policy("b" * 64), [given.event()]),
    ):
        with pytest.raises(Conflict):
            change()


def test_going_back_to_an_earlier_set_takes_two_again(store, given):
    earlier = store.policy_in_force().fingerprint
    store.propose_policy(given.policy("b" * 64), [given.event()])
    store.apply_policy("b" * 64, "admin-2", given.at(1), [given.event()])
    store.propose_policy(given.policy(earlier), [given.event()])
    assert store.policy_in_force().fingerprint == "b" * 64
    # The moment of the clock does not matter, the order does.
    store.apply_policy(earlier, "admin-2", given.at(-60), [given.event()])
    assert store.policy_in_force().fingerprint == earlier


def test_one_fingerprint_has_one_content(store, given):
    policy = given.policy("b" * 64)
    store.propose_policy(policy, [given.event()])
    with pytest.raises(Breach):
        store.propose_policy(replace(policy, content="weaker"), [given.event()])
    with pytest.raises(Breach):
        store.propose_policy(
            replace(given.policy("c" * 64), applied_by="admin-2", applied_at=given.at()), [given.event()]
        )


def test_unknown_policies_are_unknown(store, given):
    with pytest.raises(Unknown):
        store.policy("0" * 64)
    with pytest.raises(Unknown):
        store.apply_policy("0" * 64, "admin-2", given.at(), [given.event()])


def test_a_new_store_has_no_policy_no_snapshot_and_nobody(store):
    for ask in (store.policy_in_force, store.latest_snapshot):
        with pytest.raises(Unknown):
            ask()
    assert store.people() == []


# --- snapshots ---------------------------------------------------------------------------------


def test_the_latest_snapshot_is_the_one_put_last(store, given):
    first, second = (Snapshot(f"t{n}", str(n) * 64, given.at(-n), False, f"p{n}", "{}") for n in (1, 2))
    store.put_snapshot(first, [given.event()])
    store.put_snapshot(second, [given.event()])
    assert store.latest_snapshot() == second
    assert store.snapshot("t1") == first
    with pytest.raises(Unknown):
        store.snapshot("t9")
    with pytest.raises(Conflict):
        store.put_snapshot(first, [given.event()])
