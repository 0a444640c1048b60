"""A public row takes the place of the last person who joined it: the number of rows stays the same, so a count of
rows would name people who do not move it. And columns that are NULL on every row, for which the engine picks its own
type."""

# ruff: noqa: E501 - one case a line reads as a table

from typing import Any

import pyarrow as pa
import pytest

from broker.domain.plans.plan import EvidenceNeeds
from broker.engine.duckdb_engine import joint_tables
from broker.engine.result_frames import read_joint_table
from tests.attacks.little_town import leaves, refused
from tests.oracles.whole_statement import render
from tests.spec.query.query_kit import compiled, database, drawn, planned, run

pytestmark = pytest.mark.long

OWN = {"Y": "2017/2018", "Sex": "F"}
PEOPLE: dict[str, list[dict[str, Any]]] = {
    "npd.a": [
        {**OWN, "p": 1, "Key": "k1", "LA": 1, "Score": 5},
        {**OWN, "p": 2, "Key": "k2", "LA": 1, "Score": 7},
        {**OWN, "p": 3, "Key": "k3", "LA": 2, "Score": 9},
    ],
    "ref.las": [{"LA": 1, "Region": "N"}, {"LA": 2, "Region": "S"}, {"LA": 3, "Region": "S"}],
}
MET = "ref.las l LEFT JOIN a ON a.LA = l.LA"

# what is asked | for each cell: its figures, each with the people who move it
MOVED = drawn(rf"""
SELECT l.LA, COUNT(*) AS n FROM {MET} GROUP BY l.LA                                                | 1: 2 by 2, 2: 1 by 0, 3: 1 by 0
SELECT l.LA, COUNT(a.Key) AS n FROM {MET} GROUP BY l.LA                                            | 1: 2 by 2, 2: 1 by 1, 3: 0 by 0
SELECT l.LA, COUNT(*) AS n FROM {MET} WHERE a.Key IS NOT NULL GROUP BY l.LA                        | 1: 2 by 2, 2: 1 by 1
SELECT a.Sex, COUNT(*) AS n FROM {MET} GROUP BY a.Sex                                              | F: 3 by 3, None: 1 by 1
SELECT l.Region, SUM(l.LA) AS s FROM {MET} GROUP BY l.Region                                       | N: 2 by 2, S: 5 by 0
SELECT COUNT(*) AS n FROM {MET} WHERE a.Key IS NULL                                                | : 1 by 1
SELECT COUNT(*) AS n FROM a RIGHT JOIN ref.las l ON a.LA = l.LA AND a.Score > 5                    | : 3 by 0
SELECT COUNT(*) AS n FROM a FULL JOIN ref.las l ON a.LA = l.LA AND a.Score > 5                     | : 4 by 1
SELECT COUNT(*) AS n FROM (SELECT DISTINCT a.Key, l.Region FROM {MET}) d                           | : 4 by 3
SELECT COUNT(*) AS n FROM (SELECT DISTINCT a.Key, l.LA FROM {MET}) d                               | : 4 by 2
SELECT COUNT(*) AS n FROM (SELECT a.Key, l.LA FROM {MET} EXCEPT SELECT Key, LA FROM a WHERE Score = 5) d | : 3 by 1
SELECT l.LA, COUNT(*) AS n FROM {MET} GROUP BY l.LA HAVING COUNT(*) > 1                            | 1: 2 by 2, 2: 1 by 0, 3: 1 by 0
""")


@pytest.mark.parametrize(("text", "moved"), MOVED)
def test_only_who_moves_a_figure_is_counted(text: str, moved: str) -> None:
    told = []
    for cell in run(text, PEOPLE):
        (figure, *_) = cell.evidence.values()
        told.append(f"{' '.join(map(str, cell.keys))}: {figure['value']} by {figure['persons']}")
    assert ", ".join(told) == moved


@pytest.mark.parametrize(("text", "moved"), MOVED)
def test_evidence_counts_whoever_moves_a_figure(text: str, moved: str) -> None:
    """Also where they have no row in it: what the engine gave ended in an error, for one child and not for none."""
    for cell in run(text, PEOPLE):
        assert all(figure["persons"] <= cell.persons for figure in cell.evidence.values()), (cell, moved)


COVERED = "SELECT COUNT(*) AS n FROM (VALUES {all}) AS v(x) LEFT JOIN a ON a.Score = v.x AND a.Idaci < {below}"


def covered(below: float) -> str:
    return COVERED.format(all=", ".join(f"({n})" for n in range(15)), below=below)


def test_people_who_are_alone_cover_nobody() -> None:
    """Fourteen written rows have one child each, and one has two: who knows that there are fifteen, reads one more."""
    rows = [{**OWN, "p": p, "Key": f"k{p}", "LA": 1, "Score": p, "Idaci": 0.1} for p in range(15)]
    assert run(covered(0.14), {"npd.a": rows})[0].persons == 15
    assert leaves(covered(0.14)) == ["n", "c"]
    assert leaves(covered(0.9)) != ["n", "c"], "and whoever is not alone is shown"


GATHERED = {
    "rows of each person": f"SELECT d.n, COUNT(*) AS m FROM (SELECT a.Key, COUNT(*) AS n FROM {MET} GROUP BY a.Key) d GROUP BY d.n",
    "a window of each person": f"SELECT COUNT(*) AS m FROM (SELECT ROW_NUMBER() OVER (PARTITION BY a.Key ORDER BY l.LA) AS r FROM {MET}) d WHERE d.r = 1",
    "public rows matched with each other": f"SELECT COUNT(*) AS m FROM (SELECT a.Key, l.LA FROM {MET} EXCEPT SELECT a.Key, l.LA FROM {MET} AND a.Sex = 'F') d",
    "kept again": f"SELECT COUNT(*) AS m FROM ref.las k LEFT JOIN (SELECT a.Key, l.LA FROM {MET}) d ON d.LA = k.LA",
}


@pytest.mark.parametrize("what", GATHERED)
def test_what_would_be_without_a_person_is_not_guessed(what: str) -> None:
    assert refused(GATHERED[what]) == ["public-rows"]


@pytest.mark.parametrize("what", [*GATHERED][:2])
def test_without_unmatched_rows_the_text_is_accepted(what: str) -> None:
    assert not refused(GATHERED[what].replace(MET, f"{MET} WHERE a.Key IS NOT NULL"))


NEVER = "CASE WHEN Flag = 1 THEN NULL END"


@pytest.mark.parametrize(
    "never", [f"AVG(1.0 * {NEVER})", f"SUM(1.0 * {NEVER})", f"AVG(1.0 * CASE WHEN LA = 1 THEN {NEVER} END)"]
)
def test_a_value_that_is_always_null_runs_next_to_another_table(never: str) -> None:
    """It is a dimension of their joint table."""
    text = f"SELECT Sex, {never} AS s, COUNT(*) AS n FROM a GROUP BY Sex; SELECT LA, COUNT(*) AS n FROM a GROUP BY LA"
    plan, needs = compiled(text).plan, EvidenceNeeds(3, joint_cells=1000)
    assert plan is not None
    (joint,) = joint_tables(plan, needs)
    found = database(PEOPLE).sql(render(joint, needs)).to_arrow_table()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    assert read_joint_table(joint, bytes(sink.getvalue())) is not None


def test_the_plan_of_an_ordinary_table_has_no_such_rows() -> None:
    assert "instead" not in render(planned("SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex").tables[0], EvidenceNeeds(3))
