"""Invariants 1, 4, 6 and 7 for the release history: a release and its entries are one transaction, no vote releases a
script's table that changed, and the audit log holds nothing of a comparison."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from test_job_comparison import OTHER, SQL, released, town, values  # noqa: F401

from broker.domain.errors import Breach, Conflict
from broker.domain.findings import Verdict
from broker.domain.jobs.job import FailureCode, JobState, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports.history_ports import KnownPopulation
from broker.domain.release_history import HistoryVersion
from broker.evidence.member_tables import members_of, to_bytes
from broker.storage import history_store
from broker.worker import reconcile
from broker.workflow.pipeline.pipeline import LAPSES_PER_ATTEMPT
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.release_history import job_comparison
from broker.workflow.reviewing import output_review
from broker.workflow.work import work_on
from tests.one_worker import lease
from tests.unit.workflow.conftest import CLEO, Broker


def test_invariant_1_a_release_that_cannot_be_remembered_is_none(town: Broker, monkeypatch) -> None:  # noqa: F811
    """Whatever goes wrong when its entries are written, after them or before: nothing of it is there."""
    whole = history_store.enter_entry
    _, output = town.ran()

    def half(*given):
        whole(*given)
        raise Breach("the store fails in the middle of it")

    monkeypatch.setattr(history_store, "enter_entry", half)
    with pytest.raises(Breach):
        town.vote(CLEO, output.ident)
    assert town.store.release_of(output.job) is None
    assert town.store.history_version() == HistoryVersion(0)
    assert town.store.history_entries() == []
    assert town.store.output(output.ident).state is OutputState.APPROVED
    monkeypatch.setattr(history_store, "enter_entry", whole)
    town.reconcile()
    assert town.store.output(output.ident).state is OutputState.RELEASED
    assert [e.output for e in town.store.history_entries()] == [output.ident]


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
    staff = town.store.evidence_digest(output)
    assert staff not in text


def test_invariant_4_a_scripts_table_that_moved_cannot_leave_by_anybodys_word(town: Broker) -> None:  # noqa: F811
    """Its rows are gone, so it cannot be mended. No checker can set that aside: nothing of it is there to leave."""
    _, output = town.ran()
    approved = replace(town.store.output(output.ident), state=OutputState.APPROVED)
    record = job_comparison._refused_record(town.ports, town.store.job(output.job), approved)
    assert (record.output.verdict, record.output.release_hash, record.pending_history) == (Verdict.REFUSE, None, ())


def test_invariant_4_beyond_memory_no_checker_sets_a_finding_aside(town: Broker) -> None:  # noqa: F811
    """Where nothing may leave there is nothing to vote for, whatever reasons are given."""
    memory = replace(town.policies.memory, fraction=0.0001)
    town.put_in_force(replace(town.policies, memory=memory))
    content = to_bytes(members_of(1, np.arange(2100), np.zeros(2100, int)))
    known = KnownPopulation("ref", "some", "s1", "npd.absence", 2022, ((),), (2100,), content)
    town.ports.release_history.populations.known = (known,)
    job, output = town.ran()
    assert (output.verdict, output.release_hash, output.state) == (Verdict.REFUSE, None, OutputState.WITHHELD)
    ballot = output_review.Ballot(
        VoteChoice.APPROVE, "meets-rules", output.staff_hash, output.findings_hash, output.memory_version,
        overrides=("X6",), why="It seems fine to me.",
    )  # fmt: skip
    with pytest.raises(Conflict):
        output_review.cast_vote(town.ports, town.person(CLEO), output.ident, ballot)
    assert town.store.release_of(job) is None


def only_runs(ports: RunPorts, kind: WorkKind, *given: Any) -> bool:
    return kind is WorkKind.RUN and work_on(ports, kind, *given)


def test_invariant_6_a_job_whose_comparison_ends_every_worker_ends(broker: Broker, monkeypatch) -> None:
    """Each begins to compare and dies: the job does not wait for ever."""
    with monkeypatch.context() as patched:
        patched.setattr("broker.workflow.slot_work.work_on", only_runs)
        job, _ = broker.ran()
    assert broker.store.job(job).state is JobState.ASSESSING
    most = LAPSES_PER_ATTEMPT * broker.policies.service.max_attempts
    for number in range(1, most + 1):
        lease(broker.ports, WorkKind.COMPARE, job)
        broker.clock.at += 2 * broker.ports.lease
        assert reconcile.reap(broker.ports) == 1
        assert broker.store.job(job).state is (JobState.FAILED if number == most else JobState.ASSESSING)
    assert broker.store.job(job).failure is FailureCode.INFRASTRUCTURE
    assert [o.state for o in broker.store.outputs_of(job)] == [OutputState.WITHDRAWN]
    assert broker.store.release_of(job) is None
