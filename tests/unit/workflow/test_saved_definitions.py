"""Saved definitions of a project, from the job that saves one to the job that reads it: real store, real policies."""

from dataclasses import replace

import pytest

from broker.domain.errors import BrokerError, Conflict, Invalid, Unknown
from broker.domain.identity.people import Action
from broker.domain.jobs.job import JobKind, JobState, Submission
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.projects.saved_definitions import SavedState
from broker.workflow.submission import preview, save_definition
from broker.workflow.submission.job_submission import submit
from broker.workflow.views import job_views
from tests.one_worker import due
from tests.unit.workflow.conftest import ADA, CHRIS, CLEO, PROJECT, REX, ROSA

KEEP = """SELECT a.PupilMatchingRefAnonymous AS k, a.NCyearActual INTO project.pupils FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' AND a.FSMeligible = 1"""
OTHER = KEEP.replace("= 1", "= 0")
READ = "SELECT p.NCyearActual, COUNT(*) AS n FROM project.pupils AS p GROUP BY p.NCyearActual"
CSV = "year:text,stage\n7,key stage 3\n8,key stage 3\n10,key stage 4\n"
WITH_LOOKUP = """SELECT s.stage, COUNT(*) AS n FROM npd.absence AS a JOIN project.stages AS s ON s.year = a.NCyearActual
WHERE a.AcademicYear = '2022/2023' GROUP BY s.stage"""
ABOUT = "Key stages by year group, as published."


def refused(broker, text: str = READ, by: str = ROSA, project: str = PROJECT) -> list[str]:
    sent = Submission(project, JobKind.SQL, "", text, "Title", "A test.")
    job, checked = submit(broker.ports, broker.person(by), sent)
    assert job.state is JobState.REFUSED
    return [r.code for r in checked.refusals]


def proposed(broker, text: str = CSV, name: str = "stages", by: str = ROSA) -> str:
    return save_definition.propose_lookup(broker.ports, broker.person(by), PROJECT, name, ABOUT, text).ident


def approved(broker, text: str = CSV) -> str:
    ident = proposed(broker, text)
    save_definition.decide_lookup(broker.ports, broker.person(CLEO), ident, VoteChoice.APPROVE, "public-values")
    return ident


def states(broker) -> dict[str, str]:
    found = save_definition.list_saved(broker.ports, broker.person(ROSA), PROJECT)
    return {e.name: e.state.value for e in found}


# cohorts


def test_a_job_that_only_saves_is_decided_without_a_sandbox(broker):
    job = broker.send(KEEP)
    assert states(broker) == {"pupils": "kept"}
    assert broker.run(job)
    assert broker.sandbox.ran == []
    assert broker.store.job(job).state is JobState.DECIDED
    seen = job_views.view_job(broker.ports, broker.person(ROSA), job)
    assert (seen.state, seen.kept, seen.outputs) == ("kept", ("project.pupils",), ())
    assert due(broker.ports, *WorkKind) == []


def test_every_researcher_of_the_project_reads_a_saved_definition(broker):
    broker.send(KEEP)
    _, output = broker.ran(READ, by=REX)
    assert output.name == "output"
    checked = preview.check_text(broker.ports, broker.person(REX), PROJECT, READ, JobKind.SQL)
    assert {u.variable for u in checked.uses} >= {"FSMeligible", "PupilMatchingRefAnonymous", "NCyearActual"}


def test_a_refused_job_saves_nothing(broker):
    refused(broker, KEEP.replace("NCyearActual", "Nothing"))
    assert states(broker) == {}


def test_nobody_saves_an_identifier(broker):
    text = "SELECT c.UPN INTO project.x FROM npd.spring_census AS c WHERE c.AcademicYear = '2022/2023'"
    assert "identifier-class" in refused(broker, text) or "identifier" in refused(broker, text)
    assert states(broker) == {}


def test_a_repeated_job_saves_once(broker):
    assert broker.send(KEEP, client_id="one") == broker.send(KEEP, client_id="one")
    assert len(broker.store.saved(PROJECT, frozenset(SavedState))) == 1


