"""Saved definitions of a project, from the job that saves one to the job that reads it: real store, real policies."""

from dataclasses import replace

from broker.domain.errors import BrokerError, Conflict, Invalid, Unknown
from broker.domain.jobs.job import JobKind, JobState, Submission
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.projects.saved_definitions import SavedState
from broker.workflow.submission import preview, save_definition
from broker.workflow.submission.job_submission import submit
from broker.workflow.views import job_views
from tests.one_worker import due
from tests.unit.workflow.conftest import ADA, CHRIS, CLEO, PROJECT, REX, ROSA, refused

KEEP = """SELECT a.PupilMatchingRefAnonymous AS k, a.NCyearActual INTO project.pupils FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' AND a.FSMeligible = 1"""
OTHER = KEEP.replace("= 1", "= 0")
READ = "SELECT p.NCyearActual, COUNT(*) AS n FROM project.pupils AS p GROUP BY p.NCyearActual"
CSV = "year:text,stage\n7,key stage 3\n8,key stage 3\n10,key stage 4\n"
WITH_LOOKUP = """SELECT s.stage, COUNT(*) AS n FROM npd.absence AS a JOIN project.stages AS s ON s.year = a.NCyearActual
WHERE a.AcademicYear = '2022/2023' GROUP BY s.stage"""
ABOUT = "Key stages by year group, as published."


def refused_codes(broker, text: str = READ, by: str = ROSA, project: str = PROJECT) -> list[str]:
    job, checked = broker.by(by, submit, Submission(project, JobKind.SQL, "", text, "Title", "A test."))
    assert job.state is JobState.REFUSED
    return [r.code for r in checked.refusals]


def proposed(broker, text: str = CSV, name: str = "stages", by: str = ROSA) -> str:
    return broker.by(by, save_definition.propose_lookup, PROJECT, name, ABOUT, text).ident


def decide(broker, ident: str, choice=VoteChoice.APPROVE, reason: str = "public-values", by: str = CLEO) -> SavedState:
    return broker.by(by, save_definition.decide_lookup, ident, choice, reason)


def drop(broker, name: str = "pupils", by: str = ROSA) -> None:
    broker.by(by, save_definition.drop_saved, PROJECT, name)


def states(broker) -> dict[str, str]:
    return {e.name: e.state.value for e in broker.by(ROSA, save_definition.list_saved, PROJECT)}


def test_a_job_that_only_saves_is_decided_without_a_sandbox(broker):
    job = broker.send(KEEP)
    assert states(broker) == {"pupils": "kept"}
    assert broker.run(job)
    assert broker.sandbox.ran == []
    assert broker.store.job(job).state is JobState.DECIDED
    seen = broker.by(ROSA, job_views.view_job, job)
    assert (seen.state, seen.kept, seen.outputs) == ("kept", ("project.pupils",), ())
    assert due(broker.ports, *WorkKind) == []


def test_every_researcher_of_the_project_reads_a_saved_definition(broker):
    broker.send(KEEP)
    _, output = broker.ran(READ, by=REX)
    assert output.name == "output"
    checked = broker.by(REX, preview.check_text, PROJECT, READ, JobKind.SQL)
    assert {u.variable for u in checked.uses} >= {"FSMeligible", "PupilMatchingRefAnonymous", "NCyearActual"}


def test_a_refused_job_saves_nothing_and_nobody_saves_an_identifier(broker):
    refused_codes(broker, KEEP.replace("NCyearActual", "Nothing"))
    text = "SELECT c.UPN INTO project.x FROM npd.spring_census AS c WHERE c.AcademicYear = '2022/2023'"
    assert {"identifier-class", "identifier"} & set(refused_codes(broker, text))
    assert states(broker) == {}


def test_a_job_goes_on_with_what_it_read_when_it_was_accepted(broker):
    """Dropped or replaced in mid-job: the plan is that of the definition at acceptance."""
    broker.send(KEEP)
    dropped_under = broker.send(READ)
    drop(broker, "project.pupils")
    assert "unknown-table" in refused_codes(broker)
    assert broker.run(dropped_under)
    assert broker.store.job(dropped_under).failure is None
    broker.send(KEEP)
    replaced_under = broker.send(READ)
    broker.send(OTHER)
    assert broker.run(replaced_under)
    assert broker.store.job(replaced_under).failure is None
    assert broker.store.job(broker.send(READ)).plan_hash != broker.store.job(replaced_under).plan_hash
    assert broker.by(ROSA, job_views.view_job, dropped_under).refusals == ()


