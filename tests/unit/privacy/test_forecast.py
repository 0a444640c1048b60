"""Forecasts and limits: from descriptions only, for every statistic, with the errors of other spends."""

import ast
import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest
from private_kit import COUNT, PROFILE, table

from broker.domain.errors import Invalid, Refused
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.privacy.error_forecast import ExpectedError, expected_errors, other_spends, smallest_spend
from broker.privacy.measurement_design import design_measurement
from broker.privacy.private_tables import Argument, Clamp, Dimension, Influence, PrivateMeasure, PrivateStatistic
from broker.privacy.profile_limits import check_spend, check_tables

PURE, HALF = Accounting.PURE, PrivacyAmount(Accounting.PURE, 500_000)
MEDIAN = PrivateStatistic("q", PrivateMeasure.QUANTILE, "att8", fraction=Fraction(1, 2), points=(1000, 4000))
VARIANCE = PrivateStatistic("var", PrivateMeasure.VARIANCE, "att8")
SUM = PrivateStatistic("s", PrivateMeasure.SUM, "att8")
RATIO = PrivateStatistic("r", PrivateMeasure.RATIO, parts=("s", "n"))


def forecast(asked, spend: PrivacyAmount = HALF) -> tuple[ExpectedError, ...]:
    return tuple(expected_errors(design_measurement([asked], spend), PROFILE))


def test_a_count_is_forecast_for_all_cells_and_a_mean_as_a_curve() -> None:
    count, *curve = forecast(table((5,)))
    assert count.persons is None
    assert count.error == pytest.approx(3.0, rel=0.01)  # two Laplaces of scale 2: 1.5 * 2
    assert tuple(e.persons for e in curve) == PROFILE.curve_sizes
    assert curve[2].error == pytest.approx(0.75 * 2 * 90 / 100, rel=0.01)
    assert [e.error for e in curve] == sorted((e.error for e in curve), reverse=True)


def test_a_public_denominator_gives_one_figure() -> None:
    found = forecast(table((2,), public=(100, 300)))
    assert [e.persons for e in found] == [None, None]
    assert found[1].error == pytest.approx(0.75 * 2 * 90 * (1 / 100 + 1 / 300) / 2, rel=0.01)


def test_other_spends_and_the_share_of_what_is_left() -> None:
    charge = design_measurement([table((5,))], HALF).charge
    assert charge.share_of(PrivacyAmount(PURE, 2 * 10**6)) == Fraction(1, 4)
    others = [design_measurement([table((5,))], spend) for spend in other_spends(HALF, PROFILE)]
    assert [o.charge.micro for o in others] == [125_000, 250_000, 10**6, 2 * 10**6]
    errors = [next(iter(expected_errors(o, PROFILE))).error for o in others]
    assert errors == pytest.approx([12, 6, 1.5, 0.75], rel=0.01)


def test_a_spend_is_chosen_by_the_error_it_gives() -> None:
    def enough(found: tuple[ExpectedError, ...]) -> bool:
        return found[0].error is not None and found[0].error <= 3.0

    chosen = smallest_spend([table((5,))], enough, PrivacyAmount(PURE, 2 * 10**6), PROFILE)
    assert chosen.micro == pytest.approx(500_000, rel=0.02)
    assert enough(forecast(table((5,)), chosen))
    with pytest.raises(Invalid, match="cannot reach"):
        smallest_spend([table((5,))], enough, PrivacyAmount(PURE, 100_000), PROFILE)


def test_every_statistic_and_grouping_set_is_forecast() -> None:
    asked = table((4, 3), (COUNT, MEDIAN, VARIANCE, SUM, RATIO), sets=((0, 1), (0,), ()))
    found = forecast(asked)
    assert {(e.set, e.statistic) for e in found} == {(s, n) for s in range(3) for n in ("n", "q", "var", "s", "r")}
    counts = [e.error for e in found if e.statistic == "n"]
    bought_alone = forecast(dataclasses.replace(asked, sets=((0, 1),)))[0].error
    assert counts[0] is not None
    assert bought_alone is not None
    assert counts[0] < 3 * bought_alone, "the fit to the margins makes fine cells better, too"
    assert all((e.ranks is not None) == (e.statistic == "q") for e in found)


def test_the_forecast_has_no_way_to_data() -> None:
    """Attack 31, invariant 11: it imports what describes tables and policies; no engine, store, vault or noise."""
    room = Path(__file__).parents[3] / "broker" / "privacy"
    texts = [(room / name).read_text() for name in ("error_forecast.py", "measurement_design.py")]
    imported = {n.module for t in texts for n in ast.walk(ast.parse(t)) if isinstance(n, ast.ImportFrom)}
    assert not {m for m in imported if m and m.startswith("broker.privacy.noise")}
    assert {m.split(".")[1] for m in imported if m and m.startswith("broker.")} == {"domain", "policy", "privacy"}


def refusals(*tables) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as caught:
        check_tables(tables, PROFILE)
    assert all(r.message and r.advice for r in caught.value.refusals)
    return [(r.code, r.advice) for r in caught.value.refusals]


def test_a_domain_that_is_too_large_is_refused_with_the_key_to_drop() -> None:
    ((code, advice),) = refusals(table((150, 20, 12, 14), (COUNT,)))
    assert code == "private-domain"
    assert "Remove the key d0 (150 values)" in advice
    check_tables((table((150, 20, 12), (COUNT,)),), PROFILE)
    unlisted = dataclasses.replace(table((1,), (COUNT,)), dimensions=(Dimension("urn", None),))
    check_tables((unlisted,), PROFILE)


def test_a_refusal_has_all_reasons() -> None:
    wide = Argument("pay", Clamp(0, 10**9, 100))
    mean = PrivateStatistic("m", PrivateMeasure.MEAN, "pay")
    median = PrivateStatistic("q", PrivateMeasure.QUANTILE, "pay", points=(5, 5))
    asked = table((10,), (mean, median), influence=Influence(100, 1), arguments=(wide,))
    assert [c for c, _ in refusals(asked)] == ["private-influence", "private-clamp", "private-points"]
    many = PrivateStatistic("q", PrivateMeasure.QUANTILE, "att8", points=tuple(range(5000)))
    assert [c for c, _ in refusals(table((3,), (many,)))] == ["private-points"]
    sets = tuple((i, j) for i in range(14) for j in range(i + 1, 14))
    assert [c for c, _ in refusals(table((2,) * 14, (COUNT,), sets=sets))] == ["private-parts"]


def test_one_release_has_a_largest_spend() -> None:
    """Attack 14: epsilon 4 in one query is nearly the exact answer."""
    check_spend(HALF, PURE, PROFILE)
    for spend, accounting, raised in (
        (PrivacyAmount(PURE, 500_001), PURE, False), (PrivacyAmount(PURE, 4 * 10**6), PURE, True),
        (HALF, Accounting.APPROXIMATE, False),
        (PrivacyAmount(Accounting.APPROXIMATE, 1, 2 * 10**6), Accounting.APPROXIMATE, False),
    ):  # fmt: skip
        with pytest.raises(Refused):
            check_spend(spend, accounting, PROFILE, raised)
    check_spend(PrivacyAmount(PURE, 2 * 10**6), PURE, PROFILE, raised=True)
