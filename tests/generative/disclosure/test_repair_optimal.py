"""What repair costs beside the cheapest cover of small tables, under the same constraints."""

import random
import statistics
from dataclasses import replace

from drawn_tasks import closed, task_from
from optimum import optimum

from broker.disclosure.suppression.secondary_suppression import suppress
from tests.proof_size import SEED, report_figures, size

TABLES = size("OPTIMA", 10)
SMALL, LARGE = ((6, 5), (3, 3, 2)), ((12, 10), (4, 4, 3))


def test_the_cost_is_near_that_of_the_cheapest_cover() -> None:
    ratios, unsolved = [], 0
    for seed in range(SEED, SEED + TABLES):
        chance = random.Random(seed)
        most = (LARGE if TABLES > 10 else SMALL)[seed % 2]
        shape = tuple(chance.randint(2, n) for n in most)
        system, values, fixed = closed(chance, shape, chance.choice((20, 40, 80)))
        task = replace(task_from(system, values, frozenset(), fixed), insiders=frozenset())
        best = optimum(task)
        unsolved += best is None
        if best:
            hidden = suppress(task).hidden
            cost = sum(task.cost(c) for c in hidden - task.hidden)
            assert cost >= best * (1 - 1e-6), "the cheapest is not the cheapest"
            ratios.append(cost / best)
    of = {"median": statistics.median(ratios), "mean": statistics.mean(ratios), "worst": max(ratios)}
    told = {"tables": len(ratios), "unsolved": unsolved, **{name: round(ratio, 3) for name, ratio in of.items()}}
    report_figures("optimal", told)
    assert statistics.median(ratios) <= 1.3, told
