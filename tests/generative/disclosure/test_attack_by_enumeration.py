"""Intervals against enumeration of every small table, and repaired tables against elimination of their equations."""

from fractions import Fraction
from itertools import product

from hypothesis import given, settings, strategies as st

from broker.disclosure.suppression.attack_intervals import attack_intervals
from broker.disclosure.suppression.cell_systems import ClosedTable, close_categories, containing_totals
from broker.disclosure.suppression.secondary_suppression import audit, suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask

inner = st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=3), min_size=2, max_size=3).filter(
    lambda rows: len({len(r) for r in rows}) == 1
)


def filled(table: ClosedTable, rows: list[list[int]]) -> list[int]:
    number_of, values = table.number_of(), [0] * len(table.cells)
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            for place in containing_totals((f"r{r}", f"c{c}"), (0, 1)):
                values[number_of[place]] += value
    return values


def squared(rows: list[list[int]]) -> ClosedTable:
    return close_categories([[f"r{i}" for i in range(len(rows))], [f"c{i}" for i in range(len(rows[0]))]], [True, True])


@settings(max_examples=60, deadline=None)
@given(inner, st.data())
def test_intervals_over_integers_are_those_of_every_table_that_fits(rows: list[list[int]], data: st.DataObject) -> None:
    table = squared(rows)
    values = filled(table, rows)
    inside = [i for i, c in enumerate(table.cells) if None not in c]
    holes = data.draw(st.sets(st.sampled_from(inside), max_size=5))
    known = {i: float(v) for i, v in enumerate(values) if i not in holes}
    found = attack_intervals(table, known, sorted(holes), integers=True)
    most = max(values)
    fits = []
    for guess in product(range(most + 1), repeat=len(holes)) if most <= 12 or len(holes) <= 3 else ():
        whole = list(values)
        for i, v in zip(sorted(holes), guess, strict=True):
            whole[i] = v
        if all(sum(whole[p] for p in e.parts) == whole[e.total] for e in table.equations):
            fits.append(guess)
    if fits:
        for n, hole in enumerate(sorted(holes)):
            assert (found[hole].low, found[hole].high) == (min(f[n] for f in fits), max(f[n] for f in fits))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(st.integers(0, 40), min_size=width, max_size=width), min_size=2, max_size=5)
    ),
    st.sampled_from([6_000_000, 0]),
)
def test_after_repair_no_hidden_cell_follows_from_the_shown_ones(rows: list[list[int]], work: int) -> None:
    table = squared(rows)
    values = filled(table, rows)
    targets = {i: 10.0 for i, v in enumerate(values) if v < 10}
    task = SuppressionTask(
        table, values, targets, frozenset(targets), frozenset(i for i, v in enumerate(values) if v <= 1)
    )
    hidden = suppress(task, work).hidden
    assert hidden >= set(targets)
    assert not derivable(table, hidden) & set(targets)
    assert all(i.high - i.low >= 10 - 1e-6 for i in audit(task, hidden).values())
    zeros_known = {i: float(v) for i, v in enumerate(values) if i not in hidden or v == 0}
    asked = [i for i in targets if values[i] > 1 and None not in table.cells[i]]
    assert all(not i.exact for i in attack_intervals(table, zeros_known, asked).values()), "zeros are no cover"


def derivable(table: ClosedTable, hidden: frozenset[int]) -> set[int]:
    """Hidden cells that the equations alone give: rows of one entry in the reduced echelon form over fractions."""
    columns = sorted(hidden)
    place = {c: i for i, c in enumerate(columns)}
    matrix = []
    for equation in table.equations:
        row = [Fraction(0)] * len(columns)
        for c, sign in [*((p, 1) for p in equation.parts), (equation.total, -1)]:
            if c in place:
                row[place[c]] += sign
        matrix.append(row)
    rank = 0
    for column in range(len(columns)):
        pivot = next((r for r in range(rank, len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        matrix[rank], matrix[pivot] = matrix[pivot], matrix[rank]
        lead = matrix[rank][column]
        matrix[rank] = [v / lead for v in matrix[rank]]
        for r in range(len(matrix)):
            if r != rank and matrix[r][column]:
                by = matrix[r][column]
                matrix[r] = [v - by * w for v, w in zip(matrix[r], matrix[rank], strict=True)]
        rank += 1
    return {columns[row.index(1)] for row in matrix if sum(v != 0 for v in row) == 1}
