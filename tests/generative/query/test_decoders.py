"""Decoders that try to read one child's flag out of one accepted job: the released table has the same bytes for flag 0
and 1, or the job needs a review."""

# ruff: noqa: E501 - one attack a line reads as a table

from typing import Any

import pytest
from query_kit import compiled, judged, shown

from broker.disclosure.records.released_tables import released_csv
from broker.domain.findings import Verdict
from broker.policy.disclosure_rules import DisclosureRules

PROFILE = DisclosureRules(name="npd", source="test", t=10)
TARGET = "a.LA = 3 AND a.Score = 17"
Y = "a.Y = '2017/2018'"


def world(flag: int | None) -> dict[str, list[dict[str, Any]]]:
    """120 children, of whom TARGET is one; 1 in 3 has the flag, 40 have a row in b, 15 of 120 a score of nothing."""
    rows = [
        {"p": i, "Key": f"k{i}", "Y": "2017/2018", "Sex": "MF"[i % 2], "LA": 1 + i % 2, "Flag": int(i % 3 == 0),
         "Score": i % 15, "Points": 2, "Note": "x"}
        for i in range(120)
    ]  # fmt: skip
    rows[1] |= {"LA": 3, "Score": 17, "Flag": flag}
    later = [r | {"Y": y} for r in rows for y in ("2018/2019", "2019/2020")]
    b = [{"p": i, "Key": f"k{i}", "Y": "2017/2018", "Kind": "X", "Days": 1, "Wave": 1} for i in range(40)]
    return {"npd.a": rows + later, "npd.b": b, "ref.las": [{"LA": i, "Region": "N"} for i in (1, 2, 3)]}


def released(text: str, flag: int | None) -> str:
    """What leaves with the verdict of the whole, or `review` where the text alone makes a person look."""
    plan = compiled(text).plan
    assert plan is not None, compiled(text).refusals
    if plan.review:
        return "review"
    found = judged(text, world(flag), PROFILE)
    return f"{'looked at ' if found.verdict is Verdict.REVIEW else ''}{released_csv(found).decode()}"


