"""The full proof of "Pages for the four people": each page in a browser and as text, every journey with scripts and
without, who may know what, silence, speed in a big world; figures go to docs/proofs/pages.json. `python -m
tests.prove.pages parts` prints without writing."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.prove.properties import property_line
from tests.prove.record import ROOT, Line, write

SEED = 20261126
SIZES = {"PROOF_VISITS": 21, "PROOF_PAGES": "all", "PROOF_JOURNEYS": "all"}
WEB, BROWSER = "tests/integration/web", "tests/e2e/pages"
JOURNEYS = ("public", "researcher", "checkers", "administrators", "notices", "whole_way")
BIG = f"{BROWSER}/test_checkers.py::test_five_thousand_figures_are_there_at_once_and_searched"
PROPERTIES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "1,000 jobs, 10,000 outputs, 100,000 audit lines: first byte and queries of every page": (
        (f"{WEB}/test_speed.py",), ("speed",),
    ),
    "an output of 5,000 figures is there within half a second, and searched": ((BIG,), ("five_thousand",)),
    "every page for everybody who sees it: axe at 320 and 1280 pixels, by keyboard, quiet, nothing from elsewhere": (
        (f"{BROWSER}/test_every_page.py",), ("pages",),
    ),
    "every page as text: valid markup, nothing inline, who gets which answer, byte for byte, silence": (
        (f"{WEB}/test_every_page.py",), (),
    ),
    "routes: every one asks who it is, or stands on the closed list; each role's answers": (
        (f"{WEB}/test_security.py", f"{WEB}/test_permissions.py"), ("routes",),
    ),
    "journeys of each role to its aim, with scripts and without, and one over a running broker with containers": (
        tuple(f"{BROWSER}/test_{name}.py" for name in JOURNEYS), ("journeys",),
    ),
    "sign-in by OpenID Connect at a real provider; sessions; notices by mail through a real server": (
        (f"{WEB}/test_openid.py", f"{WEB}/test_notices.py"), (),
    ),
    "the public register: columns, search, files, feed, recalls, projects that policy dropped": (
        (f"{WEB}/test_register.py",), (),
    ),
    "pages of each role, by their forms; what stays silent on a researcher's": (
        tuple(f"{WEB}/test_{name}.py" for name in ("pages", "research_pages", "review_pages", "administration")), (),
    ),
    "pictures of the main pages stand in the docs": (("tests/docs/test_pages_page.py",), ()),
}  # fmt: skip


def pictures_line(folder: Path) -> Line:
    """All pictures can be taken anew, as `make docs` does."""
    command = [sys.executable, "-m", "docs.screenshots", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    made = sorted(p.stem for p in folder.glob("*.png"))
    met = ended.returncode == 0 and bool(made)
    return Line(
        "pictures of the main pages are taken", met, {"screenshots": len(made)}, "" if met else ended.stderr[-800:]
    )


def proof_lines() -> list[Line]:
    """One after the other: some measure how long a page takes."""
    with tempfile.TemporaryDirectory(prefix="prove-f-") as name:
        folder = Path(name)
        lines = [property_line(title, files, told, SIZES, SEED, folder) for title, (files, told) in PROPERTIES.items()]
        return [*lines, pictures_line(folder / "pictures")]


def main() -> None:
    lines = proof_lines()
    if sys.argv[1:] != ["parts"]:
        sys.exit(0 if write("pages", SEED, lines) else 1)
    for line in lines:
        print(f"{'met    ' if line.met else 'NOT MET'} {line.name}: {line.figures} {line.note}")
    sys.exit(0 if all(line.met for line in lines) else 1)


if __name__ == "__main__":
    main()
