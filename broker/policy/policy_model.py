"""The base of every policy model: frozen, and strict about its keys. Also what a policy file may say for a field.
Contains no policy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class PolicyModel:
    """Base of every policy model, which is a frozen dataclass. Readers of stored text refuse unknown keys. (Only
    `stored_policies` validates with pydantic: importing it takes a third of the time of an offline check.)"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a file's value of a field has to fulfil, as metadata of the field's type. Readers of stored text ignore it.
    `sentence` says so to the author of the file; {key} and {value} stand for the two."""

    holds: Callable[[Any], object]
    sentence: str
    code: str = "policy-range"


OR_NULL = "or null"
"""Metadata of a field's type: a file may say null."""


def at_least(least: int) -> Condition:
    return Condition(lambda value: value >= least, f"{{key!r}} has to be at least {least}.")


Whole = Annotated[int, at_least(0)]
Positive = Annotated[int, at_least(1)]
