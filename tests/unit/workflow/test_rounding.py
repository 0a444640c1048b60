"""The profile's rounding and its protection of institutions, from the job's start to what is released."""

import json

import pytest

from broker.disclosure.cell_key_noise import cell_key_table
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.plans.plan import EvidenceNeeds
from broker.policy.disclosure_rules import Rounding
from broker.workflow.pipeline import job_release, output_records
from tests.unit.workflow.conftest import CLEO, ROSA
from tests.unit.workflow.test_story import profile_changed


def test_the_evidence_that_a_profile_needs(broker):
    profile_changed(broker, protects_institutions=True)
    broker.engine.needs = EvidenceNeeds(10, institutions=True)
    _, output = broker.ran()
    assert output.state is OutputState.IN_REVIEW


@pytest.mark.parametrize("key", [0, 77, 2**31, 2**32 - 1])
def test_counts_leave_with_the_noise_of_their_persons(broker, key):
    profile_changed(broker, rounding=Rounding.CELL_KEY)
    broker.engine.needs, broker.engine.key = EvidenceNeeds(10, record_keys=True), key
    job, output = broker.ran()
    assert broker.vote(CLEO, output.ident) == "released"
    shown = broker.by(ROSA, job_release.download, output.ident).content.decode().splitlines()
    assert {line.split(",")[1] for line in shown[1:]} == {str(40 + cell_key_table(5, 3.0, 2).change(40, key))}
    manifest = json.loads(broker.store.manifest(broker.store.release_of(job).ident))
    assert manifest["profile"] == {"name": "npd-default", "threshold": 10, "rounding": "cell_key"}


def test_the_manifest_says_how_counts_are_rounded_in_the_words_of_the_record(broker):
    job, output = broker.ran()
    assert broker.vote(CLEO, output.ident) == "released"
    manifest = json.loads(broker.store.manifest(broker.store.release_of(job).ident))
    rounded = {"rounding": "conventional", "round_base": 5}
    assert manifest["profile"] == {"name": "npd-default", "threshold": 10, **rounded}
    record = json.loads(broker.by(ROSA, output_records.record_of_release, output.ident))
    assert record["parameters"].items() >= rounded.items()


def test_evidence_without_keys_ends_the_job(broker):
    profile_changed(broker, rounding=Rounding.CELL_KEY)
    broker.engine.needs = EvidenceNeeds(10, record_keys=True)
    job = broker.ended()
    assert broker.store.job(job).state is JobState.FAILED
    assert not broker.store.outputs_of(job)
