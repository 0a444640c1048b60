"""Each page in a browser: no violation of WCAG 2.2 AA by axe, wide and narrow; keys; quiet; no request leaves."""

import json
import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.pages.conftest import Served, Visit
from tests.e2e.pages.keyboard import tab_through
from tests.integration.web.every_page import ROWS, VISITORS, Row, things

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],  # of what is right it then makes no list, which takes it longest
}
WIDTHS = (320, 1280)
WHOLE = os.environ.get("PROOF_PAGES") == "all"
AXE_WIDTHS = WIDTHS if WHOLE else WIDTHS[:1]
"""Axe looks at both in a proof, and every day where pages are harder to use."""

pytestmark = pytest.mark.long


@pytest.mark.parametrize("person", VISITORS)
def test_every_page_is_accessible_and_quiet(served: Served, person: str | None) -> None:
    """Every day those that are this visitor's, in a proof all that they may see; the page of what is not there, too."""
    made = things(served.site)
    visit = served.visit(person)
    addresses = [a.format(**made) for row in ROWS if row.html for a in addresses_seen_by(person, row)]
    found = {}
    for address in [*addresses, "/nothing-here"]:
        visit.go(address)
        found[address] = page_problems(visit)
    leave_figures(found)
    told = "\n".join(f"{address}: {problem}" for address, problems in found.items() for problem in problems)
    assert not told, told
    # A browser writes that /nothing-here was not found, and nothing else may stand there.
    assert (visit.elsewhere, [c for c in visit.console if "404" not in c]) == ([], [])


def addresses_seen_by(person: str | None, row: Row) -> tuple[str, ...]:
    """Of their own pages all; of others' pages that they see too, in a proof, the first."""
    if row.visitor == person:
        return row.addresses
    sees = row.answers[VISITORS.index(person)] == 200
    return (row.path,) if sees and WHOLE else ()


def page_problems(visit: Visit) -> list[str]:
    page, problems = visit.page, []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            problems.append(f"{wide} px too wide at {width}")
        if width not in AXE_WIDTHS:
            continue
        found = Axe().run(page, options=RULES)
        if found.response["violations"]:
            problems.append(f"at {width}: {found.generate_report()}")
    return problems + tab_through(page)


def leave_figures(found: dict[str, list[str]]) -> None:
    """How many pages were looked at, and how much is wrong with them, over all visitors."""
    if "PROOF_FIGURES" not in os.environ:
        return
    file = Path(os.environ["PROOF_FIGURES"]) / "pages.json"
    before = json.loads(file.read_text()) if file.exists() else {"pages": 0, "violations": 0}
    violations = sum(map(len, found.values()))
    told = {
        "pages": before["pages"] + len(found),
        "violations": before["violations"] + violations,
        "widths": AXE_WIDTHS,
    }
    file.write_text(json.dumps(told))
