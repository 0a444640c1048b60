"""Saved definitions as drawn tables. A cohort is judged like its own text, wherever a query reads it. A lookup is
public rows, and discloses nobody."""

# ruff: noqa: E501 - one case a line reads as a table

from decimal import Decimal

import pytest
from query_kit import CATALOGUE, PROJECT, SERVICE, database, drawn

from broker.domain.plans.plan import EvidenceNeeds, Plan
from broker.domain.plans.scalars import ScalarType
from broker.domain.projects.saved_definitions import Cohort, Lookup, LookupColumn, ReadableDefinitions
from broker.query import CompiledSql, compile_sql
from tests.oracles.whole_statement import render

KEPT = drawn("""
girls     | SELECT a.[Key], a.LA, a.Score, a.Y INTO project.girls FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019'
late      | SELECT g.[Key], g.LA INTO project.late FROM project.girls AS g JOIN npd.b ON b.[Key] = g.[Key] WHERE b.Y = '2019/2020' AND b.Days > 2
quasi     | SELECT a.[Key], a.Idaci INTO project.quasi FROM npd.a WHERE a.Y = '2017/2018'
steps     | DECLARE @y varchar(9) = '2017/2018'; SELECT a.[Key], a.LA INTO #t FROM npd.a WHERE a.Y = @y; SELECT t.[Key] AS k, t.LA INTO project.steps FROM #t AS t
regions   | SELECT l.LA, l.Region INTO project.regions FROM ref.las AS l
teachers  | SELECT s.StaffKey, s.LA INTO project.teachers FROM swc.staff AS s
""")


def cohort(name: str, text: str) -> Cohort:
    return Cohort(name, "tsql", text, ())


INT, TEXT, DECIMAL = ScalarType.INT, ScalarType.TEXT, ScalarType.DECIMAL
BY_LA = (LookupColumn("LA", INT, True), LookupColumn("band", TEXT), LookupColumn("weight", DECIMAL))
BANDS = Lookup("bands", BY_LA, ((1, "low", Decimal("1.00")), (2, "high", Decimal("1000.50")), (3, None, None)))
TWICE = Lookup("twice", (LookupColumn("LA", INT), LookupColumn("part", TEXT)), ((1, "a"), (1, "b"), (2, "a")))
KEYS = Lookup("keys", (LookupColumn("Key", TEXT, True), LookupColumn("mark", INT)), (("k1", 1), ("k2", 2)))
SAVED = (*(cohort(name, text) for name, text in KEPT), BANDS, TWICE, KEYS)
PEOPLE = {"npd.a": [{"Key": str(n), "p": n, "Y": "2018/2019", "LA": 1 + n % 3, "Score": n} for n in range(30)]}


def compiled(text: str, *saved: Cohort | Lookup, dialect: str = "tsql") -> CompiledSql:
    return compile_sql(text, dialect, CATALOGUE, PROJECT, SERVICE, saved=ReadableDefinitions(saved or SAVED))


def codes(text: str) -> list[str]:
    return [r.code for r in compiled(text).refusals]


def plan_of(found: CompiledSql) -> Plan:
    assert found.plan is not None, found.refusals
    return found.plan


def answer(found: CompiledSql, tables: dict, least: int = 10) -> list[tuple]:
    return database(tables).execute(render(plan_of(found).outputs[0].tables[0], EvidenceNeeds(least))).fetchall()


# a job that reads what is kept | the same job without it
SAME = drawn(r"""
SELECT g.LA, COUNT(*) AS n FROM project.girls AS g GROUP BY g.LA | \
SELECT g.LA, COUNT(*) AS n FROM (SELECT a.[Key], a.LA, a.Score, a.Y FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019') AS g GROUP BY g.LA
SELECT l.LA, COUNT(*) AS n FROM project.late AS l GROUP BY l.LA | \
WITH girls AS (SELECT a.[Key], a.LA, a.Score, a.Y FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019'), late AS (SELECT g.[Key], g.LA FROM girls AS g JOIN npd.b ON b.[Key] = g.[Key] WHERE b.Y = '2019/2020' AND b.Days > 2) SELECT l.LA, COUNT(*) AS n FROM late AS l GROUP BY l.LA
SELECT s.LA, COUNT(*) AS n FROM project.steps AS s GROUP BY s.LA | \
SELECT s.LA, COUNT(*) AS n FROM (SELECT t.[Key] AS k, t.LA FROM (SELECT a.[Key], a.LA FROM npd.a WHERE a.Y = '2017/2018') AS t) AS s GROUP BY s.LA
SELECT COUNT(*) AS n FROM project.quasi AS q WHERE q.Idaci < 0.5 | \
SELECT COUNT(*) AS n FROM (SELECT a.[Key], a.Idaci FROM npd.a WHERE a.Y = '2017/2018') AS q WHERE q.Idaci < 0.5
SELECT a.LA, COUNT(*) AS n FROM npd.a WHERE EXISTS (SELECT 1 FROM project.girls AS g WHERE g.[Key] = a.[Key]) AND a.Y = '2019/2020' GROUP BY a.LA | \
SELECT a.LA, COUNT(*) AS n FROM npd.a WHERE EXISTS (SELECT 1 FROM (SELECT a.[Key], a.LA, a.Score, a.Y FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019') AS g WHERE g.[Key] = a.[Key]) AND a.Y = '2019/2020' GROUP BY a.LA
""")


