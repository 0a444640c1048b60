"""Reads a mapping of a policy file into a model. The types of the model's fields say what the file may hold."""

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import MISSING, fields
from datetime import date
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from broker.domain.errors import Invalid
from broker.domain.plans.variable_uses import Years
from broker.policy.data_catalogue import parse_year_range
from broker.policy.files.yaml_reader import LocatedValue
from broker.policy.policy_model import OR_NULL, Condition

KEYS = {
    "cls": "class", "default_item": "default", "description": "about", "ident": "project", "identifiability": "dfe",
    "register_key": "register",
}  # fmt: skip
"""Fields whose key in a file has another name."""
PLAIN_KINDS: dict[type, tuple[type | UnionType, str]] = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    date: (date, "a date, as in 2028-03-31"),
}
"""Kinds of values: what YAML may give for each, and the words for it."""

M = TypeVar("M")
Pair = tuple[M, LocatedValue]


class PolicyFields:
    """The keys of a mapping. Raises Invalid for an unknown key, and for a missing one that is needed."""

    def __init__(self, node: LocatedValue, allowed: Iterable[str]) -> None:
        self.node, self._values = node, node.fields()
        known = frozenset(allowed)
        for key, value in self._values.items():
            if key not in known:
                raise value.wrong("unknown-key", f"{key!r} is no key here; known are {', '.join(sorted(known))}.")

    def has(self, key: str) -> bool:
        return key in self._values

    def at(self, key: str) -> LocatedValue:
        if key not in self._values:
            raise self.node.wrong("missing-key", f"The key {key!r} is needed here.")
        return self._values[key]

    def wrong(self, key: str, code: str, message: str) -> Invalid:
        return (self._values.get(key) or self.node).wrong(code, message)

    def text(self, key: str) -> str:
        return self.at(key).text()

    def value(self, key: str, kind: Any, default: Any = MISSING) -> Any:
        """The value of a key, of the given kind. A missing key gives the default, if there is one."""
        return default if default is not MISSING and not self.has(key) else _converted(key, self.at(key), kind)

    def listed(self, key: str) -> tuple[LocatedValue, ...]:
        """A list of values with their places; empty if the key is missing."""
        return tuple(self.at(key).items()) if self.has(key) else ()

    def year_ranges(self, key: str) -> tuple[tuple[int, int], ...]:
        return _year_ranges(self.at(key))


@cache
def _kinds_by_field(model: Any) -> dict[str, tuple[Any, bool]]:
    """By field of a model: its kind, and whether it has no default."""
    kinds = get_type_hints(model, include_extras=True)
    return {f.name: (kinds[f.name], f.default is f.default_factory is MISSING) for f in fields(model)}


def keys_of(model: Hashable) -> set[str]:
    """The keys that the mapping of a model may have."""
    return {KEYS.get(name, name) for name in _kinds_by_field(model)}


def read_model(mapping: PolicyFields, model: Callable[..., M], required: Iterable[str] = (), /, **known: Any) -> M:
    """A model of the keys of a mapping. `required`: keys that a file has to state although their fields have a default.
    `known`: fields that the caller has read."""
    for name, (kind, needed) in _kinds_by_field(model).items():
        key = KEYS.get(name, name)
        if name not in known and (needed or key in required or mapping.has(key)):
            known[name] = mapping.value(key, kind)
    return model(**known)


def distinct(pairs: Iterable[Pair[M]], name: Callable[[M], str], code: str, message: str) -> tuple[M, ...]:
    """The models of pairs of a model and its place. Raises Invalid at the second model of a name; in the message, {0}
    stands for this model."""
    models: dict[str, M] = {}
    for model, place in pairs:
        if name(model) in models:
            raise place.wrong(code, message.format(model))
        models[name(model)] = model
    return tuple(models.values())


def _converted(key: str, node: LocatedValue, kind: Any) -> Any:
    if isinstance(kind, type):
        return _plain(key, node, kind) if kind in PLAIN_KINDS else _text(node, kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return None if node.value is None and OR_NULL in parts else _checked(key, node, parts[0], parts[1:])
    if origin in {Union, UnionType}:  # a kind or None; None stands for a missing key
        return _converted(key, node, parts[0])
    if kind == Years:
        return frozenset(y for first, last in _year_ranges(node) for y in range(first, last + 1))
    return origin(_converted(key, item, parts[0]) for item in node.items())  # a tuple, or another frozenset


def _checked(key: str, node: LocatedValue, kind: Any, rules: Iterable[object]) -> Any:
    found = _converted(key, node, kind)
    for rule in rules:
        if isinstance(rule, Condition) and not rule.holds(found):
            raise node.wrong(rule.code, rule.sentence.format(key=key, value=found))
    return found


def _plain(key: str, node: LocatedValue, kind: type) -> object:
    value, (accepted, words) = node.value, PLAIN_KINDS[kind]
    wrong = not isinstance(value, accepted) or isinstance(value, bool) is not (kind is bool)  # a bool is an int
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        raise node.wrong("policy-type", f"{key!r} has to be {words}.")
    return float(value) if isinstance(value, int) and kind is float else value


def _text(node: LocatedValue, kind: Any) -> Any:
    """A text, or the member of an enumeration that it names."""
    text = node.text()
    try:
        return kind(text)
    except ValueError as error:
        raise node.wrong("unknown-word", f"{text!r} is none of {', '.join(kind)}.") from error


def _year_ranges(node: LocatedValue) -> tuple[tuple[int, int], ...]:
    """Ranges of years: one, or a list of them. Each is (first, last) with first ≤ last."""
    parts = node.value if isinstance(node.value, list) else [node]
    if not parts:
        raise node.wrong("empty-range", "There is no year here.")
    return tuple(_year_range(part) for part in parts)


def _year_range(part: LocatedValue) -> tuple[int, int]:
    if isinstance(part.value, bool) or not isinstance(part.value, str | int):  # bool is an int in Python
        raise part.wrong("policy-type", "Years are written like 2018/2019-2022/2023 or 2018-2022.")
    try:
        return parse_year_range(str(part.value))
    except ValueError as error:
        raise part.wrong("year-range", str(error)) from error
