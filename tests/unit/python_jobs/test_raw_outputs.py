"""Raw outputs of a script, sorted by name: requests with rows, known files, and withheld files."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from broker.domain.jobs.script_files import TextTable
from broker.python_jobs import raw_outputs
from broker.python_jobs.raw_outputs import RawOutputs, WithheldFile, acro_claims, sort_outputs
from tests.files import SERVICE

DECLARED = ("t.csv", "a.csv", "f.svg", "note.txt", "fig.png", "big.csv", "manifest.json")


def frame(name: object, content: bytes) -> tuple[str, bytes]:
    return ("file", json.dumps({"name": name}).encode() + b"\n" + content)


def left(*frames: tuple[str, bytes], declared: tuple[str, ...] = DECLARED, **limits: int) -> RawOutputs:
    return sort_outputs(frames, declared, replace(SERVICE, **limits))


def test_pairs_documents_and_files() -> None:
    found = left(
        frame("t.table.json", b"{}"), frame("t.rows.arrow", b"rows"), frame("f.figure.json", b"{}"),
        frame("a.csv", b"x\n1\n"), frame("a.csv.about.json", b"{}"), frame("results.json", b"{}"), ("log", b"printed"),
    )  # fmt: skip
    assert [(r.name, r.kind, r.rows) for r in found.requests] == [("f", "figure", b""), ("t", "table", b"rows")]
    assert [(f.name, f.kind, f.content) for f in found.files] == [("a.csv", ".csv", b"x\n1\n")]
    names = ["a.csv.about.json", "f.figure.json", "results.json", "t.table.json"]
    assert [d.name for d in found.documents] == names
    assert [d.name for d in found.requests_only().documents] == ["f.figure.json", "t.table.json"]
    assert found.withheld == ()


@pytest.mark.parametrize(("name", "content", "problem"), [
    ("a.csv", b"", None), ("A.csv", b"", None), ("t.parquet", b"PAR1", None), ("note.txt", b"", None),
    ("fig.png", b"", None), ("page.html", b"<script>", "type"), ("f.svg", b"<svg>", "type"),
    ("other.csv", b"", "undeclared"),
    ("big.csv", b"x" * (SERVICE.max_text_bytes + 1), "size"),
    ("../etc/cron.d/x.csv", b"", "name"), ("..csv", b"", "name"), (".hidden.csv", b"", "name"),
    ("a\n.csv", b"", "name"), ("a.tar.gz", b"", "name"), ("\u202etxt.csv", b"", "name"),
    ("manifest.json", b"{}", "name"), ("t.csv ", b"", "name"), (7, b"", "name"), (None, b"", "name"),
])  # fmt: skip
def test_what_a_file_may_be(name: object, content: bytes, problem: str | None) -> None:
    found = left(frame(name, content))
    assert [s.problem for s in found.withheld] == ([] if problem is None else [problem])
    assert len(found.files) == (problem is None)


def test_a_file_has_the_name_that_the_header_spells() -> None:
    assert left(frame("A.csv", b"")).files[0].name == "a.csv"
    assert left(frame("t.parquet", b"")).files[0].name == "t.csv"


def test_a_parquet_file_with_a_csv_of_its_name_is_withheld() -> None:
    found = left(frame("t.parquet", b"PAR1"), frame("t.csv", b"x\n"))
    assert ([f.name for f in found.files], found.withheld) == (["t.csv"], (WithheldFile("t.parquet", "type", 4),))


def test_a_request_that_the_header_does_not_name_stays() -> None:
    found = left(frame("other.table.json", b"{}"), frame("other.rows.arrow", b"rows"), declared=("t.csv",))
    assert (found.requests, found.documents) == ((), ())
    assert found.withheld == (WithheldFile("other.csv", "undeclared", 6),)


@pytest.mark.parametrize("name", ["t.table.json", "t.rows.arrow", "t.model.json", "../t.table.json", "t.about.json"])
def test_half_a_pair_stays_without_a_name(name: str) -> None:
    found = left(frame(name, b"{}"))
    assert (found.requests, found.files) == ((), ())
    assert [(s.name.rpartition("-")[0], s.problem) for s in found.withheld] == [("withheld", "name")]


def test_a_name_that_may_not_be_used_is_not_shown_either() -> None:
    assert left(frame("pupil_1234_score_90/x.csv", b"")).withheld[0].name == "withheld-1"


def test_a_second_file_of_the_same_name_does_not_replace_the_first() -> None:
    found = left(("file", b'{"name": "t.csv"}\nb\n2\n'), ("file", b'{"name": "t.csv"}\na\n1\n'), ("log", b"x"))
    assert [f.content for f in found.files] == [b"a\n1\n"]
    assert found.withheld == (WithheldFile("withheld-2", "name", 4),)


def test_a_file_for_which_the_job_has_no_room_is_withheld_and_smaller_ones_go() -> None:
    frames = frame("a.csv", b"x\n1\n"), frame("big.csv", b"x\n12\n"), frame("note.txt", b"1234")
    found = left(*frames, max_job_file_bytes=8)
    assert [f.name for f in found.files] == ["a.csv", "note.txt"]
    assert found.withheld == (WithheldFile("big.csv", "size", 5),)


def test_a_document_that_is_too_large_is_not_read() -> None:
    found = left(frame("results.json", b"x" * (SERVICE.max_document_bytes + 1)))
    assert (found.documents, found.withheld) == ((), ())


@given(st.lists(st.tuples(st.sampled_from(["file", "log"]), st.binary(max_size=80)), max_size=5))
def test_nothing_that_a_frame_holds_makes_it_raise(frames: list[tuple[str, bytes]]) -> None:
    found = left(*frames)
    assert len(found.withheld) + len(found.files) <= sum(kind == "file" for kind, _ in frames)
    assert all(raw_outputs.FILE_NAME.fullmatch(s.name) or s.name.startswith("withheld-") for s in found.withheld)


@pytest.mark.parametrize("content", [
    None, b"", b"{", b"[]", b'{"results": 3}', b'{"results": {"a": {"files": "x"}}}', b'{"results": {"a": 1}}',
])  # fmt: skip
def test_what_is_no_claim_claims_nothing(content: bytes | None) -> None:
    assert acro_claims(content) == {}


def test_claims_and_descriptions() -> None:
    acro = {"results": {"output_0": {"status": "fail", "summary": "threshold: 4 cells", "files": [{"name": "a.csv"}]}}}
    assert acro_claims(json.dumps(acro).encode()) == {"a.csv": {"status": "fail", "summary": "threshold: 4 cells"}}
    assert raw_outputs.file_description(b'{"description": "a table"}') == "a table"


def test_facts_of_a_table() -> None:
    assert raw_outputs.sheet_facts(TextTable(("la", "n"), (("B", "10"), ("A", "9"), ("A", "")))) == {
        "table": True, "rows": 3,
        "columns": [
            {"name": "la", "filled": 3, "distinct": 2, "min": "A", "max": "B"},
            {"name": "n", "filled": 2, "distinct": 2, "min": "9", "max": "10"},
        ],
    }  # fmt: skip
