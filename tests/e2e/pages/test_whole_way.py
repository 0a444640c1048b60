"""The whole way by pages alone, over a running broker: its own server, worker and containers, on the synthetic NPD."""

import csv
import io

import pytest
from playwright.sync_api import Browser, Page, expect

from broker.demo.demo_setup import sign_ins
from tests.e2e.conftest import Site
from tests.e2e.jobs import ABSENCE
from tests.e2e.pages.conftest import sign_in, vote

pytestmark = [pytest.mark.journey, pytest.mark.docker, pytest.mark.service]

SOON = 90_000
"""Milliseconds within which a job on the small synthetic NPD comes to a checker."""


@pytest.mark.parametrize("site", ["runsc"], indirect=True)
def test_from_a_text_to_released_figures(site: Site, browser: Browser) -> None:
    rosa, cleo, public = (signed_in(site, browser, person) for person in ("demo-researcher", "demo-checker-1", None))
    job = written(rosa)
    approved(cleo)
    rosa.goto(job)
    expect(rosa.locator("#state")).to_contain_text("Your results are ready")
    rosa.get_by_role("link", name="View absence").click()
    with rosa.expect_download() as taken:
        rosa.get_by_role("link", name="CSV", exact=True).click()
    rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text())))
    assert len(rows) > 10
    assert all(row["pupils"] == "c" or int(row["pupils"]) % 5 == 0 for row in rows)
    public.goto(f"{site.address}/register/releases")
    expect(public.get_by_role("rowheader", name="Absence by free school meals")).to_be_visible()


def signed_in(site: Site, browser: Browser, person: str | None) -> Page:
    page = browser.new_context().new_page()
    if person is not None:
        page.goto(f"{site.address}/sign-in")
        sign_in(page, person, sign_ins(site.data)[person])
    return page


def written(page: Page) -> str:
    """A researcher submits, and follows the job until it waits for people."""
    page.get_by_role("link", name="Write a job for P0421").click()
    page.get_by_label("Title").fill("Absence by free school meals")
    page.get_by_label("Purpose").fill("To see the whole way.")
    page.locator(".cm-content").click()
    page.keyboard.insert_text(ABSENCE)
    expect(page.locator("#check")).to_contain_text("No problems found")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#state")).to_contain_text("Waiting for a decision", timeout=SOON)  # told without a click
    return page.url


def approved(page: Page) -> None:
    page.get_by_role("link", name="Inbox").click()
    page.get_by_role("link", name="Absence by free school meals: absence").click()
    expect(page.locator("#evidence-table tbody tr").first).to_be_visible()
    vote(page, "Approve", "meets-rules")
    expect(page.get_by_text("Your vote on absence: approve. The output is now released.")).to_be_visible()
