"""docs/reach.md lists every ordinary text that a person looks at for what it could single out, with the reason."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from broker.domain.jobs import Kind
from broker.policy.files import load_policies
from broker.workflow.check import check_submission

ROOT = Path(__file__).parents[2]
REASONS = {
    "A16": "a value of a person's other row, of which no size is published",
    "A76": "who is in one of two years only: no size is published of who leaves and joins",
    "S068": "the sample is an attack",
    "T01": "all but one school: a school can have fewer than 30 pupils",
    "T16": "a school's own figures beside its pupils, which a person looks at anyway",
    "T20": "PIVOT counts who has a link key, by gender: no size is published of those without one",
}
"""For each sample that is not in the automatic lane, why no public size can say that it may be."""


def samples() -> Iterator[tuple[str, str, str]]:
    for name in ("queries.sql", "more_queries.sql"):
        for block in re.split(r"^-- @@ ", (ROOT / "tests" / "fixtures" / name).read_text(), flags=re.M)[1:]:
            head, text = block.split("\n", 1)
            number, dialect, *_ = (part.strip() for part in head.split("|"))
            yield number, dialect, text
    for path in sorted((ROOT / "broker" / "demo" / "jobs").glob("*.sql")):
        yield path.name, "tsql", path.read_text()


def looked_at() -> tuple[int, list[str]]:
    """How many samples are accepted, and a row of the page for each part."""
    policies = load_policies(ROOT / "policies")
    project = policies.project("P0421")
    assert project is not None
    accepted, rows = 0, []
    for number, dialect, text in samples():
        found = check_submission(text, Kind.SQL, dialect, project, policies, date(2026, 11, 1))
        if found.accepted and found.plan is not None:
            accepted += 1
            parts = dict.fromkeys(p.text for output in found.plan.outputs for p in output.small_parts)
            rows += [f"| {number} | `{part}` | {REASONS.get(number, 'NO REASON')} |" for part in parts]
    return accepted, rows


def test_the_page_lists_what_a_person_looks_at() -> None:
    page = (ROOT / "docs" / "reach.md").read_text()
    accepted, rows = looked_at()
    assert [line for line in page.splitlines() if re.match(r"\| [A-Z]?\d|\| \w+\.sql", line)] == rows
    samples_with = {row.split("|")[1] for row in rows}
    assert f"{len(samples_with)} of {accepted} samples" in page
    assert "NO REASON" not in page
