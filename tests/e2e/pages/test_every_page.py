"""Each page: no violation of WCAG 2.2 AA by axe, valid markup, nothing on the console, no request that leaves."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from broker.domain.outputs import Verdict
from tests.e2e.pages.conftest import Served
from tests.integration.web.conftest import ADA, CLEO, ROSA
from tests.integration.web.test_review_pages import failed

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
PAGES = {
    None: ("/register", "/sign-in"),
    ROSA: ("/jobs/{job}/messages", "/", "/submit", "/catalogue?q=ethnic", "/jobs/{job}", "/nothing"),
    CLEO: (
        "/inbox",
        "/outputs/{waiting}",
        "/outputs/{waiting}?row=0",
        "/outputs/{waiting}/attack",
        "/jobs/{open}/review",
        "/outputs/{out}",
        "/outputs/{out}/recall",
        "/lookups/{lookup}",
        "/jobs/{failed}/failure",
    ),
    ADA: ("/administration", "/administration/people", "/administration/audit"),
}


@pytest.mark.parametrize("person", PAGES)
def test_every_page_is_accessible_and_quiet(served: Served, person: str | None) -> None:
    job, out = served.site.released()
    open_, waiting = served.site.assessed(Verdict.REFUSE)
    lookup = served.site.client(ROSA).propose_lookup("P0421", "bands", "Bands.", "code,band\n1,low\n")["ident"]
    things = {
        "job": job,
        "out": out,
        "waiting": waiting,
        "open": open_,
        "failed": failed(served.site),
        "lookup": lookup,
    }
    visit = served.visit(person)
    for path in PAGES[person]:
        page = visit.go(path.format(**things))
        found = Axe().run(page, options=RULES)
        assert found.response["violations"] == [], (path, found.generate_report())
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (path, width, wide)
    assert (visit.elsewhere, [c for c in visit.console if "404" not in c]) == ([], [])
