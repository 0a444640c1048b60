"""A door served on loopback and looked at in a real Chromium: a page for each person, console and requests watched."""

import gc
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from broker.policy.policy_set import PolicySet
from broker.workflow.policies_in_force import policies_in_force
from tests.integration.web.conftest import PASSWORD, Site, founded, open_site, policies
from tests.integration.web.speed import served as on_loopback

__all__ = ["founded", "policies"]

everyday = pytest.mark.everyday
WITH_AND_WITHOUT = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
WITH_EVERY_DAY = pytest.mark.parametrize(
    "scripts", [pytest.param(True, marks=everyday), False], ids=["scripts", "no-scripts"]
)
"""Journeys go once with JavaScript and once without it; some of those with it are taken every day."""

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Visit:
    """A person's browser window, with what went wrong in it."""

    page: Page
    address: str
    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def quiet(self, *expected: str) -> bool:
        """Nothing in the console, but for statuses that were meant to be, and nothing asked of another host."""
        return not self.elsewhere and all(any(e in line for e in expected) for line in self.console)

    def go(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page


def sign_in(page: Page, person: str, password: str) -> None:
    page.get_by_label("Name").fill(person)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def vote(page: Page, choice: str, reason: str, message: str = "") -> None:
    """Vote on the output of the page."""
    page.get_by_label(choice).check()
    page.get_by_label("Reason for the researcher").select_option(reason)
    if message:
        page.get_by_label("Message to the researcher").fill(message)
    page.get_by_role("button", name="Vote and go to the next").click()


def quiet(*visits: Visit) -> bool:
    return all(visit.quiet() for visit in visits)


@dataclass
class Served:
    """A site and where it is served; `visit` opens a window, signed in as a person, with or without scripts."""

    site: Site
    address: str
    visit: Callable[..., Visit]

    def at_end_of(self, project: str, days: int) -> tuple[date, str]:
        """It is so many days after the project's last day (before it, if negative), which is given as it is written."""
        found = policies_in_force(self.site.ports.store).project(project)
        assert found is not None
        end = found.expires
        self.site.clock.at = datetime.combine(end, time(9, 0, 30), UTC) + timedelta(days=days)
        return end, f"{end.day} {end:%B %Y}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def served(browser: Browser, founded: Path, tmp_path: Path, policies: PolicySet) -> Iterator[Served]:
    opening = open_site(founded, tmp_path)
    site, contexts = next(opening), list[BrowserContext]()
    gc.collect()
    gc.freeze()  # as the door does when it is served
    with on_loopback(site) as port:
        address = f"http://127.0.0.1:{port}"

        def visit(person: str | None = None, *, scripts: bool = True, width: int = 1280) -> Visit:
            context = browser.new_context(java_script_enabled=scripts, viewport={"width": width, "height": 900})
            contexts.append(context)
            made = Visit(context.new_page(), address)
            _watch(made)
            if person is not None:
                sign_in(made.go("/sign-in"), person, PASSWORD)
            return made

        yield Served(site, address, visit)
        for context in contexts:
            context.close()
    next(opening, None)
    gc.unfreeze()


def _watch(visit: Visit) -> None:
    """Every console error and every request that leaves the host is kept."""

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visit.console.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith((visit.address, "data:", "blob:")):
            visit.elsewhere.append(request.url)

    visit.page.on("console", said)
    visit.page.on("pageerror", lambda error: visit.console.append(str(error)))
    visit.page.on("request", on_request)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All journeys in a proof, a few of them every day."""
    if os.environ.get("PROOF_JOURNEYS") == "all":
        return
    left = [i for i in items if i.get_closest_marker("journey") and not i.get_closest_marker("everyday")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [i for i in items if i not in left]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A proof is told how many journeys came to their aim, and how."""
    if report.when != "call" or "journey" not in report.keywords or "PROOF_FIGURES" not in os.environ:
        return
    file = Path(os.environ["PROOF_FIGURES"]) / "journeys.json"
    told = json.loads(file.read_text()) if file.exists() else {"walked": 0, "without_scripts": 0, "lost": 0}
    told["walked"] += 1
    told["without_scripts"] += "no-scripts" in report.nodeid
    told["lost"] += report.failed
    file.write_text(json.dumps(told))
