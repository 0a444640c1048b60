"""The attack on a published table: derived values of hidden cells, clear errors, nothing on standard output."""

import pytest

from broker.disclosure.suppression.published_attack import attack_csv
from broker.domain.errors import Invalid

SQUARE = "a,b,value\nx,p,\nx,q,\nx,,12\ny,p,\ny,q,\ny,,20\n,p,15\n,q,17\n,,32\n"


def test_a_square_of_holes_is_an_interval_and_the_solver_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    found = attack_csv(SQUARE)
    assert capfd.readouterr() == ("", "")
    assert found[0] == {"by": {"a": "x", "b": "p"}, "low": 0, "high": 12, "exact": False}
    assert [(f["low"], f["high"]) for f in found] == [(0, 12), (0, 12), (3, 15), (5, 17)]


def test_a_lone_hole_is_exact_and_nothing_bounds_it_without_its_total() -> None:
    assert attack_csv("a,value\nx,\ny,5\n,12\n") == [{"by": {"a": "x"}, "low": 7, "high": 7, "exact": True}]
    assert attack_csv("a,value\nx,\ny,5\n,\n") == [
        {"by": {"a": "x"}, "low": 0, "high": None, "exact": False},
        {"by": {"a": None}, "low": 5, "high": None, "exact": False},
    ]
    assert attack_csv("a,value\nx,\ny,5\n")[0]["high"] is None


def test_a_dimension_of_totals_alone_says_nothing() -> None:
    """Nobody was told apart by sex: the totals over it are no sums of nothing."""
    found = attack_csv("area,sex,value\nx,,5\ny,,\n,,12\n")
    assert found == [{"by": {"area": "y", "sex": None}, "low": 7, "high": 7, "exact": True}]


def test_two_holes_in_every_line_can_still_give_one_away() -> None:
    """Columns p and q alone: x+y over them is what the lines give, so r is derived although no line has one hole."""
    lines = ["a,b,value", "x,p,", "x,q,", "x,r,47", "x,,60", "y,p,", "y,q,", "y,r,", "y,,30", "z,p,4", "z,q,5", "z,r,"]
    lines += ["z,,29", ",p,20", ",q,19", ",r,"]
    found = {tuple(f["by"].values()): f for f in attack_csv("\n".join(lines))}
    assert found["z", "r"] == {"by": {"a": "z", "b": "r"}, "low": 20, "high": 20, "exact": True}
    assert found["y", "r"]["exact"]
    assert found["y", "r"]["low"] == 30 - (20 + 19 - 9 - 13)
    assert not found["x", "p"]["exact"]


def test_over_integers_a_table_must_fit_whole_numbers() -> None:
    table = "a,b,value\nx,p,\nx,q,\nx,,1\ny,p,\ny,q,\ny,,1\n,p,1\n,q,1\n"
    assert attack_csv(table, integers=True)[0] == {"by": {"a": "x", "b": "p"}, "low": 0, "high": 1, "exact": False}
    with pytest.raises(Invalid, match="contradicts"):
        attack_csv("a,value\nx,\ny,5\n,12.5\n", integers=True)


@pytest.mark.parametrize(("text", "code"), [
    ("a,value\nx,\ny,15\n,12\n", "inconsistent"),
    ("a,value\nx,3\ny,15\n,12\n", "inconsistent"),
    ("a,b\nx,3\n", "bad-header"), ("value\n3\n", "bad-header"), ("", "bad-header"), ("a,value\nx,3,4\n", "bad-row"),
    ("a,value\nx,three\n", "bad-value"), ("a,value\nx,-1\n", "bad-value"), ("a,value\nx,nan\n", "bad-value"),
    ("a,value\nx,\ny,\n,1e308\n", "bad-value"),
    ("a,value\nx,1\nx,2\n", "twice"),
    ("a,value\n" + "x" * 200_000 + ",1\n", "bad-csv"),
])  # fmt: skip
def test_bad_tables_have_different_errors(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        attack_csv(text)
    assert caught.value.code == code


def test_large_amounts_elsewhere_hide_nothing() -> None:
    """A hole is worked out as closely as its own line allows, however large the amounts of other lines are."""
    table = "LA,Sex,value\nbig,M,4e14\nbig,F,5e14\nbig,,9e14\na,M,\na,F,3\na,,7\nb,M,\nb,F,\nb,,70\n"
    found = [(c["low"], c["high"], c["exact"]) for c in attack_csv(table)]
    assert found == [(4, 4, True), (0, 70, False), (0, 70, False)]


def test_no_interval_ends_before_it_begins() -> None:
    """Where large amounts leave a doubt, floats must not tell of less than nothing."""
    (hole,) = attack_csv("A,value\nx,9e14\ny,1\nz,\n,9e14\n")
    assert (hole["low"], hole["high"]) == (0, 0)
