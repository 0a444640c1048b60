"""Released figures are as near the truth as protection allows, nothing is hidden without need, and no small cell can be
worked out from what is shown: attackers, ordinary tables of 100,000 pupils, and speed."""

import statistics
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from bench.repair import repair_lines
from bench.utility.__main__ import loss_of
from bench.utility.histories import Histories, all_series
from bench.utility.population import Population, Shape, population, shapes
from broker.domain.plans.measure import Measure
from broker.domain.plans.scalars import Value
from tests.prove.proof import ROOT, Line, Proof, Tests

PUPILS = 100_000
GENERATIVE = "tests/generative/disclosure"
BY_HAND, AFTER_OTHERS = 1.10, 0.05
CLASSES = ((100, 1.0), (20, 5.0))
"""Means and quantiles of at least so many rows are within so many per cent of the truth, in the median."""
SECONDS = {"repair 152x20": 8, "repair 152x20x2": 90}
SHARES = (
    "AVG(1.0 * {0})", "AVG(CAST({0} AS float))", "AVG(CASE WHEN {0} = 1 THEN 1.0 ELSE 0 END)",
    "1.0 * SUM({0}) / COUNT(*)", "SUM(1.0 * {0}) / COUNT(*)", "SUM({0} * 1.0) / SUM(1)", "SUM({0} / 1.0) / COUNT(*)",
    "SUM(CAST({0} AS float)) / COUNT(*)", "SUM(CONVERT(float, {0})) / COUNT(*)", "SUM({0} + 0.0) / COUNT(*)",
    "SUM(CAST({0} AS decimal(9, 4))) / COUNT(*)", "SUM(CASE WHEN {0} = 1 THEN 1.0 ELSE 0 END) / COUNT(*)",
    "SUM(CASE WHEN {0} = 1 THEN 1.0 END) / COUNT(*)", "SUM(CASE WHEN {0} = 1 THEN 1 END) * 1.0 / COUNT(*)",
    "SUM(CASE {0} WHEN 1 THEN 1.0 ELSE 0.0 END) / COUNT(*)", "SUM(IIF({0} = 1, 1.0, 0.0)) / COUNT(*)",
    "COUNT(CASE WHEN {0} = 1 THEN 1 END) * 1.0 / COUNT(*)", "COUNT(NULLIF({0}, 0)) / 1.0 / COUNT(*)",
    "CAST(SUM({0}) AS float) / COUNT(*)", "SUM({0}) / CAST(COUNT(*) AS float)", "(SUM({0}) + 0.0) / COUNT(*)",
    "SUM({0}) / NULLIF(1.0 * COUNT(*), 0)", "CASE WHEN COUNT(*) > 50 THEN 1.0 * SUM({0}) / COUNT(*) END",
    "SUM(ISNULL({0}, 0) * 1.0) / COUNT(*)", "SUM(COALESCE({0}, 0)) / (COUNT(*) * 1.0)", "SUM(0.5 * {0}) / SUM(0.5)",
    "COALESCE(SUM(1.0 * {0}), 0) / COUNT_BIG(*)", "1 - SUM(CASE WHEN {0} = 0 THEN 1.0 ELSE 0 END) / COUNT(*)",
    "SUM(100.0 * {0}) / COUNT(*) / 100", "ROUND(SUM(1.0 * {0}) / COUNT(*), 4)",
    "CAST(SUM(1.0 * {0}) / COUNT(*) AS decimal(9, 6))",
    "CAST(ROUND(100.0 * SUM({0}) / COUNT(*), 3) AS decimal(6, 3)) / 100",
)  # fmt: skip
"""The share of rows with a 1, as analysts write it. T-SQL truncates a quotient of whole numbers, and none is one."""


@cache
def made() -> Population:
    return population(PUPILS, ROOT / "build" / "bench" / "populations")


@cache
def losses() -> tuple[dict[str, Any], ...]:
    return tuple(loss_of(shape, made()) for shape in shapes())


def hidden() -> Iterator[Line]:
    """A person who goes by the threshold does not look for classes and dominance, which the rules demand."""
    names = ("figures", "hidden", "class_alone", "by_hand", "small", "redacted")
    all_of = {name: sum(loss[name] for loss in losses()) for name in names}
    ratio, of_all = (n / all_of["by_hand"] for n in (all_of["hidden"] - all_of["class_alone"], all_of["hidden"]))
    name = (
        f"hidden figures of 60 tables, classes and dominance aside: at most {BY_HAND:.2f} of those that a person hides "
        "with the fewest others"
    )
    yield Line(name, ratio <= BY_HAND, {**all_of, "ratio": round(ratio, 3), "ratio of all": round(of_all, 3)})
    lost = {loss["name"]: loss["large"] for loss in losses() if loss["large"] and not loss["shows_totals"]}
    yield Line("no category over three times the threshold is lost where no total is shown", not lost, {"lost": lost})


def later_tables() -> Iterator[Line]:
    more, whole = list[float](), list[str]()
    with TemporaryDirectory() as folder:
        histories = Histories(made(), Path(folder))
        for series in all_series():
            _, *later = histories.losses(series)
            more += [loss.more for loss in later]
            whole += [series.name for loss in later if loss.after == loss.figures > loss.alone]
    median = statistics.median(more)
    name = "later tables of a history lose at most 5 % more than alone in the median, and never all"
    figures = {"later_tables": len(more), "median": median, "most": max(more), "lost whole": whole}
    yield Line(name, median <= AFTER_OTHERS and not whole, figures)


