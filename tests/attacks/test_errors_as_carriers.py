"""Low digits, steps and stated errors as carriers. One child's mark or score differs between two towns that are
otherwise the same, and the attacker knows everybody else. Each kind of figure is tried in many towns: what leaves may
differ at an edge of rounding, by one step, and in few towns."""

import json
import math
import os
import random
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker.disclosure.judge_job import judge_job
from broker.domain.findings import Assessment
from broker.domain.plans.plan import Plan
from broker.policy.disclosure_rules import DisclosureRules
from tests.spec.disclosure.job_kit import evidence_of, plan_of

pytestmark = pytest.mark.long

TOWNS = int(os.environ.get("PROOF_CARRIERS", "6"))
SEED = int(os.environ.get("PROOF_SEED", "20261125"))
PROFILE = DisclosureRules(name="npd", source="test", t=10, round_base=5)
FIGURES = {
    "rows": "COUNT(*)",
    "values": "COUNT(Score)",
    "marked": "SUM(Flag)",
    "rest": "SUM(1 - Flag)",
    "share": "AVG(1.0 * Flag)",
    "percentage": "100.0 * SUM(Flag) / COUNT(*)",
    "long percentage": "ROUND(100.0 * SUM(Flag) / COUNT(*), 8)",
    "odds": "1.0 * SUM(Flag) / SUM(1 - Flag)",
    "a thousandth": "0.001 * SUM(Flag)",
    "gap": "COUNT(*) - SUM(Flag)",
    "total": "SUM(Score)",
    "total of a factor": "SUM(0.37 * Score)",
    "mean": "AVG(1.0 * Score)",
    "mean of a factor": "AVG(0.37 * Score)",
    "mean with a constant": "AVG(1.0 * Score + 3.14)",
    "truncated mean": "AVG(Score)",
    "rate": "1.0 * SUM(Score) / COUNT(*)",
    "mean of fractions": "AVG(Points)",
    "total of fractions": "SUM(Points)",
    "small fractions": "AVG(Idaci)",
    "weighted mean": "SUM(Score * Flag) / SUM(Flag)",
    "mean of the marked": "AVG(CASE WHEN Flag = 1 THEN 1.0 * Score END)",
    "ratio of totals": "1.0 * SUM(Score) / SUM(Points)",
    "difference of means": "AVG(1.0 * Score) - AVG(Points)",
    "middle value": "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY Score)",
    "upper quarter": "PERCENTILE_CONT(0.75) WITHIN GROUP (ORDER BY Points)",
}
SECRETS: Mapping[str, tuple[Any, Any]] = {
    "Flag": (0, 1), "Score": (2, 16), "Points": (Decimal("1.25"), Decimal("7.50")),
    "Idaci": (Decimal("0.05"), Decimal("0.45")),
}  # fmt: skip
MOST = 0.25
"""Of the towns of one kind: an edge of a figure is crossed in one of four at most."""
EDGES = {"odds": 2}
"""Figures that are made of two others which both follow from the child's mark."""


def town(rnd: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "p": p, "Key": f"k{p}", "Y": "2018/2019", "LA": 1, "Sex": "M", "Flag": int(rnd.random() < 0.5),
            "Score": rnd.randint(0, 20), "Points": Decimal(rnd.randint(0, 900)) / 100,
            "Idaci": Decimal(rnd.randint(0, 999)) / 1000,
        }
        for p in range(rnd.randint(60, 400))
    ]  # fmt: skip


def planned_figure(kind: str) -> Plan:
    figure = FIGURES[kind]
    text = f"SELECT LA, {figure} AS v FROM npd.a WHERE Y = '2018/2019' GROUP BY LA"
    if "PERCENTILE" in figure:
        text = f"SELECT DISTINCT LA, {figure} OVER (PARTITION BY LA) AS v FROM npd.a WHERE Y = '2018/2019'"
    return plan_of(text, "tsql")


def shown_of(plan: Plan, rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    """What leaves of the figure: its value and its error."""
    found: Assessment
    (found,) = judge_job(plan, evidence_of(plan, rows, PROFILE), PROFILE)
    row = next(row for row in found.rows if row.keys == (1,))
    return (None, None) if row.suppressed[1] else (row.released[1], row.max_errors[1])


MISSING = ("SUM(Score)", "1.0 * SUM(Score) / COUNT(*)", "SUM(Score - 12)", "AVG(1.0 * Score)")


@pytest.mark.parametrize("figure", MISSING)
def test_whether_somebody_has_no_value_differs_at_edges_alone(figure: str) -> None:
    """Neither the error nor the figure says whether all have a value."""
    plan = plan_of(f"SELECT LA, {figure} AS v FROM npd.a WHERE Y = '2018/2019' GROUP BY LA", "tsql")
    edges = errors = 0
    for number in range(TOWNS):
        rows = town(random.Random(f"{SEED} missing {number}"))
        mean = round(sum(row["Score"] for row in rows) / len(rows))
        child = rows[0] | {"p": len(rows), "Key": "k"}
        one, other = (shown_of(plan, [*rows, child | {"Score": value}]) for value in (mean, None))
        edges += one[0] != other[0]
        errors += one[0] == other[0] and one[1] != other[1]
    assert errors <= max(1, TOWNS // 10), "where a step changes alone"
    if TOWNS >= 40:
        part = 1 - (1 - MOST) ** 2  # of its mean and of its rows
        assert edges <= part * TOWNS + 2 * math.sqrt(part * (1 - part) * TOWNS), edges


def tried(kind: str, number: int) -> list[tuple[tuple[Any, Any], tuple[Any, Any]]]:
    """Two answers for each secret that the figure reads."""
    plan, rnd = planned_figure(kind), random.Random(f"{SEED} {kind} {number}")
    rows, found = town(rnd), []
    child = rnd.randrange(len(rows))
    for name, values in SECRETS.items():
        if name in FIGURES[kind]:
            one, other = (shown_of(plan, [*rows[:child], rows[child] | {name: v}, *rows[child + 1 :]]) for v in values)
            found.append((one, other))
    if not found:  # a figure that reads none: the child is there, or is not
        found.append((shown_of(plan, rows), shown_of(plan, [*rows[:child], *rows[child + 1 :]])))
    return found


@pytest.mark.parametrize("kind", FIGURES)
def test_low_digits_and_errors_differ_at_edges_alone(kind: str) -> None:
    counted = Counter[str]()
    for number in range(TOWNS):
        for (one, of_one), (other, of_other) in tried(kind, number):
            assert (one is None) == (other is None), "holes are the same"
            if one is None:
                continue
            counted["pairs"] += 1
            counted["edges"] += (one, of_one) != (other, of_other)
            if of_one is not None and of_other is not None and "PERCENTILE" not in FIGURES[kind]:  # a pupil's value
                apart = abs(Decimal(str(one)) - Decimal(str(other)))
                # one step: each figure that it is made of moves by twice its error
                assert apart <= Decimal("2.2") * max(Decimal(str(of_one)), Decimal(str(of_other))), (one, other)
    assert counted["pairs"], "it leaves"
    if TOWNS >= 40:
        part = 1 - (1 - MOST) ** EDGES.get(kind, 1)
        by_chance = 2 * math.sqrt(part * (1 - part) * counted["pairs"])
        assert counted["edges"] <= part * counted["pairs"] + by_chance, counted
    if folder := os.environ.get("PROOF_FIGURES"):
        path = Path(folder, "carriers.json")
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(before | {kind: dict(counted)}))
