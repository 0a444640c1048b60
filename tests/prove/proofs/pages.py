"""Each page works for each role, with and without scripts, and says nothing that it must not."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.prove.proof import ROOT, Line, Proof, Tests

WEB, BROWSER = "tests/integration/web", "tests/e2e/pages"
JOURNEYS = ("public", "researcher", "checkers", "administrators", "notices", "whole_way")
BIG = f"{BROWSER}/test_checkers.py::test_five_thousand_figures_are_there_at_once_and_searched"
OWN_FORMS = ("pages", "research_pages", "review_pages", "administration")


def pictures() -> Iterator[Line]:
    """All pictures can be taken anew, as `make docs` does."""
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        command = [sys.executable, "-m", "docs.screenshots", folder]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        made = len(list(Path(folder).glob("*.png")))
    met = ended.returncode == 0 and bool(made)
    yield Line("pictures of the main pages are taken", met, {"screenshots": made}, "" if met else ended.stderr[-800:])


PROOF = Proof(
    "each page works for each role, with and without scripts, and says nothing that it must not",
    seed=20261126,
    sizes={"PROOF_VISITS": 21, "PROOF_PAGES": "all", "PROOF_JOURNEYS": "all"},
    tests={
        "1,000 jobs, 10,000 outputs, 100,000 audit lines: first byte and queries of every page": Tests(
            [f"{WEB}/test_speed.py"], ["speed"]
        ),
        "an output of 5,000 figures is there within half a second, and searched": Tests([BIG], ["five_thousand"]),
        "every page for everybody who sees it: axe at 320 and 1280 pixels, by keyboard, nothing from elsewhere": Tests(
            [f"{BROWSER}/test_every_page.py"], ["pages"]
        ),
        "every page as text: valid markup, nothing inline, who gets which answer, byte for byte, silence": Tests(
            [f"{WEB}/test_every_page.py"]
        ),
        "routes: every one asks who it is, or stands on the closed list; each role's answers": Tests(
            [f"{WEB}/test_security.py", f"{WEB}/test_permissions.py"], ["routes"]
        ),
        "journeys of each role to its aim, with scripts and without, and one over a running broker": Tests(
            [f"{BROWSER}/test_{name}.py" for name in JOURNEYS], ["journeys"]
        ),
        "sign-in by OpenID Connect at a real provider; sessions; notices by mail through a real server": Tests(
            [f"{WEB}/test_openid.py", f"{WEB}/test_notices.py"]
        ),
        "the public register: columns, search, files, feed, recalls, projects that policy dropped": Tests(
            [f"{WEB}/test_register.py"]
        ),
        "pages of each role, by their forms; what stays silent on a researcher's": Tests(
            [f"{WEB}/test_{name}.py" for name in OWN_FORMS]
        ),
        "pictures of the main pages stand in the docs": Tests(["tests/docs/test_pages_page.py"]),
    },
    measured={"pictures of the main pages are taken": pictures},
)
