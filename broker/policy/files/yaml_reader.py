"""The only reader of YAML: values with their line."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import yaml

from broker.domain.errors import Invalid
from broker.domain.model_reader import NO_READERS, M, Readers, read_value
from broker.domain.stated_values import LocatedValue, PlainValue

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 20
TAG_PREFIX = "tag:yaml.org,2002:"
PLAIN_TYPES: dict[str, tuple[re.Pattern[str], Callable[[str], PlainValue]]] = {
    "null": (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    "int": (re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), int),
    "float": (
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        float,
    ),
    "timestamp": (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?"), date.fromisoformat),
}
"""Types of unquoted values, with their forms: the core schema of YAML 1.2 (spec 10.3.2), and ISO dates."""


def read_yaml(path: Path) -> LocatedValue:
    """One file as located values. Raises Invalid with file:line unless it is one plain YAML document."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Invalid("policy-file", f"{path.name} cannot be read: {error.strerror}.", str(path)) from error
    if len(content) > MAX_BYTES:  # before parsing, so that the limit protects the parser too
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
    return _DocumentReader(iter(events), str(path)).read()


def read_file(path: Path, model: Callable[..., M], readers: Readers = NO_READERS) -> M:
    """The model of a file. Raises Invalid for its first fault."""
    found: M = read_value(read_yaml(path), model, readers)
    return found


def read_folder(folder: Path, *left_out: str) -> LocatedValue:
    """The files of a folder, in order of their names, as one list."""
    return LocatedValue([read_yaml(p) for p in sorted(folder.glob("*.yaml")) if p.name not in left_out], str(folder))


class _DocumentReader:
    """Builds the one document of a file from the parser's events, which keep the marks and anchors that are needed
    here."""

    def __init__(self, events: Iterator[yaml.Event], file: str) -> None:
        self._events = events
        self._file = file

    def read(self) -> LocatedValue:
        next(self._events)  # start of the stream
        if not isinstance(next(self._events), yaml.DocumentStartEvent):
            raise Invalid("policy-file", f"{Path(self._file).name} is empty.", f"{self._file}:1")
        found = self._located(next(self._events), 0)
        if not isinstance(next(self._events), yaml.DocumentEndEvent):
            raise Invalid("policy-syntax", "This is no YAML that can be read.", f"{self._file}:1")
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            raise Invalid("policy-syntax", "A file holds one YAML document, not several.", self._place(after))
        return found

    def _place(self, event: yaml.Event) -> str:
        return f"{self._file}:{event.start_mark.line + 1 if event.start_mark else 1}"

    def _located(self, event: yaml.Event, depth: int) -> LocatedValue:
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent) or (isinstance(event, yaml.NodeEvent) and event.anchor is not None):
            # aliases of aliases can expand a small file without limit
            raise Invalid("policy-anchor", "Anchors and aliases are not read: write the value out.", place)
        if depth > MAX_DEPTH:
            raise Invalid("policy-syntax", f"Values are nested more than {MAX_DEPTH} deep.", place)
        match event:
            case yaml.MappingStartEvent():
                return LocatedValue(self._mapping(depth), place)
            case yaml.SequenceStartEvent():
                return LocatedValue([self._located(item, depth + 1) for item in self._until_end()], place)
            case yaml.ScalarEvent():
                return LocatedValue(_scalar(event, place), place)
        raise Invalid("policy-syntax", "This kind of YAML value is not read.", place)

    def _until_end(self) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), yaml.CollectionEndEvent):
            yield event

    def _mapping(self, depth: int) -> dict[str, LocatedValue]:
        """A mapping. Keys are text; two keys that differ only in case are one key written twice."""
        found: dict[str, LocatedValue] = {}
        seen: set[str] = set()
        for key in self._until_end():
            if not isinstance(key, yaml.ScalarEvent):
                raise Invalid("policy-type", "A key has to be plain text.", self._place(key))
            if key.value.casefold() in seen:
                raise Invalid("duplicate-key", f"The key {key.value!r} stands here twice.", self._place(key))
            seen.add(key.value.casefold())
            found[key.value] = self._located(next(self._events), depth + 1)
        return found


def _scalar(event: yaml.ScalarEvent, place: str) -> PlainValue:
    """The value of a scalar, by the core schema of YAML 1.2, and ISO dates. (`no` and `on` are text, as most people
    expect.)"""
    text = str(event.value)
    tag = event.tag.removeprefix(TAG_PREFIX) if event.tag else ""
    # other tags could build objects of any kind
    if tag not in ("", "!", "str", *PLAIN_TYPES):
        raise Invalid("policy-tag", f"The tag {event.tag} is not read.", place)
    if tag in ("", "!"):
        plain = event.implicit[0]  # only unquoted values get a type
        tag = next((k for k, (form, _) in PLAIN_TYPES.items() if plain and form.fullmatch(text)), "str")
    try:
        return text if tag == "str" else PLAIN_TYPES[tag][1](text)
    except ValueError as error:
        raise Invalid("policy-type", f"{text!r} is no number in plain digits and no date.", place) from error
