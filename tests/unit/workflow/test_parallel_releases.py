"""Exact releases next to private ones: listed with the claim, and refused for data sets that only private queries may
read."""

from dataclasses import replace

import pytest

from broker.domain.jobs.job import JobKind, Submission
from broker.domain.ledger.spends import DisclosureSource, ExactDisclosure
from broker.policy.privacy_policy import PrivacyDataset
from broker.workflow.submission.job_submission import submit
from tests.unit.workflow.conftest import CLEO, PROJECT, PYTHON, ROSA, SQL, refused

pytestmark = pytest.mark.slow

SCHOOLS = """-- output: absence
SELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence AS a JOIN ref.schools AS s ON s.URN = a.URN
WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual"""


def restrict_to_private(broker, *tables: str) -> None:
    datasets = tuple(PrivacyDataset(table=t, only_private=True) for t in tables)
    broker.put_in_force(replace(broker.policies, privacy=replace(broker.policies.privacy, datasets=datasets)))


def released(broker, text: str) -> str:
    job, output = broker.ran(text)
    assert broker.vote(CLEO, output.ident) == "released"
    return broker.store.release_of(job).ident


def test_releases_are_listed_with_the_claim_and_the_data_sets_that_they_read(broker):
    """A public table with the data set of its join, and a script with those that it mounts."""
    exact, joined, script = (released(broker, text) for text in (SQL, SCHOOLS, PYTHON))
    found = broker.store.exact_disclosures(["npd.spring_census", "npd.absence"])
    of_kind = [a for a in found if a.kind is DisclosureSource.EXACT]
    assert {(a.source, a.dataset) for a in of_kind} == {
        (exact, "npd.absence"), (joined, "npd.absence"), (script, "npd.spring_census"),
    }  # fmt: skip
    assert {(a.project, a.snapshot) for a in of_kind} == {(PROJECT, "s1")}
    assert ExactDisclosure(DisclosureSource.PUBLIC, "ref.schools", "npd.absence") in found
    assert len(found) == 4
    assert broker.store.exact_disclosures(["ref.schools"]) == []


def test_nothing_is_listed_where_nothing_is_promised(broker):
    projects = tuple(replace(p, budgets=()) for p in broker.policies.projects)
    privacy = replace(broker.policies.privacy, promises=(), datasets=())
    broker.put_in_force(replace(broker.policies, privacy=privacy, projects=projects))
    released(broker, SQL)
    assert broker.store.exact_disclosures(["npd.absence"]) == []


@pytest.mark.parametrize(("text", "kind", "line"), [(SQL, JobKind.SQL, 3), (PYTHON, JobKind.PYTHON, 1)])
def test_an_exact_job_on_a_private_only_data_set_is_refused(broker, text, kind, line):
    restrict_to_private(broker, "npd.absence", "npd.spring_census")
    job, checked = broker.by(ROSA, submit, Submission(PROJECT, kind, "", text, "T", "P"))
    (refusal,) = checked.refusals
    assert (job.state.value, refusal.code, refusal.line) == ("refused", "private-only", line)


def test_what_was_judged_before_the_rule_is_held_until_the_rule_is_gone(broker, monkeypatch):
    """Voting is refused where rules have changed; what was approved before does not leave."""
    job, output = broker.ran()
    with monkeypatch.context() as patched:
        patched.setattr(type(broker.store), "release", None)
        refused(TypeError, broker.vote, CLEO, output.ident)
    restrict_to_private(broker, "npd.absence")
    broker.reconcile()
    assert broker.store.release_of(job) is None
    restrict_to_private(broker, "npd.spring_census")
    broker.reconcile()
    assert broker.store.release_of(job) is not None


def test_the_rule_applies_to_a_waiting_job_at_its_start(broker):
    job = broker.send()
    restrict_to_private(broker, "npd.absence")
    assert broker.run(job)
    assert broker.store.job(job).failure == "policy_changed"
