"""What a script left, sorted by name: pairs of request and rows, descriptions, claims, and plain files."""

import json

import pytest

from broker.python_jobs.claims import claims_of
from broker.python_jobs.left import sort_left


def frame(name: object, content: bytes) -> tuple[str, bytes]:
    return ("file", json.dumps({"name": name}).encode() + b"\n" + content)


def names(frames: tuple[tuple[str, bytes], ...]) -> list[str]:
    return [json.loads(p.partition(b"\n")[0])["name"] for _, p in frames]


def test_pairs_descriptions_and_claims_are_taken_out() -> None:
    acro = {"results": {"output_0": {"status": "fail", "summary": "threshold: 4 cells", "files": [{"name": "a.csv"}]}}}
    left = sort_left([
        frame("t.table.json", b"{}"), frame("t.rows.arrow", b"rows"), frame("f.figure.json", b"{}"),
        frame("a.csv", b"x\n1\n"), frame("a.csv.about.json", b'{"description": "a table"}'),
        frame("results.json", json.dumps(acro).encode()), ("log", b"printed"),
    ])  # fmt: skip
    assert [(r.name, r.kind, r.rows) for r in left.requests] == [("f", "figure", b""), ("t", "table", b"rows")]
    assert names(left.files) == ["a.csv"]
    assert left.described == {"a.csv": "a table"}
    assert left.claims == {"a.csv": {"status": "fail", "summary": "threshold: 4 cells"}}


@pytest.mark.parametrize("name", ["t.table.json", "t.rows.arrow", "t.model.json", "../t.table.json", "t.about.json"])
def test_half_a_pair_is_a_plain_file(name: str) -> None:
    left = sort_left([frame(name, b"{}")])
    assert (left.requests, names(left.files)) == ((), [name])


def test_frames_without_a_name_stay_for_the_collector() -> None:
    left = sort_left([("file", b"no json"), frame(3, b"")])
    assert len(left.files) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"results": 3}',
        b'{"results": {"a": {"files": "x"}}}',
        b'{"results": {"a": 1}}',
        b"x" * 300_000,
    ],
)
def test_what_is_no_claim_claims_nothing(content: bytes) -> None:
    assert claims_of(content) == {}
