"""States and transitions: the tables are the truth; drawings and views follow from them."""

from itertools import product

import pytest

from broker.domain.jobs.job import (
    DECIDED_STATES,
    FINAL_JOB_STATES,
    JOB_TRANSITIONS,
    OUTPUT_TRANSITIONS,
    CoarseOutcome,
    DisplayedState,
    FailureCode,
    JobState,
    OutputState,
    coarse_outcome,
    displayed_state,
)
from broker.domain.projects.saved_definitions import SAVED_TRANSITIONS

JOB_DRAWING = """
submitted  -> queued refused
queued     -> running withdrawn
running    -> assessing failed queued withdrawn
assessing  -> decided failed withdrawn
refused    ->
decided    ->
failed     -> withdrawn
withdrawn  ->
"""

OUTPUT_DRAWING = """
assessed   -> approved in_review withdrawn withheld
in_review  -> approved rejected returned withdrawn
approved   -> released in_review
released   -> recalled
withheld   ->
returned   ->
rejected   ->
recalled   ->
withdrawn  ->
"""


SAVED_DRAWING = """
in_review  -> approved rejected dropped
kept       -> replaced dropped
approved   -> replaced dropped
rejected   -> dropped
dropped    ->
replaced   ->
"""


def drawn(text: str) -> dict[str, set[str]]:
    pairs = (line.split("->") for line in text.strip().splitlines())
    return {before.strip(): set(after.split()) for before, after in pairs}


def test_job_transitions_are_as_drawn():
    assert {s.value: {a.value for a in after} for s, after in JOB_TRANSITIONS.items()} == drawn(JOB_DRAWING)


def test_output_transitions_are_as_drawn():
    assert {s.value: {a.value for a in after} for s, after in OUTPUT_TRANSITIONS.items()} == drawn(OUTPUT_DRAWING)


def test_transitions_of_saved_definitions_are_as_drawn():
    assert {s.value: {a.value for a in after} for s, after in SAVED_TRANSITIONS.items()} == drawn(SAVED_DRAWING)


def test_a_job_that_only_saves_has_a_state_of_its_own():
    assert displayed_state(JobState.DECIDED, None, (), False, saved=True) is DisplayedState.SAVED
    assert displayed_state(JobState.QUEUED, None, (), False, saved=True) is DisplayedState.QUEUED
    assert (
        displayed_state(JobState.DECIDED, None, (OutputState.RELEASED,), False, saved=True) is DisplayedState.RELEASED
    )
    assert displayed_state(JobState.DECIDED, None, (), False) is DisplayedState.NOT_RELEASED


def test_every_state_has_a_row_and_is_reachable():
    for table, states, start in (
        (JOB_TRANSITIONS, set(JobState), JobState.SUBMITTED),
        (OUTPUT_TRANSITIONS, set(OutputState), OutputState.ASSESSED),
    ):
        assert set(table) == states
        reached, front = {start}, [start]
        while front:
            for after in table[front.pop()] - reached:
                reached.add(after)
                front.append(after)
        assert reached == states


def test_no_final_state_can_be_left():
    """But a failure that is not told yet can be withdrawn: to its researcher the job runs."""
    for state, after in product(FINAL_JOB_STATES, JobState):
        assert (after in JOB_TRANSITIONS[state]) == ((state, after) == (JobState.FAILED, JobState.WITHDRAWN))


@pytest.mark.parametrize("code", FailureCode)
def test_a_researcher_learns_only_coarse_words_of_a_failure(code):
    """Invariant 10: at once one of four words."""
    assert coarse_outcome(code) in {CoarseOutcome.FAILED, CoarseOutcome.LIMIT}
    assert displayed_state(JobState.FAILED, code, (), True) in {DisplayedState.FAILED, DisplayedState.LIMIT}


@pytest.mark.parametrize("others", [(), (OutputState.IN_REVIEW,), (OutputState.APPROVED,)])
def test_silence_withheld_and_in_review_are_alike_until_a_decision(others):
    """Invariant 9."""
    withheld = displayed_state(JobState.DECIDED, None, (OutputState.WITHHELD,), True)
    in_review = displayed_state(JobState.ASSESSING, None, (OutputState.IN_REVIEW,), True)
    assert withheld == in_review == DisplayedState.WAITING
    mixed = displayed_state(JobState.ASSESSING, None, (OutputState.WITHHELD, *others), True)
    assert mixed == DisplayedState.WAITING


@pytest.mark.parametrize(
    ("outputs", "shown"),
    [
        ((OutputState.RELEASED, OutputState.REJECTED), DisplayedState.RELEASED),
        ((OutputState.RELEASED, OutputState.WITHHELD), DisplayedState.RELEASED),
        ((OutputState.APPROVED,), DisplayedState.WAITING),
        ((OutputState.RECALLED,), DisplayedState.RECALLED),
        ((OutputState.RETURNED, OutputState.REJECTED), DisplayedState.RETURNED),
        ((OutputState.REJECTED,), DisplayedState.NOT_RELEASED),
        ((), DisplayedState.NOT_RELEASED),
    ],
)
def test_a_decided_job_is_shown_by_its_outputs(outputs, shown):
    assert displayed_state(JobState.DECIDED, None, outputs, True) is shown


def test_withheld_is_shown_once_a_decision_could_have_been_made():
    assert displayed_state(JobState.DECIDED, None, (OutputState.WITHHELD,), False) is DisplayedState.NOT_RELEASED


def test_decided_states_are_those_that_wait_for_nobody():
    assert {OutputState.ASSESSED, OutputState.IN_REVIEW} == set(OutputState) - DECIDED_STATES
