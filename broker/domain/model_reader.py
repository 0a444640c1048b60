"""Reads located values into models. The types of a model's fields, with their metadata, say what may be stated."""

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from broker.domain.stated_values import NOT_STATED, OR_NULL, STATED, Condition, Distinct, Key, LocatedValue, ReadBy

PLAIN_KINDS: dict[type, tuple[type | UnionType, str]] = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    date: (date, "a date, as in 2028-03-31"),
}
"""Kinds of values: what a file may give for each, and the words for it."""

M = TypeVar("M")
Readers = Mapping[Any, Callable[[LocatedValue], Any]]
"""By model, or by what a text names: what reads it if its fields do not say everything."""
NO_READERS: Readers = {}


class _Field(NamedTuple):
    """A field of a model: its key, its kind, and what a file may leave out."""

    key: str
    kind: Any
    needed: bool
    or_null: bool


@cache
def _fields_of(model: Any) -> dict[str, _Field]:
    kinds = get_type_hints(model, include_extras=True)
    found = {}
    for field in fields(model):
        marks = getattr(kinds[field.name], "__metadata__", ())
        key = next((mark.name for mark in marks if isinstance(mark, Key)), field.name)
        needed = STATED in marks or field.default is field.default_factory is MISSING
        if NOT_STATED not in marks:
            found[field.name] = _Field(key, kinds[field.name], needed, OR_NULL in marks)
    return found


@cache
def _keys_of(model: Any) -> frozenset[str]:
    return frozenset(field.key for field in _fields_of(model).values())


def read_model(node: LocatedValue, model: Callable[..., M], readers: Readers = NO_READERS, /, **known: Any) -> M:
    """A model of the keys of a mapping. `known`: fields that the caller has read. Raises Invalid for the first
    fault."""
    stated = node.with_keys(_keys_of(model)).fields()
    for name, (key, kind, needed, or_null) in _fields_of(model).items():
        if name not in known and (needed or key in stated):
            known[name] = read_value(stated.get(key) or node.at(key), kind, readers, key)
        elif or_null:
            known.setdefault(name, None)
    found = model(**known)
    faults = getattr(found, "faults", None)
    for key, code, sentence in faults(stated.keys()) if faults else ():
        raise node.wrong(code, sentence, key)
    return found


def read_field(node: LocatedValue, model: Hashable, name: str, readers: Readers = NO_READERS) -> Any:
    """The value of one field of a model."""
    return read_value(node, _fields_of(model)[name].kind, readers, name)


def read_value(node: LocatedValue, kind: Any, readers: Readers = NO_READERS, key: str = "") -> Any:
    """The value of a kind: of a type with its metadata, or of a model. `key`: how a message names it."""
    if isinstance(kind, type):
        return _of_type(node, kind, readers, key)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return None if node.value is None and OR_NULL in parts else _marked(key, node, parts, readers)
    if origin in {Union, UnionType}:  # a kind or None; None stands for a missing key
        return read_value(node, parts[0], readers, key)
    if origin is dict:
        return {name: read_value(value, parts[1], readers, key) for name, value in node.fields().items()}
    return origin(read_value(item, parts[0], readers, key) for item in node.items())  # a tuple or a frozenset


def _of_type(node: LocatedValue, kind: type, readers: Readers, key: str) -> Any:
    if kind in readers:
        return readers[kind](node)
    if kind is str:
        return node.text()
    if kind in PLAIN_KINDS:
        return _plain(key, node, kind)
    return read_model(node, kind, readers) if is_dataclass(kind) else _word(node, kind)


def _marked(key: str, node: LocatedValue, parts: tuple[Any, ...], readers: Readers) -> Any:
    """The value of a type with metadata: (type, *metadata)."""
    own = next((mark.read for mark in parts if isinstance(mark, ReadBy)), None)
    found = read_value(node, parts[0], readers, key) if own is None else own(node)
    for mark in parts[1:]:
        if isinstance(mark, Condition | Distinct):
            mark.check(key, found, node)
        elif mark in readers:
            found = readers[mark](node)
    return found


def _plain(key: str, node: LocatedValue, kind: type) -> object:
    value, (accepted, words) = node.value, PLAIN_KINDS[kind]
    wrong = not isinstance(value, accepted) or isinstance(value, bool) is not (kind is bool)  # a bool is an int
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        raise node.wrong("policy-type", f"{key!r} has to be {words}.")
    return float(value) if isinstance(value, int) and kind is float else value


def _word(node: LocatedValue, kind: Any) -> Any:
    """The member of an enumeration that a text names."""
    text = node.text()
    try:
        return kind(text)
    except ValueError as error:
        raise node.wrong("unknown-word", f"{text!r} is none of {', '.join(kind)}.") from error
