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


def charged(new: MemberTable, *known: MemberTable) -> set[tuple[int, int]]:
    """What is charged to the school, by statistic and cell."""
    exposure = Exposure(new, [partial(replace, one) for one in known], 400)
    return {(c.statistic, c.cell) for c in figure_charges(exposure.of(SCHOOL, 0.05), 10)}


def with_sum(number: int, amounts: dict[int, float], told: str = "sum(x)") -> MemberTable:
    made = table(number, {"boys": BOYS}, total=amounts)
    count, total = made.figures
    return replace(made, figures=(count, replace(total, told=told)))


def of_boys(**other: object) -> MemberTable:
    """A count of boys, with other fields of its figure."""
    return replace(FIRST, figures=(replace(FIRST.figures[0], **other),))


FIRST, BOTH = table(1, {"boys": BOYS}), table(1, {"boys": BOYS, "girls": GIRLS})
EARLIER, OUTSIDE, NO_VALUE = table(0, {"boys": BOYS}), table(1, {"o": OTHERS}), table(1, {"boys": BOYS}, values=False)
AMOUNTS = {p: 1.0 + p % 7 for p in BOYS}
SWAPPED = AMOUNTS | {0: AMOUNTS[1], 1: AMOUNTS[0]}
OTHER_RULES = replace(FIRST, entry=replace(FIRST.entry, profile="npd-exact"))
COUNT, SUM = (0, 0), (1, 0)


@pytest.mark.parametrize(("what", "new", "known", "expected"), [
    ("a table is charged", BOTH, [], {(0, 0), (0, 1)}),
    ("and not once more", replace(BOTH), [BOTH], set()),
    ("a filter more changes the boys", table(2, {"boys": BOYS[:-15], "girls": GIRLS}), [BOTH], {(0, 0)}),
    ("a filter more changes the girls", table(2, {"boys": BOYS, "girls": GIRLS[:-15]}), [BOTH], {(0, 1)}),
    ("other persons, an equal value", table(2, {"others": people((20, 59))}), [FIRST], {COUNT}),
    ("the same persons, another value", of_boys(shown={0: 35}), [FIRST], {COUNT}),
    ("another statistic with an equal value", of_boys(told="share of boys"), [FIRST], {COUNT}),
    ("a figure under other rules", FIRST, [OTHER_RULES], {COUNT}),
    ("of another table of the job, and alone", replace(EARLIER), [EARLIER], {COUNT}),
    ("a figure without a value repeats nothing", replace(NO_VALUE), [NO_VALUE], {COUNT}),
    ("persons outside are no concern of the school", OUTSIDE, [], set()),
    ("nor are they if they are repeated", replace(OUTSIDE), [OUTSIDE], set()),
    ("sums of equal amounts", with_sum(2, AMOUNTS), [with_sum(1, AMOUNTS)], set()),
    ("sums of other amounts", with_sum(2, SWAPPED), [with_sum(1, AMOUNTS)], {SUM}),
])  # fmt: skip
def test_a_figure_that_was_shown_before_is_not_charged(what, new, known, expected) -> None:
    assert charged(new, *known) == expected, what


@pytest.mark.parametrize("measure", ["quantile", "deviation", "mode", "count_distinct", "gap"])
def test_a_value_that_does_not_follow_from_the_amounts_is_charged(measure: str) -> None:
    """An equal median of another year tells that it is equal."""
    told = f"{measure}(x)"
    assert SUM in charged(with_sum(2, AMOUNTS, told), with_sum(1, AMOUNTS, told))


def with_share(counted: bool, share: float) -> MemberTable:
    """Boys, of whom 20 have meals: their share, and with `counted` also both counts."""
    made = table(1, {"boys": BOYS}, ones=BOYS[:20])
    count, ones = made.figures[0], made.figures[1]
    both = replace(ones, told="share(y)", shown={0: share})
    parts = (count, replace(ones, statistic=1, told="ones(y)", shown={0: 20})) if counted else ()
    return replace(made, figures=(*parts, both, replace(both, amount="given")))


def test_a_share_is_charged_unless_it_is_the_quotient_of_its_two_counts() -> None:
    assert charged(with_share(counted=True, share=0.5)) == {(0, 0), (1, 0)}
    assert charged(with_share(counted=False, share=0.5)) == {(2, 0)}
    assert (2, 0) in charged(with_share(counted=True, share=0.48))


def test_a_mean_is_no_count_of_a_share() -> None:
    made = with_share(counted=True, share=0.5)
    mean = replace(made.figures[0], told="mean(x)")
    assert (2, 0) in charged(replace(made, figures=(mean, *made.figures[1:])))


def test_two_shares_of_everybody_are_charged_although_one_is_the_quotient_of_the_other() -> None:
    made = table(1, {"boys": BOYS}, ones=BOYS)
    share = replace(made.figures[1], told="share(y)", shown={0: 1})
    shares = [replace(share, statistic=n, amount=a) for n in (1, 2) for a in ("ones", "given")]
    assert charged(replace(made, figures=tuple(shares))) == {(1, 0), (2, 0)}
