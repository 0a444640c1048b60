"""A private job over real HTTP, queue, store, container and noise process: forecast, charge, release, repeat, refusal
over budget, and recovery after the worker is killed."""

import csv
import io
import json
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from tests.e2e.jobs import end_of, send
from tests.e2e.test_crashes import events_of, kill_slots
from tests.integration.web.conftest import missing

pytestmark = [pytest.mark.docker, pytest.mark.service, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
PROJECT, DANA = "P0733", "demo-dashboard"
SPEND = 400_000
ABSENCE = """-- private: epsilon 0.4
-- clamp: OverallAbsence_6HalfTerms 0 100
-- output: absence
SELECT NCyearActual, COUNT(*) AS n, AVG(1.0 * OverallAbsence_6HalfTerms) AS m
FROM npd.absence WHERE AcademicYear = '2022/2023' GROUP BY NCyearActual
"""
OTHER = ABSENCE.replace("2022/2023", "2021/2022")


@pytest.fixture
def dana(site):
    return site.client(DANA)


def account(client, table="npd.absence"):
    (found,) = [a for a in client.budget(PROJECT)["accounts"] if a["dataset"] == table]
    return found


def spent(client, table="npd.absence"):
    found = account(client, table)
    return found["spent"]["micro"], found["reserved"]["micro"]


def private(client, text, **more):
    return send(client, text, project=PROJECT, **more)


def direct(site, year=2022):
    """Rows and mean by year group straight from the extracts, values cut at 100, by SQL that shares no code."""
    (extract,) = site.data.glob(f"extracts-*/npd.absence/{year}.parquet")
    rows = duckdb.sql(f"""
        SELECT upper(trim(CAST(NCyearActual AS VARCHAR))), count(*), avg(least(OverallAbsence_6HalfTerms, 100))
        FROM '{extract}' WHERE NCyearActual IS NOT NULL GROUP BY 1""").fetchall()
    return {str(k): (int(n), float(m)) for k, n, m in rows}


def checked_here(text, *options):
    """`broker check` as a researcher runs it, without any broker."""
    command = [sys.executable, "-m", "broker", "check", "-", "--project", PROJECT, "--kind", "sql", "--json", *options]
    ended = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)["private"]


def test_the_whole_way_of_a_private_job(site, dana):
    left, before = account(dana)["left"]["loss"], spent(dana)
    told = dana.check(PROJECT, "sql", ABSENCE)["private"]
    assert told["spend"]["epsilon"] == 0.4
    assert told["share"] == pytest.approx(0.4 / left, rel=1e-3)
    assert checked_here(ABSENCE.partition("\n")[2], "--private", "--epsilon", "0.4")["expected"] == told["expected"]

    job = private(dana, ABSENCE)["ident"]
    assert sum(spent(dana)) == sum(before) + SPEND, "reserved before anything runs"
    assert end_of(dana, job) == "released"
    assert spent(dana) == (before[0] + SPEND, before[1])
    (output,) = dana.job(job)["outputs"]
    content = dana.download(output["ident"])
    assert sha256(content).hexdigest() == output["sha256"]
    assert_as_forecast(list(csv.DictReader(io.StringIO(content.decode()))), direct(site), told)

    record = json.loads(dana.record(output["ident"]))
    assert record["spend"] == told["spend"]
    assert record["spend_if_a_person_is_replaced"]["epsilon"] == 0.8
    assert record["display_floor"] == 10
    (part,) = record["tables"][0]["parts"]
    assert part["clamp"] == {"low": 0, "high": 1_000, "steps_to_a_unit": 10}
    assert "OverallAbsence_6HalfTerms" in part["measured"]
    assert missing(" ".join(record["notes"]), "Random noise", "are right in at most") == []
    manifest = dana.manifest(job)
    assert manifest["profile"]["spend"] == told["spend"]
    assert manifest["outputs"][0]["record_sha256"] == sha256(dana.record(output["ident"])).hexdigest()
    assert [p["state"] for p in account(dana)["history"] if p["job"] == job] == ["reserved", "charged"]
    assert site.client("demo-admin-1").verify_ledger()["holds"]


def assert_as_forecast(rows, exact, told):
    """Every cell of the code list is there; errors and intervals are those that were told; the floor is on noise."""
    assert list(rows[0]) == ["NCyearActual", "n", "n_low", "n_high", "m", "m_low", "m_high"]
    (of_n,) = [e for e in told["expected"] if e["figure"] == "n" and e["persons_in_the_cell"] is None]
    error, half = of_n["error"], of_n["half_interval"]
    shown = [r for r in rows if r["n"] != "c"]
    assert exact.keys() < {r["NCyearActual"] for r in rows}, "cells that nobody is in are in the answer too"
    assert all(int(r["n"]) >= 10 for r in shown)
    assert all(set(r.values()) == {r["NCyearActual"], "c"} for r in rows if r not in shown)
    off = [abs(int(r["n"]) - exact.get(r["NCyearActual"], (0, 0))[0]) for r in shown]
    assert sum(off) / len(off) <= 4 * error
    assert all(int(r["n_high"]) - int(r["n"]) <= half + 1 for r in shown)
    means = {r["NCyearActual"]: r for r in shown if exact.get(r["NCyearActual"], (0, 0))[0] >= 100}
    assert means
    for key, row in means.items():
        assert abs(float(row["m"]) - exact[key][1]) <= 3 * (float(row["m_high"]) - float(row["m_low"]))


def test_a_worker_killed_in_mid_job_charges_once(site, dana):
    before = spent(dana)
    job = private(dana, OTHER)["ident"]
    deadline = time.monotonic() + 60
    while site.ports.store.spend_of(job).state.value == "reserved":
        assert time.monotonic() < deadline, "it was never charged"
        time.sleep(0.005)
    kill_slots(site)
    assert end_of(dana, job) == "released"
    assert spent(dana) == (before[0] + SPEND, before[1])
    events = Counter(events_of(site, job))
    assert events["job.started"] == 2, "it was killed in the middle"
    assert (events["spend.charged"], events["spend.answered"], events["spend.released"]) == (1, 1, 1)
    rows = list(csv.DictReader(io.StringIO(dana.download(dana.job(job)["outputs"][0]["ident"]).decode())))
    assert any(r["n"] != "c" for r in rows)