@pytest.mark.parametrize(("kept", "written"), SAME, ids=range(len(SAME)))
def test_a_cohort_is_used_and_computed_as_its_text_is(kept: str, written: str) -> None:
    by_name, in_full = compiled(kept), compiled(written)
    uses, in_full_uses = ({(u.table, u.variable, u.years, u.how) for u in c.uses} for c in (by_name, in_full))
    assert uses == in_full_uses
    assert plan_of(by_name).hash == plan_of(in_full).hash
    assert by_name.review == in_full.review


REFUSED = drawn("""
SELECT COUNT(*) AS n FROM project.grils                                                                       | unknown-table
SELECT q.Idaci, COUNT(*) AS n FROM npd.a JOIN project.quasi AS q ON q.[Key] = a.[Key] WHERE q.Idaci * 2 < 1 GROUP BY q.Idaci | quasi-arithmetic
SELECT g.LA FROM project.girls AS g                                                                           | no-aggregate
SELECT b.band, COUNT(*) AS n FROM project.bands AS b GROUP BY b.band                                          | no-person-table
SELECT COUNT(*) AS n FROM project.girls AS g JOIN project.teachers AS t ON t.LA = g.LA                        | person-join
SELECT COUNT(*) AS n FROM project.girls AS g JOIN project.keys AS k ON k.[Key] = g.[Key]                      | link-key
SELECT COUNT(*) AS n FROM npd.a AS a WHERE a.[Key] IN (SELECT k.[Key] FROM project.keys AS k)                 | link-key
SELECT COUNT(*) AS n FROM npd.a AS a WHERE EXISTS (SELECT 1 FROM project.keys AS k WHERE k.[Key] = a.[Key])   | link-key
SELECT COUNT(*) AS n FROM project.girls AS g JOIN project.quasi AS q ON q.[Key] = g.[Key] JOIN project.bands AS b ON b.weight = q.Idaci | quasi-arithmetic
SELECT a.LA, COUNT(*) AS n INTO project.x FROM npd.a AS a GROUP BY a.LA                                       | kept-groups
SELECT DISTINCT a.LA INTO project.x FROM npd.a AS a                                                           | kept-groups
SELECT r.LA, (SELECT COUNT(*) FROM npd.a AS a WHERE a.LA = r.LA) AS n INTO project.x FROM ref.las AS r        | kept-groups
SELECT a.[Key], a.LA + 1 INTO project.x FROM npd.a AS a                                                       | unnamed-column
SELECT g.[Key] INTO project.girls FROM project.girls AS g                                                     | kept-circle
SELECT l.[Key] INTO project.girls FROM project.late AS l                                                      | kept-circle
SELECT a.[Key] INTO project.[a-b] FROM npd.a AS a                                                             | kept-name
SELECT a.[Key] INTO NPD.project.x FROM npd.a AS a                                                             | into
SELECT COUNT(*) AS n FROM OTHER.project.girls                                                                 | unknown-table
""")


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_is_refused(text: str, code: str) -> None:
    assert code in codes(text)


def test_a_refused_definition_is_reported_once() -> None:
    once = "SELECT a.Nothing INTO project.mine FROM npd.a AS a; SELECT COUNT(*) AS n FROM project.mine"
    assert codes(once) == ["unknown-variable"]


def test_another_projects_cohort_is_a_name_that_nobody_has() -> None:
    girls, girlz = (compiled(f"SELECT COUNT(*) AS n FROM project.{n}", BANDS).refusals for n in ("girls", "girlz"))
    assert girls == girlz
    assert "girls" not in girls[0].advice


