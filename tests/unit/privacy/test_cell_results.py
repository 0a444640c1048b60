"""Cell results are exact without noise, stay within possible values, and show only by noisy counts."""

import dataclasses
import json
from fractions import Fraction
from statistics import pvariance, variance

import numpy as np
import pytest
from private_kit import ATT8, COUNT, MEAN, POLICIES, PROFILE, table

from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.policy.data_catalogue import PrivacyUnit
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.private_tables import Argument, Clamp, Dimension, Influence, PrivateMeasure, PrivateStatistic
from broker.privacy.results import noise_intervals
from broker.privacy.results.noise_intervals import NoiseMoments, combined_noise, half_width
from broker.privacy.results.privacy_record import plain_words, privacy_record
from tests.oracles.private_cells import CellResult, cell_results, row_coordinates

SPEND = PrivacyAmount(Accounting.APPROXIMATE, 500_000, 10**6)
PUPIL = POLICIES.promise(PrivacyUnit.PUPIL)
SHOWN = dataclasses.replace(PROFILE, display_floor=1)
OTHER = Argument("y", Clamp(-20, 20))
ALL = (
    COUNT, MEAN, PrivateStatistic("s", PrivateMeasure.SUM, "att8"),
    PrivateStatistic("var", PrivateMeasure.VARIANCE, "att8"),
    PrivateStatistic("varp", PrivateMeasure.VARIANCE, "att8", of_population=True),
    PrivateStatistic("v", PrivateMeasure.VALUES, "y"),
    PrivateStatistic("sy", PrivateMeasure.SUM, "y"), PrivateStatistic("r", PrivateMeasure.RATIO, parts=("s", "sy")),
    PrivateStatistic("p", PrivateMeasure.RATIO, parts=("s", "n")),
    PrivateStatistic("q", PrivateMeasure.QUANTILE, "att8", fraction=Fraction(1, 2), points=(1000, 4000, 5000)),
)  # fmt: skip
ROWS = [(1000, -3), (4000, None), (4000, 5), (5050, 12), (9000, 4)]


def without_noise(made: MeasurementDesign, rows: list[tuple[int, int | None]]) -> list[MechanismAnswer]:
    """The exact answers of one cell, as if they had been drawn."""
    found = []
    for part in made.parts:
        block = made.block(part)
        if block.fraction is not None:
            found.append(MechanismAnswer([1]))
            continue
        values = [{"att8": x, "y": y, None: None}[block.argument] for x, y in rows]
        coordinates = [row_coordinates(block, v) for v in values]
        found.append(MechanismAnswer([sum(c) for c in zip(*coordinates, strict=True)]))
    return found


def one(rows: list[tuple[int, int | None]], **changes: object) -> CellResult:
    made = design_measurement([table((1,), ALL, arguments=(ATT8, OTHER))], SPEND)
    (cell,) = cell_results(made, without_noise(made, rows), 0, dataclasses.replace(SHOWN, **changes))
    return cell


def test_statistics_without_noise_are_the_true_ones() -> None:
    rows = ROWS * 1000
    estimates = one(rows).estimates
    x = [v / 100 for v, _ in rows]
    truth = [5000, sum(x) / 5000, sum(x), variance(x), pvariance(x), 4000, 18_000, sum(x) / 18_000, sum(x) / 5000,
             40.0]  # fmt: skip
    assert [e.value for e in estimates] == pytest.approx(truth)
    assert estimates[9].ranks is not None


def test_a_ratio_whose_denominator_may_be_zero_is_not_shown() -> None:
    assert one(ROWS).estimates[7].value is None


def test_what_is_impossible_is_cut() -> None:
    """A mean lies in its clamp, a variance between 0 and a quarter of the width squared, interval ends too."""
    made = design_measurement([table((1,), (COUNT, MEAN, ALL[4]))], SPEND)
    wide = [-9000 * 9000, 40 * 9000**2, 90 * 9000**2]
    for noisy in (wide, [-(10**9), 10**10, -(10**9)], [10**10, -(10**10), 10**10]):
        (cell,) = cell_results(made, [MechanismAnswer(noisy)], 0, SHOWN)
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
    assert told == [True] * 5 + [False] * 4 + [True], "y has four rows, and five are too few to divide by"
    assert one(ROWS, display_floor=6) == CellResult(0, (0,), False, ())
    made = design_measurement([table((2,), (COUNT,))], PrivacyAmount(Accounting.PURE, 500_000))
    assert [c.shown for c in cell_results(made, [MechanismAnswer([9, 10])], 0, PROFILE)] == [False, True]


