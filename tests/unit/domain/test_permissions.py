"""The permission table, role x action x state, as a drawn table and as relations."""

from itertools import product

import pytest

from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.identity import people
from broker.domain.identity.people import NO_RELATION, PERMISSIONS, Action, Person, ProjectRelation, Role, is_permitted
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.projects.saved_definitions import SavedState

RESEARCHER = Person("rita", "Rita", frozenset({Role.RESEARCHER}))
CHECKER = Person("carl", "Carl", frozenset({Role.CHECKER}))
ADMINISTRATOR = Person("ada", "Ada", frozenset({Role.ADMINISTRATOR}))
BOTH = Person("bo", "Bo", frozenset({Role.RESEARCHER, Role.CHECKER}))
MEMBER = ProjectRelation(member=True)
STATES = (None, *JobState, *OutputState, *SavedState)

DRAWN = """
action            researcher                    checker                       administrator
apply-policy      .                             .                             -
claim-output      .                             in_review                     .
decide-lookup     .                             lookup-in-review              .
discuss-output    told                          all-but-withdrawn             .
download-release  released                      .                             .
drop-saved        listed                        .                             .
keep-public-tables .                            .                             -
keep-snapshots    .                             .                             -
manage-people     .                             .                             -
propose-lookup    -                             .                             .
propose-policy    .                             .                             -
read-script       .                             assessing,decided,failed,withdrawn .
recall-output     .                             released                      released
rehearse-job      -                             .                             .
restore-ledger    .                             .                             -
restore-memory    .                             .                             -
stop-all          .                             .                             -
stop-job          .                             .                             queued,running,assessing
submit-job        -                             .                             .
verify-audit      .                             .                             -
view-budget       -                             -                             -
view-evidence     .                             all-but-withdrawn             .
view-job          any-job                       any-job                       any-job
view-ledger       .                             .                             -
view-memory       .                             .                             -
view-saved        listed                        any-saved                     .
view-text         any-job                       any-job                       .
vote-output       .                             in_review                     .
withdraw-job      queued,running,assessing      .                             .
"""

NAMED = {
    ".": set(),
    "-": {None},
    "any-job": set(JobState),
    "all-but-withdrawn": set(OutputState) - {OutputState.WITHDRAWN},
    "told": {OutputState.RELEASED, OutputState.RECALLED, OutputState.RETURNED, OutputState.REJECTED},
    "lookup-in-review": {SavedState.IN_REVIEW},
    "listed": set(SavedState) - {SavedState.DROPPED, SavedState.REPLACED},
    "any-saved": set(SavedState),
}


def states_of(cell: str) -> set:
    if cell in NAMED:
        return NAMED[cell]
    values = {s.value: s for s in (*JobState, *OutputState)}
    return {values[name] for name in cell.split(",")}


def test_the_permission_table_is_as_drawn():
    lines = [line.split() for line in DRAWN.strip().splitlines()]
    roles = [Role(name) for name in lines[0][1:]]
    drawn = {
        (role, Action(line[0])): states_of(cell)
        for line in lines[1:]
        for role, cell in zip(roles, line[1:], strict=True)
    }
    assert {key: states for key, states in drawn.items() if states} == {k: set(v) for k, v in PERMISSIONS.items()}
    assert {a for _, a in drawn} == set(Action)


@pytest.mark.parametrize("action", Action)
def test_every_cell_of_the_table_holds_for_people(action):
    for person, relation, role in (
        (RESEARCHER, MEMBER, Role.RESEARCHER),
        (CHECKER, NO_RELATION, Role.CHECKER),
        (ADMINISTRATOR, NO_RELATION, Role.ADMINISTRATOR),
    ):
        allowed = {s for s in STATES if is_permitted(person, action, relation, s)}
        assert allowed == set(PERMISSIONS.get((role, action), ()))


@pytest.mark.parametrize("relation", [
    ProjectRelation(member=True),
    ProjectRelation(submitted_job=True),
    ProjectRelation(live_grant_on_same_data=True),
    ProjectRelation(checked_by_member=True),
])  # fmt: skip
@pytest.mark.parametrize("action", [
    Action.VOTE_OUTPUT, Action.VIEW_EVIDENCE, Action.CLAIM_OUTPUT, Action.RECALL_OUTPUT, Action.DECIDE_LOOKUP,
    Action.READ_SCRIPT,
])  # fmt: skip
def test_invariant_2_nobody_checks_their_own_or_their_colleagues_work(relation, action):
    """Invariant 2: not one's own project, not where one holds a live grant on the data, not reciprocally."""
    for state in STATES:
        assert not is_permitted(BOTH, action, relation, state)
        assert not is_permitted(CHECKER, action, relation, state)


def test_a_checker_who_is_not_independent_may_nothing_as_a_checker():
    for action, state in product(Action, STATES):
        assert not is_permitted(CHECKER, action, ProjectRelation(live_grant_on_same_data=True), state)


def test_a_checker_who_is_a_member_retains_the_rights_of_researchers():
    assert is_permitted(BOTH, Action.DOWNLOAD_RELEASE, MEMBER, OutputState.RELEASED)


@pytest.mark.parametrize("action", Action)
def test_invariant_8_a_stranger_learns_nothing(action):
    """Invariant 8: to a researcher outside the project every action answers like a missing thing."""
    for state in STATES:
        if (Role.RESEARCHER, action) in PERMISSIONS or action in {Action.VOTE_OUTPUT, Action.VIEW_EVIDENCE}:
            with pytest.raises(Unknown):
                people.check_permission(RESEARCHER, action, NO_RELATION, state, "job", "j1")


def test_a_person_who_may_know_gets_the_reason():
    with pytest.raises(Conflict, match="is queued"):
        people.check_permission(CHECKER, Action.VOTE_OUTPUT, NO_RELATION, JobState.QUEUED, "job", "j1")
    with pytest.raises(Forbidden):
        people.check_permission(ADMINISTRATOR, Action.VIEW_EVIDENCE, NO_RELATION, OutputState.IN_REVIEW, "output", "o1")


def test_an_inactive_person_may_nothing():
    gone = Person("rita", "Rita", frozenset(Role), active=False)
    for action, state in product(Action, STATES):
        assert not is_permitted(gone, action, MEMBER, state)
