"""Results are exact where the noise is none, cut to what is possible, and shown by noisy counts only."""

import dataclasses
import json
from fractions import Fraction
from statistics import pvariance, variance

import numpy as np
import pytest
from private_kit import ATT8, COUNT, MEAN, POLICIES, PROFILE, table

from broker.domain.amounts import Accounting, Amount
from broker.policy.tables import Unit
from broker.privacy.design import Design, design
from broker.privacy.noise.client import Drawn
from broker.privacy.results.cells import Cell, cells
from broker.privacy.results.intervals import Noise, expected, half_width, half_widths, spread, whole_half_width
from broker.privacy.results.record import record
from broker.privacy.results.words import plain_words
from broker.privacy.tables import Argument, Ask, Clamp, Dimension, Influence, PrivateTable, Statistic

SPEND = Amount(Accounting.APPROXIMATE, 500_000, 10**6)
PUPIL = POLICIES.promise(Unit.PUPIL)
SHOWN = dataclasses.replace(PROFILE, display_floor=1)
OTHER = Argument("y", Clamp(-20, 20))
ALL = (
    COUNT, MEAN, Statistic("s", Ask.SUM, "att8"), Statistic("var", Ask.VARIANCE, "att8"),
    Statistic("varp", Ask.VARIANCE, "att8", whole=True), Statistic("v", Ask.VALUES, "y"),
    Statistic("sy", Ask.SUM, "y"), Statistic("r", Ask.RATIO, parts=("s", "sy")),
    Statistic("p", Ask.RATIO, parts=("s", "n")),
    Statistic("h", Ask.HISTOGRAM, "y", points=(0, 5)),
    Statistic("q", Ask.QUANTILE, "att8", fraction=Fraction(1, 2), points=(1000, 4000, 5000)),
)  # fmt: skip
ROWS = [(1000, -3), (4000, None), (4000, 5), (5050, 12), (9000, 4)]


def without_noise(made: Design, rows: list[tuple[int, int | None]]) -> list[Drawn]:
    """The exact answers of one cell, as if they had been drawn."""
    found = []
    for part in made.parts:
        block = made.block(part)
        if block.fraction is not None:
            found.append(Drawn([1]))
            continue
        values = [{"att8": x, "y": y, None: None}[block.argument] for x, y in rows]
        coordinates = [block.row(v) for v in values]
        found.append(Drawn([sum(c) for c in zip(*coordinates, strict=True)]))
    return found


def one(rows: list[tuple[int, int | None]], **changes: object) -> Cell:
    made = design([table((1,), ALL, arguments=(ATT8, OTHER))], SPEND)
    (cell,) = cells(made, without_noise(made, rows), 0, dataclasses.replace(SHOWN, **changes))
    return cell


def test_statistics_without_noise_are_the_true_ones() -> None:
    rows = ROWS * 1000
    estimates = one(rows).estimates
    x = [v / 100 for v, _ in rows]
    truth = [5000, sum(x) / 5000, sum(x), variance(x), pvariance(x), 4000, 18_000, sum(x) / 18_000, sum(x) / 5000,
             4000, 40.0]  # fmt: skip
    assert [e.value for e in estimates] == pytest.approx(truth)
    assert [b.value for b in estimates[9].bins] == pytest.approx([1000, 1000, 2000])
    assert estimates[10].ranks is not None


def test_a_ratio_whose_denominator_may_be_zero_is_not_told() -> None:
    assert one(ROWS).estimates[7].value is None


def test_what_is_impossible_is_cut() -> None:
    """A mean lies in its clamp, a variance between 0 and a quarter of the width squared, interval ends too."""
    made = design([table((1,), (COUNT, MEAN, ALL[4]))], SPEND)
    for noisy in (
        [-9000 * 9000, 40 * 9000**2, 90 * 9000**2],
        [-(10**9), 10**10, -(10**9)],
        [10**10, -(10**10), 10**10],
    ):
        (cell,) = cells(made, [Drawn(noisy)], 0, SHOWN)
        if not cell.shown:
            continue
        _, mean, spread_ = cell.estimates
        assert mean.value is not None
        assert 0 <= mean.interval.low <= mean.value <= mean.interval.high <= 90  # type: ignore[operator]
        assert spread_.value is None or 0 <= spread_.value <= 90**2 / 4


def test_a_cell_under_the_floor_is_not_shown_and_the_floor_sees_noisy_counts_only() -> None:
    """Attack 14, and dp.md's "rejected because cell < 10": nothing exact decides."""
    few = one(ROWS, display_floor=5)
    assert few.shown
    told = [e.value is not None for e in few.estimates]
    assert told == [True] * 5 + [False] * 5 + [True], "y has four rows, and five are too few to divide by"
    assert one(ROWS, display_floor=6) == Cell(0, (0,), False, ())
    made = design([table((2,), (COUNT,))], Amount(Accounting.PURE, 500_000))
    assert [c.shown for c in cells(made, [Drawn([9, 10])], 0, PROFILE)] == [False, True]