def test_a_mistyped_name_gets_the_projects_own_as_suggestion() -> None:
    assert "Did you mean project.girls?" in compiled("SELECT COUNT(*) AS n FROM project.grils").refusals[0].advice


def test_a_refusal_inside_a_cohort_is_placed_where_the_job_names_it() -> None:
    broken = cohort("broken", "SELECT a.[Key],\n a.Nothing, a.Nobody INTO project.broken FROM npd.a AS a")
    around = cohort("around", "SELECT b.[Key]\n\n INTO project.around FROM project.broken AS b")
    found = compiled("SELECT COUNT(*) AS n\nFROM   project.around", broken, around).refusals
    assert {(r.line, r.column) for r in found} == {(2, 8)}
    assert [r.message for r in found] == [
        f"In project.broken: There is no variable {name} here." for name in ("Nothing", "Nobody")
    ]


@pytest.mark.parametrize(("dialect", "persons"), [("tsql", 2), ("duckdb", 1)])
def test_a_cohort_means_what_it_meant_in_its_own_dialect(dialect: str, persons: int) -> None:
    """T-SQL compares text in any case; whoever reads the cohort, it does so in the dialect that it was written in."""
    notes = cohort("notes", "SELECT a.[Key] INTO project.notes FROM npd.a AS a WHERE a.Note = 'x'")
    by_kept = compiled("SELECT COUNT(*) AS n FROM project.notes AS k", notes, dialect=dialect)
    own = compiled("SELECT COUNT(*) AS n FROM npd.a AS a WHERE a.Note = 'x'", dialect=dialect)
    rows = [{"Key": str(p), "p": p, "Y": "2017/2018", "Note": note} for p, note in ((1, "x"), (2, "X"))]
    assert [answer(found, {"npd.a": rows}, least=1)[0][1] for found in (by_kept, own)] == [2, persons]


def test_a_batch_reads_what_it_saved_before() -> None:
    text = "SELECT a.[Key], a.LA INTO project.mine FROM npd.a AS a WHERE a.Y = '2018/2019'; SELECT LA, COUNT(*) AS n FROM project.mine GROUP BY LA"
    found = compiled(text)
    assert [k.name for k in plan_of(found).saved_queries] == ["mine"]
    assert found.saved_names == ()
    assert compiled(found.canonical).plan == found.plan


def test_duckdb_saves_by_create_table() -> None:
    text = "CREATE TABLE project.mine AS SELECT a.\"Key\", a.LA FROM npd.a AS a WHERE a.Y = '2018/2019'"
    (kept,) = plan_of(compiled(text, dialect="duckdb")).saved_queries
    assert plan_of(compiled("SELECT m.LA, COUNT(*) AS n FROM project.mine AS m GROUP BY m.LA", kept))


@pytest.mark.parametrize("wrong", [
    "CREATE TABLE IF NOT EXISTS project.x AS SELECT 1 AS a", "CREATE VIEW project.x AS SELECT a.LA FROM npd.a",
    "CREATE TABLE other.x AS SELECT a.LA FROM npd.a", "CREATE TABLE memory.project.x AS SELECT a.LA FROM npd.a",
])  # fmt: skip
def test_duckdb_saves_by_nothing_else(wrong: str) -> None:
    assert compiled(wrong, dialect="duckdb").plan is None


def test_a_saved_text_alone_requests_the_same_rows() -> None:
    """Whatever a batch needs for it stands in its text, and nothing that the batch shows."""
    text = (
        "DECLARE @y varchar(9) = '2018/2019'\nSELECT COUNT(*) AS n FROM npd.b\nSELECT a.[Key], a.LA INTO #t FROM npd.a AS a WHERE a.Y = @y\n"
        "GO\n-- the cohort\nSELECT t.[Key], t.LA INTO project.mine FROM #t AS t WHERE t.LA < 3"
    )
    (kept,) = plan_of(compiled(text)).saved_queries
    assert "npd.b" not in kept.text
    assert (kept.name, kept.dialect, kept.columns) == ("mine", "tsql", ("key", "la"))
    again = compiled("SELECT LA, COUNT(*) AS n FROM project.mine GROUP BY LA", cohort("mine", kept.text))
    direct = compiled(
        "SELECT LA, COUNT(*) AS n FROM (SELECT t.[Key], t.LA FROM (SELECT a.[Key], a.LA FROM npd.a AS a WHERE a.Y = '2018/2019') AS t WHERE t.LA < 3) AS m GROUP BY LA"
    )
    assert plan_of(again).hash == plan_of(direct).hash


