"""How years are written, and what they mean: always the first calendar year."""

import pytest

from broker.policy.written_years import parse_year_range


@pytest.mark.parametrize(("text", "span"), [
    ("2018/2019-2022/2023", (2018, 2022)),
    (" 2018/2019 - 2022/2023 ", (2018, 2022)),
    ("2018/19", (2018, 2018)), ("1999/2000", (1999, 1999)), ("201920-202021", (2019, 2020)),
    ("2014-2020", (2014, 2020)), ("2020", (2020, 2020)),
])  # fmt: skip
def test_years_are_read(text: str, span: tuple[int, int]) -> None:
    assert parse_year_range(text) == span


@pytest.mark.parametrize("text", [
    "", "-", "2020-", "2018/2020", "2018/2019-2016/2017", "2018-2019-2020", "201921", "1066", "two",
    "20２0", "２０２０", "2018/18",
])  # fmt: skip
def test_anything_else_is_an_error_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_year_range(text)
