"""Every link and path in README.md and docs/ leads somewhere, and docs/README.md lists every page."""

import os
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.commands import PAGES, ROOT, blocks, page_text, prose

INDEX = "docs/README.md"
ELSEWHERE = ("https://", "http://", "mailto:")


@cache
def anchors(page: str) -> set[str]:
    """What a link to a place of the page may name: its headings as GitHub writes them, and what has an id."""
    found, text = set(re.findall(r'<a (?:id|name)="([^"]+)"', page_text(page))), prose(page)
    for heading in re.findall(r"^#{1,6} (.+?)\s*$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        number = sum(bool(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other)) for other in found)
        found.add(slug if slug not in found else f"{slug}-{number}")
    return found


def links(page: str) -> list[str]:
    return [t for t in re.findall(r"\]\(([^)\s]+)[^)]*\)", prose(page)) if not t.startswith(ELSEWHERE)]


def target_of(page: str, link: str) -> tuple[str, str]:
    """The file that a link leads to, from the root, and the place in it."""
    path, _, place = link.partition("#")
    return os.path.normpath(Path(page).parent / path) if path else page, place


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_place(page):
    for link in links(page):
        path, place = target_of(page, link)
        assert (ROOT / path).exists(), f"{page} links to {link}"
        if place:
            assert place in anchors(path), f"{page} links to {link}"


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page):
    for target in re.findall(r"`((?:broker|tests|policies|docs|sandbox_images)/[\w/.-]+)`", page_text(page)):
        assert (ROOT / target).exists(), f"{page} names {target}"


def test_the_index_lists_every_page():
    listed = {target_of(INDEX, link)[0] for link in links(INDEX)}
    assert {page for page in PAGES if page.startswith("docs/")} - listed == {INDEX}


def test_the_readme_leads_to_the_index():
    assert INDEX in links("README.md")


UI_TEXT = "\n".join(
    path.read_text(encoding="utf-8")
    for pattern in ("*.html", "*.py")
    for path in sorted((ROOT / "broker").rglob(pattern))
).casefold()
"""All that pages can say, with what is computed into it left open."""
COMPUTED = {
    "View absence_by_meals": "View {{ o.name }}",
    "Lift the stop of P0421": "Lift the stop of ",
    "Request to lift the stop of P0421": "Request to lift the stop of ",
    "Did you mean FSMeligible?": "Did you mean ",
    "expires changes from …": " changes from ",
}
"""What a tutorial quotes of a page, and how the source writes it."""


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/tutorials/")])
def test_a_tutorial_names_what_the_pages_say(page):
    text = " ".join(re.sub(r"^\|", "", prose(page), flags=re.MULTILINE).split())
    quoted = [*re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", text), *re.findall(r'"([^"]+)"', text)]
    assert len(quoted) > 15
    missing = [q for q in quoted if COMPUTED.get(q, q).casefold() not in UI_TEXT]
    assert missing == []
    assert all(kind for kind, _ in blocks(page))