LEAST = "CAST(0 - POWER(CAST(2 AS float), Flag * Score + 46) AS bigint)"
"""The least whole number of 64 bits for the target with the flag alone: its opposite does not fit."""
ATTACKS = {
    "population of one": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND {TARGET} AND Flag = 1",
    "branch": f"SELECT SUM(CASE WHEN {TARGET} AND Flag = 1 THEN 1 ELSE 0 END) AS n FROM a WHERE {Y}",
    "branch in a derived table": f"SELECT SUM(d.z) AS n FROM (SELECT CASE WHEN {TARGET} AND Flag = 1 THEN 1000 ELSE 1 END AS z FROM a WHERE {Y}) d",
    "branch in a derived table of a derived table": f"SELECT SUM(e.w) AS n FROM (SELECT 2 * d.z AS w FROM (SELECT CASE WHEN {TARGET} AND Flag = 1 THEN 1000 ELSE 1 END AS z FROM a WHERE {Y}) d) e",
    "branch behind an outer join": f"SELECT SUM(d.z) AS n FROM a LEFT JOIN (SELECT Key, CASE WHEN LA = 3 AND Score = 17 AND Flag = 1 THEN 1000 ELSE 1 END AS z FROM a WHERE {Y}) d ON a.Key = d.Key WHERE {Y}",
    "missing by NULLIF": f"SELECT COUNT(*) AS n, COUNT(NULLIF(CASE WHEN {TARGET} AND Flag = 1 THEN 1 ELSE 0 END, 1)) AS m FROM a WHERE {Y}",
    "nested conditions": f"SELECT SUM(CASE WHEN Sex = 'F' THEN 1 ELSE 0 END) AS n, SUM(CASE WHEN Sex = 'F' AND NOT ({TARGET} AND Flag = 1) THEN 1 ELSE 0 END) AS m FROM a WHERE {Y}",
    "nested sums": f"SELECT SUM(CASE WHEN Sex = 'F' THEN Points ELSE 0 END) AS n, SUM(CASE WHEN Sex = 'F' AND NOT ({TARGET} AND Flag = 1) THEN 9 * Points ELSE 0 END) AS m FROM a WHERE {Y}",
    "the line that is not full": f"SELECT Flag, CASE WHEN {TARGET} THEN 'it' ELSE 'others' END AS k, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Flag, CASE WHEN {TARGET} THEN 'it' ELSE 'others' END",
    "weight by a public table": f"SELECT COUNT(*) AS n FROM a JOIN ref.las s ON a.LA = s.LA OR (a.LA = 3 AND a.Flag = 1) WHERE {Y}",
    "weight by a product": f"SELECT COUNT(*) AS n FROM a, ref.las s, ref.las u WHERE {Y} AND (a.LA = s.LA AND a.LA = u.LA OR {TARGET} AND Flag = 1)",
    "weight by a person's other rows": f"SELECT COUNT(*) AS n FROM a JOIN a c ON a.Key = c.Key AND (a.Y = c.Y OR {TARGET} AND a.Flag = 1) WHERE {Y}",
    "weight by a row's own condition": f"SELECT COUNT(*) AS n FROM a JOIN a c ON a.Key = c.Key AND (c.Y = '2017/2018' OR c.LA = 3 AND c.Flag = 1) JOIN a d ON a.Key = d.Key AND (d.Y = '2017/2018' OR d.LA = 3 AND d.Flag = 1) WHERE {Y}",
    "digits of a sum": f"SELECT SUM(CASE WHEN {TARGET} AND Flag = 1 THEN 0.01 * Score ELSE 1 END) AS n FROM a WHERE {Y}",
    "missing by a division": f"SELECT COUNT(*) AS n, COUNT(1 / CASE WHEN {TARGET} AND Flag = 1 THEN 0 ELSE 1 END) AS m FROM a WHERE {Y}",
    "missing by a divisor": f"SELECT COUNT(*) AS n, COUNT(1 / (Score - 17 * Flag)) AS m FROM a WHERE {Y} AND Score > 0",
    "missing by a conversion": f"SELECT COUNT(*) AS n, COUNT(CAST(CASE WHEN {TARGET} AND Flag = 1 THEN 'x' ELSE '1' END AS int)) AS m FROM a WHERE {Y}",
    "missing by a size": f"SELECT COUNT(*) AS n, SUM(CASE WHEN {TARGET} AND Flag = 1 THEN 9000000000000000 ELSE 1 END * 900) AS m FROM a WHERE {Y}",
    "missing by a root": f"SELECT COUNT(*) AS n, COUNT(SQRT(CASE WHEN {TARGET} AND Flag = 1 THEN -1 ELSE 1 END)) AS m FROM a WHERE {Y}",
    "missing by a logarithm": f"SELECT COUNT(*) AS n, COUNT(LOG(18 - Score - Flag)) AS m FROM a WHERE {Y}",
    "missing by a power": f"SELECT COUNT(*) AS n, COUNT(POWER(CAST(18 - Score - Flag AS float), -1)) AS m FROM a WHERE {Y}",
    "missing by a date": f"SELECT COUNT(*) AS n, COUNT(DATEFROMPARTS(2018, CASE WHEN {TARGET} AND Flag = 1 THEN 13 ELSE 1 END, 1)) AS m FROM a WHERE {Y}",
    "missing by a conversion to decimal": f"SELECT COUNT(*) AS n, COUNT(ISNULL(NULLIF(Points, 2), EXP(Flag * Score * 5))) AS m FROM a WHERE {Y}",
    "a conversion to decimal in a condition": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND ISNULL(NULLIF(Points, 2), EXP(Flag * Score * 5)) > 0",
    "the opposite of the least number": f"SELECT COUNT(*) AS n, COUNT(-{LEAST}) AS m FROM a WHERE {Y}",
    "the size of the least number": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND ABS({LEAST}) IS NOT NULL",
    "a quotient of the least number": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND {LEAST} / (Score - 18) IS NOT NULL",
    "a row that drops out of a condition": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND 1 / CASE WHEN {TARGET} AND Flag = 1 THEN 0 ELSE 1 END = 1",
    "few who differ": f"SELECT AVG(1.0 * d.z) AS m FROM (SELECT CASE WHEN {TARGET} THEN 50 * Flag ELSE 0 END AS z FROM a WHERE {Y}) d",
}  # fmt: skip


