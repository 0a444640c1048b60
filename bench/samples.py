"""The check of every sample submission in one process: the median sample against sqlglot's parse and qualify of it."""

import statistics
import time
from collections.abc import Callable
from datetime import date

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from bench.demo import demo, schema_of
from bench.harness import Line
from broker.domain.jobs.job import JobKind
from broker.workflow.checking.submission_check import check_submission
from tests.samples import samples

ROUNDS = 7
TODAY = date(2026, 11, 24)


def sample_lines() -> list[Line]:
    policies, project = demo()
    schema = schema_of(policies)

    def qualified(text: str, dialect: str) -> None:
        """Of what sqlglot cannot qualify, the time until it says so."""
        try:
            for tree in sqlglot.parse(text, read=dialect):
                if tree is not None:
                    qualify(tree, schema=schema, dialect=dialect)
        except SqlglotError:
            return

    mine, theirs = [], []
    for _, dialect, _, text in samples():
        mine.append(_fastest(lambda t=text, d=dialect: check_submission(t, JobKind.SQL, d, project, policies, TODAY)))
        theirs.append(_fastest(lambda t=text, d=dialect: qualified(t, d)))
    ours, baseline = statistics.median(mine), statistics.median(theirs)
    note = (
        f"median of {len(mine)} samples, each its fastest of {ROUNDS}; slowest {max(mine):.1f} ms; 10 ms are promised"
    )
    return [
        Line(
            "check: median sample", "broker check", "sqlglot parse + qualify", round(ours, 3), round(baseline, 3),
            round(min(mine), 3), round(min(theirs), 3), round(ours / baseline, 3), ROUNDS, note,
        )
    ]  # fmt: skip


def _fastest(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return min(times)
