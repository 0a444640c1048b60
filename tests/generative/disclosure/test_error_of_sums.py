"""What the linked tables of a job take as the error of a released sum is never more than its rounding leaves open."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, strategies as st

from broker.disclosure.protected_means import mean_step
from broker.disclosure.rounding_errors import least_error_of_sum
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ScalarType
from broker.evidence.amount_bounds import amount_bounds
from broker.policy.disclosure_rules import DisclosureRules

AMOUNTS = st.integers(-400, 400)
FACTORS = st.sampled_from([Decimal(1), Decimal("0.1"), Decimal("-2.5"), Decimal(30)])


@given(
    amounts=st.lists(AMOUNTS, min_size=10, max_size=60),
    wider=st.integers(0, 5_000),
    factor=FACTORS,
    offset=st.sampled_from([0, 7, -2_000]),
    base=st.sampled_from([3, 5, 10]),
    of_rows=st.sampled_from(["bounds", "made_bounds"]),
)
def test_the_error_of_a_sum_is_at_most_what_its_mean_leaves_open(
    amounts: Sequence[int], wider: int, factor: Decimal, offset: int, base: int, of_rows: str
) -> None:
    profile = DisclosureRules(name="drawn", source="test", t=10, round_base=base)
    written = [factor * amount + offset for amount in amounts]
    low, high = sorted((factor * (min(amounts) - wider) + offset, factor * (max(amounts) + wider) + offset))
    statistic = replace(
        PlannedStatistic(0, Measure.SUM, None, ScalarType.DECIMAL, scale=(factor, Decimal(offset))),
        **{of_rows: (low, high)},
    )
    rows, total = len(amounts), sum(written)
    evidence = StatisticEvidence(total, rows, rows, total=total, sizes=sum(map(abs, written)))
    bounds = amount_bounds(statistic)
    assert bounds == (min(amounts) - wider, max(amounts) + wider)
    ordinary = abs(sum(amounts)) / rows
    open_by_rounding = float(mean_step(statistic, evidence, profile)) / 2 * rows
    assert least_error_of_sum(bounds, ordinary, profile) <= open_by_rounding * (1 + 1e-9)
