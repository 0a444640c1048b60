"""An amount anywhere within the catalogue moves a mean by at most two steps, also where a person's total, a window, a
union or a subquery makes the numbers. Tables are drawn, and every text is worked out row by row."""

# ruff: noqa: E501 - one text a line reads as a table

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
import worlds
from evaluate import Evaluator
from scalar_reference import exact, value

from broker.disclosure.protected_means import mean_step
from broker.disclosure.rounded_counts import CellSize
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic, PlannedTable
from broker.policy.policy_set import PolicySet
from broker.query import compile_sql
from tests.proof_size import seed, size

A, KEY, AMOUNT, YEARS = "npd.absence", "PupilMatchingRefAnonymous", "UnauthorisedAbsence_6HalfTerms", (2016, 2017, 2018)
X, Y, YS = f"a.{AMOUNT}", "a.AcademicYear = '2018/2019'", "a.AcademicYear IN ('2016/2017', '2017/2018', '2018/2019')"
OF_PERSON, BY_YEAR = f"PARTITION BY a.{KEY}", f"PARTITION BY a.{KEY} ORDER BY a.AcademicYear"


def _of(inner: str, factor: str = "1.0") -> str:
    return f"SELECT AVG({factor} * d.y) AS n FROM ({inner}) AS d"


