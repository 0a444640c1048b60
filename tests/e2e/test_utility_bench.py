"""The benchmark of utility: its tables are accepted, its rule of thumb hides the fewest figures, its losses add up."""

import pytest

from bench.utility.__main__ import errors, loss_of
from bench.utility.figures import fewest_hidden, figures_of
from bench.utility.histories import Histories, Series, all_series
from bench.utility.population import Population, population, shapes

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("small", "sums", "expected"),
    [
        (set(), [[0, 1, 2]], 0),
        ({1}, [], 1),
        ({1}, [[0, 1, 2]], 2),  # a part, and its total or the other part
        ({1, 2}, [[0, 1, 2]], 2),
        ({4}, [[0, 1, 2], [3, 4, 5], [6, 1, 4], [7, 2, 5]], 3),  # with the totals of its row and column
    ],
)
def test_the_rule_of_thumb_hides_the_fewest(small, sums, expected) -> None:
    found = fewest_hidden(8, small, sums)
    assert small <= found
    assert len(found) == expected
    assert all(len(found.intersection(some)) != 1 for some in sums)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Population:
    return population(500, tmp_path_factory.mktemp("utility"))


def test_each_table_is_judged_and_its_losses_add_up(made) -> None:
    every = list(shapes())
    assert len({shape.name for shape in every}) == len(every) == 60
    for shape in every:
        loss = loss_of(shape, made)
        assert loss["figures"] >= loss["hidden"] >= 0
        assert loss["figures"] >= loss["by_hand"] >= loss["small"]
        assert sum(loss["causes"].values()) == loss["hidden"]
        assert all(0 <= loss[other] <= loss["figures"] for other in ("redacted", "cell_key"))


def test_errors_are_those_of_shown_figures(made) -> None:
    of_2018 = "FROM npd.spring_census WHERE AcademicYear = '2018/2019'"
    figures = list(figures_of(*made.judged(f"SELECT Gender, COUNT(*) AS n {of_2018} GROUP BY Gender")))
    found = list(errors(figures))
    assert len(found) == sum(not f.judged.hidden for f in figures) > 0
    assert all(measure == "count" and apart <= 100 * 5 / rows for measure, rows, apart in found)


def test_a_table_loses_nothing_because_the_same_one_was_released_before(made, tmp_path) -> None:
    text = "SELECT Gender, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2018/2019' GROUP BY Gender"
    first, again = Histories(made, tmp_path / "broker").losses(Series("again", (text, text)))
    assert first == again
    assert first.after == first.alone < first.figures


def test_a_series_is_of_several_accepted_tables(made) -> None:
    every = list(all_series())
    assert len({series.name for series in every}) == len(every)
    for series in every:
        assert len(series.texts) > 1
        assert all(made.judged(text) for text in series.texts)
