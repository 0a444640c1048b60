"""A private query on pages and API: its forecast with the remaining budget, and its refusal over budget."""

from datetime import timedelta

import pytest

from broker.domain.errors import Conflict, Refused
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.ports import Snapshot
from broker.workflow.administration import user_accounts
from tests.integration.web.conftest import DANA, missing, send, text

COUNT = """-- private: epsilon 0.5
-- output: absence
SELECT NCyearActual, COUNT(*) AS n FROM npd.absence WHERE AcademicYear = '2022/2023' GROUP BY NCyearActual"""


@pytest.fixture
def snapshot(site):
    """A private question is asked of one state of the data."""
    user_accounts.put_snapshot(site.ports, Snapshot("s1", "0" * 64, site.ports.clock.now(), True, "snapshots/s1", "{}"))


def submit_counts(site, times):
    client = site.client(DANA)
    for _ in range(times):
        client.submit(Submission("P0733", JobKind.SQL, "", COUNT, "By year", "A test"))
    return client


def test_without_data_no_private_query_is_sent(site):
    assert site.client(DANA).check("P0733", "sql", COUNT)["private"]["expected"]
    with pytest.raises(Conflict, match="no data for a private question yet"):
        submit_counts(site, 1)


@pytest.mark.usefixtures("snapshot")
def test_the_forecast_has_the_spend_as_a_share_of_what_is_left(site):
    client = site.client(DANA)
    before = client.check("P0733", "sql", COUNT)["private"]
    assert (before["share"], before["share_of"]) == (0.125, "what the project has left")
    assert [e["figure"] for e in before["expected"]] == ["n"]
    submit_counts(site, 4)
    after = client.check("P0733", "sql", COUNT)["private"]
    assert after["share"] == 0.25
    assert after["expected"] == before["expected"]
    assert client.check("P0733", "sql", COUNT.replace("0.5", "5"))["private"] is None


@pytest.mark.usefixtures("snapshot")
def test_a_query_over_budget_gets_advice_and_makes_no_job(site):
    client = submit_counts(site, 8)
    jobs = len(client.jobs("P0733"))
    with pytest.raises(Refused) as refused:
        submit_counts(site, 1)
    (told,) = refused.value.refusals
    assert told.code == "over-budget"
    assert told.advice
    browser = site.browser(DANA)
    sent = {"project": "P0733", "kind": "sql", "title": "By year", "purpose": "A test", "text": COUNT}
    answer = send(browser, "/submit", **sent)
    assert answer.status_code == 422
    page = answer.text
    left = "is left of the privacy budget of project P0733, on npd.absence"
    assert missing(page, left, "larger allotment", "By year") == [], "with what was typed"
    assert len(client.jobs("P0733")) == jobs
    assert "By year" in text(browser, "/")


BLOCKS = """# private: epsilon 0.5, blocks 300, range month [1, 12]
# input: npd.absence [MonthOfBirth] 2022/2023
# output: month.csv | Mean month of birth
def answer(tables):
    return tables["absence"].MonthOfBirth.mean()
"""


@pytest.mark.usefixtures("snapshot")
def test_a_script_over_blocks_shows_its_slot_on_page_and_api(site):
    """Nothing of what its blocks do is in it: tests/unit/workflow/test_block_progress.py."""
    client, browser = site.client(DANA), site.browser(DANA)
    job = client.submit(Submission("P0733", JobKind.PYTHON, "", BLOCKS, "By block", "A test"))["ident"]
    assert client.job(job)["progress"] == {"waits": True, "ahead": 0, "minutes": None, "limit": 15, "blocks": None}
    site.running(job)
    site.clock.at = site.clock.at.replace(second=0, microsecond=0) + timedelta(seconds=71)
    assert "Slot 16 of 150 is running by the schedule." in text(browser, f"/jobs/{job}/state")
    assert client.job(job)["progress"]["blocks"] == {"slot": 16, "slots": 150, "lasts_seconds": 106.0}
