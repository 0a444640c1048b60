"""A stored set comes back equal, under a fingerprint that depends on what it says and on nothing else."""

import hashlib
import json
from dataclasses import replace

import pytest

from broker.domain.errors import Breach
from broker.policy.policy_changes import policy_changes
from broker.policy.policy_set import PolicySet, canonical_json
from broker.policy.release_history_policy import ReleaseHistoryPolicy
from broker.policy.stored_policies import policies_from_json


def test_what_is_stored_comes_back_equal_under_the_hash_of_its_text(policies: PolicySet) -> None:
    again = policies_from_json(policies.text, policies.fingerprint)
    assert again == policies
    assert again.fingerprint == policies.fingerprint == hashlib.sha256(policies.text.encode()).hexdigest()


def test_another_order_of_codes_is_another_policy(policies: PolicySet) -> None:
    codesets = list(policies.catalogue.codesets)
    codesets[0] = replace(codesets[0], codes=tuple(reversed(codesets[0].codes)))
    other = replace(policies, catalogue=replace(policies.catalogue, codesets=tuple(codesets)))
    assert other.text != policies.text


def test_sets_are_sorted_and_sequences_are_not() -> None:
    assert canonical_json({"b": frozenset({3, 1, 2}), "a": ("y", "x")}) == '{"a":["y","x"],"b":[1,2,3]}'


def test_changed_or_unreadable_text_is_a_breach(policies: PolicySet) -> None:
    text = policies.text
    with pytest.raises(Breach, match="fingerprint"):
        policies_from_json(text.replace('"votes":1', '"votes":0'), policies.fingerprint)
    with pytest.raises(Breach, match="version"):
        policies_from_json(json.dumps({"catalogue": {}}))


def test_a_set_that_was_stored_before_there_was_a_memory_names_no_population(policies: PolicySet) -> None:
    told = json.loads(policies.text)
    del told["memory"], told["service"]["members_bytes"], told["service"]["members_memory_bytes"]
    text = canonical_json(told)
    again = policies_from_json(text, hashlib.sha256(text.encode()).hexdigest())
    assert (again.memory, again.service) == (ReleaseHistoryPolicy(), policies.service)


def test_changes_of_the_release_history_policy_are_listed(policies: PolicySet) -> None:
    memory = policies.memory
    reference = replace(memory.references[0], variables=("LA",))
    other = replace(memory, fraction=0.5, references=(reference, *memory.references[1:]), standard=())
    assert policy_changes(policies, replace(policies, memory=other)) == [
        "release history: the cap on exact figures, as a fraction of the persons of a reference population, "
        "changes from 0.05 to 0.5",
        "reference population local authority and year group changes in variables",
        "standard population on roll is removed",
    ]
    two = replace(memory, references=(memory.references[0], replace(reference, name="LA")))
    turned = replace(two, references=two.references[::-1])
    told = policy_changes(replace(policies, memory=two), replace(policies, memory=turned))
    assert told == ["release history: the order of references changes"]
