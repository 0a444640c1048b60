"""A whole policy set as one frozen value with its fingerprint, and its combination rules. No I/O, no verdicts."""

import hashlib
import json
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from functools import cached_property
from json.encoder import encode_basestring_ascii
from typing import Annotated

from broker.domain.projects.project import ResearchProject
from broker.domain.stated_values import Condition, Distinct, Faults, Keys, Named
from broker.policy.data_catalogue import Catalogue
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_model import PolicyModel
from broker.policy.privacy_policy import PrivacyPolicy
from broker.policy.public_sizes import PublicSizes
from broker.policy.release_history_policy import ReleaseHistoryPolicy
from broker.policy.service_limits import ServiceLimits
from broker.policy.written_years import WrittenYears

_HAS_PROFILE = Condition(len, "There is no profile.", "policy-file")
CombinationSide = tuple[Annotated[str, Named.COMBINATION_MEMBER], ...]


@dataclass(frozen=True, kw_only=True)
class CombinationRule(PolicyModel):
    """A combination that one job may not have. `any_of` and `with_any` hold "class:x", "table:schema.table" or
    "variable:name" (in any table, ignoring case). A job breaks the rule if it uses one member of each side; if `years`
    is given, in one of these years of the table on the `any_of` side. `under_gateway` limits the rule to projects whose
    gateway contains the text. `replace` and `default_items_only` state the other two forms of the DfE's rules."""

    id: str
    note: str
    any_of: CombinationSide = ()
    with_any: CombinationSide = ()
    years: WrittenYears | None = None
    under_gateway: str | None = None
    replace: dict[str, str] = field(default_factory=dict)
    default_items_only: bool = False

    def faults(self, stated: Keys) -> Faults:
        if bool(self.any_of) + bool(self.replace) + self.default_items_only != 1:
            yield "", "empty-rule", "A rule has one of any_of, replace and default_items_only."
        if self.with_any and not self.any_of:
            yield "", "empty-rule", "with_any needs any_of."


@dataclass(frozen=True, kw_only=True)
class PolicySet(PolicyModel):
    """All policies, as one value with one fingerprint."""

    catalogue: Catalogue
    projects: Annotated[tuple[ResearchProject, ...], Distinct("project", "ident")]
    profiles: Annotated[tuple[DisclosureRules, ...], _HAS_PROFILE, Distinct("profile", "name")]
    combinations: Annotated[tuple[CombinationRule, ...], Distinct("combination rule", "id")]
    service: ServiceLimits
    privacy: PrivacyPolicy = field(default_factory=PrivacyPolicy)
    memory: ReleaseHistoryPolicy = field(default_factory=ReleaseHistoryPolicy)
    sizes: PublicSizes = field(default_factory=PublicSizes)

    @cached_property
    def text(self) -> str:
        """Canonical JSON of all policies, as it is stored."""
        return canonical_json(self)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the text, as hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def project(self, ident: str) -> ResearchProject | None:
        return next((p for p in self.projects if p.ident == ident), None)

    def disclosure_rules(self, name: str) -> DisclosureRules:
        return next(p for p in self.profiles if p.name == name)


def canonical_json(value: object) -> str:
    """JSON with sorted keys. Models become objects of their fields, sets are sorted, tuples and lists keep their
    order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain_value)


def _plain_value(value: object) -> object:
    """What JSON has in place of a value that it does not know."""
    if isinstance(value, frozenset | set):
        return sorted(value, key=_sort_key)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def _sort_key(element: object) -> str:
    if isinstance(element, str):
        return encode_basestring_ascii(element)
    return json.dumps(element, sort_keys=True, default=_plain_value)