def test_cohorts_of_cohorts_do_not_grow_without_end() -> None:
    twice = "SELECT x.[Key] INTO project.c{0} FROM project.c{1} AS x JOIN project.c{1} AS y ON x.[Key] = y.[Key]"
    doubling = [cohort(f"c{n}", twice.format(n, n - 1)) for n in range(1, 12)]
    first = cohort("c0", "SELECT a.[Key] INTO project.c0 FROM npd.a AS a")
    found = compiled("SELECT COUNT(*) AS n FROM project.c11", first, *doubling)
    assert {r.code for r in found.refusals} == {"too-many-tables"}
    next_one = "SELECT x.[Key] INTO project.d{} FROM project.d{} AS x"
    deep = compiled(
        "SELECT COUNT(*) AS n FROM project.d0", *(cohort(f"d{n}", next_one.format(n, n + 1)) for n in range(400))
    )
    assert {r.code for r in deep.refusals} <= {"too-deep", "unknown-table"}
    assert deep.refusals


@pytest.mark.parametrize("text", ["SELECT COUNT(*) AS n FROM npd.a", "SELECT (", "", "DROP TABLE x"])
def test_a_broken_text_in_the_store_is_a_refusal(text: str) -> None:
    found = compiled("SELECT COUNT(*) AS n FROM project.bad", cohort("bad", text))
    assert found.refusals
    assert found.plan is None


LEFT = "SELECT b.band, COUNT(*) AS n FROM npd.a AS a LEFT JOIN project.bands AS b ON b.LA = a.LA GROUP BY b.band"
# a job that reads a lookup | its key and figure, or its figure and persons
PLACES = drawn(f"""
{LEFT}                                                                                                        | high 10, low 10, None 10
SELECT b.band, COUNT(a.LA) AS n FROM project.bands AS b LEFT JOIN npd.a AS a ON a.LA = b.LA GROUP BY b.band   | high 10, low 10, None 10
SELECT a.LA, COUNT(*) AS n FROM npd.a AS a WHERE EXISTS (SELECT 1 FROM project.bands AS b WHERE b.LA = a.LA AND b.band = 'LOW') GROUP BY a.LA | 1 10
SELECT a.LA, COUNT(*) AS n FROM npd.a AS a WHERE a.LA IN (SELECT b.LA FROM project.bands AS b WHERE b.weight > 1) GROUP BY a.LA | 2 10
SELECT COUNT(*) AS n FROM npd.a AS a CROSS JOIN project.bands AS b                                            | 90 30
""")


@pytest.mark.parametrize(("text", "rows"), PLACES)
def test_a_lookup_is_read_as_any_public_table(text: str, rows: str) -> None:
    assert sorted(f"{row[0]} {row[1]}" for row in answer(compiled(text), PEOPLE)) == sorted(rows.split(", "))


def test_a_lookup_gives_rows_by_its_key_and_missing_where_it_has_none() -> None:
    found = compiled(LEFT)
    (table,) = plan_of(found).outputs[0].tables
    assert table.keys[0].domain == ("low", "high", None)
    assert found.review == ()
    assert {u.table for u in found.uses} == {"npd.a"}


# a join with a lookup | why a person looks
LOOKED_AT = drawn("""
SELECT COUNT(*) AS n FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA         | -
SELECT b.band, AVG(a.Score) AS m FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA GROUP BY b.band | -
SELECT COUNT(*) AS n FROM npd.a AS a JOIN project.twice AS t ON t.LA = a.LA         | A public table is not joined on its unique key
SELECT COUNT(*) AS n FROM npd.a AS a JOIN project.bands AS b ON b.band = a.Note     | A public table is not joined on its unique key
SELECT SUM(b.weight) AS w FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA    | Numbers of a lookup are added up
""")


@pytest.mark.parametrize(("text", "why"), LOOKED_AT)
def test_a_lookup_that_multiplies_or_weighs_needs_a_review(text: str, why: str) -> None:
    found = compiled(text)
    assert plan_of(found)
    assert [sentence[: len(why)] for sentence in found.review] == ([] if why == "-" else [why])


def test_other_rows_are_another_plan() -> None:
    text = "SELECT b.band, COUNT(*) AS n FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA GROUP BY b.band"
    other = Lookup("bands", BY_LA, ((1, "low", None), (2, "low", None), (3, "high", Decimal("1.00"))))
    assert plan_of(compiled(text)).hash != plan_of(compiled(text, other)).hash
