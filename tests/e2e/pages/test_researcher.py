"""A researcher in a real browser, with and without scripts: refused, corrected, accepted, released, collected."""

import re
from datetime import date
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages.conftest import WITH_AND_WITHOUT, WITH_EVERY_DAY, Served, quiet, vote
from tests.integration.web.conftest import ADA, AMIR, CLEO, CSV, REFUSED_SQL, ROSA, SQL

pytestmark = [pytest.mark.long, pytest.mark.journey]


@WITH_EVERY_DAY
def test_a_refused_job_is_corrected_accepted_released_and_collected(served: Served, scripts: bool) -> None:
    visit = served.visit(ROSA, scripts=scripts)
    page = visit.page
    page.get_by_role("link", name="Write a job for P0421").click()
    fill_form(page, REFUSED_SQL, scripts)
    if scripts:  # marked while one types
        expect(page.locator(".cm-lintRange-error").first).to_have_text("a.NoSuchThing")
        expect(page.locator("#check")).to_contain_text("There is no variable NoSuchThing here.")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="Why the job was refused")).to_be_visible()
    refused = page.url
    page.get_by_role("button", name="Edit and resubmit").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no variable NoSuchThing here.")
    expect(page.get_by_label("Title")).to_have_value("Absence by year group")
    write(page, SQL, scripts)
    if not scripts:
        page.get_by_role("button", name="Check it").click()
    expect(page.locator("#check")).to_contain_text("No problems found")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#state")).to_contain_text("Your job is next.")
    expect(page.get_by_role("link", name=refused.rpartition("/")[2])).to_be_visible()
    job = page.url.rpartition("/")[2]
    served.site.assessed(job=job)
    page.reload()
    expect(page.locator("#state")).to_contain_text("Waiting for a decision")
    approve(served, job, scripts)
    page.reload()
    expect(page.locator("#state")).to_contain_text("Your results are ready")
    page.get_by_role("link", name="View absence").click()
    collect(page)
    assert visit.quiet()


def approve(served: Served, job: str, scripts: bool) -> None:
    """A checker's part of the way."""
    page = served.visit(CLEO, scripts=scripts).go("/inbox")
    page.get_by_role("link", name="Absence by year group: absence").click()
    vote(page, "Approve", "meets-rules")
    expect(page.get_by_text("Your vote on absence: approve. The output is now released.")).to_be_visible()


def collect(page: Page) -> None:
    """The released table as it is read, drawn, and taken along in three forms."""
    expect(page.get_by_role("cell", name="100", exact=True)).to_be_visible()
    page.wait_for_load_state("load")
    assert page.locator(".app-chart").evaluate("image => image.complete && image.naturalWidth > 0")
    for name, begins in (("CSV", CSV), ("Parquet", b"PAR1"), ("Record", b"{")):
        with page.expect_download() as taken:
            page.get_by_role("link", name=name, exact=True).click()
        assert taken.value.path().read_bytes().startswith(begins), name


@WITH_AND_WITHOUT
def test_a_job_is_withdrawn_and_run_again(served: Served, scripts: bool) -> None:
    visit = served.visit(ROSA, scripts=scripts)
    page = visit.go(f"/jobs/{served.site.submitted()}")
    first = page.url
    page.get_by_text("Withdraw this job").first.click()
    page.get_by_role("button", name="Withdraw this job").click()
    expect(page.locator("#state")).to_contain_text("Withdrawn")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("#state")).to_contain_text("Queued")
    assert page.url != first
    assert visit.quiet()


@WITH_AND_WITHOUT
def test_a_project_that_has_ended_accepts_no_jobs_until_two_administrators_prolong_it(
    served: Served, scripts: bool
) -> None:
    end, written = served.at_end_of("P0421", days=1)
    rosa, ada, amir = (served.visit(p, scripts=scripts) for p in (ROSA, ADA, AMIR))
    page = rosa.page
    expect(page.get_by_text(f"Ended on {written}: you cannot submit jobs").first).to_be_visible()
    assert page.get_by_role("link", name="Write a job for P0421").count() == 0
    page.get_by_role("link", name="Write a job", exact=True).click()
    page.get_by_label("Project").select_option("P0421")
    fill_form(page, SQL, scripts)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="Why the job was refused")).to_be_visible()
    expect(page.get_by_text("project-expired")).to_be_visible()
    prolong(ada.page, amir.page, end.replace(year=end.year + 1))
    page.get_by_role("link", name="Edit and resubmit").or_(page.get_by_role("button", name="Edit and resubmit")).click()
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#state")).to_contain_text("Queued")
    assert quiet(rosa, ada, amir)


def prolong(first: Page, second: Page, until: date) -> None:
    first.goto(urljoin(first.url, "/administration/projects/P0421"))
    first.get_by_label("Last day").fill(until.isoformat())
    first.get_by_role("button", name="Show what would change").click()
    first.get_by_role("button", name="Propose this change").click()
    second.get_by_role("link", name="Notices").click()
    second.get_by_role("link", name="is waiting for you").click()
    second.get_by_role("button", name="Put in force").click()


def fill_form(page: Page, text: str, scripts: bool) -> None:
    page.get_by_label("Title").fill("Absence by year group")
    page.get_by_label("Purpose").fill("A journey")
    write(page, text, scripts)


def write(page: Page, text: str, scripts: bool) -> None:
    if not scripts:
        page.locator("#text").fill(text)
        return
    page.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def test_the_editor_offers_granted_names_only(served: Served) -> None:
    page = served.visit(ROSA).go("/submit?project=P0421")
    with page.expect_response(re.compile("/names$")) as names:
        page.get_by_label("Project").select_option("P0421")
        page.reload()
    assert names.value.ok
    page.get_by_label("Project").select_option("P0421")
    page.wait_for_load_state("networkidle")
    write(page, "SELECT * FROM npd.", True)
    page.keyboard.press("Control+Space")
    offered = page.locator(".cm-tooltip-autocomplete li .cm-completionLabel")
    expect(offered.filter(has_text="absence")).to_be_visible()
    assert "cla" not in offered.all_inner_texts()
    page.keyboard.press("Escape")
    write(page, "SELECT a. FROM npd.absence AS a", True)
    for _ in " FROM npd.absence AS a":
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+Space")
    expect(offered.filter(has_text="EthnicGroupMinor")).to_be_visible()


def test_the_catalogue_searches_while_one_types(served: Served) -> None:
    visit = served.visit(ROSA)
    page = visit.go("/catalogue")
    page.get_by_role("searchbox").fill("absence ethnic")
    expect(page.get_by_role("status")).to_contain_text("1 variable")
    page.get_by_role("link", name="npd.absence.EthnicGroupMinor").click()
    expect(page.get_by_role("cell", name="White British")).to_be_visible()
    assert visit.console == []


def test_a_withdrawal_elsewhere_shows_without_a_click(served: Served) -> None:
    job = served.site.submitted()
    page = served.visit(ROSA).go(f"/jobs/{job}")
    served.site.client(ROSA).withdraw(job)
    expect(page.locator("#state")).to_contain_text("Withdrawn", timeout=15_000)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
