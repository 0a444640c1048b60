"""The number of digits of a mean as a carrier. One child has the largest amount, 90 or 100. The attacker adds a
constant to all amounts until a digit disappears. The released digits may follow from the mean and the text, not from
one child's amount."""

from decimal import Decimal

import pytest

from tests.spec.disclosure.job_kit import judged, lines, people

pytestmark = pytest.mark.long

TOTALS = "(SELECT Key, SUM(Score) AS s FROM npd.a WHERE Y = '2018/2019' GROUP BY Key) AS d"
SIGNED = "AVG(1.0 * d.s + ({c}) - 2 * ({c}) * (CASE WHEN d.s > 9 THEN 1 ELSE 0 END))"
"""Half of them lose what the others get: the mean says nothing of how large amounts are."""
OTHERS = 60
ASKED = range(-45, -20)
"""Of 61 children one with 100 less 39 moves a mean by 1, and one with 90 less 39 does not."""
EDGE = 1
"""The child moves the mean by 0.16, so that one constant in six is at the edge of a digit that follows from it; the
child's own amount decides for each of the ten between 90 and 100."""


def released_figures(child: int, figure: str) -> list[str]:
    """What leaves for each constant; the child has five rows."""
    rows = [*people(M1=OTHERS), *({**people(M1=1)[0], "p": OTHERS, "Key": "child", "Score": child // 5},) * 5]
    found = []
    for c in ASKED:
        (assessment,) = judged(f"SELECT {figure.format(c=c)} AS m FROM {TOTALS}", rows)
        found.append(lines(assessment)[1])
    return found


def apart(one: list[str], other: list[str]) -> int:
    """For how many constants the digits differ."""
    digits = [[len(value.partition(".")[2]) for value in shown] for shown in (one, other)]
    return sum(a != b for a, b in zip(*digits, strict=True))


@pytest.mark.parametrize("figure", ["AVG(1.0 * d.s + ({c}))", "SUM(1.0 * d.s + ({c})) / COUNT(*)"])
@pytest.mark.parametrize("child", [90, 100])
def test_a_constant_reveals_no_more_of_a_mean(figure: str, child: int) -> None:
    """Each constant is added to the same rounded mean: another one shows no other edge."""
    shown = released_figures(child, figure)
    assert "c" not in shown, "it leaves"
    assert len({round(Decimal(value) - c, 2) for value, c in zip(shown, ASKED, strict=True)}) == 1


def test_digits_do_not_follow_from_one_childs_amount() -> None:
    low, high = released_figures(90, SIGNED), released_figures(100, SIGNED)
    assert "c" not in low + high, "it leaves in either case"
    assert apart(low, high) <= EDGE
