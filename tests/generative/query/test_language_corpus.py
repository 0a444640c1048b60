"""Queries of analysts that were written before the code that reads them: how many fair ones are accepted, and that no
unfair one leaves without a person."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broker.domain.jobs.job import JobKind
from broker.domain.projects.saved_definitions import NO_READABLE_DEFINITIONS
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import check_submission
from tests.proof_size import report_figures

pytestmark = pytest.mark.long
CORPUS = Path(__file__).parents[2] / "fixtures" / "language" / "read.json"
LEAST_ACCEPTED = {"tsql": 70, "duckdb": 71}
LEAST_AUTOMATIC = {"tsql": 30, "duckdb": 30}
"""Of 72 and 73 fair queries. A change may raise these numbers, and never lowers them."""
BEFORE_A_PERSON = {"D074"}
"""Unfair queries that are not refused: a person sees why they are dangerous."""


def verdicts(policies: PolicySet) -> dict[str, tuple[dict[str, Any], str]]:
    """Each query with `refused`, `review` or `automatic`."""
    project = policies.project("P0421")
    assert project is not None
    found = {}
    for query in json.loads(CORPUS.read_text()):
        checked = check_submission(
            query["text"], JobKind.SQL, query["dialect"], project, policies, date(2026, 12, 2), NO_READABLE_DEFINITIONS
        )
        verdict = "refused" if checked.refusals else "review" if checked.review else "automatic"
        found[query["id"]] = (query, verdict)
    return found


def test_fair_queries_are_accepted_and_unfair_ones_are_not(policies: PolicySet) -> None:
    found = verdicts(policies)
    counted = Counter((query["dialect"], query["fair"], verdict) for query, verdict in found.values())
    told = {f"{d}, {'fair' if fair else 'unfair'}, {v}": n for (d, fair, v), n in sorted(counted.items())}
    report_figures("language_corpus", told)
    for dialect, least in LEAST_ACCEPTED.items():
        assert counted[dialect, True, "review"] + counted[dialect, True, "automatic"] >= least
        assert counted[dialect, True, "automatic"] >= LEAST_AUTOMATIC[dialect]
    unfair = {ident: verdict for ident, (query, verdict) in found.items() if not query["fair"] and verdict != "refused"}
    assert unfair == dict.fromkeys(BEFORE_A_PERSON, "review")
