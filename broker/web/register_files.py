"""The register as files: CSV in the columns of the department's published list, and an Atom feed. Reads no request."""

import uuid
from collections.abc import Callable, Iterable
from xml.etree import ElementTree

from broker.domain.csv_text import written_csv
from broker.domain.ports import RegisterEntry
from broker.web.years_shown import years_told
from broker.workflow.register import ROUTE, Dataset, Entry

PROJECT_COLUMNS = (
    "Reference", "Date approved", "Organisation", "Organisation type", "Project", "Project title", "Purpose",
    "Public benefit", "Data sets and years", "Identifiability and sensitivity", "Legal gateway", "Access route",
    "Data users and processors", "Date first shared", "Licence expiry", "Status", "Releases", "Outputs released",
    "Outputs recalled", "Last release",
)  # fmt: skip
RELEASE_COLUMNS = ("release", "project", "title", "outputs", "released_at", "recalled", "recalled_outputs")

ATOM = "http://www.w3.org/2005/Atom"
FEED_ID = uuid.uuid5(uuid.NAMESPACE_URL, "npd-job-broker:register").urn
"""Feed readers know the feed by it, wherever it is served."""


def projects_csv(entries: Iterable[Entry]) -> bytes:
    return written_csv(PROJECT_COLUMNS, (_project_row(e) for e in entries), numbers=False)


def releases_csv(entries: Iterable[RegisterEntry]) -> bytes:
    rows = (
        [
            e.release, e.project, e.title, "; ".join(e.outputs), e.released_at.isoformat(), str(e.recalled).lower(),
            "; ".join(e.recalled_outputs),
        ]
        for e in entries
    )  # fmt: skip
    return written_csv(RELEASE_COLUMNS, rows, numbers=False)


def _project_row(entry: Entry) -> list[str]:
    p, a, count = entry.project, entry.project.approval, entry.count
    counted = ["0", "0", "0", ""]
    if count is not None:
        counted = [str(count.releases), str(count.outputs), str(count.recalled), count.last.date().isoformat()]
    return [
        a.reference, a.approved.isoformat() if a.approved else "", p.organisation, p.organisation_type, p.ident,
        p.title, p.purpose, a.benefit, "; ".join(dataset_told(d) for d in entry.datasets), entry.level, p.gateway,
        ROUTE, "; ".join(a.processors), a.first_shared.isoformat() if a.first_shared else "", p.expires.isoformat(),
        entry.status.value, *counted,
    ]  # fmt: skip


def dataset_told(dataset: Dataset) -> str:
    return f"{dataset.table} ({years_told(dataset.years)})"


def feed(made: list[RegisterEntry], recalled: list[RegisterEntry], here: str, address: Callable[[str], str]) -> bytes:
    """Newest first; a recall is an entry of its own, so that readers are told of it."""
    found = [_Told(e, f"Released: {e.title}", "released", e.outputs, e.released_at.isoformat()) for e in made]
    found += [
        _Told(e, f"Recalled: {e.title}", "recalled", e.recalled_outputs, e.recalled_at.isoformat())
        for e in recalled
        if e.recalled_at is not None
    ]
    found.sort(key=lambda told: told.at, reverse=True)
    root = ElementTree.Element("feed", {"xmlns": ATOM, "xml:lang": "en-GB"})
    _add(root, "title", "Register of releases")
    _add(root, "id", FEED_ID)
    _add(root, "updated", found[0].at if found else "1970-01-01T00:00:00+00:00")
    ElementTree.SubElement(ElementTree.SubElement(root, "author"), "name").text = "NPD job broker"
    ElementTree.SubElement(root, "link", {"rel": "self", "href": here})
    for told in found:
        told.write(root, address(told.entry.project))
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


class _Told:
    """One entry of the feed."""

    def __init__(self, entry: RegisterEntry, title: str, what: str, outputs: Iterable[str], at: str) -> None:
        self.entry, self.title, self.what, self.outputs, self.at = entry, title, what, outputs, at

    def write(self, root: ElementTree.Element, address: str) -> None:
        made = ElementTree.SubElement(root, "entry")
        _add(made, "title", self.title)
        _add(made, "id", uuid.uuid5(uuid.NAMESPACE_URL, f"{FEED_ID}:{self.entry.release}:{self.what}").urn)
        _add(made, "updated", self.at)
        ElementTree.SubElement(made, "link", {"href": address})
        ElementTree.SubElement(made, "category", {"term": self.what})
        _add(made, "summary", f"Project {self.entry.project}, {self.what}: {', '.join(self.outputs)}.")


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    """Without the control characters that XML cannot hold."""
    ElementTree.SubElement(parent, name).text = "".join(c for c in text if c.isprintable() or c in "\n\t")
