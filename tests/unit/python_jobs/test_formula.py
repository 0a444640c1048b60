"""Formulas: a small closed grammar; everything else is refused with the place. Nothing is ever evaluated."""

import pytest

from broker.domain.errors import Invalid
from broker.domain.jobs.script_requests import FormulaFactor, ModelFormula
from broker.python_jobs.regression_formula import read_formula


def plain(*names: str) -> tuple[FormulaFactor, ...]:
    return tuple(FormulaFactor(n) for n in names)


@pytest.mark.parametrize(("text", "found"), [
    ("y ~ x", ModelFormula("y", (plain("x"),), True, ())),
    ("y ~ 1", ModelFormula("y", (), True, ())),
    ("y ~ x - 1", ModelFormula("y", (plain("x"),), False, ())),
    ("y ~ 0 + x", ModelFormula("y", (plain("x"),), False, ())),
    ("y~C(LA)+x", ModelFormula("y", ((FormulaFactor("LA", True),), plain("x")), True, ())),
    ("y ~ a:b", ModelFormula("y", (plain("a", "b"),), True, ())),
    ("y ~ a*b", ModelFormula("y", (plain("a"), plain("b"), plain("a", "b")), True, ())),
    ("y ~ a + a + b:a + a:b", ModelFormula("y", (plain("a"), plain("b", "a")), True, ())),
    ("y ~ x | URN + year", ModelFormula("y", (plain("x"),), True, ("URN", "year"))),
])  # fmt: skip
def test_a_formula_is_its_terms(text: str, found: ModelFormula) -> None:
    assert read_formula(text) == found


@pytest.mark.parametrize(("text", "place"), [
    ("y", 2), ("~ x", 1), ("y ~", 4), ("y ~ x +", 8), ("y ~ np.log(x)", 7), ("y ~ I(x)", 6), ("y ~ log(x)", 8),
    ("y ~ x**2", 7), ("y ~ x - 2", 9), ("y ~ x; import os", 6), ("y ~ __import__('os')", 16), ("y ~ __p", 5),
    ("y ~ 'x'", 5), ("y ~ a:b*c", 10), ("y ~ a:a", 8), ("y ~ a:b:c:d", 12), ("y ~ y", 1), ("y ~ x | ", 9),
    ("y ~ x | a + b + c", 18), ("y ~ x ~ z", 7), ("y ~ x\N{EN QUAD}+ z", 1), ("y ~ " + "x" * 3000, 1),
    ("y ~ " + " + ".join(f"x{i}" for i in range(200)), None),
])  # fmt: skip
def test_what_is_no_formula_is_refused_at_its_place(text: str, place: int | None) -> None:
    with pytest.raises(Invalid) as refused:
        read_formula(text)
    assert refused.value.code == "formula"
    if place is not None:
        assert refused.value.pointer == f"/formula:{place}"
