"""How far a quantile is rounded: the rendered SQL against the same by plain Python, row by row."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings, strategies as st
from query_kit import database, planned

from broker.disclosure.protected_values import rounded_value
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.plan import EvidenceNeeds
from broker.domain.rounding_grid import COMPARED_DIGITS, step
from broker.policy.disclosure_rules import DisclosureRules
from tests.oracles.whole_statement import render

Row = tuple[int, int, int | None]
"""Person, LA, score."""


def fits(values: Sequence[tuple[int, int]], value: Decimal, needs: EvidenceNeeds) -> int | None:
    """The number of the least step at which enough persons are surely shown the same, as it is defined."""
    rows, most = len(values), max(Counter(p for p, _ in values).values())
    persons = len({p for p, _ in values})
    for number in range(-3 * needs.digits, 37):
        shown = multiple(value, number)
        inside = sum(multiple(Decimal(x), number) == shown for _, x in values)
        if max(math.ceil(inside / most), persons - (rows - inside)) >= needs.min_persons:
            return number
    return None


def multiple(amount: Decimal, number: int) -> int:
    """How many times a step an amount is: of two, the one farther from 0."""
    size = Fraction(abs(amount)) / (Fraction(10) ** (number // 3) * (1, 2, 5)[number % 3])
    return math.floor(size + Fraction(1, 2)) * (-1 if amount < 0 else 1)


@pytest.mark.parametrize("of", ["0.5", "0.9"])
@pytest.mark.parametrize("discrete", [True, False])
@settings(max_examples=25, deadline=None)
@example([(1, 1, 13), (1, 1, 14)], 1, 1)  # the engine's quantile is the float 13.899999999999999
@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 2), st.none() | st.integers(-5, 20)), min_size=1, max_size=16),
    st.integers(1, 4),
    st.integers(-1, 2),
)
def test_bins_are_as_defined(of: str, discrete: bool, rows: list[Row], least: int, digits: int) -> None:
    word = "PERCENTILE_DISC" if discrete else "PERCENTILE_CONT"
    output = planned(f"SELECT LA, {word}({of}) WITHIN GROUP (ORDER BY Score) AS q FROM a GROUP BY LA", "duckdb")
    table = {"npd.a": [{"p": p, "Key": f"k{p}", "Y": "2017/2018", "LA": la, "Score": x} for p, la, x in rows]}
    needs = EvidenceNeeds(least, digits=digits)
    found = database(table).execute(render(output.tables[0], needs))
    names = [d[0] for d in found.description]
    (statistic,) = [s for s in output.tables[0].statistics if s.form is not None]
    for line in (dict(zip(names, row, strict=True)) for row in found.fetchall()):
        values = [(p, x) for p, la, x in rows if la == line["k0"] and x is not None]
        bin_, value = line[f"s{statistic.ident}_step_number"], line[f"s{statistic.ident}_value"]
        if not values:
            assert (bin_, value) == (None, None)
            continue
        assert line[f"s{statistic.ident}_largest"] == max(Counter(p for p, _ in values).values())
        compared = round(Decimal(str(value)), COMPARED_DIGITS)
        assert bin_ == fits(values, compared, replace(needs, digits=max(1, digits)))
        evidence = StatisticEvidence(value, len(values), len({p for p, _ in values}), step_number=bin_)
        rules = DisclosureRules(name="drawn", source="test", t=10, mean_digits=digits)
        if bin_ is not None:
            shown = rounded_value(statistic, evidence, rules)
            assert shown == multiple(compared, bin_) * step(bin_), "what is shown is what people were counted for"
