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


class _Kind(NamedTuple):
    """A type without metadata and without `| None`, and the metadata on its values."""

    type: Any
    marks: tuple[Any, ...]


class _Field(NamedTuple):
    """A field of a model: its key, its kind, and whether a file has to state it."""

    key: str
    kind: _Kind
    needed: bool


def _kind_of(annotation: Any) -> _Kind:
    found, *marks = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    if get_origin(found) in {Union, UnionType}:  # a kind or None; None stands for a missing key
        found, inner = _kind_of(get_args(found)[0])
        marks += inner
    return _Kind(found, tuple(marks))


@cache
def _fields_of(model: Any) -> dict[str, _Field]:
    annotations = get_type_hints(model, include_extras=True)
    found = {}
    for field in fields(model):
        kind, marks = _kind_of(annotations[field.name])
        key = next((mark.name for mark in marks if isinstance(mark, Key)), field.name)
        needed = STATED in marks or field.default is field.default_factory is MISSING
        if NOT_STATED not in marks:
            on_values = tuple(mark for mark in marks if mark is not STATED and not isinstance(mark, Key))
            found[field.name] = _Field(key, _Kind(kind, on_values), needed)
    return found


@cache
def _keys_of(model: Any) -> frozenset[str]:
    return frozenset(field.key for field in _fields_of(model).values())


def read_model(node: LocatedValue, model: Callable[..., M], readers: Readers = NO_READERS, /, **known: Any) -> M:
    """A model of the keys of a mapping. `known`: fields that the caller has read. Raises Invalid for the first
    fault."""
    stated = node.with_keys(_keys_of(model)).fields()
    for name, (key, kind, needed) in _fields_of(model).items():
        if name not in known and (needed or key in stated):
            known[name] = _read(stated.get(key) or node.at(key), kind, readers, key)
        elif OR_NULL in kind.marks:
            known.setdefault(name, None)
    found = model(**known)
    faults = getattr(found, "faults", None)
    for key, code, sentence in faults(stated.keys()) if faults else ():
        raise node.wrong(code, sentence, key)
    return found


def read_field(node: LocatedValue, model: Hashable, name: str, readers: Readers = NO_READERS) -> Any:
    """The value of one field of a model."""
    return _read(node, _fields_of(model)[name].kind, readers, name)


def read_value(node: LocatedValue, annotation: Any, readers: Readers = NO_READERS) -> Any:
    """The value of a type with its metadata, or of a model."""
    return _read(node, _kind_of(annotation), readers, "")


def _read(node: LocatedValue, kind: _Kind, readers: Readers, key: str) -> Any:
    """The value of a kind. `key`: how a message names it."""
    if not kind.marks:
        return _unmarked(node, kind.type, readers, key)
    if node.value is None and OR_NULL in kind.marks:
        return None
    own = next((mark.read for mark in kind.marks if isinstance(mark, ReadBy)), None)
    found = _unmarked(node, kind.type, readers, key) if own is None else own(node)
    for mark in kind.marks:
        if isinstance(mark, Condition | Distinct):
            mark.check(key, found, node)
        elif mark in readers:
            found = readers[mark](node)
    return found


def _unmarked(node: LocatedValue, kind: Any, readers: Readers, key: str) -> Any:
    if isinstance(kind, type):
        return _of_type(node, kind, readers, key)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is dict:
        member = _kind_of(parts[1])
        return {name: _read(value, member, readers, key) for name, value in node.fields().items()}
    member = _kind_of(parts[0])  # of a tuple or a frozenset
    return origin(_read(item, member, readers, key) for item in node.items())


def _of_type(node: LocatedValue, kind: type, readers: Readers, key: str) -> Any:
    if kind in readers:
        return readers[kind](node)
    if kind is str:
        return node.text()
    if kind in PLAIN_KINDS:
        return _plain(key, node, kind)
    return read_model(node, kind, readers) if is_dataclass(kind) else _word(node, kind)


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
