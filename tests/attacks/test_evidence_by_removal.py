"""Evidence counts exactly the persons who move a figure. Composed queries run again without each person, and with one
value changed. PROOF_EVIDENCE is their number, PROOF_SEED the first seed."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import duckdb
import pytest

from broker.domain.plans.plan import PlannedTable
from broker.query.sql.person_evidence import PersonEvidence
from tests.attacks.evidence_by_removal import NEEDS, Finding, evidence_of, judged, miscounted, put, without
from tests.attacks.evidence_shapes import PEOPLE, PERSONS, PUBLIC, TOPS, Question, changed, question, world
from tests.proof_size import report_figures
from tests.spec.query.query_kit import compiled, database

SMALL, CHANGED = 60, 1
FEWEST_SHAPES = 60
EVERYWHERE = 1500
"""Of so many questions, every operator is among those that are accepted."""

pytestmark = pytest.mark.long


@dataclass
class Figures:
    asked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    removals: int = 0
    changes: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    operators: Counter[str] = field(default_factory=Counter)
    reviewed: int = 0
    unexplained: list[tuple[int, str, Finding]] = field(default_factory=list)
    miscounted: list[tuple[int, str, object]] = field(default_factory=list)
    ended: list[tuple[int, str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def figures() -> Figures:
    start, many = int(os.environ.get("PROOF_SEED", "0")), int(os.environ.get("PROOF_EVIDENCE", SMALL))
    found, con = Figures(), database({})
    for number in range(start, start + many):
        one = question(number)
        found.asked += 1
        compiled_text = compiled(one.text, one.dialect)
        if compiled_text.plan is None:
            found.refused.update({r.code for r in compiled_text.refusals})
            continue
        try:
            _judge(found, number, one, compiled_text.plan.outputs[0].tables, con)
        except duckdb.Error as error:
            found.ended.append((number, one.text, str(error)))
        found.reviewed += bool(compiled_text.review)
    report_figures(
        f"evidence_by_removal_{start}", vars(found) | {"shapes": len(found.shapes), "names": sorted(found.shapes)}
    )
    return found


def _judge(found: Figures, number: int, one: Question, tables: Any, con: duckdb.DuckDBPyConnection) -> None:
    here = world(number)
    put(con, here)
    before = evidence_of(con, tables)
    con.execute("PRAGMA disable_optimizer")  # many small statements, each of which is made once
    found.judged += 1
    found.shapes[one.shape] += 1
    found.operators.update([*one.operators, one.top])
    found.miscounted += [(number, one.text, place) for place in miscounted(before)]
    unexplained: list[Finding] = []
    here_in_context = persons_of_context(con, tables)
    for person in PEOPLE:
        with without(con, person):
            some = judged(tables, person, before, evidence_of(con, tables, who=False), removed=True)
            unexplained += [f for f in some if not is_of_context(f, here_in_context)]
        found.removals += 1
    rng = Random(number)
    for _ in range(CHANGED):
        person, other = changed(here, rng)
        put(con, other)
        some = judged(tables, person, before, evidence_of(con, tables), removed=False)
        in_context = here_in_context + persons_of_context(con, tables)
        unexplained += [f for f in some if not is_of_context(f, in_context)]
        found.changes += 1
    con.execute("PRAGMA enable_optimizer")
    found.unexplained += [(number, one.text, f) for f in unexplained]


Context = list[tuple[int, frozenset[int]]]
"""Tables that are not shown, by number, each with the persons of its groups."""


def persons_of_context(con: duckdb.DuckDBPyConnection, tables: Sequence[PlannedTable]) -> Context:
    """A group of too few has no value, so each of its persons can move the rows that depend on it, even one who adds
    nothing to its figures: a public row stands where theirs is removed."""
    found = Context()
    for number, table in enumerate(tables):
        if not table.shown:
            parts = ",\n".join(PersonEvidence(table, NEEDS.min_persons).common_tables())
            rows = con.execute(f"WITH {parts}\nSELECT DISTINCT p FROM people WHERE p IS NOT NULL").fetchall()
            found.append((number, frozenset(person for (person,) in rows)))
    return found


def is_of_context(finding: Finding, context: Context) -> bool:
    """Whether a group of another table explains it. A table's own figures need evidence of their own."""
    return any(finding.person in persons for number, persons in context if number != finding.place[0])


def test_evidence_counts_exactly_the_persons_who_move_a_figure(figures: Figures) -> None:
    assert not figures.unexplained, figures.unexplained[0]
    assert figures.judged > 0.8 * figures.asked, figures.refused


def test_as_many_are_counted_as_stand_behind(figures: Figures) -> None:
    assert not figures.miscounted, figures.miscounted[0]


def test_no_accepted_question_ends_in_an_error(figures: Figures) -> None:
    assert not figures.ended, figures.ended[0]


def test_shapes_are_many_and_every_operator_is_met(figures: Figures) -> None:
    """A shape is the set of operators in a question, with what stands at the top."""
    assert len(figures.shapes) >= min(FEWEST_SHAPES, figures.asked // 2)
    if figures.asked >= EVERYWHERE:
        assert not {*PERSONS, *PUBLIC, *TOPS} - figures.operators.keys()