def test_a_job_goes_on_with_what_it_read_when_it_was_accepted(broker):
    """Dropped or replaced in mid-job: the plan is that of the definition at acceptance."""
    broker.send(KEEP)
    dropped_under, replaced_under = broker.send(READ), None
    save_definition.drop_saved(broker.ports, broker.person(ROSA), PROJECT, "project.pupils")
    assert "unknown-table" in refused(broker)
    assert broker.run(dropped_under)
    assert broker.store.job(dropped_under).failure is None
    broker.send(KEEP)
    replaced_under = broker.send(READ)
    broker.send(OTHER)
    assert broker.run(replaced_under)
    assert broker.store.job(replaced_under).failure is None
    assert broker.store.job(broker.send(READ)).plan_hash != broker.store.job(replaced_under).plan_hash
    assert job_views.view_job(broker.ports, broker.person(ROSA), dropped_under).refusals == ()


def test_a_cohort_is_judged_under_the_policy_of_the_day(broker):
    """Kept while the variable was granted; once it is not, whoever reads it is refused, waiting jobs included."""
    broker.send(KEEP)
    waiting = broker.send(READ)
    grants = broker.policies.project(PROJECT).grants
    broker.govern(grants=tuple(g for g in grants if (g.table, g.variable) != ("npd.absence", "FSMeligible")))
    assert refused(broker) == ["variable-not-granted"]
    assert broker.run(waiting)
    assert broker.store.job(waiting).failure == "policy_changed"


def test_another_projects_cohort_answers_as_unknown(broker):
    broker.send(KEEP)
    other = next(p for p in broker.policies.projects if p.ident != PROJECT)
    projects = tuple(
        replace(p, researchers=p.researchers | {REX}) if p.ident == other.ident else p for p in broker.policies.projects
    )
    broker.put_in_force(replace(broker.policies, projects=projects))
    theirs = preview.check_text(broker.ports, broker.person(REX), other.ident, READ, JobKind.SQL, "tsql")
    none = preview.check_text(
        broker.ports, broker.person(REX), other.ident, READ.replace("pupils", "pupilx"), JobKind.SQL, "tsql"
    )
    assert [(r.code, r.message, r.advice) for r in theirs.refusals if r.code == "unknown-table"] == [
        (r.code, r.message, r.advice) for r in none.refusals if r.code == "unknown-table"
    ]
    assert "unknown-table" in {r.code for r in theirs.refusals}


def test_a_new_definition_takes_the_name_in_any_case_and_the_old_one_stays_in_the_log(broker):
    broker.send(KEEP)
    broker.send(OTHER.replace("project.pupils", "project.PUPILS"))
    assert states(broker) == {"PUPILS": "kept"}
    every = broker.store.saved(PROJECT, frozenset(SavedState))
    assert [e.state.value for e in every] == ["replaced", "kept"]
    lines = [line.event for line in broker.store.audit() if line.event.action == "saved.kept"]
    assert [e.subject for e in lines] == [e.ident for e in every]
    assert len({dict(e.codes)["sha256"] for e in lines}) == 2


def test_a_project_saves_a_bounded_number(broker):
    service = replace(broker.policies.service, max_saved=1)
    broker.put_in_force(replace(broker.policies, service=service))
    broker.send(KEEP)
    broker.send(OTHER)
    with pytest.raises(Conflict, match="Drop one first"):
        broker.send(KEEP.replace("project.pupils", "project.more"))
    with pytest.raises(Conflict, match="Drop one first"):
        proposed(broker)


def test_dropping_is_for_researchers_of_the_project(broker):
    broker.send(KEEP)
    for person in (CLEO, ADA):
        with pytest.raises(BrokerError):
            save_definition.drop_saved(broker.ports, broker.person(person), PROJECT, "pupils")
    save_definition.drop_saved(broker.ports, broker.person(REX), PROJECT, "PUPILS")
    assert states(broker) == {}
    with pytest.raises(Unknown):
        save_definition.drop_saved(broker.ports, broker.person(REX), PROJECT, "pupils")


# lookups


def test_a_lookup_is_read_once_a_checker_has_approved_it(broker):
    ident = proposed(broker)
    assert "unknown-table" in refused(broker, WITH_LOOKUP)
    assert [e.ident for e in save_definition.lookups_waiting(broker.ports, broker.person(CLEO))] == [ident]
    assert save_definition.view_definition(broker.ports, broker.person(CLEO), ident).definition.rows[0] == (
        "7",
        "key stage 3",
    )
    decided = save_definition.decide_lookup(
        broker.ports, broker.person(CLEO), ident, VoteChoice.APPROVE, "public-values"
    )
    assert decided is SavedState.APPROVED
    assert broker.ran(WITH_LOOKUP)[1].name == "output"
    assert broker.events(ident) == ["saved.proposed", "saved.viewed", "saved.approved"]


