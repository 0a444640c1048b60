"""Notices on pages: waiting reviews, decisions, near ends. Each links to its page."""

import pytest
from playwright.sync_api import expect

from tests.e2e.pages.conftest import WITH_AND_WITHOUT, Served, quiet, vote
from tests.integration.web.conftest import CLEO, ROSA

pytestmark = pytest.mark.journey


@WITH_AND_WITHOUT
def test_notices_of_a_review_a_decision_and_a_near_end(served: Served, scripts: bool) -> None:
    _, end = served.at_end_of("P0421", days=-21)
    job, _ = served.site.assessed()
    cleo, rosa = (served.visit(person, scripts=scripts) for person in (CLEO, ROSA))
    page = rosa.go("/notices")
    expect(page.get_by_role("link", name=f"The grants of project P0421 end on {end}.")).to_be_visible()
    assert page.get_by_role("link", name="A job of project").count() == 0, "nothing is told before a decision"
    page = cleo.page
    page.get_by_role("link", name="Notices").click()
    page.get_by_role("link", name="One output of project P0421 is waiting for a vote.").click()
    page.get_by_role("link", name="Absence: absence").click()
    vote(page, "Approve", "meets-rules")
    expect(cleo.go("/notices").get_by_text("You have no notices")).to_be_visible()
    page = rosa.go("/notices")
    page.get_by_role("link", name="A job of project P0421: released.").click()
    expect(page).to_have_url(f"{served.address}/jobs/{job}")
    assert quiet(cleo, rosa)
