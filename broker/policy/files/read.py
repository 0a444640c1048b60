"""YAML text to plain values that remember their line. The only reader of YAML; knows nothing of what values mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from broker.domain.errors import Invalid

Plain = str | int | float | bool | date | None
MAX_BYTES = 4 * 1024 * 1024


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
        node = YAML(typ="safe", pure=True).compose(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Invalid("policy-file", f"{path.name} is not UTF-8.", str(path)) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid("policy-syntax", f"This is no YAML: {error.problem}.", f"{path}:{line}") from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise Invalid("policy-syntax", "This is no YAML that can be read.", f"{path}:1") from error
    if node is None:
        raise Invalid("policy-file", f"{path.name} is empty.", f"{path}:1")
    return _located(node, str(path))


def _located(node: Node, file: str) -> Located:
    place = f"{file}:{node.start_mark.line + 1}"
    if node.anchor is not None:
        raise Invalid("policy-anchor", "Anchors and aliases are not read: write the value out.", place)
    match node:
        case MappingNode():
            return Located(_mapping(node, file), place)
        case SequenceNode():
            return Located([_located(item, file) for item in node.value], place)
        case ScalarNode():
            return Located(_scalar(node, place), place)
    raise Invalid("policy-syntax", "This kind of YAML value is not read.", place)


def _mapping(node: MappingNode, file: str) -> dict[str, Located]:
    """Keys are text; two that differ only in case are one key written twice."""
    found: dict[str, Located] = {}
    seen: set[str] = set()
    for key, value in node.value:
        place = f"{file}:{key.start_mark.line + 1}"
        if not isinstance(key, ScalarNode):
            raise Invalid("policy-type", "A key has to be plain text.", place)
        if key.value.casefold() in seen:
            raise Invalid("duplicate-key", f"The key {key.value!r} stands here twice.", place)
        seen.add(key.value.casefold())
        found[key.value] = _located(value, file)
    return found


def _scalar(node: ScalarNode, place: str) -> Plain:
    tag = str(node.tag).rsplit(":", 1)[-1]
    text = str(node.value)
    try:
        match tag:
            case "str":
                return text
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
    raise Invalid("policy-tag", f"The tag {node.tag} is not read.", place)
