"""Invariants 4 and 7 for the release history: what a comparison has refused leaves by nobody's vote, and the audit log
holds nothing of a comparison."""

from dataclasses import replace
from hashlib import sha256

from test_job_comparison import OTHER, capped, released, staff, town, values  # noqa: F401

from broker.domain.errors import Conflict
from broker.domain.findings import Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.workflow.release_history import job_comparison
from broker.workflow.reviewing import output_review
from broker.workflow.views import job_views
from tests.unit.workflow.conftest import CLEO, ROSA, Broker


def test_invariant_7_the_audit_log_has_nothing_of_a_comparison(town: Broker) -> None:  # noqa: F811
    """Two tables, the second mended: no figure, no recipe, no file of members, and no hash that is not keyed."""
    released(town)
    town.missing, town.engine.persons = 3, 37
    output = released(town, OTHER)
    assert values(town, output) == {"40"}
    codes = [code for line in town.store.audit() for code in line.event.codes if line.event.action == "job.compared"]
    assert {name for name, _ in codes} == {"memory"}
    assert {told for _, told in codes} == {"0", "1"}, "how many entries there were, and no more"
    text = " ".join(str(line.event) for line in town.store.audit())
    files = town.ports.release_history.files.files
    for name, (about, content) in files.items():
        hashes = [sha256(b).hexdigest() for b in (about.encode(), content)]
        assert not any(word in text for word in [f"'{name}'", *hashes])
    for entry in town.store.history_entries():
        assert entry.recipe not in text
        assert town.store.members_of(entry.number).digest not in text
    assert town.store.evidence_digest(output) not in text


def test_invariant_4_a_scripts_table_that_moved_cannot_leave_by_anybodys_word(town: Broker) -> None:  # noqa: F811
    """Its rows are gone, so it cannot be mended. No checker can set that aside: nothing of it is there to leave."""
    _, output = town.ran()
    approved = replace(town.store.output(output.ident), state=OutputState.APPROVED)
    record = job_comparison._refused_record(town.ports, town.store.job(output.job), approved)
    assert (record.output.verdict, record.output.release_hash, record.pending_history) == (Verdict.REFUSE, None, ())


def test_invariant_4_beyond_memory_no_checker_sets_a_finding_aside(town: Broker) -> None:  # noqa: F811
    """Where nothing may leave there is nothing to vote for, whatever reasons are given; and it looks as if it waits."""
    job, output = capped(town, 2100, 0.0001).ran()
    assert (output.verdict, output.release_hash, output.state) == (Verdict.REFUSE, None, OutputState.WITHHELD)
    assert "X6" in {f["rule"] for f in staff(town, output.ident)["findings"]}
    ballot = town.ballot(CLEO, output.ident, VoteChoice.APPROVE, "X6")
    town.refuses(CLEO, Conflict, output_review.cast_vote, output.ident, ballot)
    assert town.store.release_of(job) is None
    assert town.by(ROSA, job_views.view_job, job).state == "waiting for a decision"
