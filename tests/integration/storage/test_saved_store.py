"""Saved definitions, on both databases: definitions never change, a name has one meaning at a time, and every change
writes an audit line."""

from dataclasses import replace
from decimal import Decimal

from broker.domain.errors import Breach, Conflict, Unknown
from broker.domain.jobs.job import JobState
from broker.domain.plans.scalars import ScalarType
from broker.domain.projects.saved_definitions import (
    READABLE_STATES,
    Cohort,
    Lookup,
    LookupColumn,
    SavedEntry,
    SavedState,
)
from tests.integration.expected_errors import expect
from tests.integration.storage.conftest import POLICY

COHORT = Cohort("pupils", "tsql", "SELECT a.k INTO project.pupils FROM npd.a AS a", ("k",))
COLUMNS = (
    LookupColumn("code", ScalarType.TEXT, True), LookupColumn("low", ScalarType.INT),
    LookupColumn("w", ScalarType.DECIMAL),
)  # fmt: skip
LOOKUP = Lookup("bands", COLUMNS, (("01", 1, Decimal("1.50")), ("é", None, None)))
EVERY = frozenset(SavedState)


def entry(given, definition=COHORT, state=SavedState.SAVED, **changes) -> SavedEntry:
    number = next(given.numbers)
    made = SavedEntry(f"saved-{number:06}", "P0421", definition, "About.", "ada", given.at(number), POLICY, state)
    return replace(made, **changes)


def saved_job(given, *entries, **changes):
    job = given.job(saved_names=tuple(e.name for e in entries), **changes)
    return given.store.accept(job, [given.event("job.submitted")], entries)


def proposed(given, **changes) -> SavedEntry:
    made = entry(given, LOOKUP, SavedState.IN_REVIEW, **changes)
    given.store.propose_saved(made, [given.event("saved.proposed")])
    return made


def test_saved_definitions_read_back_unchanged(given, store):
    one, other = entry(given), proposed(given)
    job = saved_job(given, one, read_saved=("saved-x",))
    assert store.saved("P0421", EVERY) == [one, other]
    assert store.saved_entry(other.ident) == other
    assert store.job(job.ident).saved_names == ("pupils",)
    assert store.job(job.ident).read_saved == ("saved-x",)
    assert store.saved("P9999", EVERY) == []
    assert store.saved(None, frozenset({SavedState.IN_REVIEW})) == [other]
    assert store.saved("P0421", EVERY, frozenset({one.ident, "nothing"})) == [one]
    expect(Unknown, store.saved_entry, "nothing")


def test_a_definition_is_saved_with_its_job_or_not_at_all(given, store):
    lines = store.audit_head()
    expect(Breach, store.accept, given.job(state=JobState.REFUSED), [given.event()], [entry(given)])
    expect(Breach, saved_job, given, entry(given), researcher="nobody")
    expect(Breach, saved_job, given, entry(given, LOOKUP, SavedState.APPROVED))
    assert store.saved(None, EVERY) == []
    assert store.audit_head() == lines


def test_a_repeated_job_saves_nothing_new(given, store):
    first = given.job(client_id="one")
    one = entry(given)
    store.accept(first, [given.event()], [one])
    store.accept(replace(first, ident="job-other"), [given.event()], [entry(given)])
    assert store.saved(None, EVERY) == [one]


def approve(store, given, ident: str, by: str) -> None:
    move, events = (SavedState.IN_REVIEW, SavedState.APPROVED), [given.event("saved.approved")]
    store.move_saved(ident, *move, events, by=by, reason="public-values")


def test_an_approved_lookup_takes_the_name_and_a_decision_is_made_once(given, store):
    first, second = proposed(given), proposed(given)
    approve(store, given, first.ident, "carl")
    approve(store, given, second.ident, "dora")
    found = [(e.state.value, e.decided_by, e.reason) for e in store.saved("P0421", EVERY)]
    assert found == [("replaced", "carl", "public-values"), ("approved", "dora", "public-values")]
    lines = store.audit_head()
    expect(Conflict, approve, store, given, second.ident, "carl")
    expect(Breach, store.move_saved, first.ident, SavedState.REPLACED, SavedState.APPROVED, [given.event()])
    assert store.audit_head() == lines


def test_a_dropped_definition_frees_its_name_and_retains_its_checker(given, store):
    ident = proposed(given).ident
    approve(store, given, ident, "carl")
    store.move_saved(ident, SavedState.APPROVED, SavedState.DROPPED, [given.event("saved.dropped")])
    assert store.saved("P0421", READABLE_STATES) == []
    assert store.saved_entry(ident).decided_by == "carl"
    new = entry(given, replace(COHORT, name="bands"))
    saved_job(given, new)
    assert store.saved("P0421", READABLE_STATES) == [new]


def test_only_a_lookup_that_waits_is_proposed(given, store):
    for wrong in (entry(given), entry(given, LOOKUP, SavedState.APPROVED), entry(given, COHORT, SavedState.IN_REVIEW)):
        expect(Breach, store.propose_saved, wrong, [given.event()])
    expect(Breach, store.propose_saved, entry(given, LOOKUP, SavedState.IN_REVIEW), [], match="audit")
    assert store.saved(None, EVERY) == []
