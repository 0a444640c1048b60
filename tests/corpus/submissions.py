"""The submissions of the corpus: samples, hostile texts, composed queries and scripts, each under its name."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from broker.domain.jobs.job import JobKind
from tests.attacks.evidence_shapes import job
from tests.samples import samples

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "generative" / "query"))

from shapes import sample  # isort: skip - the line above says where it stands

TESTS = Path(__file__).resolve().parents[1]
COMPOSED, JOBS = 170, 150
OWN = ""
"""The project of jobs over the little catalogue of the query specs."""


@dataclass(frozen=True)
class Submitted:
    name: str
    kind: JobKind
    dialect: str
    text: str
    project: str = "P0421"
    private: bool = False


def submissions() -> Iterator[Submitted]:
    for file in ("queries.sql", "more_queries.sql"):
        yield from (Submitted(name, JobKind.SQL, dialect, text) for name, dialect, _, text in samples(file))
    for name, text in _blocks("hostile_sql.txt"):
        yield Submitted(name, JobKind.SQL, "duckdb", text, "FIXTURE")
    for number in range(COMPOSED):
        one = sample(number)
        yield Submitted(f"composed {number}", JobKind.SQL, one.dialect, one.text)
    for number in range(0, COMPOSED, 10):
        one = sample(number)
        yield Submitted(
            f"private {number}", JobKind.SQL, one.dialect, f"-- private: epsilon 0.01\n{one.text}", private=True
        )
    for number in range(JOBS):
        own = job(number)
        yield Submitted(f"job {number}", JobKind.SQL, own.dialect, own.text, OWN)
    for name, text in _blocks("hostile_python.txt"):
        yield Submitted(name, JobKind.PYTHON, "", text, "FIXTURE")
    for script in sorted((TESTS / "gallery" / "scripts").glob("*.py")):
        yield Submitted(f"gallery {script.stem}", JobKind.PYTHON, "", script.read_text())


def _blocks(file: str) -> Iterator[tuple[str, str]]:
    """(id, text) of each; a body GEN:<expression> is evaluated to get the text."""
    for block in re.split(r"^@@ ", (TESTS / "fixtures" / file).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, body = block.split("\n", 1)
        text = eval(body[4:]) if body.startswith("GEN:") else body.rstrip("\n")  # the project's own file
        if isinstance(text, str):
            yield head.split("|")[0].strip(), text
