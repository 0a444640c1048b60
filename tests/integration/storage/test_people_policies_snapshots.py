"""The store's contract about accounts, tokens, policy sets and snapshots, on both databases."""

from dataclasses import replace

import pytest

from broker.domain.errors import Breach, Conflict, Forbidden, Unknown
from broker.domain.identity.audit import GENESIS, AuditEvent
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import ComparedOutput, OutputRecord, Snapshot
from broker.domain.projects.erasures import Erasure, ErasureState
from tests.integration.expected_errors import expect

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
    expect(Conflict, store.put_token, "h1", "bob", None, [given.event()])
    assert store.person_by_token("h1", given.at()).ident == "ada"
    expect(Unknown, store.revoke_token, "h9", [given.event()])


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
    expect(Conflict, store.propose_policy, given.policy("b" * 64), [given.event()])
    store.apply_policy("b" * 64, "admin-2", given.at(1), [given.event()])
    for change in (
        lambda: store.apply_policy("b" * 64, "admin-3", given.at(1), [given.event()]),
        lambda: store.propose_policy(given.policy("b" * 64), [given.event()]),
    ):
        expect(Conflict, change)


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
    expect(Breach, store.propose_policy, replace(policy, content="weaker"), [given.event()])
    with pytest.raises(Breach):
        store.propose_policy(
            replace(given.policy("c" * 64), applied_by="admin-2", applied_at=given.at()), [given.event()]
        )


LACKING = {
    "job": lambda store, given: store.job("none"),
    "output": lambda store, given: store.output("none"),
    "manifest": lambda store, given: store.manifest("none"),
    "person": lambda store, given: store.person("none"),
    "password": lambda store, given: store.password_hash("none"),
    "token": lambda store, given: store.put_token("h", "none", None, [given.event()]),
    "policy": lambda store, given: store.policy("0" * 64),
    "policy to apply": lambda store, given: store.apply_policy("0" * 64, "admin-2", given.at(), [given.event()]),
    "snapshot": lambda store, given: store.snapshot("none"),
}


def test_what_the_store_lacks_is_unknown(store, given):
    for ask in LACKING.values():
        expect(Unknown, ask, store, given)
    assert store.release_of("none") is None


def test_a_new_store_has_no_policy_no_snapshot_and_nobody_and_its_log_holds(store):
    for ask in (store.policy_in_force, store.latest_snapshot):
        expect(Unknown, ask)
    assert (store.people(), list(store.audit()), store.audit_head()) == ([], [], (0, GENESIS))
    assert store.verify_audit().broken is None


# --- snapshots ---------------------------------------------------------------------------------


def test_the_latest_snapshot_is_the_one_put_last(store, given):
    first, second = (Snapshot(f"t{n}", str(n) * 64, given.at(-n), False, f"p{n}", "{}") for n in (1, 2))
    store.put_snapshot(first, [given.event()])
    store.put_snapshot(second, [given.event()])
    assert store.latest_snapshot() == second
    assert store.snapshot("t1") == first
    expect(Conflict, store.put_snapshot, first, [given.event()])


# --- erasures: who may confirm, waiting jobs, and counts ----------------------------------------


def event(given, action, minutes=0):
    return AuditEvent(given.at(minutes), "ada", action, "1")


def request_erasure(store, given, digest="d" * 64):
    return store.request_erasure(Erasure(0, "PMR", digest, "E/1", "ada", given.at()), event(given, "erasure.asked"))


def put(store, given, ident):
    snapshot = Snapshot(ident, ident, given.at(), True, "/x", "{}")
    store.put_snapshot(snapshot, [AuditEvent(given.at(), "ada", "snapshot.put", ident)])


def test_two_people_decide_and_each_step_is_in_the_log(store, given):
    number = request_erasure(store, given)
    expect(Conflict, request_erasure, store, given)
    expect(Forbidden, store.confirm_erasure, number, "ada", given.at(1), event(given, "x"))
    assert store.erased_digests() == {}
    store.confirm_erasure(number, "bob", given.at(1), event(given, "erasure.confirmed", 1))
    assert store.erased_digests() == {number: "d" * 64}
    for again in (store.confirm_erasure, lambda n, by, now, e: store.withdraw_erasure(n, now, e)):
        expect(Conflict, again, number, "cleo", given.at(2), event(given, "x", 2))
    for _ in range(2):
        store.note_left_out([number], "s2", given.at(3), event(given, "erasure.left-out", 3))
        store.note_erased([number], given.at(4), event(given, "erasure.done", 4))
    found = store.erasure(number)
    assert (found.state, found.snapshot, found.left_out_at) == (ErasureState.DONE, "s2", given.at(3))
    told = [line.event.action for line in store.audit() if line.event.action.startswith("erasure")]
    assert told == ["erasure.asked", "erasure.confirmed", "erasure.left-out", "erasure.done"]


def test_a_withdrawn_one_makes_room_for_another(store, given):
    first = request_erasure(store, given)
    store.withdraw_erasure(first, given.at(1), event(given, "erasure.withdrawn", 1))
    second = request_erasure(store, given)
    assert [e.state for e in store.erasures()] == [ErasureState.REQUESTED, ErasureState.WITHDRAWN]
    assert second != first


def test_a_snapshot_is_superseded_once_no_earlier_job_can_read_it(store, given):
    put(store, given, "s2")
    created = given.running().created
    lines = store.audit_head()
    assert not store.supersede_snapshot("s1", created, given.at(9), [event(given, "snapshot.erased", 9)])
    assert store.audit_head() == lines
    before = created.replace(year=created.year - 1)
    assert store.supersede_snapshot("s1", before, given.at(9), [event(given, "snapshot.erased", 9)])
    assert [s.retired for s in store.snapshots() if s.ident == "s1"] == [given.at(9)]


def test_a_snapshot_and_its_vaults_stay_while_a_job_is_compared(store, given):
    put(store, given, "s2")
    job, (output,) = given.assessing(OutputState.ASSESSED)
    created, before = store.job(job).created, store.output(output)
    assert not store.supersede_snapshot("s1", created, given.at(9), [event(given, "snapshot.erased", 9)])
    item = given.leased(WorkKind.COMPARE, job)
    store.name_vault(item, "v1")
    assert store.vaults_in_use(reading=True) == {"v1"}
    compared = ComparedOutput(before, OutputRecord(replace(before, memory_version="0"), "9" * 64))
    store.put_compared(item, [compared], given.at(8), [given.event()])
    assert store.vaults_in_use(reading=True) == frozenset(), "in review, which may last for weeks"
    assert store.supersede_snapshot("s1", created, given.at(9), [event(given, "snapshot.erased", 9)])


def test_jobs_and_outputs_are_counted_by_state(store, given):
    given.assessing(OutputState.IN_REVIEW)
    counted = store.jobs_in(frozenset({JobState.ASSESSING, JobState.QUEUED}))
    assert counted == {JobState.ASSESSING: 1, JobState.QUEUED: 0}
    assert (store.outputs_in(OutputState.IN_REVIEW), store.outputs_in(OutputState.RELEASED)) == (1, 0)
