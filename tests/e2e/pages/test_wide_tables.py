"""A table wider than the page has a label that says so, and scrolls by keyboard."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages.conftest import Served, everyday
from tests.integration.web.conftest import ROSA

pytestmark = [pytest.mark.journey, everyday]


def until(page: Page, expression: str) -> None:
    """Wait for an expression. The page's policy forbids `eval`, which `wait_for_function` needs when it has to wait."""
    for _ in range(1200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def test_a_table_wider_than_the_page_says_so_and_scrolls_by_keyboard(served: Served) -> None:
    served.site.submitted()
    visit = served.visit(ROSA)
    page = visit.page
    page.set_viewport_size({"width": 320, "height": 900})
    visit.go("/")
    told, region = page.get_by_text("it scrolls sideways"), page.get_by_role("region", name="Jobs")
    expect(told).to_be_visible()
    region.focus()
    expect(region).to_be_focused()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('.app-scroll').scrollLeft > 0")
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(told).to_be_hidden()
    assert visit.quiet()
