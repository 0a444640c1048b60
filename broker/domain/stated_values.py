"""Values of a file with their places, and what a file may state for a field of a model: metadata of the field's type,
which readers of stored text ignore."""

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from typing import Annotated, Any

from broker.domain.errors import Invalid

PlainValue = str | int | float | bool | date | None


@dataclass(frozen=True, slots=True)
class LocatedValue:
    """A value with its place (file:line or JSON pointer): a scalar, a list of located values, or a dict of them."""

    value: "PlainValue | list[LocatedValue] | dict[str, LocatedValue]"
    place: str

    def wrong(self, code: str, message: str, key: str = "") -> Invalid:
        """A fault here, or at a key that the mapping states."""
        return Invalid(code, message, self.at(key).place if key and self.has(key) else self.place)

    def items(self) -> "Iterator[LocatedValue]":
        if not isinstance(self.value, list):
            raise self.wrong("policy-type", "A list is needed here.")
        return iter(self.value)

    def fields(self) -> "dict[str, LocatedValue]":
        if not isinstance(self.value, dict):
            raise self.wrong("policy-type", "A mapping of keys to values is needed here.")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("policy-type", f"Text is needed here, not {self.value!r}; put it in quotes.")
        return self.value

    def has(self, key: str) -> bool:
        return key in self.fields()

    def at(self, key: str) -> "LocatedValue":
        if not self.has(key):
            raise self.wrong("missing-key", f"The key {key!r} is needed here.")
        return self.fields()[key]

    def listed(self, key: str) -> "tuple[LocatedValue, ...]":
        """The values of a list; empty if the key is missing."""
        return tuple(self.at(key).items()) if self.has(key) else ()

    def with_keys(self, known: Set[str]) -> "LocatedValue":
        """The mapping itself. Raises Invalid for a key that is not known."""
        for key, value in self.fields().items():
            if key not in known:
                raise value.wrong("unknown-key", f"{key!r} is no key here; known are {', '.join(sorted(known))}.")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What the value of a field has to fulfil. `sentence` says so to the author of the file; {key} and {value} stand
    for the two."""

    holds: Callable[[Any], object]
    sentence: str
    code: str = "policy-range"

    def check(self, key: str, found: Any, node: LocatedValue) -> None:
        if not self.holds(found):
            raise node.wrong(self.code, self.sentence.format(key=key, value=found))


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """No two models of a list have one name, in any case. `what` they are, and the attribute with their name."""

    what: str
    attribute: str

    def check(self, _: str, found: Iterable[Any], node: LocatedValue) -> None:
        places: dict[str, str] = {}
        for one, place in zip(found, node.items(), strict=True):
            name = str(getattr(one, self.attribute))
            if name.casefold() in places:
                message = f"There are two {self.what}s {name!r}: the first is at {places[name.casefold()]}."
                raise place.wrong(f"duplicate-{self.what.split()[-1]}", message)
            places[name.casefold()] = place.place


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """The key that states the field, if it is not the field's name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ReadBy:
    """What reads the field, if it is written in a form of its own."""

    read: Callable[[LocatedValue], Any]


class Named(Enum):
    """What a text names. The reader of a file finds it, and writes the text as the catalogue does."""

    OWN_VARIABLE = auto()
    """A variable of the table that the file describes."""
    LISTED_VARIABLE = auto()
    """The same, and all its values are listed."""
    PERSON_TABLE = auto()
    SIZED_VARIABLE = auto()
    """What public sizes may have shares of."""
    COMBINATION_MEMBER = auto()


STATED = "stated"
"""A file states the field although it has a default."""
NOT_STATED = "not stated"
"""No file states the field."""
OR_NULL = "or null"
"""A file may say null. It is also the value if a file does not state the field."""


def at_least(least: int) -> Condition:
    return Condition(lambda value: value >= least, f"{{key!r}} has to be at least {least}.")


Whole = Annotated[int, at_least(0)]
Positive = Annotated[int, at_least(1)]
Fault = tuple[str, str, str]
"""What is wrong between several fields of a model: a key (empty: the whole mapping), a code, and a sentence for the
author. `faults` of a model yields them, by the keys that are stated; what concerns one field stands in its type."""
Faults = Iterator[Fault]
Keys = Set[str]