TOTALS = f"SELECT a.{KEY} AS k, SUM({X}) AS y FROM {A} AS a WHERE {YS} GROUP BY a.{KEY}"
BRANCH = f"SELECT a.{KEY} AS k, {X} AS y FROM {A} AS a WHERE {YS}"
TEXTS = {
    "the amounts of rows": f"SELECT AVG(1.0 * {X}) AS n FROM {A} AS a WHERE {YS}",
    "totals of a year": _of(f"SELECT a.{KEY} AS k, SUM({X}) AS y FROM {A} AS a WHERE {Y} GROUP BY a.{KEY}"),
    "totals of three years": _of(TOTALS),
    "a sum of totals": f"SELECT SUM(d.y) AS n FROM ({TOTALS}) AS d",
    "a factor above totals": _of(TOTALS, "2.5"),
    "totals by year": _of(f"SELECT a.{KEY} AS k, a.AcademicYear AS ay, SUM({X}) AS y FROM {A} AS a WHERE {YS} GROUP BY a.{KEY}, a.AcademicYear"),
    "the largest of a person's totals": _of(f"SELECT b.k, MAX(b.y) AS y FROM (SELECT a.{KEY} AS k, a.AcademicYear AS ay, SUM({X}) AS y FROM {A} AS a WHERE {YS} GROUP BY a.{KEY}, a.AcademicYear) AS b GROUP BY b.k"),
    "the mean of a person's totals": _of(f"SELECT b.k, AVG(1.0 * b.y) AS y FROM (SELECT a.{KEY} AS k, a.AcademicYear AS ay, SUM({X}) AS y FROM {A} AS a WHERE {YS} GROUP BY a.{KEY}, a.AcademicYear) AS b GROUP BY b.k"),
    "totals beside each row": _of(f"SELECT SUM({X}) OVER ({OF_PERSON}) AS y FROM {A} AS a WHERE {YS}"),
    "running totals": _of(f"SELECT SUM({X}) OVER ({BY_YEAR}) AS y FROM {A} AS a WHERE {YS}"),
    "the first of a person": _of(f"SELECT FIRST_VALUE({X}) OVER ({BY_YEAR}) AS y FROM {A} AS a WHERE {YS}"),
    "the row before": _of(f"SELECT LAG({X}) OVER ({BY_YEAR}) AS y FROM {A} AS a WHERE {YS}"),
    "a subquery's total": _of(f"SELECT (SELECT SUM(b.{AMOUNT}) FROM {A} AS b WHERE b.{KEY} = a.{KEY} AND b.AcademicYear IN ('2017/2018', '2018/2019')) AS y FROM {A} AS a WHERE {Y}"),
    "a subquery's first row": _of(f"SELECT (SELECT TOP 1 b.{AMOUNT} FROM {A} AS b WHERE b.{KEY} = a.{KEY} AND b.AcademicYear IN ('2017/2018', '2018/2019') ORDER BY b.AcademicYear) AS y FROM {A} AS a WHERE {Y}"),
    "stacked rows": _of(f"{BRANCH} UNION ALL {BRANCH}"),
    "totals of stacked rows": _of(f"SELECT q.k, SUM(q.y) AS y FROM ({BRANCH} UNION ALL {BRANCH}) AS q GROUP BY q.k"),
    "applied rows": f"SELECT v.name, AVG(1.0 * v.y) AS n FROM {A} AS a CROSS APPLY (VALUES ('u', {X}), ('o', a.OverallAbsence_6HalfTerms)) AS v (name, y) WHERE {YS} GROUP BY v.name",
    "some of the totals": f"SELECT AVG(CASE WHEN d.s = 'K' THEN 1.0 * d.y ELSE 0 END) AS n FROM (SELECT a.{KEY} AS k, MAX(a.SENprovision) AS s, SUM({X}) AS y FROM {A} AS a WHERE {YS} GROUP BY a.{KEY}) AS d",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """The mean of a cell without what the text multiplies by, and the step to which it is rounded."""

    mean: Fraction
    step: Decimal


def _drawn(policies: PolicySet, rng: Random) -> list[dict[str, Any]]:
    """A row of each person in each year; most amounts are small, as they are."""
    (row, *_) = worlds.rows(policies.catalogue, rng.randrange(10**6), tables=(A,))[A]
    return [
        row
        | {"__p": person, KEY: f"pupil{person}", "AcademicYear": f"{year}/{year + 1}"}
        | {"SENprovision": "K", "OverallAbsence_6HalfTerms": rng.randrange(30)}
        | {AMOUNT: rng.choice((*[0] * 30, *range(9), rng.randrange(401)))}
        for person in range(1, 10 * rng.randint(1, 4) + 1)
        for year in YEARS
    ]


def _cells(table: PlannedTable, rows: Sequence[Mapping[str, Any]], policies: PolicySet) -> dict[tuple[Any, ...], Cell]:
    (statistic,) = (s for s in table.statistics if s.measure in {Measure.MEAN, Measure.SUM} and s.implied_by is None)
    found: dict[tuple[Any, ...], list[Mapping[int, Any]]] = {}
    for row in Evaluator({A: rows}).rows(table.contributions):
        found.setdefault(tuple(value(k.expression, row) for k in table.keys), []).append(row)
    return {keys: _cell(statistic, cell, table.person, policies) for keys, cell in found.items()}


def _cell(statistic: PlannedStatistic, rows: Sequence[Mapping[int, Any]], person: int, policies: PolicySet) -> Cell:
    assert statistic.argument is not None
    amounts = [exact(a) for row in rows if (a := value(statistic.argument, row)) is not None]
    total, sizes = sum(amounts), sum(map(abs, amounts))
    persons = len({row[person] for row in rows})
    evidence = StatisticEvidence(None, persons, len(amounts), total=_decimal(total), sizes=_decimal(sizes))
    profile = policies.disclosure_rules("npd-default")
    step = mean_step(statistic, evidence, profile, CellSize(len(rows), persons).rows_each)
    return Cell(Fraction(total) / len(amounts) / Fraction(statistic.scale[0]), step)


def _decimal(number: Any) -> Decimal:
    return Decimal(Fraction(number).numerator) / Fraction(number).denominator


@pytest.mark.parametrize("name", TEXTS)
def test_an_amount_moves_a_mean_by_at_most_two_steps(name: str, policies: PolicySet) -> None:
    project = policies.project("P0421")
    assert project is not None
    found = compile_sql(f"-- output: t\n{TEXTS[name]}", "tsql", policies.catalogue, project, policies.service)
    assert found.plan is not None, found.refusals
    (table,) = found.plan.outputs[0].tables
    moved = 0
    for number in range(size("MADE_AMOUNTS", 6)):
        rows = _drawn(policies, Random(f"{seed()} {name} {number // len(YEARS)}"))
        changed = number % len(YEARS)  # each year of one person
        low, high = (
            _cells(table, [*rows[:changed], rows[changed] | {AMOUNT: amount}, *rows[changed + 1 :]], policies)
            for amount in (0, 400)
        )
        for keys, cell in low.items():
            apart = abs(cell.mean - high[keys].mean)
            moved += apart > 0
            assert apart <= 2 * Fraction(min(cell.step, high[keys].step)), (number, keys)
    assert moved
