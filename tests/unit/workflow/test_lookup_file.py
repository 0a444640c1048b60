"""A CSV to a lookup: types as drawn, and everything else refused without quoting it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from broker.domain.errors import Invalid
from broker.domain.projects.saved_definitions import definition_from_json, definition_to_json
from broker.policy.files import load_policies
from broker.workflow.submission.save_definition import read_lookup
from tests.unit.workflow.conftest import refused

SERVICE = load_policies(Path(__file__).parents[3] / "policies").service
SERVICE = replace(SERVICE, lookup_bytes=400, lookup_rows=4, lookup_columns=3, lookup_cell=14)

# values of a column  | its type | unique | the values that are kept
TYPES = [
    ("1 2 3", "int", True, (1, 2, 3)),
    ("-5 0 7", "int", True, (-5, 0, 7)),
    ("1 1 2", "int", False, (1, 1, 2)),
    ("01 02 03", "text", True, ("01", "02", "03")),
    ("1 2 x", "text", True, ("1", "2", "x")),
    ("1.5 2 -3.25", "decimal", False, (Decimal("1.50"), Decimal("2.00"), Decimal("-3.25"))),
    ("1 - 2", "int", False, (1, None, 2)),
    ("A a B", "text", False, ("A", "a", "B")),
    ("-0 0 1", "decimal", False, (Decimal(0), Decimal(0), Decimal(1))),
    ("1e5 2 3", "text", True, ("1e5", "2", "3")),
    ("12345678901 2.123456 3", "text", True, ("12345678901", "2.123456", "3")),
]  # fmt: skip


@pytest.mark.parametrize(("values", "kind", "unique", "kept"), TYPES)
def test_types_are_inferred_strictly(values, kind, unique, kept):
    lines = ["" if v == "-" else v for v in values.split()]
    text = "code,note\n" + "".join(f" {v} ,n\n" for v in lines)
    found = read_lookup("mine", text, SERVICE)
    assert (found.columns[0].type.value, found.columns[0].unique) == (kind, unique)
    assert tuple(row[0] for row in found.rows) == kept
    assert definition_from_json(definition_to_json(found)) == found


def test_numeric_codes_are_text_where_the_first_line_says_so():
    found = read_lookup("mine", "\ufeffyear:text,n\n7,1\n10,2\n", SERVICE)
    assert [(c.name, c.type.value, c.unique) for c in found.columns] == [("year", "text", True), ("n", "int", False)]
    assert found.rows == (("7", 1), ("10", 2))


WRONG = [
    ("", "lookup-csv"),
    ("a,b\n", "lookup-csv"),
    ("a,b\n1\n", "lookup-csv"),
    ('a\n"secret\n', "lookup-csv"),
    ("a,A\n1,2\n", "lookup-columns"),
    ("a b\n1\n", "lookup-columns"),
    ("a,b\n1,\n2,\n", "lookup-columns"),
    ("a\n1\n2\n3\n4\n5\n", "lookup-size"),
    ("a,b,c,d\n1,2,3,4\n", "lookup-size"),
    ("a\n" + "x" * 500, "lookup-size"),
    ("a\nsecretsecretsecretsecret\n", "lookup-value"),
    ("a\nsec\x00ret\n", "lookup-value"),
    ("a\nsec\x1b[31m\n", "lookup-value"),
]


@pytest.mark.parametrize(("text", "code"), WRONG)
def test_a_bad_lookup_is_refused_without_its_values(text, code):
    told = refused(Invalid, read_lookup, "mine", text, SERVICE)
    assert told.code == code
    assert "sec" not in told.message


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a.b", "x" * 65, "a b", "é"])
def test_a_name_is_plain(name):
    assert refused(Invalid, read_lookup, name, "a\n1\n", SERVICE).code == "name"
