"""No count that a job shows is a few persons more than another one, or than all parts of it that are shown. Nothing is
rounded, so that only holes keep them apart. Texts are drawn from the search's grammar, and persons are counted from the
engine's rows of each, without the rules."""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from broker.disclosure.rules import evidence_needs
from broker.domain.errors import BrokerError
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import Plan, PlannedTable
from broker.domain.plans.scalars import Scalar, Value
from broker.query.sql.member_statements import render_member_cells, render_members
from tests.attacks.decoders.choices import Choices
from tests.attacks.decoders.conditions import words_of
from tests.attacks.decoders.kit import HOLE, LEAVES, Kit
from tests.attacks.decoders.queries import job
from tests.attacks.decoders.towns import BASE, build_town, four_ways

pytestmark = pytest.mark.long

TEXTS, SEED = int(os.environ.get("PROOF_NESTED", "60")), int(os.environ.get("PROOF_SEED", "20261128"))
PUPILS = 600
AMOUNTS = {Measure.COUNT_ROWS: "rows", Measure.ONES: "s{}_ones", Measure.COUNT_VALUES: "s{}_given"}
Amounts = NDArray[np.int64]
"""What each person adds to a count, by their number."""


@dataclass(frozen=True, slots=True)
class ShownCount:
    """A count that leaves: its table, what it counts, and of which cell."""

    table: tuple[int, int]
    counted: tuple[Measure, Scalar | None]
    keys: tuple[Value, ...]
    amounts: Amounts


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    found = Kit(build_town(Path(tmp_path_factory.mktemp("nested")), SEED, PUPILS, four_ways(SEED)))
    found.profile = replace(found.profile, round_base=1)
    found._needs = evidence_needs(found.profile)
    return found


@pytest.mark.timeout(3600)
def test_no_count_is_a_few_persons_more_than_another(kit: Kit) -> None:
    drawn, words, tried = random.Random(SEED), words_of(kit.town), 0
    while tried < TEXTS:
        text = job(Choices(random=drawn), words)
        plan = kit.plan(text)
        shown = None if plan is None else shown_counts(kit, plan)
        if shown:
            tried += 1
            apart = [*few_apart(shown, kit.profile.t)]
            assert not apart, (text, apart)


def shown_counts(kit: Kit, plan: Plan) -> list[ShownCount] | None:
    """The counts of a job that leaves by itself."""
    try:
        frames = kit.frames(plan, kit._rows[BASE])
    except BrokerError:
        return None
    left = kit.left(plan, BASE, frames)
    if any(one.way is not LEAVES for one in left):
        return None
    tables = [(o, n, t) for o, output in enumerate(plan.outputs) for n, t in enumerate(output.tables) if t.shown]
    return [
        ShownCount((o, n), (measure, argument), keys, amounts)
        for o, n, table in tables
        for ident, measure, argument, keys, amounts in counts_of(kit, table)
        if (figure := left[o].figures.get((n, keys, ident))) is not None and figure.shown != HOLE
    ]


def counts_of(
    kit: Kit, table: PlannedTable
) -> Iterator[tuple[int, Measure, Scalar | None, tuple[Value, ...], Amounts]]:
    run, t = kit._rows[BASE]._con.execute, kit.profile.t
    cells = run(render_member_cells(table, t)).fetchall()
    members = run(render_members(table, t)).fetchnumpy()
    for statistic in table.statistics:
        if statistic.measure is Measure.COUNT_PERSONS:
            amounts = np.ones(len(members["p"]), np.int64)
        elif (name := AMOUNTS.get(statistic.measure, "").format(statistic.ident)) in members:
            amounts = np.ma.filled(np.ma.asarray(members[name]), 0).astype(np.int64)
        else:
            continue
        for cell, *keys in cells:
            inside = members["cell"] == cell
            of_persons = np.bincount(members["p"][inside], amounts[inside], 4 * PUPILS).astype(np.int64)
            yield statistic.ident, statistic.measure, statistic.argument, tuple(keys), of_persons


def few_apart(shown: Sequence[ShownCount], t: int) -> Iterator[tuple[ShownCount, object]]:
    """Counts that have 1 to t - 1 persons more than another, or than all shown parts of them in another table."""

    def is_few_more(whole: Amounts, part: Amounts) -> bool:
        left = whole - part
        return bool((left >= 0).all()) and 0 < int(np.count_nonzero(left)) < t

    for one, other in permutations(shown, 2):
        if one.counted == other.counted and is_few_more(one.amounts, other.amounts):
            yield one, other
    for whole in shown:
        for table in {s.table for s in shown} - {whole.table}:
            parts = [s.amounts for s in shown if s.table == table and s.counted == whole.counted]
            inside = [part for part in parts if (part <= whole.amounts).all()]
            if is_few_more(whole.amounts, np.sum([np.zeros(4 * PUPILS, np.int64), *inside], axis=0)):
                yield whole, table
