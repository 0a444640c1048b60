from pathlib import Path
from axe_playwright_python.sync_playwright import Axe
from tests.e2e.pages.test_every_page import PAGES, RULES, addressed
from tests.integration.web.conftest import ROSA
OUT = Path("/tmp/shots"); OUT.mkdir(exist_ok=True)
def test_shots(served):
    things = addressed(served)
    visit = served.visit(ROSA)
    bad = []
    for n, path in enumerate(PAGES[ROSA]):
        page = visit.go(path.format(**things))
        page.wait_for_load_state("networkidle")
        page.screenshot(path=OUT / f"{n:02}.png", full_page=True)
        f = Axe().run(page, options=RULES)
        if f.response["violations"]: bad.append((path, f.generate_report()))
        page.set_viewport_size({"width": 320, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0: bad.append((path, wide))
        page.screenshot(path=OUT / f"{n:02}-320.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 900})
    print(visit.console, visit.elsewhere)
    for b in bad: print(*b)
    assert not bad