def test_a_rejected_and_a_dropped_lookup_answer_as_unknown(broker):
    ident = proposed(broker)
    save_definition.decide_lookup(broker.ports, broker.person(CLEO), ident, VoteChoice.REJECT, "not-described")
    assert "unknown-table" in refused(broker, WITH_LOOKUP)
    with pytest.raises(Conflict):
        save_definition.decide_lookup(broker.ports, broker.person(CHRIS), ident, VoteChoice.APPROVE, "public-values")
    approved(broker)
    broker.send(WITH_LOOKUP)
    save_definition.drop_saved(broker.ports, broker.person(ROSA), PROJECT, "stages")
    assert "unknown-table" in refused(broker, WITH_LOOKUP)


def test_the_old_lookup_stays_until_the_new_one_is_approved(broker):
    approved(broker)
    before = broker.store.job(broker.send(WITH_LOOKUP)).plan_hash
    newer = proposed(broker, CSV + "11,key stage 4\n")
    assert broker.store.job(broker.send(WITH_LOOKUP)).plan_hash == before
    save_definition.decide_lookup(broker.ports, broker.person(CLEO), newer, VoteChoice.APPROVE, "public-values")
    assert broker.store.job(broker.send(WITH_LOOKUP)).plan_hash != before


def test_invariant_2_nobody_approves_a_lookup_of_their_own_project(broker):
    """Invariant 2: not a member, not one who left since, not whoever holds a live grant on the data."""
    ident = proposed(broker)
    cleo = broker.person(CLEO)
    for researchers in (frozenset({ROSA, CLEO}), frozenset({ROSA})):
        broker.govern(researchers=researchers)
        if CLEO in researchers:
            with pytest.raises(BrokerError):
                save_definition.decide_lookup(broker.ports, cleo, ident, VoteChoice.APPROVE, "public-values")
            ident = proposed(broker)
    with pytest.raises(BrokerError):
        save_definition.decide_lookup(broker.ports, cleo, ident, VoteChoice.APPROVE, "public-values")
    assert ident not in [e.ident for e in save_definition.lookups_waiting(broker.ports, cleo)]
    for person in (ROSA, ADA):
        with pytest.raises(BrokerError):
            save_definition.decide_lookup(
                broker.ports, broker.person(person), ident, VoteChoice.APPROVE, "public-values"
            )
    assert (
        save_definition.decide_lookup(
            broker.ports, broker.person(CHRIS), ident, VoteChoice.APPROVE, "public-values"
        ).value
        == "approved"
    )


def test_reasons_are_of_a_closed_list(broker):
    ident = proposed(broker)
    for choice, reason in (
        (VoteChoice.APPROVE, "about-people"), (VoteChoice.REJECT, "public-values"), (VoteChoice.REJECT, "free text"),
        (VoteChoice.RETURN, "ask-us"),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            save_definition.decide_lookup(broker.ports, broker.person(CLEO), ident, choice, reason)


def test_the_audit_log_has_no_words_of_a_definition(broker):
    broker.send(KEEP)
    approved(broker)
    save_definition.drop_saved(broker.ports, broker.person(ROSA), PROJECT, "pupils")
    written = " ".join(f"{line.event}" for line in broker.store.audit())
    for word in ("FSMeligible", "key stage", "Key stages", "SELECT"):
        assert word not in written
    assert broker.store.verify_audit().broken is None


@pytest.mark.parametrize("action", [Action.PROPOSE_LOOKUP, Action.DROP_SAVED])
def test_a_stranger_learns_nothing_of_saved_definitions(broker, action):
    broker.send(KEEP)
    broker.govern(researchers=frozenset({ROSA}))
    rex = broker.person(REX)
    with pytest.raises(Unknown) as there:
        save_definition.list_saved(broker.ports, rex, PROJECT)
    with pytest.raises(Unknown) as not_there:
        save_definition.list_saved(broker.ports, rex, "P9999")
    assert str(there.value).replace(PROJECT, "P9999") == str(not_there.value)
    with pytest.raises(Unknown):
        proposed(broker, by=REX) if action is Action.PROPOSE_LOOKUP else save_definition.drop_saved(
            broker.ports, rex, PROJECT, "pupils"
        )
