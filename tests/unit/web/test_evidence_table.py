"""The checker's table: an exact figure is short beside others, and no figure changes by more than its last digit."""

import pytest

from broker.web.pages.evidence_table import EvidenceFigure


@pytest.mark.parametrize(("exact", "short"), [
    ("0.2727272727272727", "0.272727"), ("-8.819617622610141", "-8.81962"), ("1234567.891", "1234568"),
    ("0.0000123456789", "1.23457e-05"), ("5.25", "5.25"), ("123.456", "123.456"), ("123456.5", "123456"),
    ("11643", "11643"),
    ("12345678901234567890", "12345678901234567890"),
    ("2021-03-31", "2021-03-31"), ("(missing)", "(missing)"), ("a.1", "a.1"), ("", ""),
])  # fmt: skip
def test_an_exact_figure_has_six_digits_in_the_table(exact, short):
    assert EvidenceFigure(exact, "", True, "suppress", "").short == short


def test_a_released_figure_is_compared_in_all_digits():
    assert not EvidenceFigure("0.4640001", "0.464", False, "publish", "").plain
