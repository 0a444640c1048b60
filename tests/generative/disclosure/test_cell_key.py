"""The tables of cell-key rounding: moments, support, entropy, convergence, whole numbers; for drawn parameters."""

from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings, strategies as st

from broker.disclosure.cell_key_noise import KEYS, cell_key_table, distribution, support

PARAMETERS = st.integers(1, 12).flatmap(
    lambda most: st.tuples(st.just(most), st.floats(0.05, 40), st.integers(0, most + 1))
)
"""Largest change, variance, smallest count above zero."""


def shares(row: tuple[tuple[int, int], ...]) -> tuple[np.ndarray, np.ndarray]:
    """The changes of a row and their shares of all keys."""
    changes, ends = (np.array(column) for column in zip(*row, strict=True))
    return changes, np.diff(np.concatenate([[0], ends])) / KEYS


def reachable(changes: np.ndarray, variance: float) -> float:
    """The nearest variance that any distribution of mean zero over the changes has."""
    low = -changes[changes <= 0].max() * changes[changes >= 0].min()
    return float(np.clip(variance, low, -changes[0] * changes[-1]))


@given(PARAMETERS)
@settings(max_examples=60, deadline=None)
def test_every_row_has_its_support_mean_and_variance(parameters: tuple[int, float, int]) -> None:
    most, variance, least = parameters
    rows = cell_key_table(most, variance, least).rows
    assert rows[0] == ((0, KEYS),)
    for n, row in enumerate(rows[1:], 1):
        changes, p = shares(row)
        assert all(abs(v) <= most and (n + v == 0 or n + v >= least) for v in changes)
        wanted = [v for v in range(-most, most + 1) if n + v == 0 or n + v >= least]
        assert list(changes) == wanted
        assert p.min() >= 0
        assert row[-1][1] == KEYS
        assert abs(p @ changes) < 1e-6
        assert abs(p @ changes**2 - reachable(changes, variance)) < 1e-5


@given(PARAMETERS, st.integers(1, 24), st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_no_other_distribution_of_these_moments_has_more_entropy(
    parameters: tuple[int, float, int], n: int, seed: int
) -> None:
    """Steps along directions that change neither the sum, nor the mean, nor the variance lower the entropy."""
    most, variance, least = parameters
    changes = support(n, most, least)
    v = np.array(changes, dtype=float)
    assume(len(v) > 3)
    p = distribution(changes, variance)
    fixed = np.stack([np.ones_like(v), v, v**2])
    direction = np.random.default_rng(seed).normal(size=len(v))
    direction -= np.linalg.pinv(fixed) @ (fixed @ direction)
    direction /= np.abs(direction).max()
    step = 0.5 * min(p[i] / -d for i, d in enumerate(direction) if d < 0)
    assume(step > 1e-7)
    for size in (step, step / 10):
        other = p + size * direction
        assert entropy(other) < entropy(p)


def entropy(p: np.ndarray) -> float:
    return float(-sum(x * np.log(x) for x in p if x > 0))


@given(PARAMETERS)
@settings(max_examples=40, deadline=None)
def test_rows_end_where_they_do_not_change_any_more(parameters: tuple[int, float, int]) -> None:
    """The last row is that of every larger count; from the row before, some change is ruled out by the count."""
    most, variance, least = parameters
    rows = cell_key_table(most, variance, least).rows
    further = distribution(support(len(rows) + 30, most, least), variance)
    changes, p = shares(rows[-1])
    assert list(changes) == list(range(-most, most + 1))
    assert np.abs(p - further).max() < 1e-9
    assert cell_key_table(most, variance, least).change(10**9, 77) == cell_key_table(most, variance, least).change(
        len(rows), 77
    )
    if least > 1:
        assert len(rows[-2]) < len(rows[-1])


@given(st.integers(1, 12), st.floats(0.05, 10))
@settings(max_examples=40, deadline=None)
def test_rows_come_nearer_to_the_last_one(most: int, variance: float) -> None:
    """Without a gap above zero, each row is as near to the last as the row before, or nearer."""
    assume(variance < most)
    rows = [shares(row) for row in cell_key_table(most, variance, 0).rows[1:]]
    last = dict(zip(*rows[-1], strict=True))
    distances = [sum(abs(q - dict(zip(v, p, strict=True)).get(c, 0)) for c, q in last.items()) for v, p in rows]
    assert all(one >= other - 1e-9 for one, other in pairwise(distances))


@given(PARAMETERS, st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_keys_are_taken_for_changes_by_the_cumulative_row(parameters: tuple[int, float, int], n: int) -> None:
    table = cell_key_table(*parameters)
    row = table.rows[min(n, len(table.rows) - 1)]
    start = 0
    for change, end in row:
        for key in {start, end - 1} if end > start else ():
            assert table.change(n, key) == change
        start = end


def test_the_row_of_a_symmetric_example_is_the_discrete_normal() -> None:
    """Largest change 2, variance 1: by symmetry p(v) ~ q^(v^2), whose one unknown is found by halving."""
    low, high = 0.0, 1.0
    for _ in range(200):
        q = (low + high) / 2
        weights = np.array([q**4, q, 1, q, q**4])
        spread = weights @ np.array([4, 1, 0, 1, 4]) / weights.sum()
        low, high = (q, high) if spread < 1 else (low, q)
    changes, p = shares(cell_key_table(2, 1.0, 1).rows[-1])
    assert list(changes) == [-2, -1, 0, 1, 2]
    assert np.abs(p - weights / weights.sum()).max() < 1e-8
