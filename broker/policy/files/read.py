"""YAML text to plain values that remember their line. The only reader of YAML; knows nothing of what values mean."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from broker.domain.errors import Invalid

Plain = str | int | float | bool | date | None
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 20
TAGS = "tag:yaml.org,2002:"
PLAIN = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    "timestamp": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?"),
}
"""What a value without quotes is: the core schema of YAML 1.2 (spec 10.3.2), and ISO dates."""


@dataclass(frozen=True, slots=True)
class Located:
    """A value with its place: a scalar, a list of located values, or a dict of them."""

    value: "Plain | list[Located] | dict[str, Located]"
    place: str

    def wrong(self, code: str, message: str) -> Invalid:
        return Invalid(code, message, self.place)

    def items(self) -> "Iterator[Located]":
        if not isinstance(self.value, list):
            raise self.wrong("policy-type", "A list is needed here.")
        return iter(self.value)

    def fields(self) -> "dict[str, Located]":
        if not isinstance(self.value, dict):
            raise self.wrong("policy-type", "A mapping of keys to values is needed here.")
        return self.value

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong("policy-type", f"Text is needed here, not {self.value!r}; put it in quotes.")
        return self.value


def read_yaml(path: Path) -> Located:
    """One file as located values; Invalid with file:line for everything that is not one plain YAML document."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Invalid("policy-file", f"{path.name} cannot be read: {error.strerror}.", str(path)) from error
    if len(content) > MAX_BYTES:
        raise Invalid("policy-file", f"{path.name} is longer than {MAX_BYTES} bytes.", str(path))
    try:
        events = list(yaml.parse(content.decode("utf-8"), Loader=yaml.CSafeLoader))
    except UnicodeDecodeError as error:
        raise Invalid("policy-file", f"{path.name} is not UTF-8.", str(path)) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid("policy-syntax", f"This is no YAML: {error.problem}.", f"{path}:{line}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise Invalid("policy-syntax", "This is no YAML that can be read.", f"{path}:1") from error
    return _Document(iter(events), str(path)).read()


class _Document:
    """The one document of a file, out of the parser's events: what they hold of marks and anchors is needed here."""

    def __init__(self, events: Iterator[Event], file: str) -> None:
        self._events = events
        self._file = file

    def read(self) -> Located:
        next(self._events)  # the stream begins
        if not isinstance(next(self._events), DocumentStartEvent):
            raise Invalid("policy-file", f"{Path(self._file).name} is empty.", f"{self._file}:1")
        found = self._located(next(self._events), 0)
        if not isinstance(next(self._events), DocumentEndEvent):
            raise Invalid("policy-syntax", "This is no YAML that can be read.", f"{self._file}:1")
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            raise Invalid("policy-syntax", "A file holds one YAML document, not several.", self._place(after))
        return found

    def _place(self, event: Event) -> str:
        return f"{self._file}:{event.start_mark.line + 1 if event.start_mark else 1}"

    def _located(self, event: Event, depth: int) -> Located:
        place = self._place(event)
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            raise Invalid("policy-anchor", "Anchors and aliases are not read: write the value out.", place)
        if depth > MAX_DEPTH:
            raise Invalid("policy-syntax", f"Values are nested more than {MAX_DEPTH} deep.", place)
        match event:
            case MappingStartEvent():
                return Located(self._mapping(depth), place)
            case SequenceStartEvent():
                return Located([self._located(item, depth + 1) for item in self._until_end()], place)
            case ScalarEvent():
                return Located(_scalar(event, place), place)
        raise Invalid("policy-syntax", "This kind of YAML value is not read.", place)

    def _until_end(self) -> Iterator[Event]:
        while not isinstance(event := next(self._events), CollectionEndEvent):
            yield event

    def _mapping(self, depth: int) -> dict[str, Located]:
        """Keys are text; two that differ only in case are one key written twice."""
        found: dict[str, Located] = {}
        seen: set[str] = set()
        for key in self._until_end():
            if not isinstance(key, ScalarEvent):
                raise Invalid("policy-type", "A key has to be plain text.", self._place(key))
            if key.value.casefold() in seen:
                raise Invalid("duplicate-key", f"The key {key.value!r} stands here twice.", self._place(key))
            seen.add(key.value.casefold())
            found[key.value] = self._located(next(self._events), depth + 1)
        return found


def _scalar(event: ScalarEvent, place: str) -> Plain:
    """The value by the core schema of YAML 1.2, and ISO dates. (`no` and `on` are text, as most people think.)"""
    text = str(event.value)
    tag = event.tag.removeprefix(TAGS) if event.tag else ""
    if tag not in ("", "!", "str", "int", "float", "bool", "null", "timestamp"):
        raise Invalid("policy-tag", f"The tag {event.tag} is not read.", place)
    plain = event.implicit[0]
    kind = tag if tag not in ("", "!") else next((k for k, p in PLAIN.items() if plain and p.fullmatch(text)), "str")
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return text.lower() == "true"
            case "null":
                return None
            case "timestamp":
                return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("policy-type", f"{text!r} is no number in plain digits and no date.", place) from error
    return text
