"""The page of what protection costs is made of the figures that were measured."""

from pathlib import Path

from bench.utility.population import shapes
from docs.generator.utility_page import measured, utility_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_the_one_that_the_measured_figures_make():
    assert (ROOT / "docs" / "reference" / "utility.md").read_text() == utility_page(), "run `make docs`"


def test_each_population_has_every_table():
    names = [shape.name for shape in shapes()]
    assert [one["pupils"] for one in measured()] == [20_000, 100_000, 600_000]
    assert all([table["name"] for table in one["tables"]] == names for one in measured())