def test_every_cell_of_the_public_domain_is_there_and_in_order() -> None:
    asked = table((2, 3), (COUNT,), sets=((0, 1), (1,), ()))
    made = design_measurement([asked], PrivacyAmount(Accounting.PURE, 500_000))
    found = cell_results(made, [MechanismAnswer([0] * 6), MechanismAnswer([0] * 3), MechanismAnswer([0])], 0, PROFILE)
    assert [(c.set, c.keys) for c in found] == [
        *((0, (a, b)) for a in range(2) for b in range(3)), *((1, (b,)) for b in range(3)), (2, ()),
    ]  # fmt: skip


def test_keys_without_a_list_leave_by_their_noisy_count_of_persons() -> None:
    asked = dataclasses.replace(table((1,), (COUNT,)), dimensions=(Dimension("urn", None),))
    made = design_measurement([asked], SPEND)
    noisy = [MechanismAnswer([70, 99], [1, 3]), MechanismAnswer([71, 98])]
    found = cell_results(made, noisy, 0, PROFILE, [[("a",), ("b",), ("c",), ("d",)]])
    assert [(c.keys, c.shown) for c in found] == [(("b",), True), (("d",), True)]


def test_the_noise_of_sums_of_noises() -> None:
    laplace = NoiseMoments(2**0.5, 3.0)
    pair = combined_noise([(1, laplace), (1, laplace)])
    assert half_width(laplace, 0.95) == pytest.approx(2.9957, abs=1e-3)
    assert half_width(pair, 0.95) == pytest.approx(4.113, rel=0.005)  # (1 + t/2) exp(-t) = 0.05
    assert noise_intervals.mean_absolute_error(laplace) == pytest.approx(1)
    assert noise_intervals.mean_absolute_error(pair) == pytest.approx(1.5, rel=0.005)
    assert half_width(NoiseMoments(1.0), 0.95) == pytest.approx(1.96, abs=1e-3)
    assert noise_intervals.integer_half_width(laplace, 0.95) == 3
    assert noise_intervals.integer_half_width(NoiseMoments(1.0), 0.95) == 2
    assert combined_noise([]) == NoiseMoments(0.0)
    pairs = [[1.0, 0.0], [1.0, 1.0], [0.3, -0.7], [0.0, 0.0]]
    one_by_one = [half_width(combined_noise([(a, laplace), (b, laplace)]), 0.95) for a, b in pairs]
    assert noise_intervals.half_widths(np.array(pairs), laplace, 0.95) == pytest.approx(one_by_one)


def design_and_record() -> tuple[MeasurementDesign, str]:
    asked = table((2, 3), (COUNT, MEAN), sets=((0, 1), ()), influence=Influence(2, 3, 4))
    made = design_measurement([asked], SPEND)
    return made, json.dumps(privacy_record(made, PUPIL, PROFILE))


def test_the_record_says_method_spend_bounds_and_scales_and_no_data() -> None:
    """Attack 16: it is made from the design, before anything was read; how many rows were cut is nowhere in it."""
    made, text = design_and_record()
    found = json.loads(text)
    assert found["spend"]["epsilon"] == 0.5
    assert found["spend_if_a_person_is_replaced"]["epsilon"] == pytest.approx(1.0)
    assert found["cap_per_person"] == {"epsilon": 8.0, "delta": 1e-8}
    assert found["tables"][0]["parts"][0]["clamp"] == {"low": 0, "high": 9000, "steps_to_a_unit": 100}
    assert found["tables"][0]["parts"][0]["scale"] == made.bundle.mechanisms[0].scale
    assert found["tables"][0]["most_of_one_person"] == {"cells": 2, "rows_per_cell": 3, "rows": 4}

    assert "At most 2 cells of one person, and 3 rows in each cell, are used, and at most 4 in all" in text
    assert design_and_record()[1] == text


def test_plain_words_for_a_reader_who_does_not_know_epsilon() -> None:
    made, _ = design_and_record()
    words = " ".join(plain_words(made, PUPIL, PROFILE))
    assert "epsilon" not in words
    assert "95 of 100 releases" in words
    assert "at most 63 %" in words  # 1 / (1 + exp(-0.5)) = 62.2 %


def test_a_rho_is_shown_as_an_epsilon() -> None:
    promise = dataclasses.replace(PUPIL, accounting=Accounting.CONCENTRATED, loss=0.5, delta=0.0, stated_delta=1e-9)
    made = design_measurement([table((2,), (COUNT,))], PrivacyAmount(Accounting.CONCENTRATED, 11_780))
    spend = privacy_record(made, promise, PROFILE)["spend"]
    assert spend == pytest.approx({"rho": 0.01178, "epsilon": 0.885, "delta": 1e-9}, rel=0.05)  # type: ignore[comparison-overlap]
