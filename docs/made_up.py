"""Made-up jobs for the pictures of the pages: one table as it is reviewed and as it was released. No real figure."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from broker.domain.findings import Verdict
from tests.integration.web import conftest
from tests.integration.web.conftest import CLEO, Site
from tests.integration.web.every_page import ended_rehearsal, things

NAME = "absence_by_sen"
SQL = """-- output: absence_by_sen
SELECT a.NCyearActual, a.SENprovision, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS pupils
FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023'
GROUP BY a.NCyearActual, a.SENprovision"""

ABOUT = {
    "text": SQL, "title": "Absence by year group and SEN provision",
    "purpose": "A table in the second report on absence and special educational needs.",
}  # fmt: skip
PUPILS = {
    "7": (412, 96, 31), "8": (405, 101, 28), "9": (398, 87, 7), "10": (421, 92, 33), "11": (409, 88, 29),
}  # fmt: skip
PROVISIONS = ("N", "K", "E")
FEW = 10


def told(site: Site) -> dict[str, str]:
    """One of each thing that an address names, with the made-up table for what is looked at."""
    named = things(site)
    plain, conftest.staff_document = conftest.staff_document, document
    named["waiting"] = site.assessed(Verdict.REVIEW, candidate(), name=NAME, **ABOUT)[1]
    named["job"], named["out"] = site.assessed(Verdict.SUPPRESS, candidate(), name=NAME, **ABOUT)
    conftest.staff_document = plain
    named["rehearsed"] = ended_rehearsal(site, SQL, {"outputs": [rehearsed()]})
    cleo = site.client(CLEO)
    cleo.vote(named["out"], "approve", "meets-rules", cleo.evidence(named["out"]))
    return named


def rehearsed() -> dict[str, Any]:
    """The same table as a rehearsal keeps it."""
    made = document(Verdict.SUPPRESS)
    rows = [[None if gone else v for v, gone in zip(r["released"], r["suppressed"], strict=True)] for r in made["rows"]]
    hidden = [row["suppressed"] for row in made["rows"]]
    return {
        "name": NAME, "columns": made["columns"], "key_count": 2, "rows": rows, "hidden": hidden,
        "rules": [row["rules"] for row in made["rows"]], "meaning": {"F1": "Fewer persons than the threshold."},
        "verdict": "suppress", "way": "in_review", "why": [], "notes": made["notes"], "symbols": dict(made["symbols"]),
        "all_rows": len(rows), "figures": len(rows), "figures_hidden": sum(gone[2] for gone in hidden),
    }  # fmt: skip


def cells() -> Iterator[tuple[str, str, int]]:
    for year, pupils in PUPILS.items():
        for provision, count in zip(PROVISIONS, pupils, strict=True):
            yield year, provision, count


def shown(count: int) -> str:
    return "c" if count < FEW else str(5 * round(count / 5))


def candidate() -> bytes:
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(["NCyearActual", "SENprovision", "pupils"])
    lines.writerows([year, provision, shown(count)] for year, provision, count in cells())
    return written.getvalue().encode()


def document(verdict: Verdict) -> dict[str, Any]:
    """As `conftest.staff_document`, for the made-up table."""
    rows = [_row(*cell, verdict) for cell in cells()]
    finding = {"rule": "F1", "cell": ["9", "E"], "column": "pupils", "verdict": "suppress"}
    figures = [["persons", "7"], ["threshold", str(FEW)]]
    return {
        "name": NAME, "columns": ["NCyearActual", "SENprovision", "pupils"], "key_count": 2, "rows": rows,
        "findings": [finding | {"sentence": "Fewer persons than the threshold.", "figures": figures}],
        "verdict": verdict.value, "small": False, "symbols": [["c", "suppressed"]],
        "notes": ["Counts are rounded to 5."],
    }  # fmt: skip


def _row(year: str, provision: str, count: int, verdict: Verdict) -> dict[str, Any]:
    few = count < FEW
    looks = verdict is Verdict.REVIEW and count < 3 * FEW
    word = "suppress" if few else "review" if looks else "publish"
    return {
        "keys": [year, provision], "exact": [year, provision, count], "released": [year, provision, shown(count)],
        "suppressed": [False, False, few], "verdicts": ["publish", "publish", word],
        "rules": [[], [], ["F1"] if few else ["F2"] if looks else []], "persons": count,
    }  # fmt: skip
