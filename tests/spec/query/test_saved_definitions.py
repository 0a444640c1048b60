"""Saved definitions as drawn tables. A cohort is judged like its own text, wherever a query reads it. A lookup is
public rows, and discloses nobody."""

# ruff: noqa: E501 - one case a line reads as a table

from decimal import Decimal

import pytest
from query_kit import CATALOGUE, PROJECT, SERVICE, database

from broker.domain.plans.plan import EvidenceNeeds
from broker.domain.plans.scalars import ScalarType
from broker.domain.projects.saved_definitions import Cohort, Lookup, LookupColumn, ReadableDefinitions
from broker.query import CompiledSql, compile_sql
from tests.oracles.whole_statement import render

KEPT = """
girls     | tsql   | SELECT a.[Key], a.LA, a.Score, a.Y INTO project.girls FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019'
late      | tsql   | SELECT g.[Key], g.LA INTO project.late FROM project.girls AS g JOIN npd.b ON b.[Key] = g.[Key] WHERE b.Y = '2019/2020' AND b.Days > 2
quasi     | tsql   | SELECT a.[Key], a.Idaci INTO project.quasi FROM npd.a WHERE a.Y = '2017/2018'
steps     | tsql   | DECLARE @y varchar(9) = '2017/2018'; SELECT a.[Key], a.LA INTO #t FROM npd.a WHERE a.Y = @y; SELECT t.[Key] AS k, t.LA INTO project.steps FROM #t AS t
regions   | tsql   | SELECT l.LA, l.Region INTO project.regions FROM ref.las AS l
teachers  | tsql   | SELECT s.StaffKey, s.LA INTO project.teachers FROM swc.staff AS s
"""
BANDS = Lookup(
    "bands",
    (
        LookupColumn("LA", ScalarType.INT, True),
        LookupColumn("band", ScalarType.TEXT),
        LookupColumn("weight", ScalarType.DECIMAL),
    ),
    ((1, "low", Decimal("1.00")), (2, "high", Decimal("1000.50")), (3, None, None)),
)
TWICE = Lookup(
    "twice", (LookupColumn("LA", ScalarType.INT), LookupColumn("part", ScalarType.TEXT)), ((1, "a"), (1, "b"), (2, "a"))
)
KEYS = Lookup(
    "keys", (LookupColumn("Key", ScalarType.TEXT, True), LookupColumn("mark", ScalarType.INT)), (("k1", 1), ("k2", 2))
)

PEOPLE = {"npd.a": [{"Key": str(n), "p": n, "Y": "2018/2019", "LA": 1 + n % 3, "Score": n} for n in range(30)]}


def cohorts() -> list[Cohort]:
    found = []
    for line in KEPT.strip().splitlines():
        name, dialect, text = (cell.strip() for cell in line.split("|"))
        found.append(Cohort(name, dialect, text, ()))
    return found


SAVED = ReadableDefinitions((*cohorts(), BANDS, TWICE, KEYS))


def compiled(text: str, dialect: str = "tsql", saved: ReadableDefinitions = SAVED) -> CompiledSql:
    return compile_sql(text, dialect, CATALOGUE, PROJECT, SERVICE, saved=saved)


def codes(text: str, dialect: str = "tsql") -> list[str]:
    return [r.code for r in compiled(text, dialect).refusals]


def answer(text: str, tables: dict) -> list[tuple]:
    found = compiled(text)
    assert found.plan is not None, found.refusals
    return database(tables).execute(render(found.plan.outputs[0].tables[0], EvidenceNeeds(10))).fetchall()


