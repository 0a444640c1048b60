"""A figure that shows again what an earlier one shows is not charged to the cap; any other figure is."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from broker.disclosure.differencing.exposure import Exposure
from broker.disclosure.differencing.figure_cap import figure_charges
from broker.evidence.member_tables import MemberTable, members_of
from tests.attacks.history_town import people, table

SCHOOL = members_of(1, np.arange(100), np.zeros(100, int))
"""A reference group of a hundred persons, 0 to 99, of 400."""
BOYS, GIRLS, OTHERS = people((0, 39)), people((40, 99)), people((100, 299))


def charged(new: MemberTable, *known: MemberTable) -> dict[tuple[int, int], int]:
    """The charges to the school, by statistic and cell."""
    exposure = Exposure(new, [partial(_same, one) for one in known], 400)
    return {(c.statistic, c.cell): c.part for c in figure_charges(exposure.of(SCHOOL, 0.05), 10)}


def _same(one: MemberTable) -> MemberTable:
    return one


def test_a_table_that_was_released_before_is_charged_once() -> None:
    first = table(1, {"boys": BOYS, "girls": GIRLS})
    assert charged(first).keys() == {(0, 0), (0, 1)}
    assert charged(replace(first), first) == {}


@pytest.mark.parametrize("at", [0, 1])
def test_of_a_table_with_a_filter_more_only_the_figures_that_it_changes_are_charged(at: int) -> None:
    first = table(1, {"boys": BOYS, "girls": GIRLS})
    cells = {"boys": BOYS, "girls": GIRLS}
    name = [*cells][at]
    new = table(2, cells | {name: cells[name][:-15]})
    assert charged(new, first).keys() == {(0, at)}


def test_a_figure_about_other_persons_is_charged_although_its_value_is_equal() -> None:
    first = table(1, {"some": people((0, 39))})
    assert charged(table(2, {"others": people((20, 59))}), first).keys() == {(0, 0)}


def test_another_value_about_the_same_persons_is_charged() -> None:
    first = table(1, {"boys": BOYS})
    figure = first.figures[0]
    rounded = replace(first, figures=(replace(figure, shown={0: 35}),))
    assert charged(rounded, first).keys() == {(0, 0)}


def test_another_statistic_of_the_same_persons_with_the_same_value_is_charged() -> None:
    first = table(1, {"boys": BOYS})
    other = replace(first, figures=(replace(first.figures[0], told="share of boys"),))
    assert charged(other, first).keys() == {(0, 0)}


def with_sum(number: int, amounts: dict[int, float], told: str = "sum(x)") -> MemberTable:
    made = table(number, {"boys": BOYS}, total=amounts)
    count, total = made.figures
    return replace(made, figures=(count, replace(total, told=told)))


AMOUNTS = {p: 1.0 + p % 7 for p in BOYS}


def test_sums_of_other_amounts_are_charged_and_of_equal_amounts_are_not() -> None:
    assert charged(with_sum(2, AMOUNTS), with_sum(1, AMOUNTS)) == {}
    swapped = AMOUNTS | {0: AMOUNTS[1], 1: AMOUNTS[0]}
    assert (1, 0) in charged(with_sum(2, swapped), with_sum(1, AMOUNTS))


@pytest.mark.parametrize("measure", ["quantile", "deviation", "mode", "count_distinct", "gap"])
def test_a_value_that_does_not_follow_from_the_amounts_is_charged(measure: str) -> None:
    """An equal median of another year tells that it is equal."""
    told = f"{measure}(x)"
    assert (1, 0) in charged(with_sum(2, AMOUNTS, told), with_sum(1, AMOUNTS, told))


def test_a_figure_under_other_rules_is_charged_although_its_value_is_equal() -> None:
    first = table(1, {"boys": BOYS})
    other = replace(first, entry=replace(first.entry, profile="npd-exact"))
    assert charged(first, other).keys() == {(0, 0)}


def test_a_figure_of_another_table_of_the_job_is_charged_and_hides_no_copy_alone() -> None:
    first = table(0, {"boys": BOYS})
    assert charged(replace(first), first).keys() == {(0, 0)}


def test_a_figure_without_a_value_repeats_nothing() -> None:
    first = table(1, {"boys": BOYS}, values=False)
    assert charged(replace(first), first).keys() == {(0, 0)}


def test_a_repeated_figure_of_persons_outside_is_no_concern_of_the_school() -> None:
    first = table(1, {"others": OTHERS})
    assert charged(first) == {}
    assert charged(replace(first), first) == {}


def with_share(counted: bool, share: float) -> MemberTable:
    """Boys, of whom 20 have meals: their share, and with `counted` also both counts."""
    made = table(1, {"boys": BOYS}, ones=BOYS[:20])
    count, ones = made.figures[0], made.figures[1]
    both = replace(ones, told="share(y)", shown={0: share})
    parts = (count, replace(ones, statistic=1, told="ones(y)", shown={0: 20})) if counted else ()
    return replace(made, figures=(*parts, both, replace(both, amount="given")))


def test_a_share_with_its_two_counts_is_not_charged() -> None:
    assert charged(with_share(counted=True, share=0.5)).keys() == {(0, 0), (1, 0)}


def test_a_share_by_itself_is_charged() -> None:
    assert charged(with_share(counted=False, share=0.5)).keys() == {(2, 0)}


def test_a_share_that_is_not_the_quotient_of_the_counts_is_charged() -> None:
    assert (2, 0) in charged(with_share(counted=True, share=0.48))


def test_a_mean_is_no_count_of_a_share() -> None:
    made = with_share(counted=True, share=0.5)
    mean = replace(made.figures[0], told="mean(x)")
    assert (2, 0) in charged(replace(made, figures=(mean, *made.figures[1:])))


def test_two_shares_of_everybody_are_charged_although_one_is_the_quotient_of_the_other() -> None:
    made = table(1, {"boys": BOYS}, ones=BOYS)
    share = replace(made.figures[1], told="share(y)", shown={0: 1})
    shares = [replace(share, statistic=n, amount=a) for n in (1, 2) for a in ("ones", "given")]
    assert charged(replace(made, figures=tuple(shares))).keys() == {(1, 0), (2, 0)}
