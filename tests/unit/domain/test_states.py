"""States and transitions: the tables are the truth; drawings and views follow from them."""

from itertools import product

import pytest

from broker.domain.jobs import job
from broker.domain.jobs.job import CoarseOutcome, DisplayedState, FailureCode, JobState, OutputState, displayed_state
from broker.domain.ledger.spends import SPEND_TRANSITIONS, SpendState
from broker.domain.projects.saved_definitions import SAVED_TRANSITIONS, SavedState


@pytest.mark.parametrize(("states", "transitions", "drawing"), [
    (JobState, job.JOB_TRANSITIONS, """
        submitted  -> queued refused
        queued     -> running withdrawn
        running    -> assessing failed queued withdrawn
        assessing  -> decided failed withdrawn
        refused    ->
        decided    ->
        failed     -> withdrawn
        withdrawn  ->
    """),
    (OutputState, job.OUTPUT_TRANSITIONS, """
        assessed   -> approved in_review withdrawn withheld
        in_review  -> approved rejected returned withdrawn
        approved   -> released in_review
        released   -> recalled
        withheld   ->
        returned   ->
        rejected   ->
        recalled   ->
        withdrawn  ->
    """),
    (SavedState, SAVED_TRANSITIONS, """
        in_review  -> approved rejected dropped
        kept       -> replaced dropped
        approved   -> replaced dropped
        rejected   -> dropped
        dropped    ->
        replaced   ->
    """),
    (SpendState, SPEND_TRANSITIONS, """
        reserved   -> charged refunded
        charged    -> released withheld
        released   ->
        withheld   ->
        refunded   ->
    """),
])  # fmt: skip
def test_transitions_are_as_drawn(states, transitions, drawing):
    pairs = (line.split("->") for line in drawing.strip().splitlines())
    drawn = {states(before.strip()): {states(name) for name in after.split()} for before, after in pairs}
    assert {state: set(after) for state, after in transitions.items()} == drawn
    assert set(drawn) == set(states)


def test_a_job_that_only_saves_has_a_state_of_its_own():
    decided, released = JobState.DECIDED, (OutputState.RELEASED,)
    assert displayed_state(decided, None, (), False, saved=True) is DisplayedState.SAVED
    assert displayed_state(JobState.QUEUED, None, (), False, saved=True) is DisplayedState.QUEUED
    assert displayed_state(decided, None, released, False, saved=True) is DisplayedState.RELEASED
    assert displayed_state(decided, None, (), False) is DisplayedState.NOT_RELEASED


def test_no_final_state_can_be_left():
    """But a failure that is not told yet can be withdrawn: to its researcher the job runs."""
    for state, after in product(job.FINAL_JOB_STATES, JobState):
        assert (after in job.JOB_TRANSITIONS[state]) == ((state, after) == (JobState.FAILED, JobState.WITHDRAWN))


@pytest.mark.parametrize("code", FailureCode)
def test_a_researcher_learns_only_coarse_words_of_a_failure(code):
    """Invariant 10: at once one of four words."""
    assert job.coarse_outcome(code) in {CoarseOutcome.FAILED, CoarseOutcome.LIMIT}
    assert displayed_state(JobState.FAILED, code, (), True) in {DisplayedState.FAILED, DisplayedState.LIMIT}


@pytest.mark.parametrize("others", [(), (OutputState.IN_REVIEW,), (OutputState.APPROVED,)])
def test_silence_withheld_and_in_review_are_alike_until_a_decision(others):
    """Invariant 9."""
    withheld = displayed_state(JobState.DECIDED, None, (OutputState.WITHHELD,), True)
    in_review = displayed_state(JobState.ASSESSING, None, (OutputState.IN_REVIEW,), True)
    assert withheld == in_review == DisplayedState.WAITING
    mixed = displayed_state(JobState.ASSESSING, None, (OutputState.WITHHELD, *others), True)
    assert mixed == DisplayedState.WAITING


@pytest.mark.parametrize(("outputs", "could_still_be_decided", "shown"), [
    ((OutputState.RELEASED, OutputState.REJECTED), True, DisplayedState.RELEASED),
    ((OutputState.RELEASED, OutputState.WITHHELD), True, DisplayedState.RELEASED),
    ((OutputState.APPROVED,), True, DisplayedState.WAITING),
    ((OutputState.RECALLED,), True, DisplayedState.RECALLED),
    ((OutputState.RETURNED, OutputState.REJECTED), True, DisplayedState.RETURNED),
    ((OutputState.REJECTED,), True, DisplayedState.NOT_RELEASED),
    ((), True, DisplayedState.NOT_RELEASED),
    ((OutputState.WITHHELD,), False, DisplayedState.NOT_RELEASED),
])  # fmt: skip
def test_a_decided_job_is_shown_by_its_outputs(outputs, could_still_be_decided, shown):
    assert displayed_state(JobState.DECIDED, None, outputs, could_still_be_decided) is shown


def test_decided_states_are_those_that_wait_for_nobody():
    assert {OutputState.ASSESSED, OutputState.IN_REVIEW} == set(OutputState) - job.DECIDED_STATES
