"""Each page: no violation of WCAG 2.2 AA by axe, valid markup, nothing on the console, no request that leaves."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.pages.conftest import Served
from tests.integration.web.conftest import ADA, CLEO, REFUSED_SQL, ROSA

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
PAGES = {
    None: ("/register", "/sign-in"),
    ROSA: (
        "/",
        "/projects/P0421",
        "/submit",
        "/submit?replaces={refused}",
        "/jobs/{job}",
        "/jobs/{refused}",
        "/jobs/{queued}",
        "/outputs/{released}/released",
        "/catalogue",
        "/catalogue?q=ethnic",
        "/catalogue/npd.absence",
        "/catalogue/npd.absence/EthnicGroupMinor",
        "/projects/P0421/budget",
        "/projects/P0421/saved",
        "/saved/{lookup}",
        "/nothing",
    ),
    CLEO: ("/inbox", "/outputs/{waiting}"),
    ADA: ("/administration", "/administration/people", "/administration/audit"),
}


def addressed(served: Served) -> dict[str, str]:
    """What the addresses name."""
    site = served.site
    job, released = site.released()
    lookup = site.client(ROSA).propose_lookup("P0421", "bands", "Bands of my own.", "code,band\n1,low\n2,high\n")
    return {
        "job": job,
        "released": released,
        "waiting": site.assessed()[1],
        "refused": site.submitted(REFUSED_SQL),
        "queued": site.submitted(),
        "lookup": lookup["ident"],
    }


@pytest.mark.parametrize("person", PAGES)
def test_every_page_is_accessible_and_quiet(served: Served, person: str | None) -> None:
    things = addressed(served)
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
