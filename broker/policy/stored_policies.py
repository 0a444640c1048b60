"""Reads a policy set from its stored text: the canonical JSON whose hash is the set's fingerprint."""

import hashlib
import re

from pydantic import TypeAdapter, ValidationError

from broker.domain.errors import Breach
from broker.policy.policy_set import PolicySet

POLICY_SET_ADAPTER = TypeAdapter(PolicySet)
"""Parses the text of a set. Its ValidationError says what does not fit, and where."""


def policies_from_json(text: str, fingerprint: str | None = None) -> PolicySet:
    """The policy set of a stored text, equal to the original. Raises Breach if the text does not match the
    fingerprint."""
    if fingerprint is not None and hashlib.sha256(text.encode()).hexdigest() != fingerprint:
        raise Breach("The stored policies are not the ones that their fingerprint names.")
    # In sets that were stored before budgets were stated in the accounting of their unit, a loss is called epsilon.
    text = text.replace('"epsilon":', '"loss":')
    # In sets that were stored before time slots could grow, all slots have one length.
    text = re.sub(r'"time_slot_seconds":\d+,', "", text)
    try:
        return POLICY_SET_ADAPTER.validate_json(text)
    except ValidationError as error:
        raise Breach("The stored policies cannot be read by this version of the broker.") from error
