"""Repair as drawn tables: traps in which every line has two holes and one is still told, known totals, links. (Zeros
and single contributors: `tests/generative/disclosure/test_repair_attacked.py`.)"""

from dataclasses import replace
from math import inf

import pytest
from repair_kit import task_of, widths

from broker.disclosure.suppression.cell_systems import CellSystem, Equation
from broker.disclosure.suppression.secondary_suppression import audit, suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask
from broker.domain.errors import Breach

TRAP = """
      p   q   r   s   all
w     20  5*  6*  30  61
x     20  7*  4*  30  61
y     3*  30  31  2*  66
z     8*  40  21  9*  78
v     25  8*  22  4*  59
all   76  90  84  75  325
"""


def test_nine_or_more_holes_with_two_in_each_line_can_still_disclose_one() -> None:
    """The idea of sdcTable's test of a pattern that looks safe by eye: here row v has two holes and so has each
    column, but v's are tied to two blocks that are whole without it, so the equations give both."""
    task = task_of(TRAP)
    before = audit(task, task.hidden)
    told = [i for i, at in before.items() if at.exact]
    assert {task.values[i] for i in told} == {8.0, 4.0}, "v/q and v/s"
    done = suppress(task)
    assert not done.narrow
    assert min(widths(task, done.hidden).values()) >= 10


def test_known_totals_are_not_hidden() -> None:
    """All that is left to hide is inside, whatever it costs."""
    task = task_of("a b all\nx 2* 500 502\ny 600 700 1300\nall 602 1200 1802", known_totals=True)
    assert sorted(task.values[i] for i in suppress(task).hidden) == [2, 500, 600, 700]


def test_a_total_that_is_known_and_small_cannot_be_helped() -> None:
    """Nothing could be hidden that widens it: it is told, and no more is hidden in vain."""
    task = task_of("a b all\nx 2* 0 2\ny 600 700 1300\nall 602 700 1302", known_totals=True)
    done = suppress(task)
    assert [(at.low, at.high) for at in done.narrow.values()] == [(0, 2)]
    assert not suppress(task_of("a b all\nx 2* 9 11\ny 600 700 1300\nall 602 709 1311", known_totals=True)).narrow


def test_linked_tables_have_one_pattern() -> None:
    """Joint cells that nobody publishes: A x B and A x C are shown, and one cell of a person is forced by both.

    n(ab) = 12, n(ac) = 11, n(a) = 13: the joint cell n(abc) lies in 10 to 11 unless more is hidden.
    """
    #       abc  ab'c ... as parts: 0 n(abc) 1 n(ab c') 2 n(a b'c) 3 n(a b'c'), 4 n(ab) 5 n(ab') 6 n(ac) 7 n(ac') 8 n(a)
    values = [10.0, 2.0, 1.0, 0.0, 12.0, 1.0, 11.0, 2.0, 13.0]
    system = CellSystem(
        9, (Equation((0, 1), 4), Equation((2, 3), 5), Equation((0, 2), 6), Equation((1, 3), 7), Equation((4, 5), 8))
    )
    task = SuppressionTask(
        system, values, {1: 10.0, 2: 10.0, 3: 10.0, 5: 10.0, 7: 10.0}, frozenset({5, 7}), unreleased=frozenset(range(4))
    )
    assert audit(task, task.hidden)[2].width <= 2
    done = suppress(task)
    assert not done.narrow
    assert not done.hidden & task.unreleased


def test_shown_zeros_disclose_that_holes_are_not_empty() -> None:
    """The least value of a hole is 1 where zeros are shown beside holes: the interval begins there."""
    values = [4.0, 9.0, 30.0, 43.0]
    system = CellSystem(4, (Equation((0, 1, 2), 3),))
    plain = SuppressionTask(system, values, {0: 10.0, 1: 10.0}, frozenset({0, 1}), fixed=frozenset({3}))
    marked = replace(plain, targets={0: 12.0, 1: 12.0}, marks=dict.fromkeys(range(3), (1.0, inf)))
    assert suppress(plain).hidden == {0, 1}
    assert suppress(marked).hidden == {0, 1, 2}
    assert suppress(marked).narrow == {}


def test_out_of_work_more_is_hidden_never_less() -> None:
    task = task_of(TRAP)
    assert suppress(task, work=0).hidden >= suppress(task).hidden - {24}
    assert not suppress(task, work=0).narrow


def test_what_the_solver_cannot_settle_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is no proof: everything that is tied to the targets goes."""

    def trouble(*_: object) -> None:
        raise Breach("The solver ended.")

    task = task_of(TRAP)
    monkeypatch.setattr("broker.disclosure.suppression.protection_moves.MoveSearch.cheapest_move", trouble)
    assert suppress(task).hidden == set(range(task.system.size))


@pytest.mark.parametrize("times", [1e3 / 7, 1e7 / 3, 1e12 / 7])
def test_amounts_of_any_size_are_repaired(times: float) -> None:
    """Pounds as well as persons: sums of floats differ in their last digits, and the tables still fit together."""
    task = task_of(TRAP, singles=False)
    large = replace(
        task, values=[v * times for v in task.values], targets={i: w * times for i, w in task.targets.items()}
    )
    done = suppress(large)
    assert not done.narrow
    assert min(widths(large, done.hidden).values()) >= 10 * times * (1 - 1e-6)


BESIDE_GIANTS = """
      M                 F                 all
a     863*              1430              2293
b     1479              1522              3001
giant 22500000000000000 19900000000000000 42400000000000000
all   22500000000002342 19900000000002952 42400000000005294
"""


def test_small_amounts_are_protected_next_to_amounts_of_any_size() -> None:
    """Whoever multiplies one row of a table by millions of millions must not make the others nothing."""
    task = task_of(BESIDE_GIANTS, width=80)
    assert [at.width for at in audit(task, task.hidden).values()] == [0]
    done = suppress(task)
    assert not done.narrow
    assert widths(task, done.hidden)[0] >= 80
    both = replace(task, targets={0: 80.0, 6: 2e15}, hidden=frozenset({0, 6}))
    found = widths(both, suppress(both).hidden)
    assert found[0] >= 80 * (1 - 1e-6)
    assert found[6] >= 2e15 * (1 - 1e-6)
