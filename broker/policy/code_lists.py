"""Code lists of the catalogue as frozen models: codes with labels, and the years in which each exists."""

from dataclasses import dataclass, field
from typing import Annotated

from broker.domain.stated_values import Condition, Faults, Keys
from broker.policy.policy_model import PolicyModel

_ARE_CODES = Condition(
    lambda codes: codes and len(set(codes)) == len(codes), "A code list is not empty, and names no code twice.", "codes"
)
CodeList = Annotated[tuple[str, ...], _ARE_CODES]


@dataclass(frozen=True, kw_only=True)
class CodeYears(PolicyModel):
    """The first and the last year in which a code exists; None: the code has no first, or no last year."""

    code: str
    since: int | None = None
    until: int | None = None

    def faults(self, stated: Keys) -> Faults:
        if self.since is not None and self.until is not None and self.since > self.until:
            yield "until", "empty-range", f"The code {self.code} ends before it begins."

    def include(self, year: int) -> bool:
        return (self.since is None or self.since <= year) and (self.until is None or year <= self.until)


@dataclass(frozen=True, kw_only=True)
class Codeset(PolicyModel):
    """A code list: codes in the spelling of the vault, in the order in which tables show them. `years`: of codes that
    do not exist in every year."""

    name: str
    codes: CodeList
    labels: dict[str, str] = field(default_factory=dict)
    years: tuple[CodeYears, ...] = ()
