"""The full proof of "Pages for the four people": each page in a browser and as text, journeys, who may know what,
silence, and speed in a big world; figures go to docs/proofs/F.json."""

import sys
import tempfile
from pathlib import Path

from tests.prove.properties import property_line
from tests.prove.record import write

SEED = 20261126
SIZES = {"PROOF_VISITS": 21}
WEB, BROWSER = "tests/integration/web", "tests/e2e/pages"
PROPERTIES = {
    "every page in a browser: axe at 1280 and 320 pixels, by keyboard, quiet, nothing from elsewhere": (
        (f"{BROWSER}/test_every_page.py",), ("pages",)
    ),
    "every page as text: valid markup, nothing inline, who gets which answer, silence": (
        (f"{WEB}/test_every_page.py",), ()
    ),
    "routes: every one asks who it is, or stands on the closed list": (
        (f"{WEB}/test_security.py", f"{WEB}/test_permissions.py"), ()
    ),
    "1,000 jobs, 10,000 outputs, 100,000 audit lines: first byte and queries of every page": (
        (f"{WEB}/test_speed.py",), ("speed",)
    ),
    "the public register: columns, search, files, feed, recalls, projects that policy dropped": (
        (f"{WEB}/test_register.py",), ()
    ),
    "pages of each role, by their forms": ((f"{WEB}/test_pages.py",), ()),
    "journeys in a browser, with scripts and without": (
        tuple(sorted(str(p) for p in Path(BROWSER).glob("test_*.py") if p.name != "test_every_page.py")), ("journeys",)
    ),
    "pictures of the main pages": (("tests/docs/test_pages_page.py",), ()),
}  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="prove-f-") as name:
        lines = [
            property_line(title, files, told, SIZES, SEED, Path(name)) for title, (files, told) in PROPERTIES.items()
        ]
    sys.exit(0 if write("F", SEED, lines) else 1)


if __name__ == "__main__":
    main()