# a job that reads what is kept                     | the same job without it | uses
SAME = [
    (
        "SELECT g.LA, COUNT(*) AS n FROM project.girls AS g GROUP BY g.LA",
        "SELECT g.LA, COUNT(*) AS n FROM (SELECT a.[Key], a.LA, a.Score, a.Y FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019') AS g GROUP BY g.LA",
        "a.Key 2018, a.LA 2018, a.Score 2018, a.Sex 2018, a.Y 2018",
    ),
    (
        "SELECT l.LA, COUNT(*) AS n FROM project.late AS l GROUP BY l.LA",
        "WITH girls AS (SELECT a.[Key], a.LA, a.Score, a.Y FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019'), late AS (SELECT g.[Key], g.LA FROM girls AS g JOIN npd.b ON b.[Key] = g.[Key] WHERE b.Y = '2019/2020' AND b.Days > 2) SELECT l.LA, COUNT(*) AS n FROM late AS l GROUP BY l.LA",
        "a.Key 2018, a.LA 2018, a.Score 2018, a.Sex 2018, a.Y 2018, b.Days 2019, b.Key 2019, b.Y 2019",
    ),
    (
        "SELECT s.LA, COUNT(*) AS n FROM project.steps AS s GROUP BY s.LA",
        "SELECT s.LA, COUNT(*) AS n FROM (SELECT t.[Key] AS k, t.LA FROM (SELECT a.[Key], a.LA FROM npd.a WHERE a.Y = '2017/2018') AS t) AS s GROUP BY s.LA",
        "a.Key 2017, a.LA 2017, a.Y 2017",
    ),
    (
        "SELECT COUNT(*) AS n FROM project.quasi AS q WHERE q.Idaci < 0.5",
        "SELECT COUNT(*) AS n FROM (SELECT a.[Key], a.Idaci FROM npd.a WHERE a.Y = '2017/2018') AS q WHERE q.Idaci < 0.5",
        "a.Idaci 2017, a.Key 2017, a.Y 2017",
    ),
    (
        "SELECT a.LA, COUNT(*) AS n FROM npd.a WHERE EXISTS (SELECT 1 FROM project.girls AS g WHERE g.[Key] = a.[Key]) AND a.Y = '2019/2020' GROUP BY a.LA",
        "SELECT a.LA, COUNT(*) AS n FROM npd.a WHERE EXISTS (SELECT 1 FROM (SELECT a.[Key], a.LA, a.Score, a.Y FROM npd.a WHERE a.Sex = 'F' AND a.Y = '2018/2019') AS g WHERE g.[Key] = a.[Key]) AND a.Y = '2019/2020' GROUP BY a.LA",
        "a.Key 2018 2019, a.LA 2018 2019, a.Score 2018, a.Sex 2018, a.Y 2018 2019",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kept", "written", "uses"), SAME, ids=range(len(SAME)))
def test_a_cohort_is_used_and_computed_as_its_text_is(kept: str, written: str, uses: str) -> None:
    by_name, in_full = compiled(kept), compiled(written)
    assert by_name.plan is not None, by_name.refusals
    assert in_full.plan is not None, in_full.refusals
    shown = [f"{u.table[4:]}.{u.variable} {' '.join(map(str, sorted(u.years or ())))}" for u in by_name.uses]
    assert {(u.table, u.variable, u.years, u.how) for u in by_name.uses} == {
        (u.table, u.variable, u.years, u.how) for u in in_full.uses
    }
    assert by_name.plan.hash == in_full.plan.hash
    assert by_name.review == in_full.review
    if "EXISTS" not in kept:
        assert ", ".join(shown) == uses


# what is wrong with a job | its codes
REFUSED = """
SELECT COUNT(*) AS n FROM project.grils                                                                       | unknown-table
SELECT q.Idaci, COUNT(*) AS n FROM npd.a JOIN project.quasi AS q ON q.[Key] = a.[Key] WHERE q.Idaci * 2 < 1 GROUP BY q.Idaci | quasi-arithmetic
SELECT g.LA FROM project.girls AS g                                                                           | no-aggregate
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
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_what_is_refused(line: str) -> None:
    text, code = (cell.strip() for cell in line.rsplit("|", 1))
    assert code in codes(text)


def test_another_projects_cohort_is_a_name_that_nobody_has() -> None:
    text = "SELECT COUNT(*) AS n FROM project.girls"
    nothing = compiled(text, saved=ReadableDefinitions((BANDS,))).refusals
    assert nothing == compiled(text.replace("girls", "girlz"), saved=ReadableDefinitions((BANDS,))).refusals
    assert "girls" not in nothing[0].advice


def test_a_mistyped_name_gets_the_projects_own_as_suggestion() -> None:
    assert "Did you mean project.girls?" in compiled("SELECT COUNT(*) AS n FROM project.grils").refusals[0].advice


def test_a_refusal_inside_a_cohort_is_placed_where_the_job_names_it() -> None:
    broken = Cohort("broken", "tsql", "SELECT a.[Key],\n a.Nothing, a.Nobody INTO project.broken FROM npd.a AS a", ())
    around = Cohort("around", "tsql", "SELECT b.[Key]\n\n INTO project.around FROM project.broken AS b", ())
    found = compiled(
        "SELECT COUNT(*) AS n\nFROM   project.around", saved=ReadableDefinitions((broken, around))
    ).refusals
    assert {(r.line, r.column) for r in found} == {(2, 8)}
    assert [r.message for r in found] == [
        "In project.broken: There is no variable Nothing here.",
        "In project.broken: There is no variable Nobody here.",
    ]


@pytest.mark.parametrize(("dialect", "persons"), [("tsql", 2), ("duckdb", 1)])
def test_a_cohort_means_what_it_meant_in_its_own_dialect(dialect: str, persons: int) -> None:
    """T-SQL compares text in any case; whoever reads the cohort, it does so in the dialect that it was written in."""
    notes = Cohort("notes", "tsql", "SELECT a.[Key] INTO project.notes FROM npd.a AS a WHERE a.Note = 'x'", ())
    by_kept = compiled("SELECT COUNT(*) AS n FROM project.notes AS k", dialect, ReadableDefinitions((notes,)))
    own = compiled("SELECT COUNT(*) AS n FROM npd.a AS a WHERE a.Note = 'x'", dialect)
    rows = [{"Key": "1", "p": 1, "Y": "2017/2018", "Note": "x"}, {"Key": "2", "p": 2, "Y": "2017/2018", "Note": "X"}]
    con = database({"npd.a": rows})
    assert by_kept.plan is not None and own.plan is not None  # noqa: PT018
    counted = [
        con.execute(render(c.plan.outputs[0].tables[0], EvidenceNeeds(1))).fetchall()[0][1] for c in (by_kept, own)
    ]
    assert counted == [2, persons]


def test_a_batch_reads_what_it_saved_before() -> None:
    text = "SELECT a.[Key], a.LA INTO project.mine FROM npd.a AS a WHERE a.Y = '2018/2019'; SELECT LA, COUNT(*) AS n FROM project.mine GROUP BY LA"
    found = compiled(text)
    assert found.plan is not None, found.refusals
    assert [k.name for k in found.plan.saved_queries] == ["mine"]
    assert found.saved_names == ()
    assert compiled(found.canonical).plan == found.plan


def test_duckdb_saves_by_create_table() -> None:
    found = compiled(
        "CREATE TABLE project.mine AS SELECT a.\"Key\", a.LA FROM npd.a AS a WHERE a.Y = '2018/2019'", "duckdb"
    )
    assert found.plan is not None, found.refusals
    (kept,) = found.plan.saved_queries
    again = compiled(
        "SELECT m.LA, COUNT(*) AS n FROM project.mine AS m GROUP BY m.LA", "tsql", ReadableDefinitions((kept,))
    )
    assert again.plan is not None, again.refusals
    for wrong in ("CREATE TABLE IF NOT EXISTS project.x AS SELECT 1 AS a", "CREATE VIEW project.x AS SELECT a.LA FROM npd.a",
                  "CREATE TABLE other.x AS SELECT a.LA FROM npd.a", "CREATE TABLE memory.project.x AS SELECT a.LA FROM npd.a"):  # fmt: skip
        assert compiled(wrong, "duckdb").plan is None, wrong


# a job that reads lookups in other places | its answers, without evidence
PLACES = [
    (
        "SELECT b.band, COUNT(a.LA) AS n FROM project.bands AS b LEFT JOIN npd.a AS a ON a.LA = b.LA GROUP BY b.band",
        {("high", 10), ("low", 10), (None, 10)},
    ),
    (
        "SELECT a.LA, COUNT(*) AS n FROM npd.a AS a WHERE EXISTS (SELECT 1 FROM project.bands AS b WHERE b.LA = a.LA AND b.band = 'LOW') GROUP BY a.LA",
        {(1, 10)},
    ),
    (
        "SELECT a.LA, COUNT(*) AS n FROM npd.a AS a WHERE a.LA IN (SELECT b.LA FROM project.bands AS b WHERE b.weight > 1) GROUP BY a.LA",
        {(2, 10)},
    ),
]


@pytest.mark.parametrize(("text", "rows"), PLACES)
def test_a_lookup_is_read_as_any_public_table(text: str, rows: set) -> None:
    assert {(row[0], row[1]) for row in answer(text, PEOPLE)} == rows


def test_a_job_of_public_rows_alone_is_no_job() -> None:
    assert codes("SELECT b.band, COUNT(*) AS n FROM project.bands AS b GROUP BY b.band") == ["no-person-table"]


def test_a_refused_definition_is_reported_once() -> None:
    assert codes("SELECT a.Nothing INTO project.mine FROM npd.a AS a; SELECT COUNT(*) AS n FROM project.mine") == [
        "unknown-variable"
    ]


def test_a_saved_text_alone_requests_the_same_rows() -> None:
    """Whatever a batch needs for it stands in its text, and nothing that the batch shows."""
    text = (
        "DECLARE @y varchar(9) = '2018/2019'\nSELECT COUNT(*) AS n FROM npd.b\nSELECT a.[Key], a.LA INTO #t FROM npd.a AS a WHERE a.Y = @y\n"
        "GO\n-- the cohort\nSELECT t.[Key], t.LA INTO project.mine FROM #t AS t WHERE t.LA < 3"
    )
    found = compiled(text)
    assert found.plan is not None, found.refusals
    (kept,) = found.plan.saved_queries
    assert "npd.b" not in kept.text
    assert (kept.name, kept.dialect, kept.columns) == ("mine", "tsql", ("key", "la"))
    again = compiled(
        "SELECT LA, COUNT(*) AS n FROM project.mine GROUP BY LA",
        saved=ReadableDefinitions((Cohort("mine", "tsql", kept.text, ()),)),
    )
    direct = compiled(
        "SELECT LA, COUNT(*) AS n FROM (SELECT t.[Key], t.LA FROM (SELECT a.[Key], a.LA FROM npd.a AS a WHERE a.Y = '2018/2019') AS t WHERE t.LA < 3) AS m GROUP BY LA"
    )
    assert again.plan is not None and direct.plan is not None  # noqa: PT018
    assert again.plan.hash == direct.plan.hash


def test_cohorts_of_cohorts_do_not_grow_without_end() -> None:
    doubling = [Cohort("c0", "tsql", "SELECT a.[Key] INTO project.c0 FROM npd.a AS a", ())]
    for n in range(1, 12):
        text = f"SELECT x.[Key] INTO project.c{n} FROM project.c{n - 1} AS x JOIN project.c{n - 1} AS y ON x.[Key] = y.[Key]"
        doubling.append(Cohort(f"c{n}", "tsql", text, ()))
    found = compiled("SELECT COUNT(*) AS n FROM project.c11", saved=ReadableDefinitions(tuple(doubling)))
    assert {r.code for r in found.refusals} == {"too-many-tables"}
    chain = [
        Cohort(f"d{n}", "tsql", f"SELECT x.[Key] INTO project.d{n} FROM project.d{n + 1} AS x", ()) for n in range(400)
    ]
    deep = compiled("SELECT COUNT(*) AS n FROM project.d0", saved=ReadableDefinitions(tuple(chain)))
    assert {r.code for r in deep.refusals} <= {"too-deep", "unknown-table"}
    assert deep.refusals


def test_a_broken_text_in_the_store_is_a_refusal() -> None:
    for text in ("SELECT COUNT(*) AS n FROM npd.a", "SELECT (", "", "DROP TABLE x"):
        found = compiled(
            "SELECT COUNT(*) AS n FROM project.bad", saved=ReadableDefinitions((Cohort("bad", "tsql", text, ()),))
        )
        assert found.refusals, text
        assert found.plan is None


def test_a_lookup_gives_rows_by_its_key_and_missing_where_it_has_none() -> None:
    text = "SELECT b.band, COUNT(*) AS n FROM npd.a AS a LEFT JOIN project.bands AS b ON b.LA = a.LA GROUP BY b.band"
    assert [(row[0], row[1]) for row in answer(text, PEOPLE)] == [("high", 10), ("low", 10), (None, 10)]
    found = compiled(text)
    assert found.plan is not None
    (table,) = found.plan.outputs[0].tables
    assert table.keys[0].domain == ("low", "high", None)
    assert found.review == ()
    assert {u.table for u in found.uses} == {"npd.a"}


def test_a_cross_join_with_a_lookup_counts_all_its_rows() -> None:
    assert answer("SELECT COUNT(*) AS n FROM npd.a AS a CROSS JOIN project.bands AS b", PEOPLE)[0][0] == 90


# a join with a lookup | why a person looks
LOOKED_AT = [
    ("SELECT COUNT(*) AS n FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA", ""),
    ("SELECT b.band, AVG(a.Score) AS m FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA GROUP BY b.band", ""),
    (
        "SELECT COUNT(*) AS n FROM npd.a AS a JOIN project.twice AS t ON t.LA = a.LA",
        "A public table is not joined on its unique key",
    ),
    (
        "SELECT COUNT(*) AS n FROM npd.a AS a JOIN project.bands AS b ON b.band = a.Note",
        "A public table is not joined on its unique key",
    ),
    (
        "SELECT SUM(b.weight) AS w FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA",
        "Numbers of a lookup are added up",
    ),
]


@pytest.mark.parametrize(("text", "why"), LOOKED_AT)
def test_a_lookup_that_multiplies_or_weighs_needs_a_review(text: str, why: str) -> None:
    found = compiled(text)
    assert found.plan is not None, found.refusals
    assert [sentence[: len(why)] for sentence in found.review] == ([why] if why else [])


def test_other_rows_are_another_plan() -> None:
    text = "SELECT b.band, COUNT(*) AS n FROM npd.a AS a JOIN project.bands AS b ON b.LA = a.LA GROUP BY b.band"
    other = Lookup("bands", BANDS.columns, ((1, "low", None), (2, "low", None), (3, "high", Decimal("1.00"))))
    one, two = compiled(text), compiled(text, saved=ReadableDefinitions((other,)))
    assert one.plan is not None and two.plan is not None  # noqa: PT018
    assert one.plan.hash != two.plan.hash
