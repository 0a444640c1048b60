"""What the names of columns and labels say: extremes, percentiles near an end, and counts of persons."""

import pytest

from broker.disclosure.statistic_names import end_quantiles, is_count, is_count_label, is_extreme, is_other_figure

EXTREME = (
    "min MAX maxscore SCOREMIN score_max scoreMin amin idxmax first last_score highestscore top bottom "
    "p1 P99 p_99 pc99 perc_99 1% 99% score_99% p0.5 q01 q99 score_q99 scoreP99 p99score 99th 99th_percentile "
    "q0 q0.01 q1.0 quantile_0.99 0.01 0.99 p100 p001 p999"
)
ORDINARY = (
    "n mean p25 p95 5% 97.5% [0.025 0.975] p025 p975 q1 q3 q4 d9 90th p10 PC1 pc2 r2 ci_99% p_value 0.0 1.0 2015 "
    "administration admin minority minorityEthnic minutes minor maximal_share firstborn_share minister top_set"
)


@pytest.mark.parametrize("name", [*EXTREME.split(), *ORDINARY.split()])
def test_a_name_of_an_extreme_or_of_an_ordinary_figure(name: str) -> None:
    assert is_extreme(name, 1) is (name in EXTREME.split())


@pytest.mark.parametrize(("label", "extreme"), [
    ("max", True), ("99%", True), ("max_score", True), ("first_language", False), ("First Steps", False),
    ("0.99", False),
])  # fmt: skip
def test_a_label_is_an_extreme_as_a_whole(label: str, extreme: bool) -> None:
    assert is_extreme(label, 1, alone=True) is extreme


def test_policy_says_how_near_an_end_is() -> None:
    assert is_extreme("p95", 5)
    assert not is_extreme("p99", 0.5)


@pytest.mark.parametrize(("name", "cells", "found"), [
    ("q", ["0.01", "0.5", "0.99"], ["0.01", "0.99"]),
    ("", ["0", "0.25", "1"], ["0", "1"]),
    ("", ["0", "1"], []),  # a flag
    ("p", ["0.001", "0.99"], []),  # of a test
    ("percentile", ["1", "50", "99"], ["1", "99"]),
    ("percentile", ["1", "2", "3"], []),  # groups
    ("index", ["0", "1", "2"], []),
    ("q", ["0.5", "East"], []),
])  # fmt: skip
def test_labels_of_quantiles(name: str, cells: list[str], found: list[str]) -> None:
    assert end_quantiles(name, cells, 1) == found


@pytest.mark.parametrize(("name", "column", "row"), [
    ("n", True, True), ("n_girls", True, False), ("Count", True, True), ("No. of pupils", True, True),
    ("pupils", True, True), ("mean_n", False, False), ("girls", False, False), ("NCyearActual", False, False),
])  # fmt: skip
def test_names_of_counts(name: str, column: bool, row: bool) -> None:
    assert (is_count(name), is_count_label(name)) == (column, row)


@pytest.mark.parametrize(("name", "other"), [
    ("mean_score", True), ("Df Model", True), ("year", True), ("folds", True), ("girls", False), ("n_by_year", False),
])  # fmt: skip
def test_names_of_other_whole_numbers(name: str, other: bool) -> None:
    assert is_other_figure(name) is other


def test_a_key_that_is_a_code_says_nothing_of_its_numbers_and_an_n_among_codes_is_a_code() -> None:
    assert not is_count_label("N", n=False)
    assert not is_other_figure("year", codes=False)