S = "LA = 3 AND Score = 17 AND Flag = 1"
MARK = "CASE WHEN LA = 3 AND Score = 17 AND Flag = 1 THEN 1000 ELSE 1 END"
IT = f"SELECT Key FROM a WHERE {S}"
OWN = "c.Key = a.Key AND c.LA = 3 AND c.Score = 17 AND c.Flag = 1"
BANDS = ", ".join(f"({i})" for i in range(1, 11))
ATTACKS |= {
    # one person's rows as a weight
    "sum of a person's branches": f"SELECT SUM(d.w) AS n FROM (SELECT Key, SUM({MARK}) AS w FROM a WHERE {Y} GROUP BY Key) d",
    "largest of a person's branches": f"SELECT SUM(d.w) AS n FROM (SELECT Key, MAX({MARK}) AS w FROM a WHERE {Y} GROUP BY Key) d",
    "least of a person's branches": f"SELECT SUM(d.w) AS n FROM (SELECT Key, MIN(-{MARK}) AS w FROM a WHERE {Y} GROUP BY Key) d",
    "mean of a person's branches": f"SELECT SUM(d.w) AS n FROM (SELECT Key, AVG(1.0 * {MARK}) AS w FROM a WHERE {Y} GROUP BY Key) d",
    "a person's count as a weight": f"SELECT SUM(d.w) AS n FROM (SELECT Key, 900 * COUNT(CASE WHEN {S} THEN 1 END) AS w FROM a WHERE {Y} GROUP BY Key) d",
    "a person's product": f"SELECT SUM(d.w) AS n FROM (SELECT Key, SUM(Score) * MAX(Flag) AS w FROM a WHERE {Y} GROUP BY Key) d",
    "a person's rows chosen": f"SELECT SUM(d.m) AS n FROM (SELECT Key, COUNT(*) AS m FROM a WHERE {Y} OR LA = 3 AND Flag = 1 GROUP BY Key) d",
    "lag of a branch": f"SELECT SUM(d.w) AS n FROM (SELECT LAG({MARK}) OVER (PARTITION BY Key ORDER BY Y) AS w FROM a) d",
    "own window of a branch": f"SELECT SUM(d.w) AS n FROM (SELECT Y, SUM({MARK}) OVER (PARTITION BY Key) AS w FROM a) d WHERE d.Y = '2017/2018'",
    "branch in a window's order": f"SELECT SUM(d.r) AS n FROM (SELECT ROW_NUMBER() OVER (PARTITION BY Key ORDER BY {MARK}, Y) AS r FROM a) d",
    "row chosen by a branch in an order": f"SELECT SUM(d.Points) AS n FROM (SELECT Points, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY {MARK}, Y) AS r FROM a) d WHERE d.r = 1",
    "flag of a person": f"SELECT SUM(CASE WHEN d.f = 1 THEN 1000 ELSE 1 END) AS n FROM (SELECT MAX(CASE WHEN {S} THEN 1 ELSE 0 END) AS f FROM a GROUP BY Key) d",
    "person left out by a window": f"SELECT COUNT(*) AS n FROM (SELECT MAX(CASE WHEN {S} THEN 1 ELSE 0 END) OVER (PARTITION BY Key) AS m, Y FROM a) d WHERE d.Y = '2017/2018' AND d.m = 0",
    # subqueries
    "EXISTS as a branch": f"SELECT SUM(CASE WHEN EXISTS (SELECT 1 FROM a c WHERE {OWN}) THEN 1000 ELSE 1 END) AS n FROM a WHERE {Y}",
    "scalar count": f"SELECT SUM(d.w) AS n FROM (SELECT (SELECT 300 * COUNT(*) FROM a c WHERE {OWN}) AS w FROM a) d",
    "scalar sum of branches": "SELECT SUM(d.w) AS n FROM (SELECT (SELECT SUM(CASE WHEN c.LA = 3 AND c.Score = 17 AND c.Flag = 1 THEN 300 ELSE 1 END) FROM a c WHERE c.Key = a.Key) AS w FROM a) d",
    "first of branches": f"SELECT SUM(z.x) AS n FROM a CROSS APPLY (SELECT TOP 1 CASE WHEN c.LA = 3 AND c.Flag = 1 THEN 1000 ELSE 1 END AS x FROM a c WHERE c.Key = a.Key ORDER BY c.Y) z WHERE {Y}",
    "NOT IN": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND a.Key NOT IN (SELECT c.Key FROM a c WHERE c.LA = 3 AND c.Score = 17 AND c.Flag = 1 AND c.Key IS NOT NULL)",
    "own rows by APPLY": "SELECT COUNT(*) AS n FROM a OUTER APPLY (SELECT c.Score FROM a c WHERE c.Key = a.Key AND c.LA = 3 AND c.Flag = 1) z OUTER APPLY (SELECT c.Score FROM a c WHERE c.Key = a.Key AND c.LA = 3 AND c.Flag = 1) w",
    "own rows by LEFT JOIN": "SELECT COUNT(*) AS n FROM a LEFT JOIN a c ON c.Key = a.Key AND c.LA = 3 AND c.Flag = 1 LEFT JOIN a d ON d.Key = a.Key AND d.LA = 3 AND d.Flag = 1",
    "own rows by derived tables": "SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT Key FROM a WHERE LA = 3 AND Flag = 1) c ON c.Key = a.Key LEFT JOIN (SELECT Key FROM a WHERE LA = 3 AND Flag = 1) d ON d.Key = a.Key",
    "own rows by FULL JOIN": f"SELECT COUNT(*) AS n FROM a FULL JOIN (SELECT Key FROM a WHERE {Y} OR LA = 3 AND Flag = 1) x ON x.Key = a.Key FULL JOIN (SELECT Key FROM a WHERE {Y} OR LA = 3 AND Flag = 1) y ON y.Key = x.Key",
    # context: the mean of an own group moves with one child
    "own group's mean": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND Score > (SELECT AVG(CASE WHEN c.LA = 3 AND c.Flag = 1 THEN 1000.0 ELSE 5 END) FROM a c WHERE c.Sex = a.Sex)",
    "groups that hold a child": f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND Sex IN (SELECT c.Sex FROM a c GROUP BY c.Sex HAVING SUM(CASE WHEN c.LA = 3 AND c.Score = 17 THEN c.Flag ELSE 0 END) > 0)",
    "bands by one child": f"SELECT d.t, COUNT(*) AS n FROM (SELECT NTILE(2) OVER (ORDER BY {MARK}) AS t FROM a WHERE {Y}) d GROUP BY d.t",
    # multiplicity of set operations and unpivots
    "UNION ALL of one child": f"SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE {Y} UNION ALL {' UNION ALL '.join([IT] * 5)}) d",
    "outer rows of a list": "SELECT COUNT(*) AS n FROM a " + " ".join(f"LEFT JOIN (SELECT e.Key FROM a AS e WHERE e.Key IN (SELECT Key FROM a WHERE {S})) AS c{i} ON c{i}.Key = a.Key" for i in range(3)) + f" WHERE {Y}",
    "outer written rows": f"SELECT COUNT(*) AS n FROM a LEFT JOIN (VALUES {', '.join(['(3, 17, 1)'] * 60)}) AS v(x, y, z) ON a.LA = v.x AND a.Score = v.y AND a.Flag = v.z WHERE {Y}",
    "branches by key": f"SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE {Y} UNION ALL {' UNION ALL '.join([f'SELECT Key FROM a WHERE {S} GROUP BY Key'] * 12)}) d",
    "UNION of one child": f"SELECT COUNT(*) AS n FROM (SELECT Key, 'a' AS z FROM a WHERE {Y} UNION {' UNION '.join(f'SELECT Key, {chr(39)}{c}{chr(39)} FROM a WHERE {S}' for c in 'bcdefghijkl')}) d",
    "UNION ALL with a large value": f"SELECT SUM(d.x) AS n FROM (SELECT Key, Points AS x FROM a WHERE {Y} UNION ALL SELECT Key, 100 * Points FROM a WHERE {S}) d",
    "UNION ALL of values": f"SELECT COUNT(d.x) AS n FROM (SELECT Key, LA AS x FROM a WHERE {Y} UNION ALL {' UNION ALL '.join([f'SELECT Key, LA FROM a WHERE {S}'] * 4)}) d",
    "EXCEPT one child": f"SELECT Sex, COUNT(*) AS n FROM (SELECT Key, Sex FROM a EXCEPT SELECT Key, Sex FROM a WHERE {S}) d GROUP BY Sex",
    "DISTINCT by a branch": f"SELECT COUNT(*) AS n FROM (SELECT DISTINCT a.Key, CASE WHEN {S} THEN v.x ELSE 0 END AS z FROM a CROSS JOIN (VALUES {BANDS}) AS v(x)) d",
    "unpivot rows chosen": f"SELECT COUNT(*) AS n FROM a CROSS APPLY (VALUES {BANDS}) AS v(x) WHERE {Y} AND (v.x = 1 OR {TARGET} AND Flag = 1)",
    "unpivot values counted": f"SELECT COUNT(v.x) AS n FROM a CROSS APPLY (VALUES (a.LA), {', '.join([f'(CASE WHEN {S} THEN 1 END)'] * 5)}) AS v(x) WHERE {Y}",
    "unpivot values present": f"SELECT COUNT(*) AS n FROM a CROSS APPLY (VALUES (a.LA), {', '.join([f'(CASE WHEN {S} THEN 1 END)'] * 5)}) AS v(x) WHERE {Y} AND v.x IS NOT NULL",
    "unpivot weight": f"SELECT SUM(v.x) AS n FROM a CROSS APPLY (VALUES (1), (CASE WHEN {TARGET} AND Flag = 1 THEN 1000 ELSE 0 END)) AS v(x) WHERE {Y}",
    "UNPIVOT weight": f"SELECT SUM(u.x) AS n FROM (SELECT Key, Score, CASE WHEN {TARGET} AND Flag = 1 THEN 1000 END AS w FROM a WHERE {Y}) AS s UNPIVOT (x FOR k IN (Score, w)) AS u",
    "PIVOT by a branch": f"SELECT [M], [F] FROM (SELECT CASE WHEN {TARGET} AND Flag = 1 THEN 'M' ELSE 'F' END AS k, Points FROM a WHERE {Y}) AS s PIVOT (SUM(Points) FOR k IN ([M], [F])) AS p",
    # what stands above the groups sees protected values only
    "HAVING as a bisection": f"SELECT Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex HAVING AVG(CASE WHEN {S} THEN 1000.0 ELSE 0 END) >= 1",
    "HAVING on another query": f"SELECT Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex HAVING (SELECT COUNT(*) FROM a WHERE {S}) > 0",
    "order of the rows": f"SELECT Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex ORDER BY SUM(CASE WHEN {S} THEN 1 ELSE 0 END)",
    "rank of the rows": f"SELECT Sex, COUNT(*) AS n, RANK() OVER (ORDER BY SUM(CASE WHEN {S} THEN 1 ELSE 0 END)) AS r FROM a WHERE {Y} GROUP BY Sex",
    "TOP of the rows": f"SELECT TOP 1 Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex ORDER BY SUM(CASE WHEN {S} THEN 1000 ELSE 1 END) DESC",
    "label by a figure": f"SELECT Sex, CASE WHEN SUM(CASE WHEN {S} THEN 1 ELSE 0 END) > 0 THEN 'y' ELSE 'n' END AS r, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex",
    "difference of two queries": f"SELECT (SELECT SUM(Score) FROM a WHERE {Y}) - (SELECT SUM(Score) FROM a WHERE {Y} AND NOT ({S})) AS m",
    "two queries side by side": f"SELECT SUM(Score) AS n FROM a WHERE {Y} UNION ALL SELECT SUM(Score) FROM a WHERE {Y} AND NOT ({S})",
    "joined groups": f"SELECT x.Sex, x.n, y.n AS m FROM (SELECT Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex) x JOIN (SELECT Sex, COUNT(*) AS n FROM a WHERE {Y} AND NOT ({S}) GROUP BY Sex) y ON x.Sex = y.Sex",
    "grouping sets": f"SELECT Sex, CASE WHEN {S} THEN 'it' ELSE 'others' END AS k, COUNT(*) AS n FROM a WHERE {Y} GROUP BY CUBE (Sex, CASE WHEN {S} THEN 'it' ELSE 'others' END)",
}  # fmt: skip


