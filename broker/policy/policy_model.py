"""The base of every policy model: frozen, and strict about its keys. Contains no policy."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class PolicyModel:
    """Base of every policy model, which is a frozen dataclass. Readers of stored text refuse unknown keys. (Only
    `stored_policies` validates with pydantic: importing it takes a third of the time of an offline check.)"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
