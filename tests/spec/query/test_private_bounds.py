"""How many rows of one person count, by shape: a product over ranks, years, branches and joins. Tables a and b have at
most 3 rows of a person and year; there are 3 years."""

# ruff: noqa: E501 - one form a line reads as a table

from dataclasses import replace
from itertools import permutations

import pytest
from private_forms import PROFILE, Y, bound, private
from query_kit import CATALOGUE, database, drawn, planned

from broker.domain.plans.bounded_table import BoundedTable
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output
from broker.privacy.sensitivity import influence_on_person_counts
from broker.query import render_sums

# what is asked | its cells, rows in a cell and rows of one person, or "each" | the text (a slash ends its first line)
FORMS = drawn(f"""
one year                                                   | 3 3 3    | SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA
all years                                                  | 3 9 9    | SELECT LA, COUNT(*) AS n FROM a GROUP BY LA
years apart                                                | 9 3 9    | SELECT Y, LA, COUNT(*) AS n FROM a GROUP BY Y, LA
years apart by another name                                | 3 3 9    | SELECT z, COUNT(*) AS n FROM (SELECT Y AS z FROM a) AS d GROUP BY z
one row by a line                                          | 1 1 1    | -- rows: a 1 / SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA
no more than the catalogue says                            | 3 3 3    | -- rows: npd.a 9 / SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA
two tables of one year                                     | 3 9 9    | SELECT a.LA, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] WHERE a.{Y} AND b.{Y} GROUP BY a.LA
two tables, year by year                                   | 3 27 27  | SELECT a.LA, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] AND a.Y = b.Y GROUP BY a.LA
two tables, every year with every other                    | each     | SELECT a.LA, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] GROUP BY a.LA
two tables, every year with every other, and a year that is itself | each     | SELECT a.LA, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] AND b.Y = b.Y GROUP BY a.LA
two tables, every year with every other, and a year by two names | each     | SELECT a.LA, COUNT(*) AS n FROM a JOIN (SELECT [Key], Y, Y AS z FROM b) b ON a.[Key] = b.[Key] AND b.Y = b.z GROUP BY a.LA
an outer join                                              | 3 9 9    | SELECT a.LA, COUNT(b.Days) AS n FROM a LEFT JOIN b ON a.[Key] = b.[Key] AND b.{Y} WHERE a.{Y} GROUP BY a.LA
a register by its unique key                               | 3 3 3    | SELECT l.Region, COUNT(*) AS n FROM a JOIN ref.las AS l ON l.LA = a.LA WHERE a.{Y} GROUP BY l.Region
a register by anything else                                | each     | SELECT l.Region, COUNT(*) AS n FROM a JOIN ref.las AS l ON l.LA > a.LA WHERE a.{Y} GROUP BY l.Region
two registers, each by the other                           | each     | SELECT Sex, COUNT(*) AS n FROM a CROSS JOIN (SELECT l.LA FROM ref.las l JOIN ref.las m ON l.LA = m.LA) d WHERE {Y} GROUP BY Sex
a register after one that the person says                  | 3 3 3    | SELECT Sex, COUNT(*) AS n FROM a JOIN (SELECT l.LA FROM ref.las l JOIN ref.las m ON l.LA = m.LA) d ON d.LA = a.LA WHERE {Y} GROUP BY Sex
a register by what is made of itself                       | each     | SELECT Sex, COUNT(*) AS n FROM a CROSS JOIN (SELECT LA FROM (SELECT LA, LA + 0 AS same FROM ref.las) l WHERE LA = same) d WHERE {Y} GROUP BY Sex
a register by its own numbering                            | each     | SELECT Sex, COUNT(*) AS n FROM a CROSS JOIN (SELECT LA FROM (SELECT LA, ROW_NUMBER() OVER (ORDER BY LA) AS r FROM ref.las) l WHERE LA = r) d WHERE {Y} GROUP BY Sex
a register that an outer join does not choose              | each     | SELECT Sex, COUNT(*) AS n FROM a CROSS JOIN (SELECT l.LA FROM ref.las l LEFT JOIN ref.las m ON l.LA = 1) d WHERE {Y} GROUP BY Sex
a register before the persons                              | 3 3 3    | SELECT l.Region, COUNT(a.LA) AS n FROM ref.las AS l LEFT JOIN a ON l.LA = a.LA AND a.{Y} GROUP BY l.Region
a table twice                                              | 3 6 6    | SELECT LA, COUNT(*) AS n FROM (SELECT LA FROM a WHERE {Y} UNION ALL SELECT LA FROM a WHERE {Y}) AS d GROUP BY LA
two written rows                                           | 2 6 6    | SELECT v.x, COUNT(*) AS n FROM a CROSS APPLY (VALUES (1), (2)) AS v(x) WHERE {Y} GROUP BY v.x
rows that a subquery chooses                               | 3 3 3    | SELECT LA, COUNT(*) AS n FROM a WHERE {Y} AND EXISTS (SELECT 1 FROM b WHERE b.[Key] = a.[Key]) GROUP BY LA
one row a person                                           | 1 1 1    | SELECT x, COUNT(*) AS n FROM (SELECT [Key], MAX(LA) AS x FROM a GROUP BY [Key]) AS d GROUP BY x
one row a person and year                                  | 3 3 3    | SELECT x, COUNT(*) AS n FROM (SELECT [Key], Y, MAX(LA) AS x FROM a GROUP BY [Key], Y) AS d GROUP BY x
one row a person, year and more                            | 3 9 9    | SELECT Sex, COUNT(*) AS n FROM (SELECT [Key], Y, Sex FROM a GROUP BY [Key], Y, Sex) AS d GROUP BY Sex
the first row of each person                               | 1 1 1    | SELECT LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY [Key] ORDER BY Score) AS r FROM a) AS d WHERE r = 1 GROUP BY LA
the first row of each person and year                      | 3 3 3    | SELECT LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY [Key], Y ORDER BY Score) AS r FROM a) AS d WHERE r = 1 GROUP BY LA
within a filter                                            | 1 1 1    | SELECT Wave, COUNT(*) AS n FROM b WHERE {Y} AND Kind = 'x' GROUP BY Wave
within a filter, every year                                | 2 3 3    | SELECT Wave, COUNT(*) AS n FROM b WHERE Kind = 'X' GROUP BY Wave
within a filter of two values                              | 2 2 2    | SELECT Wave, COUNT(*) AS n FROM b WHERE {Y} AND Kind IN ('X', 'Z') GROUP BY Wave
within a filter that leaves every value                    | 2 3 3    | SELECT Wave, COUNT(*) AS n FROM b WHERE {Y} AND (Kind IS NULL OR Kind <> 'Q') GROUP BY Wave
within a filter that is one of two                         | 2 3 3    | SELECT Wave, COUNT(*) AS n FROM b WHERE {Y} AND (Kind = 'X' OR Wave = 1) GROUP BY Wave
within a filter of a derived column                        | 1 1 1    | SELECT Wave, COUNT(*) AS n FROM (SELECT Wave, CASE WHEN Kind = 'X' THEN 1 ELSE 0 END AS x FROM b WHERE {Y}) AS d WHERE x = 1 GROUP BY Wave
within a filter of one branch                              | 2 4 4    | SELECT Wave, COUNT(*) AS n FROM (SELECT Wave FROM b WHERE {Y} AND Kind = 'X' UNION ALL SELECT Wave FROM b WHERE {Y}) AS d GROUP BY Wave
within a filter where two tables meet                      | 3 3 3    | SELECT a.LA, COUNT(b.Days) AS n FROM a LEFT JOIN b ON a.[Key] = b.[Key] AND b.{Y} AND b.Kind = 'X' WHERE a.{Y} GROUP BY a.LA
a filter that stands above an outer join                   | 3 9 9    | SELECT a.LA, COUNT(*) AS n FROM a LEFT JOIN (SELECT [Key], CASE WHEN Kind = 'X' THEN 1 ELSE 0 END AS x FROM b WHERE {Y}) AS d ON a.[Key] = d.[Key] WHERE a.{Y} AND d.x IS NULL GROUP BY a.LA
one cell                                                   | 1 3 3    | SELECT COUNT(*) AS n FROM a WHERE {Y}
one cell of rows that multiply                             | each     | SELECT COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] AND a.Y = b.Y
two cells of rows that multiply                            | 2 27 27  | SELECT b.Wave, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] AND a.Y = b.Y GROUP BY b.Wave
one cell of named rows that multiply                       | 1 27 27  | -- rows: a 3 / SELECT COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] AND a.Y = b.Y
another than the first row                                 | 3 3 3    | SELECT LA, COUNT(*) AS n FROM (SELECT LA, ROW_NUMBER() OVER (PARTITION BY [Key] ORDER BY Score) AS r FROM a WHERE {Y}) AS d WHERE r = 2 GROUP BY LA
""")


