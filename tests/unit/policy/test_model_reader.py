"""A model is read by the types of its fields: nothing else has to know a new field."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest

from broker.domain import stated_values as stated
from broker.domain.errors import Invalid
from broker.domain.model_reader import read_field, read_model, read_value
from broker.domain.stated_values import Condition, Faults, Keys, LocatedValue, Named, Positive
from broker.policy.data_catalogue import TableKind
from broker.policy.files.yaml_reader import read_yaml
from broker.policy.policy_model import PolicyModel
from broker.policy.written_years import WrittenYears

EVEN = Condition(lambda value: value % 2 == 0, "{key!r} is even, and {value} is not.", "even")
PAIR = stated.ReadBy(lambda node: tuple(item.text() for item in node.items()))


@dataclass(frozen=True, kw_only=True)
class Example(PolicyModel):
    name: str
    kind: TableKind = TableKind.PUBLIC
    description: Annotated[str, stated.Key("about")] = ""
    rows: Positive = 1
    pairs: Annotated[int, EVEN] = 0
    share: Annotated[float | None, stated.OR_NULL] = 0.5
    last: date | None = None
    listed: bool = False
    years: WrittenYears | None = None
    codes: tuple[str, ...] = ()
    labels: dict[str, Positive] | None = None
    written: Annotated[str | tuple[str, ...], PAIR] = ""
    symbol: Annotated[str, stated.NOT_STATED] = "c"
    link: Annotated[str, Named.OWN_VARIABLE] = ""

    def faults(self, keys: Keys) -> Faults:
        if self.last and "years" not in keys:
            yield "last", "last", "'last' needs years."


KNOWN = "about, codes, kind, labels, last, link, listed, name, pairs, rows, share, written, years"


@dataclass(frozen=True, kw_only=True)
class Several(PolicyModel):
    one: Annotated[int, stated.STATED] = 1
    examples: Annotated[tuple[Example, ...], stated.Distinct("small example", "name")] = ()


def read(folder: Path, text: str, **known: Any) -> Example:
    path = folder / "example.yaml"
    path.write_text(text)
    return read_model(read_yaml(path), Example, {Named.OWN_VARIABLE: lambda node: node.text().upper()}, **known)


@pytest.mark.parametrize(("line", "field", "value"), [
    ("kind: person", "kind", TableKind.PERSON),
    ("about: pupils", "description", "pupils"),
    ("rows: 3", "rows", 3), ("pairs: 4", "pairs", 4), ("share: 1", "share", 1.0), ("share: null", "share", None),
    ("rows: 3", "share", None),
    ("last: 2028-03-31\nyears: 2018", "last", date(2028, 3, 31)),
    ("listed: true", "listed", True),
    ("years: [2018-2019, 2021/2022]", "years", frozenset({2018, 2019, 2021})),
    ("codes: [M, F]", "codes", ("M", "F")),
    ("labels: {M: 1}", "labels", {"M": 1}),
    ("written: [a, b]", "written", ("a", "b")),
    ("link: name", "link", "NAME"),
])  # fmt: skip
def test_a_value_is_of_the_kind_of_its_field(tmp_path: Path, line: str, field: str, value: object) -> None:
    found = getattr(read(tmp_path, f"name: a\n{line}"), field)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("line", "code", "message"), [
    ("kind: people", "unknown-word", "'people' is none of person, public."),
    ("rows: 0", "policy-range", "'rows' has to be at least 1."),
    ("rows: true", "policy-type", "'rows' has to be a whole number."),
    ("rows: null", "policy-type", "'rows' has to be a whole number."),
    ("pairs: 3", "even", "'pairs' is even, and 3 is not."),
    ("share: 1e999", "policy-type", "'share' has to be a number."),
    ("last: tomorrow", "policy-type", "'last' has to be a date, as in 2028-03-31."),
    ("last: 2028-03-31", "last", "'last' needs years."),
    ("symbol: d", "unknown-key", f"'symbol' is no key here; known are {KNOWN}."),
    ("labels: {M: 0}", "policy-range", "'labels' has to be at least 1."),
    ("listed: 1", "policy-type", "'listed' has to be true or false."),
    ("years: []", "empty-range", "There is no year here."),
    ("codes: M", "policy-type", "A list is needed here."),
    ("codes: [1]", "policy-type", "Text is needed here, not 1; put it in quotes."),
])  # fmt: skip
def test_a_value_of_another_kind_is_a_fault_in_its_line(tmp_path: Path, line: str, code: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(tmp_path, f"name: a\n{line}")
    found = caught.value
    assert (found.code, found.message, found.pointer) == (code, message, f"{tmp_path}/example.yaml:2")


def test_a_file_states_what_has_no_default_and_what_is_marked(tmp_path: Path) -> None:
    assert read(tmp_path, "name: a") == Example(name="a", share=None)
    assert read(tmp_path, "rows: 2", name="known") == Example(name="known", rows=2, share=None)
    with pytest.raises(Invalid, match="The key 'name' is needed here"):
        read(tmp_path, "rows: 2")
    with pytest.raises(Invalid, match="The key 'one' is needed here"):
        read_value(LocatedValue({}, "here"), Several)
    with pytest.raises(Invalid, match="'description' is no key here; known are about, codes"):
        read(tmp_path, "name: a\ndescription: b")


def test_the_second_model_of_a_name_is_a_fault_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- {name: a}\n- {name: b}\n")
    assert [e.name for e in read_field(read_yaml(path), Several, "examples")] == ["a", "b"]
    path.write_text("- {name: a}\n- {name: b}\n- {name: A}\n")
    with pytest.raises(Invalid, match=f"There are two small examples 'A': the first is at {path}:1.") as caught:
        read_field(read_yaml(path), Several, "examples")
    assert (caught.value.code, caught.value.pointer) == ("duplicate-example", f"{path}:3")


def test_a_model_can_have_a_reader_of_its_own() -> None:
    node = LocatedValue({"one": LocatedValue(2, "/one"), "examples": LocatedValue([LocatedValue("a", "/0")], "/")}, "")
    found = read_value(node, Several, {Example: lambda item: Example(name=item.text())})
    assert found == Several(one=2, examples=(Example(name="a"),))
