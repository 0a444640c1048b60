"""Shapes that cannot be measured, each with the message it gets; and ranges of numbers, wherever they come from."""

# ruff: noqa: E501 - one form a line reads as a table

from dataclasses import replace

import pytest
from private_forms import PROFILE, Y, private, refusals
from query_kit import CATALOGUE, compiled

from broker.domain.errors import Refused
from broker.domain.plans.measure import Measure
from broker.privacy.private_tables import PrivateMeasure
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output

REFUSED = {
    "private-context": f"SELECT LA, AVG(d) AS m FROM (SELECT LA, Score - AVG(Score) OVER (PARTITION BY LA) AS d FROM a "
                       f"WHERE {Y}) AS x GROUP BY LA",
    "private-distinct": f"SELECT LA, COUNT(DISTINCT Score) AS n FROM a WHERE {Y} GROUP BY LA",
    "private-persons": f"SELECT LA, COUNT(DISTINCT CASE WHEN Sex = 'M' THEN [Key] END) AS n FROM a WHERE {Y} GROUP BY LA",
    "private-range": "SELECT SUM(Pay) AS s FROM swc.staff",
    "private-line": f"-- clamp: Score 20 zero\nSELECT AVG(Score) AS m FROM a WHERE {Y}",
    "private-points": f"SELECT quantile_cont(Score, 0.12345678901234567) AS q FROM a WHERE {Y}",
    "private-clamp": "-- clamp: Pay 0 900000000\nSELECT SUM(Pay) AS s FROM swc.staff",
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_measured_says_why_and_what_could(code: str) -> None:
    found = refusals(REFUSED[code], "duckdb" if "quantile_cont" in REFUSED[code] else "tsql")
    assert [r.code for r in found] == [code]
    assert all(r.message and r.advice for r in found)


@pytest.mark.parametrize(
    "line", ["-- clamp: Scores 0 9", "-- rows: c 2", "-- clamp: b.Score 0 9", "-- rows: a 0", "-- rows: a"]
)
def test_a_line_that_bounds_nothing_is_refused(line: str) -> None:
    assert [r.code for r in refusals(f"{line}\nSELECT AVG(Score) AS m FROM a WHERE {Y}")] == ["private-line"]


def test_keys_without_a_list_need_a_threshold() -> None:
    text = f"SELECT Note, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Note"
    assert [r.code for r in refusals(text, lists_only=True)] == ["private-keys"]
    assert private(text).tables[0].dimensions[0].values is None


def test_a_domain_that_is_too_large_names_the_key_to_drop() -> None:
    (found,) = refusals(f"SELECT LA, Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA, Sex", max_cells=8)
    assert found.code == "private-domain"
    assert "LA" in found.advice


@pytest.mark.parametrize("key", ["Note", "LEFT(Note, 2)", "CASE WHEN Sex = 'M' THEN Note END"])
def test_keys_of_the_data_have_a_largest_number_by_the_catalogue(key: str) -> None:
    """40 notes and none, in each of three years: how many there are is not told by an answer that is too large."""
    text = f"SELECT {key} AS k, Sex, COUNT(*) AS n FROM a GROUP BY {key}, Sex"
    assert private(text, max_keys=366).tables[0].dimensions[0].values is None
    (found,) = refusals(text, max_keys=362)
    assert (found.code, "Remove the key" in found.advice) == ("private-domain", True)


def test_a_key_of_which_nothing_says_how_many_values_it_has() -> None:
    (found,) = refusals("SELECT Pay, COUNT(*) AS n FROM swc.staff GROUP BY Pay")
    assert (found.code, "Pay" in found.message) == ("private-keys", True)


def test_counts_of_a_persons_rows_are_so_many_at_most() -> None:
    text = "SELECT t, COUNT(*) AS n FROM (SELECT [Key], COUNT(*) AS t FROM a GROUP BY [Key]) AS d GROUP BY t"
    assert private(text).tables[0].dimensions[0].size == 45_000
    assert [r.code for r in refusals(text, max_keys=40_000)] == ["private-domain"]


def test_quantiles_of_many_cells_name_the_key_to_drop() -> None:
    """Every candidate is looked at in every cell."""
    asked = "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Points) AS m"
    text = f"SELECT LA, Sex, {asked} FROM a WHERE {Y} GROUP BY LA, Sex"
    assert private(text).tables[0].statistics[0].measure is PrivateMeasure.QUANTILE
    (found,) = refusals(text, max_words=20_000)
    assert (found.code, "Remove the key" in found.advice) == ("private-domain", True)
    (whole,) = refusals(f"SELECT {asked} FROM a WHERE {Y}", max_words=1_000)
    assert whole.code == "private-points"


def test_many_statistics_at_once() -> None:
    (found,) = refusals(f"SELECT SUM(Score) AS s, SUM(Points) AS p FROM a WHERE {Y}", max_parts=1)
    assert found.code == "private-parts"


def test_the_least_value_would_be_refused_if_a_query_had_one() -> None:
    plan = compiled(f"SELECT LA, SUM(Score) AS s FROM a WHERE {Y} GROUP BY LA").plan
    assert plan is not None
    (output,) = plan.outputs
    (table,) = output.tables
    least = tuple(replace(s, measure=Measure.LOWEST) for s in table.statistics)
    with pytest.raises(Refused) as refused:
        plan_private_output(
            replace(output, tables=(replace(table, statistics=least),)), PrivateContext(CATALOGUE, PROFILE, {})
        )
    assert [r.code for r in refused.value.refusals] == ["private-extreme"]


def test_an_output_of_nobody_would_be_refused_if_a_query_had_one() -> None:
    plan = compiled(f"SELECT LA, SUM(Score) AS s FROM a WHERE {Y} GROUP BY LA").plan
    assert plan is not None
    with pytest.raises(Refused) as refused:
        plan_private_output(replace(plan.outputs[0], tables=()), PrivateContext(CATALOGUE, PROFILE, {}))
    assert [r.code for r in refused.value.refusals] == ["private-nobody"]


@pytest.mark.parametrize("asked", ["SUM(LEN(Note))", "SUM(Pay)"])
def test_advice_about_a_range_works(asked: str) -> None:
    """By a line where a line bounds it, by LEAST and GREATEST where none can."""
    table = "swc.staff" if "Pay" in asked else f"a WHERE {Y}"
    (found,) = refusals(f"SELECT {asked} AS s FROM {table}")
    followed = (
        f"-- clamp: Pay 0 9\nSELECT {asked} AS s FROM {table}"
        if "-- clamp: Pay" in found.advice
        else f"SELECT SUM(LEAST(GREATEST({asked[4:-1]}, 0), 9)) AS s FROM {table}"
    )
    assert (
        private(followed).tables[0].arguments[0].clamp.high == 9 * private(followed).tables[0].arguments[0].clamp.scale
    )
    assert ("-- clamp" in found.advice) == ("Pay" in asked)


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
}


@pytest.mark.parametrize("name", RANGES)
def test_the_range_of_a_number(name: str) -> None:
    asked, expected, *lines = RANGES[name]
    (number,) = private(f"{''.join(lines)}\nSELECT LA, {asked} AS s FROM a WHERE {Y} GROUP BY LA").bounded[0].numbers
    assert (number.low, number.high, number.scale) == expected


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


def test_a_number_that_is_never_there_has_the_range_that_is_written() -> None:
    cut = "LEAST(GREATEST(1.5 * CASE WHEN Flag = 1 THEN NULL ELSE NULL END, 0), 3)"
    (found,) = private(f"SELECT SUM({cut}) AS s FROM a WHERE {Y}").bounded[0].numbers
    assert (found.low, found.high) == (0, 3 * found.scale)


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
