"""What every policy model is: frozen, and strict about its keys. No policy stands here."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class PolicyModel:
    """Every policy model is a frozen dataclass; whoever reads one from stored text refuses unknown keys.

    (Validation by pydantic is `stored`'s alone: importing it takes a third of the time of an offline check.)
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
