"""Displayed values: evidence tables, file names, problems, and the sign-in limit. No store, no sockets."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from broker.domain.findings import AssessedRow, Assessment, Finding, Verdict
from broker.web.error_handlers import TooManyAttempts
from broker.web.pages.evidence_table import ROWS_SHOWN, evidence_table_of, select_rows
from broker.web.schemas.serializers import file_name
from broker.web.security.authentication import ATTEMPT_LIMIT, DECOY_HASH, SignInAttempts, hash_password, verify_password

PUBLISH, SUPPRESS = Verdict.PUBLISH, Verdict.SUPPRESS
ROWS = (
    AssessedRow(("301",), ("301", 12), ("301", 10), (False, False), (PUBLISH, PUBLISH), ((), ("R5",)), 12),
    AssessedRow((None,), (None, Decimal("3.0")), (None, None), (False, True), (PUBLISH, SUPPRESS), ((), ("F1",)), 3),
)
FEW = Finding("F1", SUPPRESS, "Few.", (("persons", "3"),), (date(2023, 1, 1),))
JUDGED = Assessment("by_la", ("LA", "n"), 1, ROWS, (FEW,), SUPPRESS, False)


def test_a_table_pairs_exact_and_released_figures():
    table = evidence_table_of(JUDGED)
    assert (table.keys, table.columns) == (("LA",), ("n",))
    assert table.rows[0].cell == "301"
    (count,) = table.rows[0].figures
    assert (count.exact, count.released, count.rules, count.plain) == ("12", "10", "R5", False)
    (hidden,) = table.rows[1].figures
    assert (table.rows[1].cell, hidden.exact, hidden.suppressed) == ("(missing)", "3.0", True)
    assert table.findings[0] | {"figures": "persons 3", "cell": "2023-01-01", "column": ""} == table.findings[0]


def test_a_long_table_has_pages_and_says_how_many():
    table = evidence_table_of(replace(JUDGED, rows=ROWS[:1] * (ROWS_SHOWN + 1)))
    assert (table.pages, table.every, table.figures) == (2, ROWS_SHOWN + 1, ROWS_SHOWN + 1)
    second = select_rows(table, "", flagged=False, page=2)
    assert [row.number for row in second.rows] == [ROWS_SHOWN]
    assert select_rows(table, "", flagged=False, page=9).page == 2, "beyond the last is the last"


def test_rows_are_found_by_their_words_and_by_their_flags():
    table = evidence_table_of(JUDGED)
    assert [row.cell for row in select_rows(table, "MISS", flagged=False, page=1).rows] == ["(missing)"]
    assert [row.cell for row in select_rows(table, "", flagged=True, page=1).rows] == ["(missing)"]
    assert select_rows(table, "301", flagged=True, page=1).found == 0


@pytest.mark.parametrize(("name", "media_type", "plain"), [
    ("absence", "text/csv", "absence.csv"),
    ("phases.csv", "text/csv", "phases.csv"),
    ("../../etc/passwd", "text/plain", "_.._etc_passwd.txt"),
    ('a"\r\nSet-Cookie: x=1', "text/csv", "a_Set-Cookie_x_1.csv"),
    (".htaccess", "application/octet-stream", "htaccess"),
    ("…", "image/png", "_.png"),
    ("...", "image/png", "output.png"),
])  # fmt: skip
def test_a_file_name_is_plain_whatever_the_job_called_it(name, media_type, plain):
    assert file_name(name, media_type) == plain


def test_attempts_run_out_and_come_back_slowly():
    now = [0.0]
    attempts = SignInAttempts(clock=lambda: now[0])
    for _ in range(ATTEMPT_LIMIT):
        attempts.check("a", "b")
    with pytest.raises(TooManyAttempts):
        attempts.check("a", "c")
    attempts.check("d")
    now[0] = 6.1
    attempts.check("a", "b")
    with pytest.raises(TooManyAttempts):
        attempts.check("a", "b")


def test_attempts_fail_closed_when_more_come_than_are_remembered(monkeypatch):
    monkeypatch.setattr("broker.web.security.authentication.BUCKET_LIMIT", 5)
    attempts = SignInAttempts(clock=lambda: 0.0)
    for i in range(5):
        attempts.check(f"name:{i}")
    with pytest.raises(TooManyAttempts):
        attempts.check("name:6")


def test_passwords_are_hashed_and_bad_hashes_fit_nothing():
    stored = hash_password("right")
    assert stored.startswith("$argon2id$")
    assert verify_password(stored, "right")
    assert not verify_password(stored, "wrong")
    assert not verify_password("no hash", "right")
    assert not verify_password(DECOY_HASH, "right")
