"""Sanitised files keep nothing of a script's order, digits, spaces or characters (attack 33)."""

import json

import pytest

from broker.domain.errors import Invalid
from tests.files import remake


def csv(text: str) -> str:
    return remake("t.csv", text.encode(), 5).content.decode()


def test_a_table_is_sorted_and_its_digits_are_capped() -> None:
    assert csv("n,LA,mean\n5,B,1234.56789\n7,A,0.000123456789\n") == "LA,mean,n\nA,0.00012346,7\nB,1234.6,5\n"


def test_tables_that_say_the_same_are_the_same_bytes() -> None:
    one = "LA,n,m\nA,10,1.00001\nB,20,2.0\n"
    other = '\ufeffm,n,LA\r\n" 2.000000",20,B\r\n1.0000099999, 10 ,"A\u200b"\r\n'
    assert csv(one) == csv(other)


@pytest.mark.parametrize(("cell", "written"), [
    ("1e3", "1000"), ("-0.0", "0"), ("007", "007"), ("12345678901", "12346000000"), ("3014512", "3014512"),
    ("=SUM(A1)", "'=SUM(A1)"), ("ﬁ", "fi"), ("a\u202eb", "a b"), ("nan", "nan"),
])  # fmt: skip
def test_a_cell_has_one_spelling(cell: str, written: str) -> None:
    assert csv(f"x\n{cell}\n") == f"x\n{written}\n"


@pytest.mark.parametrize(
    "text", ["", "a,b\n1\n", "a,a\n1,2\n", 'a\n"x', "x\n" + "y" * 300, ",".join("abcdefgh") + "\n1\n"]
)
def test_what_is_no_table_stays(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        csv(text)
    assert refused.value.code == "unreadable"


def test_json_tables_and_documents() -> None:
    rows = remake("t.json", b'[{"n": 5, "LA": "B"}, {"LA": "A", "n": 1.23456789}]', 5)
    assert json.loads(rows.content) == [{"LA": "A", "n": 1.2346}, {"LA": "B", "n": 5}]
    other = remake("t.json", b'{"b": [1.23456789, {"z": null}], "a": true}', 5)
    assert other.sheet is None
    assert json.loads(other.content) == {"a": True, "b": [1.2346, {"z": None}]}


@pytest.mark.parametrize("content", [
    b'[{"LA": "B", "n": 5}, {"LA": "A", "n": 1.00}]',
    b'{"n": [1, 5], "LA": ["A", "B"]}',
    b'{"LA": {"0": "B", "1": "A"}, "n": {"0": 5.0, "1": 1}}',
    b'{"columns": ["n", "LA"], "index": [0, 1], "data": [[5, "B"], [1, "A"]]}',
    b'{"columns": ["n", "LA"], "data": [[5, "B"], [1, "A"]]}',
])  # fmt: skip
def test_a_table_is_one_however_a_library_writes_it(content: bytes) -> None:
    found = remake("t.json", content, 5)
    assert found.sheet is not None
    assert json.loads(found.content) == [{"LA": "A", "n": 1}, {"LA": "B", "n": 5}]


def test_labels_of_rows_are_a_column_and_codes_stay_texts() -> None:
    found = remake("t.json", b'{"n": {"201": 5, "202": null}, "URN": {"201": "100001", "202": "100000"}}', 5)
    assert json.loads(found.content) == [
        {"URN": "100000", "index": "202", "n": None}, {"URN": "100001", "index": "201", "n": 5},
    ]  # fmt: skip


@pytest.mark.parametrize("content", [
    b'{"a": [1, [2]], "b": [3, 4]}', b'{"a": {"x": 1}, "b": {"y": 1}}', b'{"columns": ["a", "a"], "data": [[1, 2]]}',
    b'{"columns": ["a"], "data": 1}', b'{"columns": ["a"], "index": 3, "data": [[1]]}', b"[]", b"{}", b"[{}]", b"7",
    b'{"a": [1], "b": [1, 2]}', b'{"columns": [["a"]], "data": [[1]]}',
])  # fmt: skip
def test_what_is_no_table_is_a_document(content: bytes) -> None:
    assert remake("t.json", content, 5).sheet is None


@pytest.mark.parametrize("content", [b"\xff", b"{", b"NaN", b"[" * 5000 + b"]" * 5000])
def test_what_is_no_json_stays(content: bytes) -> None:
    with pytest.raises(Invalid):
        remake("t.json", content, 5)


def test_text_loses_what_does_not_print() -> None:
    assert remake("t.txt", "a \u200b b\x07\r\nc\t d  \n\n".encode(), 5).content == b"a b\nc d\n"


@pytest.mark.parametrize(("what", "name", "text"), [
    ("cells", "t.csv", ("a," * 99 + "a\n") * 1001),
    ("rows", "t.csv", "a\n" * 5002),
    ("columns", "t.csv", "a," * 200 + "a\n"),
    ("values", "t.json", json.dumps([[[0]] * 60_000])),
    ("depth", "t.json", "[" * 30 + "]" * 30),
    ("lines that grow", "t.txt", "\ufdfa\ufdfa\ufdfa\n" * 90_000),
    ("letters that grow", "t.txt", "\ufdfa" * 250_000),
    ("numbers in a text", "t.txt", "0.123456789 " * 100_001),
    ("lines", "t.txt", "a\n" * 100_002),
    ("empty lines", "t.csv", "x\n" + "\n" * 100_001),
])  # fmt: skip
def test_what_is_too_much_stays(what: str, name: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        remake(name, text.encode())
    assert refused.value.code == "size", what
