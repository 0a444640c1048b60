"""docs/reference/reach.md lists every ordinary text that needs a review because a part could single people out, with
the reason; and no sample leaves the automatic lane without one."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from tests.proof_size import report_figures

ROOT = Path(__file__).parents[2]
REASONS = {
    "S066": "the sample is an attack",
    "S068": "the sample is an attack",
    "T01": "all but one school: a school can have fewer than 30 pupils",
    "T16": "a school's own figures beside its pupils, which a person looks at anyway",
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


def accepted() -> Iterator[tuple[str, CheckedSubmission]]:
    """The samples that are accepted, as they are checked."""
    policies = load_policies(ROOT / "policies")
    project = policies.project("P0421")
    assert project is not None
    for number, dialect, text in samples():
        found = check_submission(text, JobKind.SQL, dialect, project, policies, date(2026, 11, 1))
        if found.accepted and found.plan is not None:
            yield number, found


def reviewed_parts() -> tuple[int, list[str]]:
    """How many samples are accepted, and a row of the page for each part that is not counted."""
    rows, many = [], 0
    for number, found in accepted():
        many += 1
        assert found.plan is not None
        parts = dict.fromkeys(p.text for output in found.plan.outputs for p in output.small_parts if not p.counted)
        rows += [f"| {number} | `{part}` | {REASONS.get(number, 'NO REASON')} |" for part in parts]
    return many, rows


def test_the_page_lists_texts_that_need_a_review() -> None:
    page = (ROOT / "docs" / "reference" / "reach.md").read_text()
    many, rows = reviewed_parts()
    assert [line for line in page.splitlines() if re.match(r"\| [A-Z]?\d|\| \w+\.sql", line)] == rows
    samples_with = {row.split("|")[1] for row in rows}
    assert f"{len(samples_with)} of {many} samples" in page
    assert "NO REASON" not in page


OTHERS = "A value depends on people outside the cell."
DISTINCT = "COUNT(DISTINCT …) counts a variable other than the link key, so it counts values and not persons."
ARITHMETIC = "The argument is arithmetic over a person's row, which has no automatic verdict."
REACH = "A part of the text could select very few people."
FELL_OUT = {
    "A46": {DISTINCT}, "A66": {OTHERS}, "S006": {OTHERS}, "S066": {REACH}, "S068": {REACH, ARITHMETIC},
    "T01": {REACH}, "T16": {REACH, OTHERS},
}  # fmt: skip
"""Every sample that a person looks at though it is accepted, with each reason that its author is told."""


def reasons_of(found: CheckedSubmission) -> set[str]:
    assert found.plan is not None
    parts = {p.placed for output in found.plan.outputs for p in output.small_parts}
    return {REACH if reason in parts else reason for reason in found.review}


def scripts() -> list[Path]:
    return [*(ROOT / "tests" / "gallery" / "scripts").glob("*.py"), *(ROOT / "broker" / "demo" / "jobs").glob("*.py")]


def test_nothing_falls_out_of_the_automatic_lane_without_a_reason() -> None:
    """Of SQL, that is: the scripts of the gallery were never in it, and are told as such."""
    every = dict(accepted())
    fell_out = {number: reasons_of(found) for number, found in every.items() if found.review}
    by_reason = Counter(reason for reasons in fell_out.values() for reason in sorted(reasons))
    alone = sum(reasons == {REACH} for reasons in fell_out.values())
    report_figures("lane", {
        "accepted": len(every), "in the lane": len(every) - len(fell_out), "fell out": sorted(fell_out),
        "by reason": dict(by_reason), "by reach alone": alone, "scripts, always before a person": len(scripts()),
    })  # fmt: skip
    assert fell_out == FELL_OUT
    assert {number for number, reasons in fell_out.items() if REACH in reasons} == set(REASONS)
