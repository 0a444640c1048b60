"""Notices on pages: waiting reviews, decisions, near ends. Each links to its page."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.e2e.pages.conftest import WITH_AND_WITHOUT, Served
from tests.integration.web.conftest import CLEO, ROSA

pytestmark = pytest.mark.journey


@WITH_AND_WITHOUT
def test_notices_of_a_review_a_decision_and_a_near_end(served: Served, scripts: bool) -> None:
    served.site.clock.at = datetime(2028, 3, 10, 9, 0, 30, tzinfo=UTC)  # three weeks before P0421 ends
    job, _ = served.site.assessed()
    cleo, rosa = (served.visit(person, scripts=scripts) for person in (CLEO, ROSA))
    page = rosa.go("/notices")
    expect(page.get_by_role("link", name="The grants of project P0421 end on 31 March 2028.")).to_be_visible()
    assert page.get_by_role("link", name="A job of project").count() == 0, "nothing is told before a decision"
    page = cleo.page
    page.get_by_role("link", name="Notices").click()
    page.get_by_role("link", name="One output of project P0421 is waiting for a vote.").click()
    page.get_by_role("link", name="Absence: absence").click()
    page.get_by_label("Approve").check()
    page.get_by_label("Reason for the researcher").select_option("meets-rules")
    page.get_by_role("button", name="Vote and go to the next").click()
    expect(cleo.go("/notices").get_by_text("You have no notices")).to_be_visible()
    page = rosa.go("/notices")
    page.get_by_role("link", name="A job of project P0421: released.").click()
    expect(page).to_have_url(f"{served.address}/jobs/{job}")
    assert cleo.quiet()
    assert rosa.quiet()
