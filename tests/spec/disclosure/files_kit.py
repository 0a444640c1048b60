"""Files of person rows as drawn tables: counts as a grid, contributions as lists; and verdicts drawn the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from broker.disclosure.microdata.judge_microdata import judge_microdata
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds
from broker.domain.plans.scalars import Value
from broker.evidence.tabulation import StatisticRequest, TabulationRequest
from broker.policy.disclosure_rules import DisclosureRules
from tests.oracles.tabulate import tabulate_rows

PROFILE = DisclosureRules(name="drawn", source="test", t=3, round_base=1, min_interval=2)
Rows = dict[str, list[Value]]


def persons(grid: str) -> Rows:
    """A line a row of the table, a column a category; a figure is how many persons stand there."""
    head, *lines = [line.split() for line in grid.strip().splitlines()]
    flat = [(row[0], column) for row in lines for column, n in zip(head, row[1:], strict=True) for _ in range(int(n))]
    return {"id": [f"p{i}" for i in range(len(flat))], "row": [r for r, _ in flat], "column": [c for _, c in flat]}


def amounts(cells: Mapping[str, Sequence[float]]) -> Rows:
    """What each contributor of a cell gives."""
    flat = [(name, Decimal(str(x))) for name, values in cells.items() for x in values]
    return {"id": [f"p{i}" for i in range(len(flat))], "cell": [c for c, _ in flat], "x": [x for _, x in flat]}


def rules_of(
    rows: Rows, by: str, statistic: str = "count", profile: DisclosureRules = PROFILE, **more: Any
) -> dict[Any, str]:
    """By place, the rules that the table's cells did not pass by themselves; secondary holes are left out."""
    asked = TabulationRequest(
        "id", tuple(by.split(",")), needs=EvidenceNeeds(profile.t, digits=profile.mean_digits), **more
    )
    found = judge_microdata(tabulate_rows(rows, asked), profile)
    cells = [c for c in found["cells"] if c["statistic"] == statistic]
    assert cells, statistic
    return {tuple(c["by"].values()): " ".join(r for r in c["rules"] if r != "X1") for c in cells}


def grid_of(rules: Mapping[Any, str]) -> str:
    """Drawn: `.` is a cell that passes."""
    first, second = (list(dict.fromkeys(p[i] for p in rules)) for i in (0, 1))
    return "\n".join(" ".join([str(a), *(rules[a, b].replace(" ", "+") or "." for b in second)]) for a in first)


def quantile(column: str, *fractions: str, box: bool = False) -> tuple[StatisticRequest, ...]:
    return tuple(StatisticRequest(Measure.QUANTILE, column, Decimal(f), box) for f in fractions)


def with_profile(**changes: Any) -> DisclosureRules:
    return replace(PROFILE, **changes)
