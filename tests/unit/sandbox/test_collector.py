"""A script's files: what may be shown to a checker, what is withheld and why, and what a table's summary says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.sandbox.collector import NAME, FrameCollector

ALLOWED = (".csv", ".png", ".txt")


def one(name: object, content: bytes, max_bytes: int = 10_000, max_rows: int = 100):
    frames = [("file", json.dumps({"name": name}).encode() + b"\n" + content)]
    (file,) = FrameCollector().collect(frames, ALLOWED, max_bytes, max_rows)
    return file


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("table.csv", b"a,b\n1,2\n", None),
        ("note.txt", "Grüße".encode(), None),
        ("fig.png", b"\x89PNG\r\n\x1a\nrest", None),
        ("fig.png", b"PAR1....", "type"),
        ("page.html", b"<script>", "type"),
        ("a.zip", b"PK", "type"),
        ("t.csv", b"a\x00b", "type"),
        ("t.csv", b"\xff\xfe", "type"),
        ("big.csv", b"x" * 10_001, "size"),
        ("long.csv", b"a\n" * 102, "size"),
        ("../etc/cron.d/x.csv", b"", "name"),
        ("..csv", b"", "name"),
        (".hidden.csv", b"", "name"),
        ("a\n.csv", b"", "name"),
        ("a.tar.gz", b"", "name"),
        ("\u202etxt.csv", b"", "name"),
        ("manifest.json", b"{}", "name"),
        ("t.csv ", b"", "name"),
        (7, b"", "name"),
        (None, b"", "name"),
    ],
)
def test_what_a_file_may_be(name, content, problem):
    assert one(name, content).problem == problem


def test_a_name_that_may_not_be_used_is_not_shown_either():
    assert one("pupil_1234_score_90/x.csv", b"").name == "withheld-1"


def test_a_second_file_of_the_same_name_does_not_replace_the_first():
    frames = [("file", b'{"name": "t.csv"}\nb\n2\n'), ("file", b'{"name": "t.csv"}\na\n1\n'), ("log", b"x")]
    files = FrameCollector().collect(frames, ALLOWED, 100, 100)
    assert [(file.name, file.problem) for file in files] == [("t.csv", None), ("withheld-2", "name")]


def test_summary_of_a_table():
    assert json.loads(one("t.csv", b"la,n\nB,10\nA,9\nA,\n").summary) == {
        "bytes": 17,
        "table": True,
        "rows": 3,
        "columns": [
            {"name": "la", "filled": 3, "distinct": 2, "min": "A", "max": "B"},
            {"name": "n", "filled": 2, "distinct": 2, "min": "9", "max": "10"},
        ],
    }


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b'a\n"open', b"a," * 1000 + b"a\n"])
def test_what_is_no_table_is_said_to_be_none(content):
    assert json.loads(one("t.csv", content).summary)["table"] is False


@given(st.lists(st.tuples(st.sampled_from(["file", "log"]), st.binary(max_size=80)), max_size=5))
def test_nothing_that_a_file_holds_makes_it_raise(frames):
    files = FrameCollector().collect(frames, ALLOWED, 50, 2)
    assert len(files) == sum(kind == "file" for kind, _ in frames)
    assert all(NAME.fullmatch(file.name) or file.name.startswith("withheld-") for file in files)
    assert all(json.loads(file.summary) for file in files)


@given(st.text(max_size=120))
def test_any_text_can_be_summed_up(text):
    json.loads(one("t.csv", text.encode("utf-8", "replace")).summary)
