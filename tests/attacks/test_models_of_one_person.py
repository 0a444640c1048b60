"""Attacks by regressions: a coefficient equals one pupil's own figure, although no category is small."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from broker.domain.findings import Verdict
from tests.attacks.script_town import fitted, rows

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.usefixtures("engine")]


def pupils() -> np.ndarray:
    return np.array(rows()["pupil"].to_pylist())


def target() -> str:
    """A pupil with a row in each of two years."""
    return several()[0]


def several() -> list[str]:
    """Four of them."""
    return [p for p, n in Counter(pupils().tolist()).items() if n > 1][:4]


def refused(column: dict[str, np.ndarray], formula: str, **more: str) -> set[str]:
    """The rules that refuse the model; a model that cannot be fitted shows nothing either."""
    given = rows()
    for name, values in column.items():
        given = given.append_column(name, pa.array(values))
    checked, assessment = fitted(given, formula=formula, **more)
    if assessment is None:
        assert checked.problem is not None
        return {checked.problem.value}
    return {f.rule for f in assessment.findings if f.verdict is Verdict.REFUSE}


def test_a_number_that_only_one_person_has_as_zero() -> None:
    """The constant is then the mean of that person's rows."""
    assert refused({"others": (pupils() != target()) * 1.0}, "missed ~ others") >= {"R2"}


def test_one_persons_dummy_under_a_little_noise() -> None:
    """Nobody has a zero, and the person's two rows share the leverage between them."""
    noise = np.random.default_rng(1).normal(0, 1e-4, len(pupils()))
    assert refused({"x": (pupils() == target()) + noise}, "missed ~ fsm + x") >= {"R2"}


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_few_persons_dummy_under_a_little_noise(sign: float) -> None:
    """Of four no single one decides: turned round, the constant is their mean."""
    noise = np.random.default_rng(1).normal(0, 1e-3, len(pupils()))
    assert refused({"x": np.isin(pupils(), several()) * sign + noise}, "missed ~ x") >= {"R2"}


def test_who_has_nothing_in_a_column_without_group_effects_does_not_stand_behind_it() -> None:
    """Only the rows of four differ within their group: everybody else's are taken out with the group's effect."""
    _, group = np.unique(pupils(), return_inverse=True)
    first = np.r_[True, pupils()[1:] != pupils()[:-1]]
    columns = {"g": group.astype(float), "x": group * 0.5 + 1 + (np.isin(pupils(), several()) & first)}
    assert refused(columns, "missed ~ x | g") >= {"R2"}


def test_a_table_of_means_in_numbers_is_a_table_of_means() -> None:
    """Each dummy has many on both sides; four persons have neither, and the constant is their mean."""
    few = set(np.unique(pupils())[:4].tolist())
    other = np.array([p not in few for p in pupils()])
    half = rows()["fsm"].to_numpy() > 0
    columns = {"a": (other & half) * 1.0, "b": (other & ~half) * 2.0}
    assert refused(columns, "missed ~ a + b") >= {"F1"}


def test_an_honest_model_is_not_refused() -> None:
    assert refused({}, "missed ~ fsm + C(year)") == set()
    age = np.random.default_rng(2).integers(5, 16, len(pupils())).astype(float)
    assert refused({"age": age}, "missed ~ age*fsm | LA", cluster="LA") == set()
