"""Displayed values: evidence tables, file names, problems, and the sign-in limit. No store, no sockets."""

import pytest

from broker.web.error_handlers import TooManyAttempts
from broker.web.pages.evidence_table import ROWS_SHOWN, evidence_table_of, select_rows
from broker.web.schemas.serializers import file_name
from broker.web.security.authentication import ATTEMPT_LIMIT, DECOY_HASH, SignInAttempts, hash_password, verify_password

PARALLEL = {
    "columns": ["LA", "n"], "key_count": 1, "notes": [],
    "rows": [
        {"keys": ["301"], "exact": ["301", 12], "released": ["301", 10], "suppressed": [False, False],
         "verdicts": ["publish", "publish"], "rules": [[], ["R5"]], "persons": 12},
        {"keys": [None], "exact": [None, {"decimal": "3.0"}], "released": [None, None], "suppressed": [False, True],
         "verdicts": ["publish", "suppress"], "rules": [[], ["F1"]], "persons": 3},
    ],
    "findings": [{"rule": "F1", "verdict": "suppress", "sentence": "Few.", "figures": [["persons", "3"]],
                  "cell": [{"date": "2023-01-01"}], "column": None}],
}  # fmt: skip


def test_a_table_pairs_exact_and_released_figures():
    table = evidence_table_of(PARALLEL)
    assert (table.keys, table.columns) == (("LA",), ("n",))
    assert table.rows[0].cell == "301"
    (count,) = table.rows[0].figures
    assert (count.exact, count.released, count.rules, count.plain) == ("12", "10", "R5", False)
    (hidden,) = table.rows[1].figures
    assert (table.rows[1].cell, hidden.exact, hidden.suppressed) == ("(missing)", "3.0", True)
    assert table.findings[0] | {"figures": "persons 3", "cell": "2023-01-01", "column": ""} == table.findings[0]


def test_a_long_table_has_pages_and_says_how_many():
    rows = PARALLEL["rows"][:1] * (ROWS_SHOWN + 1)
    table = evidence_table_of(PARALLEL | {"rows": rows})
    assert (table.pages, table.every, table.figures) == (2, ROWS_SHOWN + 1, ROWS_SHOWN + 1)
    second = select_rows(table, "", flagged=False, page=2)
    assert [row.number for row in second.rows] == [ROWS_SHOWN]
    assert select_rows(table, "", flagged=False, page=9).page == 2, "beyond the last is the last"


def test_rows_are_found_by_their_words_and_by_their_flags():
    table = evidence_table_of(PARALLEL)
    assert [row.cell for row in select_rows(table, "MISS", flagged=False, page=1).rows] == ["(missing)"]
    assert [row.cell for row in select_rows(table, "", flagged=True, page=1).rows] == ["(missing)"]
    assert select_rows(table, "301", flagged=True, page=1).found == 0


def test_a_file_has_no_table():
    assert evidence_table_of({"file": "a.csv", "problem": None, "summary": {}}) is None


@pytest.mark.parametrize(
    ("name", "media_type", "plain"),
    [
        ("absence", "text/csv", "absence.csv"),
        ("phases.csv", "text/csv", "phases.csv"),
        ("../../etc/passwd", "text/plain", "_.._etc_passwd.txt"),
        ('a"\r\nSet-Cookie: x=1', "text/csv", "a_Set-Cookie_x_1.csv"),
        (".htaccess", "application/octet-stream", "htaccess"),
        ("…", "image/png", "_.png"),
        ("...", "image/png", "output.png"),
    ],
)
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
