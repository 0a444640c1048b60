"""The public in a browser, with scripts and without: find a project, read, take along, see a recall."""

import pytest
from playwright.sync_api import expect

from broker.workflow.pipeline import job_release
from tests.e2e.pages.conftest import Served, everyday
from tests.integration.web.conftest import CLEO

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=everyday)], ids=["scripts", "no-scripts"])
def test_a_visitor_finds_a_project_and_what_it_released(served: Served, scripts: bool) -> None:
    site = served.site
    site.released()
    visit = served.visit(scripts=scripts)
    page = visit.go("/register")
    page.get_by_label("Find a project").fill("special educational needs")
    page.get_by_label("Status").select_option("live")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="1 project")).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="These projects (CSV)").click()
    assert "DS00421" in taken.value.path().read_text()
    assert "DS00733" not in taken.value.path().read_text()
    page.get_by_role("link", name="Attainment, attendance").click()
    expect(page.get_by_text("Prescribed Persons")).to_be_visible()
    page.locator("summary", has_text="of npd.absence").click()
    assert page.get_by_role("rowheader", name="SENprovision").filter(visible=True).count() == 1
    releases = page.get_by_role("region", name="Releases of this project")
    assert releases.get_by_text("Released", exact=True).count() >= 1
    _, output = site.released()
    job_release.recall(site.ports, site.person(CLEO), output, "Not as described.")
    page.reload()
    assert releases.get_by_text("Recalled", exact=True).count() == 1
    page.get_by_role("link", name="Public register").last.click()
    page.goto(served.address + "/register/releases?q=absence")
    assert page.get_by_role("rowheader", name="Absence").count() == 2
    assert visit.quiet()
