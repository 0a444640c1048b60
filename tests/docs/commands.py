"""The blocks that README.md and the pages of docs/ show, and the commands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")))

SESSION = (
    "docs/how-to/submit-from-the-command-line.md",
    "docs/how-to/save-a-cohort-or-a-table.md",
    "docs/how-to/ask-under-differential-privacy.md",
    "docs/tutorials/checker.md",
)
"""The pages with `sh server` blocks, in an order in which one broker can run them all."""


def page_text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[tuple[str, str]]:
    """The kind and the text of each fenced block of a page, also of one that is indented."""
    found, fence, kind, lines = [], "", "", list[str]()
    for line in page_text(page).splitlines():
        stripped = line.strip()
        if not fence and (opened := re.match(r"(`{3,}|~{3,})\s*(.*)", stripped)):
            fence, kind, lines = opened[1], opened[2], []
        elif fence and re.fullmatch(rf"{fence[0]}{{{len(fence)},}}", stripped):
            found.append((kind, "\n".join(lines)))
            fence = ""
        elif fence:
            lines.append(line)
    assert not fence, f"{page} has a block without an end"
    return found


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^\s*(`{3,}|~{3,}).*?^\s*\1`*\s*$", "", page_text(page), flags=re.MULTILINE | re.DOTALL)


def commands(page: str, kind: str) -> list[str]:
    """`sh`: they need nothing. `sh server`: they need a broker that runs, and ids in the place of JOB, OUTPUT and
    LOOKUP. `sh restore`: they need a back-up that was restored."""
    return [line for k, text in blocks(page) if k == kind for line in text.splitlines() if line]
