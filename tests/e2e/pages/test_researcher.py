"""A researcher in a real browser, with and without scripts: refused, mended, accepted, withdrawn, run again."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages.conftest import Served
from tests.integration.web.conftest import REFUSED_SQL, ROSA, SQL


@pytest.mark.parametrize("scripts", [True, False])
def test_a_refusal_is_mended_and_accepted(served: Served, scripts: bool) -> None:
    visit = served.visit(ROSA, scripts=scripts)
    page = visit.page
    page.get_by_role("link", name="Write a job for P0421").click()
    page.get_by_label("Title").fill("Absence by year group")
    page.get_by_label("Purpose").fill("A journey")
    write(page, REFUSED_SQL, scripts)
    if scripts:  # marked while one types
        expect(page.locator(".cm-lintRange-error").first).to_have_text("a.NoSuchThing")
        expect(page.locator("#check")).to_contain_text("There is no variable NoSuchThing here.")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="Why it was refused")).to_be_visible()
    refused = page.url
    page.get_by_role("button", name="Mend it").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no variable NoSuchThing here.")
    expect(page.get_by_label("Title")).to_have_value("Absence by year group")
    write(page, SQL, scripts)
    if not scripts:
        page.get_by_role("button", name="Check it").click()
    expect(page.locator("#check")).to_contain_text("It would be accepted")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#state")).to_contain_text("It is the next to run.")
    expect(page.get_by_role("link", name=refused.rpartition("/")[2])).to_be_visible()
    withdraw_and_run_again(page)
    assert (visit.console, visit.elsewhere) == ([], [])


def withdraw_and_run_again(page: Page) -> None:
    first = page.url
    page.get_by_text("Withdraw this job").first.click()
    page.get_by_role("button", name="Withdraw this job").click()
    expect(page.locator("#state")).to_contain_text("Withdrawn")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("#state")).to_contain_text("Queued")
    assert page.url != first


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


def test_a_job_that_has_been_withdrawn_elsewhere_is_told_without_a_click(served: Served) -> None:
    job = served.site.submitted()
    page = served.visit(ROSA).go(f"/jobs/{job}")
    served.site.client(ROSA).withdraw(job)
    expect(page.locator("#state")).to_contain_text("Withdrawn", timeout=15_000)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
