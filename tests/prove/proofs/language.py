"""SQL as analysts write it is accepted: the corpus of analysts, of which one half is read here for the first time, and
the properties of free SQL over the larger language."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Any

from bench.samples import sample_lines
from broker.domain.jobs.job import JobKind
from broker.domain.projects.saved_definitions import NO_READABLE_DEFINITIONS
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import check_submission
from tests.prove import mutants
from tests.prove.proof import ROOT, Line, Proof, Tests
from tests.prove.proofs import sql

SEED = 20261203
CORPUS = ROOT / "tests" / "fixtures" / "language"
UNREAD = "b2413d4dc856f53ec649a8f87172a5e45898e61024162f1541a84ea86df18ae2"
"""SHA-256 of the half that nobody reads before the proof."""
ACCEPTED, AUTOMATIC = 0.95, 0.85
RATIO = 2.5
"""A check may take so many times as long as the parser alone."""
SCORE = 0.95
GENERATIVE = "tests/generative/query"


def corpus_lines(name: str, queries: list[dict[str, Any]]) -> list[Line]:
    """How many fair queries are accepted, and without a person; whether every unfair one is refused."""
    policies = load_policies(ROOT / "policies")
    project = policies.project("P0421")
    assert project is not None
    counted: Counter[tuple[str, str]] = Counter()
    refused: dict[str, list[str]] = {}
    for query in queries:
        found = check_submission(
            query["text"], JobKind.SQL, query["dialect"], project, policies, date(2026, 12, 3), NO_READABLE_DEFINITIONS
        )
        verdict = "refused" if found.refusals else "review" if found.review else "automatic"
        counted["fair" if query["fair"] else "unfair", verdict] += 1
        if query["fair"] and found.refusals:
            refused[query["id"]] = sorted({r.code for r in found.refusals})
    fair = sum(n for (kind, _), n in counted.items() if kind == "fair")
    accepted = (fair - counted["fair", "refused"]) / fair
    automatic = counted["fair", "automatic"] / fair
    figures = {" ".join(k): n for k, n in sorted(counted.items())}
    return [
        Line(f"{name}: fair queries accepted", accepted >= ACCEPTED, {"share": accepted, "refused": refused}),
        Line(f"{name}: without a person", automatic >= AUTOMATIC, {"share": automatic}),
        Line(f"{name}: unfair queries refused", counted["unfair", "refused"] == len(queries) - fair, figures),
    ]


def unread() -> list[dict[str, Any]]:
    content = gzip.decompress((CORPUS / "unread.json.gz").read_bytes())
    assert sha256(content).hexdigest() == UNREAD, "The sealed half is another one."
    found: list[dict[str, Any]] = json.loads(content)
    return found


def corpus() -> Iterator[Line]:
    yield from corpus_lines("read half", json.loads((CORPUS / "read.json").read_text()))
    yield from corpus_lines("unread half", unread())


def mutation() -> Iterator[Line]:
    figures = mutants.run(list(mutants.LANGUAGE_MODULES), sql.MUTANTS, SEED)
    score = figures.get("score", 0.0)
    yield Line("mutation testing of the new modules", isinstance(score, float) and score >= SCORE, figures)


def speed() -> Iterator[Line]:
    (sample,) = sample_lines()
    figures = {"ratio": sample.ratio, "limit": RATIO}
    yield Line("check of the samples beside the parser", sample.ratio <= RATIO, figures)


PROOF = Proof(
    "SQL as analysts write it is accepted, and most of it needs no person",
    seed=SEED,
    sizes=sql.SIZES,
    tests={
        "an accepted text gives what the engine gives": Tests([f"{GENERATIVE}/test_corpus_runs.py"], ["corpus_runs"]),
        "the first advice of 30 refused texts leads to acceptance": Tests(["tests/unit/workflow/test_text_edits.py"]),
        "forms beside the engine": Tests(["tests/spec/query/test_same_as_the_engine.py"]),
        "coarse bands": Tests(["tests/spec/scope/test_coarse_bands.py"]),
        "decoders": Tests([f"{GENERATIVE}/test_decoders.py"]),
        **sql.TESTS,
    },
    measured={"speed": speed, "corpus": corpus, "mutation testing": mutation},
)