@pytest.mark.parametrize(("form", "expected", "text"), FORMS)
def test_the_bound_of_a_shape(form: str, expected: str, text: str) -> None:
    found = bound(text.replace(" / ", "\n"))
    assert (found if found == "each" else " ".join(map(str, found))) == expected


def test_where_rows_multiply_too_often_they_are_added_up_by_person() -> None:
    found = private("SELECT a.LA, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] GROUP BY a.LA",
                    person_cells=2, person_rows=5)  # fmt: skip
    influence = found.tables[0].influence
    assert (influence.cells, influence.rows_per_cell, influence.rows) == (2, 5, 10)
    assert found.omissions == ("Of each person at most 2 cells count, each with the weight of at most 5 rows.",)


def test_where_nobody_loses_a_cell_and_the_noise_is_halved_rows_are_added_up_too() -> None:
    """27 rows by ranks; as one cell, the weight of at most 10. What is lost is weight and never which rows."""
    found = private("SELECT COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] AND a.Y = b.Y")
    influence = found.tables[0].influence
    assert (influence.cells, influence.rows_per_cell, influence.rows) == (1, 10, 10)
    assert found.omissions == ("All rows of a person together have the weight of at most 10 rows.",)


def test_a_person_is_counted_once_where_there_is_one_cell() -> None:
    found = private(f"-- rows: a 3\nSELECT COUNT(DISTINCT [Key]) AS n FROM a WHERE {Y}")
    assert influence_on_person_counts(found.tables[0].influence_in(0)).max_rows == 1
    margins = private(f"SELECT LA, COUNT(DISTINCT [Key]) AS n FROM a WHERE {Y} GROUP BY ROLLUP (LA)").tables[0]
    assert [influence_on_person_counts(margins.influence_in(s)).max_rows for s in range(len(margins.sets))] == [3, 1]


