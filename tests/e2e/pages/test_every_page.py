"""Each page: no violation of WCAG 2.2 AA by axe, valid markup, nothing on the console, no request that leaves."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.pages.conftest import Served
from tests.integration.web.conftest import ADA, CLEO, ROSA

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
PAGES = {
    None: ("/register", "/sign-in"),
    ROSA: ("/", "/submit", "/catalogue?q=ethnic", "/jobs/{job}", "/nothing"),
    CLEO: ("/inbox", "/outputs/{waiting}"),
    ADA: ("/administration", "/administration/people", "/administration/audit"),
}


@pytest.mark.parametrize("person", PAGES)
def test_every_page_is_accessible_and_quiet(served: Served, person: str | None) -> None:
    job, _ = served.site.released()
    _, waiting = served.site.assessed()
    visit = served.visit(person)
    for path in PAGES[person]:
        page = visit.go(path.format(job=job, waiting=waiting))
        found = Axe().run(page, options=RULES)
        assert found.response["violations"] == [], (path, found.generate_report())
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (path, width, wide)
    assert (visit.elsewhere, [c for c in visit.console if "404" not in c]) == ([], [])
