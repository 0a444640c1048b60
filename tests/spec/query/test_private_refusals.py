"""Shapes that cannot be measured, each with the message it gets; and ranges of numbers, wherever they come from."""

# ruff: noqa: E501 - one form a line reads as a table

from dataclasses import replace

import pytest
from private_forms import PROFILE, Y, private, refusals
from query_kit import CATALOGUE, drawn, planned

from broker.domain.errors import Refused
from broker.domain.plans.measure import Measure
from broker.privacy.private_tables import PrivateMeasure
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output

# a code | its profile's limit, if another than that of the policy | a text that gets it
REFUSED = drawn(rf"""
private-context  | -         | SELECT LA, AVG(d) AS m FROM (SELECT LA, Score - AVG(Score) OVER (PARTITION BY LA) AS d FROM a WHERE {Y}) AS x GROUP BY LA
private-distinct | -         | SELECT LA, COUNT(DISTINCT Score) AS n FROM a WHERE {Y} GROUP BY LA
private-persons  | -         | SELECT LA, COUNT(DISTINCT CASE WHEN Sex = 'M' THEN [Key] END) AS n FROM a WHERE {Y} GROUP BY LA
private-range    | -         | SELECT SUM(Pay) AS s FROM swc.staff
private-keys     | -         | SELECT Pay, COUNT(*) AS n FROM swc.staff GROUP BY Pay
private-parts    | max_parts=1 | SELECT SUM(Score) AS s, SUM(Points) AS p FROM a WHERE {Y}
private-points   | max_words=1000 | SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Points) AS m FROM a WHERE {Y}
private-domain   | max_keys=40000 | SELECT t, COUNT(*) AS n FROM (SELECT [Key], COUNT(*) AS t FROM a GROUP BY [Key]) AS d GROUP BY t
private-clamp    | -         | -- clamp: Pay 0 900000000 / SELECT SUM(Pay) AS s FROM swc.staff
private-line     | -         | -- clamp: Score 20 zero / SELECT AVG(Score) AS m FROM a WHERE {Y}
private-line     | -         | -- clamp: Scores 0 9 / SELECT AVG(Score) AS m FROM a WHERE {Y}
private-line     | -         | -- clamp: b.Score 0 9 / SELECT AVG(Score) AS m FROM a WHERE {Y}
private-line     | -         | -- rows: c 2 / SELECT AVG(Score) AS m FROM a WHERE {Y}
private-line     | -         | -- rows: a 0 / SELECT AVG(Score) AS m FROM a WHERE {Y}
private-line     | -         | -- rows: a / SELECT AVG(Score) AS m FROM a WHERE {Y}
""")


@pytest.mark.parametrize(("code", "limit", "text"), REFUSED)
def test_what_cannot_be_measured_says_why_and_what_could(code: str, limit: str, text: str) -> None:
    limits = {} if limit == "-" else {limit.partition("=")[0]: int(limit.partition("=")[2])}
    (found,) = refusals(text.replace(" / ", "\n"), **limits)
    assert found.code == code
    assert found.message
    assert found.advice


def test_a_quantile_of_too_many_digits_has_too_many_candidates() -> None:
    (found,) = refusals(f"SELECT quantile_cont(Score, 0.12345678901234567) AS q FROM a WHERE {Y}", "duckdb")
    assert found.code == "private-points"


def test_keys_without_a_list_need_a_threshold() -> None:
    text = f"SELECT Note, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Note"
    assert [r.code for r in refusals(text, lists_only=True)] == ["private-keys"]
    assert private(text).tables[0].dimensions[0].values is None


