"""A policy set as stored text and back. The text is the canonical JSON whose hash is the set's fingerprint."""

import hashlib
import re

from pydantic import TypeAdapter, ValidationError

from broker.domain.errors import Breach
from broker.policy.policy_set import PolicySet

POLICY_SET_ADAPTER = TypeAdapter(PolicySet)
"""Reads the text of a set; ValidationError says what does not fit, and where."""


def policies_to_json(policies: PolicySet) -> str:
    """The text that a store keeps: its SHA-256 is `policies.fingerprint`."""
    return policies.text


def policies_from_json(text: str, fingerprint: str | None = None) -> PolicySet:
    """The set again, equal to the one that was stored. Breach if the text is not what the fingerprint says."""
    if fingerprint is not None and hashlib.sha256(text.encode()).hexdigest() != fingerprint:
        raise Breach("The stored policies are not the ones that their fingerprint names.")
    # Sets that were stored before budgets were told in the accounting of their unit call the loss of one epsilon.
    text = text.replace('"epsilon":', '"loss":')
    # Sets that were stored before slots of time grew have one length of them.
    text = re.sub(r'"time_slot_seconds":\d+,', "", text)
    try:
        return POLICY_SET_ADAPTER.validate_json(text)
    except ValidationError as error:
        raise Breach("The stored policies cannot be read by this version of the broker.") from error
