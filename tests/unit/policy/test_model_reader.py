"""A model is read by the types of its fields: nothing else has to know a new field."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest

from broker.domain.errors import Invalid
from broker.policy.data_catalogue import TableKind
from broker.policy.files.model_reader import PolicyFields, distinct, keys_of, read_model
from broker.policy.files.yaml_reader import read_yaml
from broker.policy.policy_model import OR_NULL, Condition, PolicyModel, Positive

EVEN = Condition(lambda value: value % 2 == 0, "{key!r} is even, and {value} is not.", "even")


@dataclass(frozen=True, kw_only=True)
class Example(PolicyModel):
    name: str
    kind: TableKind = TableKind.PUBLIC
    description: str = ""
    rows: Positive = 1
    pairs: Annotated[int, EVEN] = 0
    share: Annotated[float | None, OR_NULL] = 0.5
    last: date | None = None
    listed: bool = False
    years: frozenset[int] | None = None
    codes: tuple[str, ...] = ()


def read(folder: Path, text: str, *required: str, **known: Any) -> Example:
    path = folder / "example.yaml"
    path.write_text(text)
    return read_model(PolicyFields(read_yaml(path), keys_of(Example)), Example, required, **known)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("kind: person", "kind", TableKind.PERSON),
        ("about: pupils", "description", "pupils"),
        ("rows: 3", "rows", 3),
        ("pairs: 4", "pairs", 4),
        ("share: 1", "share", 1.0),
        ("share: null", "share", None),
        ("last: 2028-03-31", "last", date(2028, 3, 31)),
        ("listed: true", "listed", True),
        ("years: [2018-2019, 2021/2022]", "years", frozenset({2018, 2019, 2021})),
        ("codes: [M, F]", "codes", ("M", "F")),
    ],
)
def test_a_value_is_of_the_kind_of_its_field(tmp_path: Path, line: str, field: str, value: object) -> None:
    found = getattr(read(tmp_path, f"name: a\n{line}"), field)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("kind: people", "unknown-word", "'people' is none of person, public."),
        ("rows: 0", "policy-range", "'rows' has to be at least 1."),
        ("rows: true", "policy-type", "'rows' has to be a whole number."),
        ("rows: null", "policy-type", "'rows' has to be a whole number."),
        ("pairs: 3", "even", "'pairs' is even, and 3 is not."),
        ("share: 1e999", "policy-type", "'share' has to be a number."),
        ("last: tomorrow", "policy-type", "'last' has to be a date, as in 2028-03-31."),
        ("listed: 1", "policy-type", "'listed' has to be true or false."),
        ("years: []", "empty-range", "There is no year here."),
        ("codes: M", "policy-type", "A list is needed here."),
        ("codes: [1]", "policy-type", "Text is needed here, not 1; put it in quotes."),
    ],
)
def test_a_value_of_another_kind_is_a_fault_in_its_line(tmp_path: Path, line: str, code: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(tmp_path, f"name: a\n{line}")
    found = caught.value
    assert (found.code, found.message, found.pointer) == (code, message, f"{tmp_path}/example.yaml:2")


def test_a_file_states_what_has_no_default_and_what_is_required(tmp_path: Path) -> None:
    assert read(tmp_path, "name: a") == Example(name="a")
    assert read(tmp_path, "rows: 2", name="known") == Example(name="known", rows=2)
    with pytest.raises(Invalid, match="The key 'name' is needed here"):
        read(tmp_path, "rows: 2")
    with pytest.raises(Invalid, match="The key 'about' is needed here"):
        read(tmp_path, "name: a", "about")
    with pytest.raises(Invalid, match="'description' is no key here; known are about, codes"):
        read(tmp_path, "name: a\ndescription: b")


def test_the_second_model_of_a_name_is_a_fault_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- {name: a}\n- {name: b}\n- {name: a}\n")
    nodes = list(read_yaml(path).items())
    pairs = [(read_model(PolicyFields(n, keys_of(Example)), Example), n) for n in nodes]
    assert [e.name for e in distinct(pairs[:2], lambda example: example.name, "twice", "")] == ["a", "b"]
    with pytest.raises(Invalid, match="There are two of a") as caught:
        distinct(pairs, lambda example: example.name, "twice", "There are two of {0.name}.")
    assert (caught.value.code, caught.value.pointer) == ("twice", f"{path}:3")
