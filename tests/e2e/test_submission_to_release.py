"""Jobs go from submission to release over real HTTP, queue, store and containers, on each runtime."""

import csv
import io
from hashlib import sha256

import duckdb
import pytest

from broker.domain.errors import Conflict
from tests.e2e.jobs import ABSENCE, PYTHON, approve, end_of, send, wait
from tests.integration.web.conftest import missing

pytestmark = [pytest.mark.docker, pytest.mark.service, pytest.mark.timeout(300)]


def test_a_sql_job_is_released_and_its_numbers_are_right(site):
    rosa, cleo = site.client("demo-researcher"), site.client("demo-checker-1")
    job = send(rosa, ABSENCE)["ident"]
    assert wait(rosa, job) == "waiting for a decision"
    assert rosa.job(job)["outputs"] == []
    (seen,) = approve(cleo, job)
    assert end_of(rosa, job) == "released"
    (output,) = rosa.job(job)["outputs"]
    content = rosa.download(output["ident"])
    assert sha256(content).hexdigest() == output["sha256"]
    expected = direct_counts(site)
    shown = {(r["NCyearActual"], r["FSMeligible"]): r for r in csv.DictReader(io.StringIO(content.decode()))}
    checked = 0
    for key, (rows, persons, missed) in expected.items():
        row = shown[key]
        if row["n"] == "c":
            continue
        checked += 1
        assert persons >= 10
        assert int(row["n"]) == round_to_5(rows) if rows == persons else abs(int(row["n"]) - rows) <= 5 * rows / persons
        assert int(row["pupils"]) == round_to_5(persons)
        assert abs(float(row["missed"]) - missed) <= 0.1 * missed + 3 * missed / rows
    assert checked >= 10
    assert all(shown[k]["n"] == "c" for k, (_, persons, _) in expected.items() if persons < 10)
    assert seen["verdict"] in {"publish", "suppress", "review"}


def round_to_5(count: int) -> int:
    return (2 * count + 5) // 10 * 5


def direct_counts(site) -> dict[tuple[str, str], tuple[int, int, int]]:
    """The same table straight from the extracts, by plain SQL that shares no code with the broker."""
    (extract,) = site.data.glob("extracts-*/npd.absence/2022.parquet")
    rows = duckdb.sql(f"""
        SELECT upper(trim(CAST(NCyearActual AS VARCHAR))), CAST(FSMeligible AS VARCHAR), count(*),
               count(DISTINCT nullif(trim(PupilMatchingRefAnonymous), '')), sum(OverallAbsence_6HalfTerms)
        FROM '{extract}' WHERE NCyearActual IS NOT NULL AND FSMeligible IS NOT NULL GROUP BY ALL""").fetchall()
    return {(str(a), str(b)): (int(n), int(p), int(m)) for a, b, n, p, m in rows}


def test_a_python_job_is_released_and_recalled(site):
    rosa, cleo = site.client("demo-researcher"), site.client("demo-checker-1")
    job = send(rosa, PYTHON, "python", descriptions=(("phases.csv", "Pupils by phase"),))["ident"]
    assert wait(rosa, job) == "waiting for a decision"
    (seen,) = approve(cleo, job)
    assert seen["name"] == "phases.csv"
    (output,) = rosa.job(job)["outputs"]
    assert output["state"] == "released"
    assert rosa.download(output["ident"]).startswith(b"PHASE,n")
    site.client("demo-admin-1").recall(output["ident"], "The figures were wrong.")
    with pytest.raises(Conflict):
        rosa.download(output["ident"])


def test_invariant_7_the_audit_log_holds_and_has_no_query_text(site):
    found = site.ports.store.verify_audit()
    assert found.broken is None
    assert found.lines > 10
    text = " ".join(str(line.event) for line in site.ports.store.audit())
    assert missing(text, "SELECT", "NCyearActual") == ["SELECT", "NCyearActual"]
