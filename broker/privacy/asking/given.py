"""What stands beside a plan that asks privately: catalogue, profile, registers, and what the text itself says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.domain.bounded import PerPerson
from broker.domain.scalars import Value
from broker.policy.catalogue import Catalogue
from broker.policy.privacy import PrivacyProfile
from broker.privacy.asking.written import NOTHING, Written
from broker.query.bounding.choose import Limits

Registers = Mapping[str, Sequence[Value]]
"""By variable, the values that a public register lists."""


@dataclass(frozen=True, slots=True)
class Given:
    """What stands beside a plan. `lists_only`: keys without a public list are refused (pure accounting, no delta)."""

    catalogue: Catalogue
    profile: PrivacyProfile
    registers: Registers
    written: Written = NOTHING
    lists_only: bool = False

    @property
    def limits(self) -> Limits:
        each = PerPerson(self.profile.person_cells, self.profile.person_rows)
        known = {t.name.casefold(): t.full_name for t in self.catalogue.tables}
        known |= {t.full_name.casefold(): t.full_name for t in self.catalogue.tables}
        ranks = {known[t]: n for t, n in self.written.rows.items() if t in known}
        return Limits(self.profile.max_influence, each, ranks)
