"""Texts of several statements, the warehouse's own names of files, and names that are left out: what a researcher's script
means as a whole."""

# ruff: noqa: E501 - one case a line reads as a table

from pathlib import Path

import pytest
from little_world import WORLD, answer
from query_kit import cells as cells_of, codes, compiled, database, drawn, program_rows, written

from broker.policy.files import load_policies
from broker.query import CompiledSql, compile_sql

POLICIES = load_policies(Path(__file__).parents[3] / "policies")


def answers(text: str) -> str:
    """The rows of every output, by its name."""
    found, con = compiled(text), database(WORLD)
    if found.plan is None:
        return f"refused: {' '.join(r.code for r in found.refusals)}"
    told = []
    for output in found.plan.outputs:
        tables = {i: cells_of(output, con, i) for i, t in enumerate(output.tables) if t.shown}
        told.append(f"{output.name}: {written(program_rows(output, tables))}")
    return "; ".join(told)


SCRIPTS = drawn(r"""
SELECT COUNT(*) AS n FROM a; SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex                                  | output_1: 7; output_2: F 3, M 4
SELECT Key, Score INTO #t FROM a WHERE Y = '2017/2018'; SELECT COUNT(*) AS n, SUM(Score) AS s FROM #t       | output: 5 18
DECLARE @y varchar(9) = '2017/2018'; SELECT COUNT(*) AS n FROM a WHERE Y = @y                               | output: 5
DECLARE @least int; SET @least = 3; SELECT COUNT(*) AS n FROM a WHERE Score > @least                        | output: 3
SELECT Key, COUNT(*) AS m INTO #c FROM a GROUP BY Key; SELECT SUM(#c.m) AS s FROM #c JOIN b ON #c.Key = b.Key | output: 5
SELECT LA, COUNT(*) AS n INTO #g FROM a GROUP BY LA; SELECT AVG(1.0 * n) AS m FROM #g                       | output: 2.333
SELECT Key, Y INTO #t FROM a; DROP TABLE #t; SELECT COUNT(*) AS n FROM b                                    | output: 5
SET NOCOUNT ON; SELECT COUNT(*) AS n FROM a                                                                 | output: 7
SELECT COUNT(*) AS n FROM #nothing                                                                          | refused: unknown-temporary
SELECT Key INTO kept FROM a                                                                                 | refused: no-aggregate into
DELETE FROM a                                                                                               | refused: statement
""")


@pytest.mark.parametrize(("text", "told"), SCRIPTS)
def test_a_script_is_one_job(text: str, told: str) -> None:
    assert answers(text) == told


NAMES = drawn(r"""
SELECT COUNT(*) AS n FROM a JOIN b USING (Key)                                                              | 5
SELECT COUNT(*) AS n FROM a JOIN b USING (Key, Y)                                                           | 2
SELECT Y, COUNT(*) AS n FROM a JOIN b USING (Key, Y) GROUP BY Y                                             | 2017/2018 1, 2018/2019 1
SELECT COUNT(*) AS n FROM a LEFT JOIN b USING (Key)                                                         | 9
SELECT COUNT(*) AS n FROM (SELECT * FROM (SELECT LA, Score FROM a) e) d WHERE d.Score > 2                   | 4
SELECT COUNT(*) AS n FROM (SELECT e.*, e.LA + 1 AS next FROM (SELECT LA, Score FROM a) e) d WHERE d.next > 2 | 5
SELECT d.* FROM (SELECT LA, COUNT(*) AS n FROM a GROUP BY LA) d                                             | 1 2, 2 4, 3 1
SELECT COUNT(*) AS n FROM (SELECT LA, Score FROM a) AS d(x, y) WHERE d.y > 2                                | 4
WITH c(k, v) AS (SELECT Key, Score FROM a) SELECT COUNT(*) AS n FROM c JOIN b ON b.Key = c.k WHERE c.v > 5  | 3
SELECT n = COUNT(*), s = SUM(Score) FROM a                                                                  | 7 27
SELECT COUNT(*) AS n FROM a AS "t" WHERE "t".[LA] = 1                                                       | 2
SELECT COUNT(*) AS n FROM (SELECT * FROM a) d                                                               | refused: star
SELECT COUNT(*) AS n FROM a JOIN b USING (Score)                                                            | refused: using
""")


@pytest.mark.parametrize(("text", "rows"), NAMES)
def test_names_that_are_left_out_or_given(text: str, rows: str) -> None:
    assert answer(text) == rows


def _names(text: str, dialect: str = "tsql") -> list[str]:
    plan = compiled(text, dialect).plan
    assert plan is not None, compiled(text, dialect).refusals
    return [c.name for c in plan.outputs[0].columns]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT LA, COUNT(*), SUM(Score) FROM a GROUP BY LA", ["LA", "column_2", "column_3"]),
        ("SELECT LA AS [The LA], COUNT(*) AS N FROM a GROUP BY LA", ["The LA", "N"]),
        ("SELECT * FROM (SELECT LA, COUNT(*) AS N FROM a GROUP BY LA) d", ["LA", "N"]),
        ("SELECT d.* FROM (SELECT LA AS [The LA], COUNT(*) AS N FROM a GROUP BY LA) d", ["The LA", "N"]),
        ("SELECT Sex AS Of, COUNT(*) AS N FROM a GROUP BY Sex UNION ALL SELECT 'all', COUNT(*) FROM a", ["Of", "N"]),
    ],
)  # fmt: skip
def test_columns_are_called_as_they_are_written(text: str, names: list[str]) -> None:
    assert _names(text) == names


def test_two_columns_of_one_name_are_refused() -> None:
    assert codes("SELECT COUNT(*) AS n, SUM(Score) AS N FROM a") == ["duplicate-column"]


def _of_the_warehouse(text: str) -> CompiledSql:
    project = POLICIES.project("P0421")
    assert project is not None
    return compile_sql(text, "tsql", POLICIES.catalogue, project, POLICIES.service)


def test_files_of_several_years_stand_in_one_table() -> None:
    """The years follow from the files' names; suffixes of columns differ by file."""
    text = """
        SELECT u.yr, u.fsm, COUNT(*) AS n FROM (
          SELECT 2018 AS yr, FSMeligible_SPR18 AS fsm FROM NPD.P0421.Spring_Census_2018 UNION ALL
          SELECT 2019, FSMeligible_SPR19 FROM dbo.Spring_Census_2019) u GROUP BY u.yr, u.fsm
    """
    found = _of_the_warehouse(text)
    assert found.plan is not None, found.refusals
    assert {u.variable: u.years for u in found.uses} == dict.fromkeys(
        ["AcademicYear", "FSMeligible"], frozenset({2017, 2018})
    )
    assert [k.domain for k in found.plan.outputs[0].tables[0].keys] == [(2018, 2019), (0, 1)]
    assert found.review == ()


def test_a_condition_on_files_of_several_years_needs_no_review() -> None:
    text = """
        SELECT COUNT(*) AS n FROM (
          SELECT SENprovision_SPR18 AS sen FROM Spring_Census_2018 UNION ALL SELECT SENprovision_SPR19 FROM Spring_Census_2019) u
        WHERE u.sen = 'E'
    """
    assert _of_the_warehouse(text).review == ()