# what is asked | what the record says: which rows of a person count
RECORDED = drawn(f"""
-- rows: npd.b 2 / SELECT a.LA, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] AND a.Y = b.Y WHERE a.{Y} GROUP BY a.LA | Of each person and year the first 3 rows of npd.a count. Of each person and year the first 2 rows of npd.b count.
-- rows: b 2 / SELECT Wave, COUNT(*) AS n FROM b WHERE {Y} AND Kind = 'X' GROUP BY Wave  | Of each person and year the first row of npd.b with Kind X counts.
SELECT Wave, COUNT(*) AS n FROM b WHERE {Y} AND Kind IN ('X', 'Z') GROUP BY Wave         | Of each person and year the first row of npd.b with each Kind of X, Z counts.
""")


@pytest.mark.parametrize(("text", "said"), RECORDED)
def test_the_record_says_what_counts_as_a_rule_and_within_which_filter(text: str, said: str) -> None:
    assert " ".join(private(text.replace(" / ", "\n")).omissions) == said


def test_a_rank_that_is_not_stored_counts_nothing() -> None:
    """Ranks are one byte: a catalogue with more rows a year has a filter that its last rank does not pass."""
    many = replace(CATALOGUE, tables=tuple(replace(t, max_rows_per_unit_year=1000) for t in CATALOGUE.tables))
    assert {t.max_ranked_rows for t in many.tables} == {255}
    context = PrivateContext(many, replace(PROFILE, max_influence=1000), {})
    found = plan_private_output(planned(f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA"), context)
    assert found.omissions == ("Of each person and year the first 255 rows of npd.a count.",)


def test_the_two_tables_of_margins_are_one_with_two_sets() -> None:
    found = private(f"SELECT LA, Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY ROLLUP (LA, Sex)")
    (table,) = found.tables
    assert table.sets == ((0, 1), (0,), ())
    assert [found.sets[i] for i in range(3)] == [(0, 0), (0, 1), (0, 2)]
    assert [d.values for d in table.dimensions] == [(1, 2, 3), ("M", "F", None)]
    assert len({p.name for p in found.locations.values()}) == 1
    assert sorted(p.set for p in found.locations.values()) == [0, 1, 2]


def test_rows_of_nobody_do_not_count() -> None:
    said = "Rows of public tables that no person meets do not count."
    public = f"SELECT l.Region, COUNT(*) AS n FROM ref.las AS l LEFT JOIN a ON l.LA = a.LA AND a.{Y} GROUP BY l.Region"
    assert said in private(public).omissions
    persons = f"SELECT a.LA, COUNT(*) AS n FROM a LEFT JOIN ref.las AS l ON l.LA = a.LA WHERE a.{Y} GROUP BY a.LA"
    assert said not in private(persons).omissions


ADDED = {
    "SUM(sqrt(Points))": ("5.406285421743644", 1.5),
    "AVG(sqrt(Points))": ("1.351571355435911", 1.5),
    "MAX(w)": ("5.406285421743644", 1.5),
    "stddev_samp(sqrt(Points))": ("0.15891862259789105", 2),
}


@pytest.mark.parametrize("added", ADDED)
def test_the_order_of_rows_moves_no_answer(added: str) -> None:
    """Binary fractions add up differently in another order; removing a person moves everybody's place in the files."""
    above, often = ADDED[added]
    windows = "(SELECT Key, Points, SUM(sqrt(Points)) OVER (PARTITION BY Key) AS w FROM a)"
    one = f"SELECT Key, {added} AS s FROM {windows} a GROUP BY Key"
    measured = private(f"SELECT SUM(CASE WHEN s > {above} THEN 1 ELSE 0 END) AS n FROM ({one}) d", "duckdb").bounded[0]
    person = [{"Key": "k", "p": 0, "Y": f"{y}/{y + 1}", "Points": x}
              for y, x in ((2017, often), (2018, often), (2018, often), (2019, 3))]  # fmt: skip
    answers = [
        database({"npd.a": order}).execute(_without_ranks(measured)).fetchall() for order in permutations(person)
    ]
    assert all(a == answers[0] for a in answers)


def _without_ranks(measured: BoundedTable) -> str:
    """The tiny tables have none; the person has no more rows than count."""
    return render_sums(measured, {}).replace('"__r"', "0")
