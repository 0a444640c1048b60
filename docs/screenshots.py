"""Takes the pictures of the main pages that stand in docs/pages.md, from a broker with made-up jobs. Run by `make docs`.

It needs Chromium, as the tests of the pages do (`make services` installs it).
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from broker.policy.files import load_policies
from tests.e2e.pages.conftest import CHROMIUM, FLAGS
from tests.integration.web.conftest import ADA, CLEO, PASSWORD, ROSA, Site, found_site, open_site
from tests.integration.web.every_page import things

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pages"
WIDTH, HEIGHT, MOST_HEIGHT = 960, 700, 1200
PLAIN = ["--disable-lcd-text"]
"""Letters without colours at their edges: half the bytes."""

SHOTS: dict[str, tuple[str | None, str]] = {
    "register": (None, "/register"),
    "register-project": (None, "/register/projects/P0421"),
    "jobs": (ROSA, "/"),
    "write-a-job": (ROSA, "/submit"),
    "refused": (ROSA, "/jobs/{refused}"),
    "released": (ROSA, "/jobs/{job}"),
    "find-variables": (ROSA, "/catalogue?q=absence"),
    "inbox": (CLEO, "/inbox"),
    "output": (CLEO, "/outputs/{waiting}"),
    "administration": (ADA, "/administration"),
    "audit": (ADA, "/administration/audit"),
}
"""A name, who looks, and at what."""


def main() -> None:
    if not Path(CHROMIUM).exists():
        sys.exit(
            f"There is no {CHROMIUM}: the pictures of docs/pages.md stay as they are. `make services` installs it."
        )
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="docs-") as name, site(Path(name)) as made, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *PLAIN])
        named = things(made)
        with served(made) as address:
            for shot, (person, path) in SHOTS.items():
                take(browser, address, person, path.format(**named), PICTURES / f"{shot}.png")
        browser.close()


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    founded = folder / "founded"
    founded.mkdir()
    found_site(load_policies(ROOT / "policies"), founded)
    yield from open_site(founded, folder / "site")


@contextmanager
def served(made: Site) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, made.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def take(browser: Browser, address: str, person: str | None, path: str, file: Path) -> None:
    """The top of a page, as tall as it is or as a picture may be."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    if person is not None:
        page.goto(address + "/sign-in")
        page.get_by_label("Name").fill(person)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    page.goto(address + path)
    tall = min(MOST_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": tall})
    context.close()


if __name__ == "__main__":
    main()