# 40 notes and none, in each of three years: how many there are is not told by an answer that is too large
@pytest.mark.parametrize(("asked", "key", "enough", "too_few"), [
    ("COUNT(*) AS n", "LA", {}, {"max_cells": 8}),
    ("COUNT(*) AS n", "Note", {"max_keys": 366}, {"max_keys": 362}),
    ("COUNT(*) AS n", "LEFT(Note, 2)", {"max_keys": 366}, {"max_keys": 362}),
    ("COUNT(*) AS n", "CASE WHEN Sex = 'M' THEN Note END", {"max_keys": 366}, {"max_keys": 362}),
    ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Points) AS m", "LA", {}, {"max_words": 20_000}),
])  # fmt: skip
def test_a_domain_that_is_too_large_names_the_key_to_drop(
    asked: str, key: str, enough: dict[str, int], too_few: dict[str, int]
) -> None:
    where = "" if "Note" in key else f"WHERE {Y}"
    text = f"SELECT {key} AS k, Sex, {asked} FROM a {where} GROUP BY {key}, Sex"
    assert (private(text, **enough).tables[0].dimensions[0].values is None) == ("Note" in key)
    (found,) = refusals(text, **too_few)
    assert found.code == "private-domain"
    assert f"Remove the key {key if key.isalpha() else ''}" in found.advice


def test_counts_of_a_persons_rows_are_so_many_at_most() -> None:
    text = "SELECT t, COUNT(*) AS n FROM (SELECT [Key], COUNT(*) AS t FROM a GROUP BY [Key]) AS d GROUP BY t"
    assert private(text).tables[0].dimensions[0].size == 45_000


@pytest.mark.parametrize("code", ["private-extreme", "private-nobody"])
def test_the_least_value_and_an_output_of_nobody_would_be_refused_if_a_query_had_one(code: str) -> None:
    output = planned(f"SELECT LA, SUM(Score) AS s FROM a WHERE {Y} GROUP BY LA")
    (table,) = output.tables
    least = replace(table, statistics=tuple(replace(s, measure=Measure.LOWEST) for s in table.statistics))
    tables = (least,) if code == "private-extreme" else ()
    with pytest.raises(Refused) as refused:
        plan_private_output(replace(output, tables=tables), PrivateContext(CATALOGUE, PROFILE, {}))
    assert [r.code for r in refused.value.refusals] == [code]


@pytest.mark.parametrize(("asked", "table", "by_a_line"), [
    ("SUM(LEN(Note))", f"a WHERE {Y}", False), ("SUM(Pay)", "swc.staff", True),
])  # fmt: skip
def test_advice_about_a_range_works(asked: str, table: str, by_a_line: bool) -> None:
    """By a line where a line bounds it, by LEAST and GREATEST where none can."""
    (found,) = refusals(f"SELECT {asked} AS s FROM {table}")
    assert ("-- clamp: Pay" in found.advice) == ("-- clamp" in found.advice) == by_a_line
    cut = f"SELECT SUM(LEAST(GREATEST({asked[4:-1]}, 0), 9)) AS s FROM {table}"
    followed = f"-- clamp: Pay 0 9\nSELECT {asked} AS s FROM {table}" if by_a_line else cut
    (argument,) = private(followed).tables[0].arguments
    assert argument.clamp.high == 9 * argument.clamp.scale


def test_a_refusal_has_all_reasons() -> None:
    text = f"SELECT Note, COUNT(DISTINCT Score) AS n, SUM(LEN(Note)) AS s FROM a WHERE {Y} GROUP BY Note"
    assert {r.code for r in refusals(text, lists_only=True)} == {"private-distinct", "private-range", "private-keys"}