def errors() -> Iterator[Line]:
    counted, outside, digits = Counter[str](), list[str](), list[str]()
    for shape in shapes():
        for kind, where, exact, released, error in stated_figures(shape):
            counted[kind if error is not None else f"{kind}, no error stated"] += 1
            if error is not None and (exact is None or abs(exact - released) > error * (1 + Decimal("1e-9"))):
                outside.append(where)
            if error and Decimal(released.normalize().as_tuple().exponent) < (error / 20).adjusted():
                digits.append(where)
    yield Line("each figure is within its stated error", not outside, {**counted, "outside": outside[:20]})
    yield Line(
        "no figure has a digit beyond its error", not digits, {"figures": counted.total(), "beyond": digits[:20]}
    )
    for least, most in CLASSES:
        found = {m.value: median_error(m, least) for m in (Measure.MEAN, Measure.QUANTILE)}
        name = f"means and quantiles of {least} rows or more: median error at most {most:g} %"
        yield Line(name, all(e is not None and e <= most for e in found.values()), dict(found))


def stated_figures(shape: Shape) -> Iterator[tuple[str, str, Decimal | None, Decimal, Decimal | None]]:
    """Each shown figure of a table: its kind, where it is, the exact and the released value, and its error. Without
    those that are shown as the count that they leave out fewer than t persons of."""
    plan, assessments = made().judged(shape.text)
    for output, assessment in zip(plan.outputs, assessments, strict=True):
        for row in assessment.rows:
            for n in assessment.figure_columns:
                released, exact = _number(row.released[n]), _number(row.exact[n])
                if released is not None and not row.suppressed[n]:
                    where = f"{shape.name}: {assessment.columns[n]} {row.keys} {exact} {released}"
                    yield output.columns[n].statistic, where, exact, released, _number(row.max_errors[n])


def shares() -> Iterator[Line]:
    """The exact shares come from the data themselves, and not from the broker's reading of the text."""
    (data,) = made().folder.glob("snapshots/*/npd.absence/2018.parquet")
    exact = dict(duckdb.sql(f"SELECT FSMeligible, avg(PA10_exact_6HalfTerms) FROM '{data}' GROUP BY 1").fetchall())
    wrong, most = list[str](), Decimal(0)
    for written in SHARES:
        text = (
            f"SELECT FSMeligible, {written.format('PA10_exact_6HalfTerms')} AS share FROM npd.absence "
            "WHERE AcademicYear = '2018/2019' GROUP BY FSMeligible"
        )
        (assessment,) = made().judged(text)[1]
        for row in assessment.rows:
            released, error = _number(row.released[1]), _number(row.max_errors[1])
            truth = Decimal(exact[row.keys[0]])
            if released is None or error is None or abs(released - truth) > error * (1 + Decimal("1e-9")):
                wrong.append(f"{written} {row.keys} {released} {error} instead of {truth}")
            else:
                most = max(most, abs(released - truth) / truth)
    figures = {"ways": len(SHARES), "groups": len(exact), "wrong": wrong, "farthest": f"{most:.3%} of the share"}
    yield Line("a share is shown, within its stated error, in all ways to write it", not wrong, figures)


def _number(value: Value) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | float | Decimal) else None


def median_error(measure: Measure, least: int) -> float | None:
    found = [apart for loss in losses() for name, rows, apart in loss["errors"] if name == measure and rows >= least]
    return round(statistics.median(found), 3) if found else None


def speed() -> Iterator[Line]:
    for found in repair_lines():
        if (seconds := SECONDS.get(found.name)) is not None:
            figures: dict[str, object] = {"ours_ms": found.ours_ms, "limit": f"{seconds} s"}
            yield Line(found.name, found.ours_ms <= 1000 * seconds, figures, found.note)


def attacked(file: str, *figures: str) -> Tests:
    return Tests([f"{GENERATIVE}/test_{file}.py"], figures)


PROOF = Proof(
    "released figures are as near the truth as protection allows, nothing is hidden without need, and no small cell "
    "can be worked out from what is shown",
    seed=20261125,
    sizes={
        "PROOF_TABLES": 1000, "PROOF_OPTIMA": 40, "PROOF_JOBS": 1000, "PROOF_WORLDS": 300, "PROOF_CARRIERS": 100,
    },
    tests={
        "1,000 random tables through repair, then an attacker who knows all other figures exactly": attacked(
            "repair_attacked", "repair"
        ),
        "1,000 random jobs of linked tables, then an attacker who knows all other figures exactly": attacked(
            "linked_jobs", "linked"
        ),
        "1,000 random jobs of all kinds of figures, then an attacker who sees them rounded": attacked(
            "rounded_attacker", "rounded"
        ),
        "300 small tables: all worlds that leave the same bytes": attacked("all_worlds", "worlds"),
        "low digits and errors of 26 kinds of figures": Tests(
            ["tests/attacks/test_errors_as_carriers.py"], ["carriers"]
        ),
        "each figure is within its error": attacked("rounding_errors", "errors"),
        "loss beside the optimum": attacked("repair_optimal", "optimal"),
    },
    measured={
        "speed": speed,
        "hidden figures of ordinary tables": hidden,
        "later tables of a history": later_tables,
        "errors of shown figures": errors,
        "shares": shares,
    },
)  # fmt: skip