def test_a_cohort_is_judged_under_the_policy_of_the_day(broker):
    """Kept while the variable was granted; once it is not, whoever reads it is refused, waiting jobs included."""
    broker.send(KEEP)
    waiting = broker.send(READ)
    grants = broker.policies.project(PROJECT).grants
    broker.govern(grants=tuple(g for g in grants if (g.table, g.variable) != ("npd.absence", "FSMeligible")))
    assert refused_codes(broker) == ["variable-not-granted"]
    assert broker.run(waiting)
    assert broker.store.job(waiting).failure == "policy_changed"


def test_another_projects_cohort_answers_as_unknown(broker):
    broker.send(KEEP)
    other = next(p for p in broker.policies.projects if p.ident != PROJECT)
    rest = tuple(p for p in broker.policies.projects if p is not other)
    broker.put_in_force(replace(broker.policies, projects=(*rest, replace(other, researchers=frozenset({REX})))))
    theirs, none = (
        broker.by(REX, preview.check_text, other.ident, READ.replace("pupils", name), JobKind.SQL, "tsql").refusals
        for name in ("pupils", "pupilx")
    )
    told = [(r.code, r.message, r.advice) for r in theirs if r.code == "unknown-table"]
    assert told == [(r.code, r.message, r.advice) for r in none if r.code == "unknown-table"]
    assert told


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
    broker.serve(max_saved=1)
    broker.send(KEEP)
    broker.send(OTHER)
    for more in (lambda: broker.send(KEEP.replace("project.pupils", "project.more")), lambda: proposed(broker)):
        assert "Drop one first" in str(refused(Conflict, more))


def test_a_rejected_and_a_dropped_lookup_answer_as_unknown(broker):
    ident = proposed(broker)
    assert decide(broker, ident, VoteChoice.REJECT, "not-described") is SavedState.REJECTED
    assert "unknown-table" in refused_codes(broker, WITH_LOOKUP)
    refused(Conflict, decide, broker, ident, by=CHRIS)
    assert decide(broker, proposed(broker)) is SavedState.APPROVED
    assert broker.ran(WITH_LOOKUP)[1].name == "output"
    drop(broker, "stages")
    assert "unknown-table" in refused_codes(broker, WITH_LOOKUP)


def test_the_old_lookup_stays_until_the_new_one_is_approved(broker):
    decide(broker, proposed(broker))
    before = broker.store.job(broker.send(WITH_LOOKUP)).plan_hash
    newer = proposed(broker, CSV + "11,key stage 4\n")
    assert broker.store.job(broker.send(WITH_LOOKUP)).plan_hash == before
    decide(broker, newer)
    assert broker.store.job(broker.send(WITH_LOOKUP)).plan_hash != before


def test_invariant_2_nobody_approves_a_lookup_of_their_own_project(broker):
    """Invariant 2: not a member, not one who left since, not whoever holds a live grant on the data."""
    ident = proposed(broker)
    broker.govern(researchers=frozenset({ROSA, CLEO}))
    refused(BrokerError, decide, broker, ident)
    ident = proposed(broker)
    broker.govern(researchers=frozenset({ROSA}))
    for person in (CLEO, ROSA, ADA):
        refused(BrokerError, decide, broker, ident, by=person)
    assert ident not in [e.ident for e in broker.by(CLEO, save_definition.lookups_waiting)]
    assert decide(broker, ident, by=CHRIS) is SavedState.APPROVED


def test_reasons_are_of_a_closed_list(broker):
    ident = proposed(broker)
    for choice, reason in (
        (VoteChoice.APPROVE, "about-people"), (VoteChoice.REJECT, "public-values"), (VoteChoice.REJECT, "free text"),
        (VoteChoice.RETURN, "ask-us"),
    ):  # fmt: skip
        refused(Invalid, decide, broker, ident, choice, reason)


def test_the_audit_log_has_no_words_of_a_definition(broker):
    broker.send(KEEP)
    ident = proposed(broker)
    broker.by(CLEO, save_definition.view_definition, ident)
    decide(broker, ident)
    drop(broker, "PUPILS", REX)
    refused(Unknown, drop, broker)
    assert broker.events(ident) == ["saved.proposed", "saved.viewed", "saved.approved"]
    written = " ".join(f"{line.event}" for line in broker.store.audit())
    for word in ("FSMeligible", "key stage", "Key stages", "SELECT"):
        assert word not in written
    assert broker.store.verify_audit().broken is None


def test_a_stranger_learns_nothing_of_saved_definitions(broker):
    broker.send(KEEP)
    broker.govern(researchers=frozenset({ROSA}))
    there, not_there = (broker.refuses(REX, Unknown, save_definition.list_saved, p) for p in (PROJECT, "P9999"))
    assert str(there).replace(PROJECT, "P9999") == str(not_there)
    refused(Unknown, proposed, broker, by=REX)
    refused(Unknown, drop, broker, by=REX)