RANGES = {
    "the catalogue's": ("SUM(Score)", (0, 20, 1)),
    "fixed point": ("SUM(Points)", (0, 900, 100)),
    "narrower by a line": ("SUM(Score)", (0, 9, 1), "-- clamp: Score 0 9"),
    "narrower by a full name": ("SUM(Score)", (0, 9, 1), "-- clamp: npd.a.score 0 9"),
    "a part of a step goes outwards": ("SUM(Points)", (50, 1251, 100), "-- clamp: Points 0.5 12.505"),
    "by functions": ("SUM(LEAST(GREATEST(LEN(Note), 2), 40))", (2, 40, 1)),
    "by arithmetic": ("SUM(2 * Score - 1)", (-1, 39, 1)),
    "by a choice": ("SUM(CASE WHEN Sex = 'M' THEN Score ELSE 0 END)", (0, 20, 1)),
    "ones": ("SUM(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END)", (0, 1, 1)),
    "never there": ("SUM(LEAST(GREATEST(1.5 * CASE WHEN Flag = 1 THEN NULL ELSE NULL END, 0), 3))", None),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_range_of_a_number(name: str) -> None:
    asked, expected, *lines = RANGES[name]
    (number,) = private(f"{''.join(lines)}\nSELECT LA, {asked} AS s FROM a WHERE {Y} GROUP BY LA").bounded[0].numbers
    assert (number.low, number.high, number.scale) == (expected or (0, 3 * number.scale, number.scale))


def test_one_number_serves_all_of_its_uses() -> None:
    asked = "COUNT(*) AS n, COUNT(Score) AS c, SUM(Score) AS s, AVG(1.0 * Score) AS m"
    found = private(f"SELECT LA, {asked} FROM a WHERE {Y} GROUP BY LA", dialect="duckdb")
    asks = [s.measure for s in found.tables[0].statistics]
    assert asks == [PrivateMeasure.ROWS, PrivateMeasure.VALUES, PrivateMeasure.SUM, PrivateMeasure.MEAN]


def test_only_what_the_output_reads_is_paid_for() -> None:
    """A mean's own count, and what its argument implies, leave with nothing."""
    found = private(f"SELECT LA, SUM(CASE WHEN Sex = 'M' AND Flag = 1 THEN Score ELSE 0 END) AS s FROM a WHERE {Y} "
                    "GROUP BY LA HAVING COUNT(*) > 5")  # fmt: skip
    assert [s.measure for s in found.tables[0].statistics] == [PrivateMeasure.ROWS, PrivateMeasure.SUM]


REGISTERS = "CROSS JOIN ref.las l CROSS JOIN ref.las m"
ALONE = {
    "public tables that nothing ties": f"SELECT COUNT(*) AS n FROM a {REGISTERS} WHERE {Y}",
    "written rows": f"SELECT COUNT(*) AS n FROM a CROSS JOIN (VALUES {', '.join(['(1)'] * 1000)}) AS v(x) CROSS JOIN ref.las l WHERE {Y}",
    "before they are brought together": f"SELECT AVG(LEAST(n, 9)) AS m FROM (SELECT [Key], COUNT(*) AS n FROM a {REGISTERS} WHERE {Y} GROUP BY [Key]) d",
    "before one is left": f"SELECT SUM(LEAST(z.c, 9)) AS n FROM a OUTER APPLY (SELECT COUNT(*) AS c FROM ref.las l CROSS JOIN ref.las m WHERE l.LA > a.LA) z WHERE {Y}",
    "in a question": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND EXISTS (SELECT 1 FROM ref.las l CROSS JOIN ref.las m WHERE l.LA > a.LA)",
    "many rows of theirs": "SELECT COUNT(*) AS n FROM a " + " ".join(f"JOIN b AS b{i} ON b{i}.[Key] = a.[Key]" for i in range(7)),
}  # fmt: skip


@pytest.mark.parametrize("form", ALONE)
def test_what_one_persons_rows_alone_could_end_is_refused(form: str) -> None:
    """A job that fails if a certain child is there, and not otherwise, is an answer without noise."""
    found = refusals(ALONE[form], max_work=10**6)
    assert [(r.code, "inside" in r.message) for r in found] == [("private-influence", True)]


def test_tables_that_join_by_their_keys_are_little_work() -> None:
    text = "SELECT COUNT(*) AS n FROM a JOIN ref.las l ON l.LA = a.LA JOIN ref.las m ON m.LA = l.LA JOIN b ON b.[Key] = a.[Key]"
    assert private(text, max_work=100).tables
