"""Typed access to one mapping of a policy file: each key is taken once, and what is left over is an error."""

import math
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import TypeVar

from broker.domain.errors import Invalid
from broker.domain.variables import Years
from broker.policy.files.read import Located
from broker.policy.years import parse_span

E = TypeVar("E", bound=StrEnum)
Spans = tuple[tuple[int, int], ...]


class Fields:
    """The keys of a mapping. Readers name a key; a missing key gives the default, or an error if there is none."""

    def __init__(self, node: Located, allowed: Iterable[str]) -> None:
        self.node, self._values = node, node.fields()
        known = frozenset(allowed)
        for key, value in self._values.items():
            if key not in known:
                raise value.wrong("unknown-key", f"{key!r} is no key here; known are {', '.join(sorted(known))}.")

    def has(self, key: str) -> bool:
        return key in self._values

    def at(self, key: str) -> Located:
        if key not in self._values:
            raise self.node.wrong("missing-key", f"The key {key!r} is needed here.")
        return self._values[key]

    def wrong(self, key: str, code: str, message: str) -> Invalid:
        return (self._values.get(key) or self.node).wrong(code, message)

    def text(self, key: str) -> str:
        return self.at(key).text()

    def text_or_none(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def words(self, key: str) -> tuple[Located, ...]:
        """A list of texts with their places; empty when the key is missing."""
        return tuple(self.at(key).items()) if self.has(key) else ()

    def choice(self, key: str, kind: type[E]) -> E:
        text = self.text(key)
        try:
            return kind(text)
        except ValueError as error:
            raise self.wrong(key, "unknown-word", f"{text!r} is none of {', '.join(kind)}.") from error

    def flag(self, key: str, default: bool) -> bool:
        value = self.at(key).value if self.has(key) else default
        if not isinstance(value, bool):
            raise self.wrong(key, "policy-type", f"{key!r} has to be true or false.")
        return value

    def whole(self, key: str, default: int | None = None, least: int | None = 0) -> int:
        value = default if default is not None and not self.has(key) else self.at(key).value
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, "policy-type", f"{key!r} has to be a whole number.")
        if least is not None and value < least:
            raise self.wrong(key, "policy-range", f"{key!r} has to be at least {least}.")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        value = default if default is not None and not self.has(key) else self.at(key).value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.wrong(key, "policy-type", f"{key!r} has to be a number.")
        return float(value)

    def number_or_none(self, key: str) -> float | None:
        return self.number(key) if self.has(key) and self.at(key).value is not None else None

    def day(self, key: str) -> date:
        value = self.at(key).value
        if not isinstance(value, date):
            raise self.wrong(key, "policy-type", f"{key!r} has to be a date, as in 2028-03-31.")
        return value

    def spans(self, key: str) -> Spans:
        """Ranges of years: one, or a list of them. Each is (first, last), first ≤ last."""
        node = self.at(key)
        parts = list(node.items()) if isinstance(node.value, list) else [node]
        if not parts:
            raise node.wrong("empty-range", "There is no year here.")
        return tuple(_span(part) for part in parts)

    def years(self, key: str) -> Years:
        return frozenset(y for first, last in self.spans(key) for y in range(first, last + 1))


def _span(part: Located) -> tuple[int, int]:
    if isinstance(part.value, bool) or not isinstance(part.value, str | int):
        raise part.wrong("policy-type", "Years are written like 2018/2019-2022/2023 or 2018-2022.")
    try:
        return parse_span(str(part.value))
    except ValueError as error:
        raise part.wrong("year-range", str(error)) from error