def test_every_cell_of_the_public_domain_is_there_and_in_order() -> None:
    asked = table((2, 3), (COUNT,), sets=((0, 1), (1,), ()))
    made = design([asked], Amount(Accounting.PURE, 500_000))
    found = cells(made, [Drawn([0] * 6), Drawn([0] * 3), Drawn([0])], 0, PROFILE)
    assert [(c.set, c.keys) for c in found] == [
        *((0, (a, b)) for a in range(2) for b in range(3)), *((1, (b,)) for b in range(3)), (2, ()),
    ]  # fmt: skip


def test_keys_without_a_list_leave_by_their_noisy_count_of_persons() -> None:
    asked = PrivateTable("t", "pupil", (Dimension("urn", None),), ((0,),), Influence(1, 1), (), (COUNT,))
    made = design([asked], SPEND)
    noisy = [Drawn([70, 99], [1, 3]), Drawn([71, 98])]
    found = cells(made, noisy, 0, PROFILE, [[("a",), ("b",), ("c",), ("d",)]])
    assert [(c.keys, c.shown) for c in found] == [(("b",), True), (("d",), True)]


def test_the_noise_of_sums_of_noises() -> None:
    laplace = Noise(2**0.5, 3.0)
    pair = spread([(1, laplace), (1, laplace)])
    assert half_width(laplace, 0.95) == pytest.approx(2.9957, abs=1e-3)
    assert half_width(pair, 0.95) == pytest.approx(4.113, rel=0.005)  # (1 + t/2) exp(-t) = 0.05
    assert expected(laplace) == pytest.approx(1)
    assert expected(pair) == pytest.approx(1.5, rel=0.005)
    assert half_width(Noise(1.0), 0.95) == pytest.approx(1.96, abs=1e-3)
    assert whole_half_width(laplace, 0.95) == 3
    assert whole_half_width(Noise(1.0), 0.95) == 2
    assert spread([]) == Noise(0.0)
    many = half_widths(np.array([[1.0, 0.0], [1.0, 1.0], [0.3, -0.7], [0.0, 0.0]]), laplace, 0.95)
    assert many == pytest.approx(
        [half_width(spread([(a, laplace), (b, laplace)]), 0.95) for a, b in ((1, 0), (1, 1), (0.3, -0.7), (0, 0))]
    )


def told() -> tuple[Design, str]:
    asked = table((2, 3), (COUNT, MEAN), sets=((0, 1), ()), influence=Influence(2, 3, 4))
    made = design([asked], SPEND)
    assert PUPIL is not None
    return made, json.dumps(record(made, PUPIL, PROFILE))


def test_the_record_says_method_spend_bounds_and_scales() -> None:
    made, text = told()
    found = json.loads(text)
    assert found["spend"]["epsilon"] == 0.5
    assert found["spend_if_a_person_is_replaced"]["epsilon"] == pytest.approx(1.0)
    assert found["cap_per_person"] == {"epsilon": 8.0, "delta": 1e-8}
    assert found["tables"][0]["parts"][0]["clamp"] == {"low": 0, "high": 9000, "steps_to_a_unit": 100}
    assert found["tables"][0]["parts"][0]["scale"] == made.bundle.mechanisms[0].scale
    assert found["tables"][0]["most_of_one_person"] == {"cells": 2, "rows_per_cell": 3, "rows": 4}


def test_the_record_knows_rules_and_no_data() -> None:
    """Attack 16: it is made from the design, before anything was read; how many rows were cut is nowhere in it."""
    _, text = told()
    assert "at most 2 cells and 3 rows in each are used, and at most 4 in all" in text
    assert told()[1] == text


def test_plain_words_for_a_reader_who_does_not_know_epsilon() -> None:
    made, _ = told()
    assert PUPIL is not None
    words = " ".join(plain_words(made, PUPIL, PROFILE, Amount(Accounting.APPROXIMATE, 10**6, 10**7)))
    assert "epsilon" not in words
    assert "95 of 100 releases" in words
    assert "at most 63 %" in words  # 1 / (1 + exp(-0.5)) = 62.2 %
    assert "50.0 % of what the project had left" in words


def test_a_rho_is_told_as_an_epsilon() -> None:
    promise = dataclasses.replace(PUPIL, accounting=Accounting.CONCENTRATED, loss=0.5, delta=0.0, stated_delta=1e-9)
    made = design([table((2,), (COUNT,))], Amount(Accounting.CONCENTRATED, 11_780))
    spend = record(made, promise, PROFILE)["spend"]
    assert spend == pytest.approx({"rho": 0.01178, "epsilon": 0.885, "delta": 1e-9}, rel=0.05)  # type: ignore[comparison-overlap]
