"""A decoder for each way that was tried to read one child's flag out of one accepted job: the released table is the same
byte for byte whether the flag is 0 or 1, or a person must look."""

# ruff: noqa: E501 - one attack a line reads as a table

from typing import Any

import pytest
from query_kit import cells, compiled, database

from broker.disclosure.judge import judge
from broker.disclosure.renderings import released_csv
from broker.domain.outputs import CellEvidence, OutputEvidence, StatisticEvidence
from broker.policy.models import Profile

PROFILE = Profile(name="npd", source="test", t=10)
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
    """What leaves, or `review` where the text alone makes a person look."""
    plan = compiled(text).plan
    assert plan is not None, compiled(text).refusals
    if plan.review:
        return "review"
    (output,) = plan.outputs
    found = cells(output, database(world(flag)))
    told = tuple(
        CellEvidence(c.keys, c.rows, c.persons, {i: StatisticEvidence(**e) for i, e in c.evidence.items()})
        for c in found
    )
    population = found[0].population if found else 0
    return released_csv(
        judge(output, OutputEvidence("t", tuple(c for c in told if c.rows), population), PROFILE)
    ).decode()


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
    "few who differ": f"SELECT AVG(1.0 * d.z) AS m FROM (SELECT CASE WHEN {TARGET} THEN 50 * Flag ELSE 0 END AS z FROM a WHERE {Y}) d",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_one_childs_flag_cannot_be_read(name: str) -> None:
    """Invariant 4: what leaves is the same whatever the one child is."""
    first, second = (released(ATTACKS[name], flag) for flag in (0, 1))
    assert first == second, (first, second)


USEFUL = {
    f"SELECT COUNT(*) AS n, AVG(1.0 * Score) AS m FROM a WHERE {Y}": "n,m\n120,7.1\n",
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


def test_many_missing_are_told_and_few_are_not() -> None:
    """COUNT(*) - COUNT(x) is a count: below ten it is shown as none, whether it is or not, and nothing is hidden."""

    def told(missing: int) -> str:
        data = world(1)
        for row in data["npd.a"][:missing]:
            row["Score"] = None
        plan = compiled(
            f"SELECT COUNT(*) AS n, AVG(1.0 * Score) AS m, COUNT(Score) AS k, SUM(Score) AS s FROM a WHERE {Y}"
        ).plan
        assert plan is not None
        (cell,) = cells(plan.outputs[0], database(data))
        evidence = {i: StatisticEvidence(**e) for i, e in cell.evidence.items()}
        judged = judge(plan.outputs[0], OutputEvidence("t", (CellEvidence((), 120, 120, evidence),), 120), PROFILE)
        return released_csv(judged).decode().splitlines()[1]

    assert [told(n).split(",")[2] for n in (0, 3, 9, 10, 30)] == ["120", "120", "120", "110", "90"]
    for missing in (0, 3, 9):
        _, mean, count, total = map(float, told(missing).split(","))
        assert total == round(mean * count), "nor does SUM / AVG tell"


def test_five_rows_a_person_do_not_undo_rounding() -> None:
    """COUNT(*) of three rows a child leaves as a multiple of 15: the children stay rounded to 5."""
    assert released("SELECT COUNT(*) AS n FROM a WHERE a.Score <> 3", 1) == "n\n330,\n".replace(",", "")
