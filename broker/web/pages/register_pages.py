"""The public register: pages, and files as JSON, CSV and an Atom feed. Everybody may read them. No rules."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from xml.etree import ElementTree

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from broker.domain.csv_text import document_without_formulas, without_formulas, write_csv
from broker.domain.ports import RegisterEntry, RegisterFilter
from broker.web.schemas import release_schemas
from broker.web.schemas.serializers import attachment
from broker.web.template_setup import format_calendar_years
from broker.web.web_context import ports
from broker.workflow.views import public_register

PROJECT_COLUMNS = {
    "reference": "Reference", "approved": "Date approved", "organisation": "Organisation",
    "organisation_type": "Organisation type", "project": "Project", "title": "Project title", "purpose": "Purpose",
    "benefit": "Public benefit", "datasets": "Data sets and years", "level": "Identifiability and sensitivity",
    "gateway": "Legal gateway", "route": "Access route", "processors": "Data users and processors",
    "first_shared": "Date first shared", "expires": "Licence expiry", "status": "Status", "releases": "Releases",
    "outputs": "Outputs released", "recalled": "Outputs recalled", "last_release": "Last release",
}  # fmt: skip
"""The columns of a project by the fields of its schema."""
RELEASE_COLUMNS = ("release", "project", "title", "outputs", "released_at", "recalled", "recalled_outputs")

ATOM = "http://www.w3.org/2005/Atom"
FEED_ID = uuid.uuid5(uuid.NAMESPACE_URL, "npd-job-broker:register").urn
"""Id by which feed readers recognise the feed, wherever it is served."""


def projects_as_csv(entries: Iterable[public_register.ProjectEntry]) -> bytes:
    return write_csv(PROJECT_COLUMNS.values(), (_project_row(e) for e in entries), numbers=False)


def releases_as_csv(entries: Iterable[RegisterEntry]) -> bytes:
    rows = (
        [
            e.release, e.project, e.title, "; ".join(e.outputs), e.released_at.isoformat(), str(e.recalled).lower(),
            "; ".join(e.recalled_outputs),
        ]
        for e in entries
    )  # fmt: skip
    return write_csv(RELEASE_COLUMNS, rows, numbers=False)


def _project_row(entry: public_register.ProjectEntry) -> list[str]:
    shown = release_schemas.RegisterProject.answer(entry)
    shown["datasets"] = [dataset_text(dataset) for dataset in entry.datasets]
    shown["last_release"] = (shown["last_release"] or "")[: len("2026-11-24")]
    return [_cell_text(shown[name]) for name in PROJECT_COLUMNS]


def _cell_text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else str(value)


def dataset_text(dataset: public_register.Dataset) -> str:
    return f"{dataset.table} ({format_calendar_years(dataset.years)})"


def atom_feed(
    made: list[RegisterEntry], recalled: list[RegisterEntry], self_link: str, address: Callable[[str], str]
) -> bytes:
    """Return the feed as XML, newest first. A recall is an entry of its own, so that feed readers show it."""
    found = [_FeedEntry(e, "released", e.outputs, e.released_at.isoformat()) for e in made]
    found += [
        _FeedEntry(e, "recalled", e.recalled_outputs, e.recalled_at.isoformat())
        for e in recalled
        if e.recalled_at is not None
    ]
    found.sort(key=lambda entry: entry.at, reverse=True)
    root = ElementTree.Element("feed", {"xmlns": ATOM, "xml:lang": "en-GB"})
    _add_text(root, "title", "Register of releases")
    _add_text(root, "id", FEED_ID)
    _add_text(root, "updated", found[0].at if found else "1970-01-01T00:00:00+00:00")
    ElementTree.SubElement(ElementTree.SubElement(root, "author"), "name").text = "NPD job broker"
    ElementTree.SubElement(root, "link", {"rel": "self", "href": self_link})
    for item in found:
        item.write(root, address(item.entry.project))
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


class _FeedEntry:
    """One entry of the feed."""

    def __init__(self, entry: RegisterEntry, what: str, outputs: Iterable[str], at: str) -> None:
        self.entry, self.what, self.outputs, self.at = entry, what, outputs, at
        self.title = f"{what.capitalize()}: {without_formulas(entry.title, numbers=False)}"

    def write(self, root: ElementTree.Element, address: str) -> None:
        made = ElementTree.SubElement(root, "entry")
        _add_text(made, "title", self.title)
        _add_text(made, "id", uuid.uuid5(uuid.NAMESPACE_URL, f"{FEED_ID}:{self.entry.release}:{self.what}").urn)
        _add_text(made, "updated", self.at)
        ElementTree.SubElement(made, "link", {"href": address})
        ElementTree.SubElement(made, "category", {"term": self.what})
        _add_text(made, "summary", f"Project {self.entry.project}, {self.what}: {', '.join(self.outputs)}.")


def _add_text(parent: ElementTree.Element, name: str, text: str) -> None:
    """Add an element with this text, without the control characters that XML cannot have."""
    ElementTree.SubElement(parent, name).text = "".join(c for c in text if c.isprintable() or c in "\n\t")


pages = Blueprint("public", __name__)

PAGE, FEED = 50, 50


@pages.get("/register")
def register_page() -> str:
    """Show the projects that match the search, and the latest releases."""
    found, newest = (
        public_register.list_projects(ports(), _search_filter()),
        public_register.list_releases(ports(), RegisterFilter(limit=10)),
    )
    return render_template(
        "register.html", entries=found, newest=newest, q=_search_words(), statuses=list(public_register.ProjectStatus)
    )


@pages.get("/register/releases")
def releases() -> str:
    found = _release_page(RegisterFilter(words=_search_filter().words))
    return render_template("register_releases.html", q=_search_words(), **found)


def _release_page(wanted: RegisterFilter) -> dict[str, object]:
    """Return the page of releases that the address names, and the id after which the next page begins."""
    # One more than the page, to know whether there is another page.
    page = replace(wanted, after=request.args.get("after") or None, limit=PAGE + 1)
    found = public_register.list_releases(ports(), page)
    return {"releases": found[:PAGE], "following": found[PAGE - 1].release if len(found) > PAGE else None}


@pages.get("/register/projects/<project>")
def project(project: str) -> str:
    entry = public_register.find_project(ports(), project)
    found = _release_page(RegisterFilter(frozenset({project})))
    return render_template(
        "register_project.html", entry=entry, route=public_register.ROUTE, levels=public_register.LEVELS, **found
    )


@pages.get("/register.json")
def register_json() -> Response:
    wanted = _search_filter()
    found = {"projects": public_register.list_projects(ports(), wanted), "releases": _releases(wanted)}
    return jsonify(document_without_formulas(release_schemas.RegisterShown.answer(found)))


@pages.get("/register.csv")
def register_csv() -> Response:
    """Return the projects in the columns of the department's published list of data shares."""
    return _csv_response(projects_as_csv(public_register.list_projects(ports(), _search_filter())), "register.csv")


@pages.get("/register/releases.csv")
def releases_csv() -> Response:
    return _csv_response(releases_as_csv(_releases(_search_filter())), "releases.csv")


@pages.get("/register.atom")
def register_feed() -> Response:
    """Return the newest releases and recalls for feed readers."""
    made = public_register.list_releases(ports(), RegisterFilter(limit=FEED))
    recalled = public_register.list_releases(ports(), RegisterFilter(limit=FEED, recalled=True))
    # Relative links: anybody can send any Host header.
    text = atom_feed(made, recalled, url_for(".register_feed"), lambda p: url_for(".project", project=p))
    return Response(text, content_type="application/atom+xml; charset=utf-8")


def _releases(wanted: public_register.RegisterSearch) -> list[RegisterEntry]:
    return public_register.list_releases(ports(), RegisterFilter(words=wanted.words))


def _search_filter() -> public_register.RegisterSearch:
    return public_register.register_search(_search_words(), request.args.get("status", ""))


def _search_words() -> str:
    return request.args.get("q", "")[:200]


def _csv_response(content: bytes, name: str) -> Response:
    return attachment(Response(content, mimetype="text/csv"), name)
