"""Takes the pictures of the main pages that stand in docs/reference/pages.md, from a broker with made-up jobs. Run by `make docs`.

It needs Chromium, as the tests of the pages do (`make services` installs it). `python -m docs.screenshots FOLDER` puts
them elsewhere.
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from broker.policy.files import load_policies
from docs.made_up import told
from tests.e2e.pages.conftest import CHROMIUM, FLAGS
from tests.integration.web.conftest import ADA, CLEO, PASSWORD, ROSA, Site, found_site, open_site

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pages"
WIDTH, MOST_HEIGHT = 960, 1200
WIDE, WIDE_WIDTH = frozenset({"output"}), 1240
"""Pages that are made for a wide window."""
PLAIN = ["--disable-lcd-text"]
"""Letters without colours at their edges: half the bytes."""

SHOTS: dict[str, tuple[str | None, str]] = {
    "register": (None, "/register"),
    "register-project": (None, "/register/projects/P0421"),
    "jobs": (ROSA, "/"),
    "write-a-job": (ROSA, "/submit?replaces={job}"),
    "rehearsal": (ROSA, "/rehearsals/{rehearsed}"),
    "refused": (ROSA, "/jobs/{refused}"),
    "released": (ROSA, "/jobs/{job}"),
    "collect": (ROSA, "/outputs/{out}/released"),
    "find-variables": (ROSA, "/catalogue?q=absence"),
    "inbox": (CLEO, "/inbox"),
    "output": (CLEO, "/outputs/{waiting}"),
    "administration": (ADA, "/administration"),
    "stop": (ADA, "/administration/stops"),
    "audit": (ADA, "/administration/audit"),
}
"""A name, who looks, and at what."""


def main() -> None:
    if not Path(CHROMIUM).exists():
        sys.exit(
            f"There is no {CHROMIUM}: the pictures of docs/reference/pages.md stay as they are. `make services` installs it."
        )
    pictures = Path(sys.argv[1]) if sys.argv[1:] else PICTURES
    pictures.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="docs-") as name, site(Path(name)) as made, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *PLAIN])
        named = told(made)
        with served(made) as address:
            for shot, (person, path) in SHOTS.items():
                width = WIDE_WIDTH if shot in WIDE else WIDTH
                take(browser, address + path.format(**named), person, pictures / f"{shot}.png", width)
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


def take(browser: Browser, address: str, person: str | None, file: Path, width: int) -> None:
    """The top of a page, as tall as it is or as a picture may be."""
    context = browser.new_context(viewport={"width": width, "height": MOST_HEIGHT})
    page = context.new_page()
    if person is not None:
        page.goto(urljoin(address, "/sign-in"))
        page.get_by_label("Name").fill(person)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    page.goto(address)
    page.wait_for_load_state("networkidle")
    tall = min(MOST_HEIGHT, page.locator("footer").bounding_box()["y"])
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": tall})
    context.close()


if __name__ == "__main__":
    main()