def joined(sub: str, times: int = 3) -> str:
    """LEFT JOINs of one derived table, each of which multiplies the rows of whoever is in it."""
    return " ".join(f"LEFT JOIN ({sub}) c{i} ON c{i}.Key = a.Key" for i in range(times))


MARKED = f"(SELECT Key, CASE WHEN {S} THEN 1 ELSE 0 END AS z, 1 AS one FROM a)"
WRITTEN = f"(VALUES {', '.join(['(3, 17, 1)'] * 60)}) AS v(x, y, z)"
ATTACKS |= {
    # rows multiplied by what no condition on a variable says
    "own rows by equal columns": f"SELECT COUNT(*) AS n FROM a {joined(f'SELECT d.Key FROM {MARKED} d WHERE d.z = d.one')} WHERE {Y}",
    "own rows by written values": f"SELECT COUNT(*) AS n FROM a {joined('SELECT e.Key FROM a e JOIN (VALUES (3, 17, 1)) AS v(x, y, z) ON e.LA = v.x AND e.Score = v.y AND e.Flag = v.z')} WHERE {Y}",
    "own rows by EXISTS": f"SELECT COUNT(*) AS n FROM a {joined(f'SELECT a.Key FROM a WHERE EXISTS (SELECT 1 FROM a c WHERE {OWN})')} WHERE {Y}",
    "own rows by IN": f"SELECT COUNT(*) AS n FROM a {joined(f'SELECT e.Key FROM a e WHERE e.Key IN ({IT})')} WHERE {Y}",
    "own rows by a count": f"SELECT COUNT(*) AS n FROM a {joined(f'SELECT a.Key FROM a WHERE (SELECT COUNT(*) FROM a c WHERE {OWN}) > 0')} WHERE {Y}",
    "UNION ALL of groups of one child": f"SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE {Y} UNION ALL {' UNION ALL '.join([f'{IT} GROUP BY Key'] * 12)}) d",
    "UNION ALL of a distinct child": f"SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE {Y} UNION ALL {' UNION ALL '.join([IT.replace('SELECT', 'SELECT DISTINCT')] * 12)}) d",
    "written rows that are alike": f"SELECT COUNT(*) AS n FROM a LEFT JOIN {WRITTEN} ON a.LA = v.x AND a.Score = v.y AND a.Flag = v.z WHERE {Y}",
    "the base of rounding": f"SELECT COUNT(DISTINCT x.Key) AS n FROM a LEFT JOIN (SELECT Key FROM a WHERE LA IN (1, 3)) x ON x.Key = a.Key LEFT JOIN (SELECT Key FROM a WHERE LA IN (1, 3) AND NOT ({S})) y ON y.Key = a.Key WHERE {Y}",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_one_childs_flag_cannot_be_read(name: str) -> None:
    """Invariant 4: what leaves is the same whatever the one child is."""
    first, second = (released(ATTACKS[name], flag) for flag in (0, 1))
    assert first == second, (first, second)


USEFUL = {
    f"SELECT COUNT(*) AS n, AVG(1.0 * Score) AS m FROM a WHERE {Y}": "n,m\n120,7\n",
    f"SELECT COUNT(*) AS n, AVG(1.0 * b.Days) AS m FROM a LEFT JOIN b ON a.Key = b.Key WHERE {Y} AND a.Score > 1": None,
    f"SELECT COUNT(*) AS n, COUNT(b.Days) AS m FROM a LEFT JOIN b ON a.Key = b.Key WHERE {Y}": "n,m\n120,40\n",
    f"SELECT Sex, SUM(CASE WHEN LA = 1 THEN 1 ELSE 0 END) AS n FROM a WHERE {Y} GROUP BY Sex": None,
    f"SELECT s.Region, COUNT(*) AS n FROM a JOIN ref.las s ON a.LA = s.LA WHERE {Y} GROUP BY s.Region": "Region,n\nN,120\nS,c\n(missing),c\n",
    "SELECT COUNT(*) AS n, COUNT(DISTINCT Key) AS m FROM a": "n,m\n360,120\n",
}


@pytest.mark.parametrize("text", USEFUL)
def test_ordinary_tables_still_leave(text: str) -> None:
    found = released(text, 1)
    assert found != "review"
    assert USEFUL[text] in (None, found)


def test_a_count_of_missing_values_shows_many_and_hides_few() -> None:
    """COUNT(*) - COUNT(x) is a count: below ten it is shown as none, whether it is or not, and nothing is hidden."""
    text = f"SELECT COUNT(*) AS n, AVG(1.0 * Score) AS m, COUNT(Score) AS k, SUM(Score) AS s FROM a WHERE {Y}"

    def released_line(missing: int) -> str:
        data = world(1)
        for row in data["npd.a"][:missing]:
            row["Score"] = None
        return released_csv(judged(text, data, PROFILE)).decode().splitlines()[1]

    assert [released_line(n).split(",")[2] for n in (0, 3, 9, 10, 30)] == ["120", "120", "120", "110", "90"]
    for missing in (0, 3, 9):
        _, mean, count, total = map(float, released_line(missing).split(","))
        assert total == round(mean * count), "nor does SUM / AVG tell"


def test_a_mean_of_counts_of_each_person_is_still_released() -> None:
    """A per-person count is small: its sum and mean keep their digits."""
    text = "SELECT AVG(1.0 * d.m) AS n FROM (SELECT Key, COUNT(*) AS m FROM a WHERE Y = '2017/2018' OR Sex = 'M' GROUP BY Key) d"
    assert shown(text, world(1)) == [(2.0,)]
    assert released(text, 1) == "n\n2\n"


def test_five_rows_a_person_do_not_undo_rounding() -> None:
    """COUNT(*) of three rows a child leaves as a multiple of 15: the children stay rounded to 5."""
    assert released("SELECT COUNT(*) AS n FROM a WHERE a.Score <> 3", 1) == "n\n330\n"


PRESENT = "SELECT Key FROM a WHERE Note IS NOT NULL"
LOOKED_AT = {
    "who has a note": f"SELECT COUNT(*) AS n FROM a {joined(PRESENT)} WHERE {Y}",
    "who has a note, by UNION ALL": f"SELECT COUNT(*) AS n FROM (SELECT Key FROM a WHERE {Y} UNION ALL {' UNION ALL '.join([PRESENT] * 3)}) d",
    "who has two equal numbers": f"SELECT COUNT(*) AS n FROM a LEFT JOIN a c ON c.Key = a.Key AND c.LA = a.Score WHERE {Y}",
    "who has many rows": "SELECT COUNT(*) AS n FROM b JOIN b c ON c.Key = b.Key JOIN b d ON d.Key = b.Key",
    "written rows behind an outer join": f"SELECT COUNT(*) AS n FROM a LEFT JOIN (VALUES (1), (2), (3)) AS v(x) ON {TARGET} AND a.Flag = 1 WHERE {Y}",
    "written rows multiplied": f"SELECT COUNT(*) AS n FROM a LEFT JOIN (SELECT t.x FROM (VALUES (3), (4)) AS t(x) CROSS JOIN (VALUES (1), (2)) AS u(z)) v ON v.x = a.LA WHERE {Y}",
    "other years by EXISTS": f"SELECT COUNT(*) AS n FROM a JOIN a c ON c.Key = a.Key WHERE a.Y = '2017/2018' AND (c.Y = '2017/2018' OR c.Key IN ({IT}))",
    "written rows numbered": f"SELECT COUNT(*) AS n FROM (SELECT LA, Score, Flag, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY v.x) AS r FROM a CROSS JOIN (VALUES (1), (2), (3)) AS v(x) WHERE {Y}) d WHERE d.r = 1 OR d.LA = 3 AND d.Score = 17 AND d.Flag = 1",
    "the first of written rows": f"SELECT COUNT(*) AS n FROM (SELECT LA, Score, Flag, LAG(v.x) OVER (PARTITION BY Key ORDER BY v.x) AS r FROM a CROSS JOIN (VALUES (1), (2), (3)) AS v(x) WHERE {Y}) d WHERE d.r IS NULL OR d.LA = 3 AND d.Score = 17 AND d.Flag = 1",
    "numbers of numbers": f"SELECT COUNT(*) AS n FROM (SELECT LA, Flag, RANK() OVER (PARTITION BY Key ORDER BY r) AS q FROM (SELECT Key, LA, Flag, DENSE_RANK() OVER (PARTITION BY Key ORDER BY v.x) AS r FROM a CROSS JOIN (VALUES (1), (2), (3)) AS v(x) WHERE {Y}) e) d WHERE d.q <= 1 + 2 * d.Flag",
    "written rows in a union": f"SELECT COUNT(*) AS n FROM (SELECT a.LA, a.Flag, v.x FROM a CROSS JOIN (VALUES (1), (2), (3)) AS v(x) WHERE {Y} UNION ALL SELECT LA, Flag, 1 FROM a WHERE a.Y = '2018/2019') d WHERE d.x = 1 OR d.LA = 3 AND d.Flag = 1",
    "written rows as a weight": f"SELECT COUNT(*) AS n FROM a JOIN (VALUES (1), (2), (3), (3)) AS v(x) ON a.LA = v.x WHERE {Y}",
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKED_AT)
def test_weights_that_one_childs_rows_choose_need_a_review(name: str) -> None:
    assert released(LOOKED_AT[name], 1) == "review"


@pytest.mark.parametrize("text", [
    f"SELECT COUNT(*) AS n FROM a JOIN (VALUES (1, 'x'), (2, 'y'), (3, 'x')) AS v(x, z) ON a.LA = v.x WHERE {Y}",
    f"SELECT COUNT(*) AS n FROM a CROSS JOIN (VALUES (1), (2)) AS v(x) WHERE {Y}",
    f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND EXISTS (SELECT DISTINCT c.Key FROM a c WHERE c.Key = a.Key)",
])  # fmt: skip
def test_rows_that_count_alike_for_everybody_are_not(text: str) -> None:
    assert released(text, 1) in {"n\n120\n", "n\n240\n"}


@pytest.mark.parametrize(("text", "code"), [
    ("SELECT COUNT(*) AS n FROM (SELECT Key FROM a EXCEPT ALL SELECT Key FROM b) d", "set-operation"),
    ("SELECT COUNT(*) AS n FROM a OUTER JOIN b ON a.Key = b.Key", "join"),
    ("SELECT AVG(1.0 * d.r) AS n FROM (SELECT RANK(Score) OVER (PARTITION BY Key ORDER BY Y) AS r FROM a) d", "clause"),
])  # fmt: skip
def test_words_that_the_parser_takes_are_not_dropped(text: str, code: str) -> None:
    assert code in {r.code for r in compiled(text).refusals}


@pytest.mark.parametrize(("subquery", "code"), [
    (f"SELECT TOP 2 c.Score FROM a c WHERE {OWN} ORDER BY c.Y", "scalar-subquery"),
    ("SELECT COUNT(*) FROM a c WHERE c.Note = a.Note", "correlated"),  # 'x' and 'X' are equal, but two groups
])  # fmt: skip
def test_no_subquery_can_give_two_rows(subquery: str, code: str) -> None:
    """The engine ends a job whose subquery gives two rows, and so tells that somebody has them."""
    text = f"SELECT AVG(1.0 * d.w) AS n FROM (SELECT ({subquery}) AS w FROM a) d"
    assert [r.code for r in compiled(text).refusals] == [code]


LARGE = ["AVG(TRY_CAST(c.Note AS float))", "SUM(TRY_CAST(c.Note AS float))", "STDEV(TRY_CAST(c.Note AS float))",
         "STDEV(POWER(CAST(c.Score AS float), 13))", "SUM(EXP(c.Score))", "VAR(c.Points * POWER(CAST(10 AS float), 300))"]  # fmt: skip


@pytest.mark.parametrize("aggregate", LARGE)
@pytest.mark.parametrize("notes", [("1e308", "1e308"), ("1e308", "-1e308"), ("1e200", "9"), ("x", "nan")])
def test_no_childs_number_ends_a_job(aggregate: str, notes: tuple[str, str]) -> None:
    """What does not fit counts as missing: a job that ends would tell that the child is there."""
    tables = world(1)
    for row, note in zip(tables["npd.a"][:2], notes, strict=True):
        row |= {"Note": note, "Score": 20, "Points": 99999}
    direct = f"SELECT {aggregate} AS x, COUNT(*) AS n FROM a c WHERE c.Y = '2017/2018'"
    behind = f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND Score > (SELECT {aggregate} FROM a c WHERE c.Sex = a.Sex)"
    for text in (direct, behind):
        assert len(shown(text, tables)) == 1
        judged(text, tables, PROFILE)
