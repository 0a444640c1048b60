"""Each defence of the memory removed, one at a time: the test of its finding must fail.

`python -m tests.prove.release_history_defences` tries all of them and prints what was not caught.
"""

# ruff: noqa: E501 - one defence a line reads as a table

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.prove.defences import edited, put

ROOM = "broker.disclosure.differencing"
FINDINGS, RECONSTRUCTION = "tests.attacks.test_findings_of_release_history", "tests.attacks.test_reconstruction"
FAMILIES = "tests.attacks.test_families_of_a_script"
Removed = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Defence:
    """What stops an attack, how to take that away, and the test that must fail then, by the beginning of its name."""

    what: str
    removed: Removed
    test: str
    module: str = FINDINGS


def both(*removed: Removed) -> Removed:
    @contextmanager
    def context() -> Iterator[None]:
        with ExitStack() as stack:
            for one in removed:
                stack.enter_context(one())
            yield

    return context


NO_HOLES = edited(f"{ROOM}.overlay:by_vertices", "return table", "table[-2], table[:, -2] = 0, 0; return table")
NOT_REPEATED = edited(f"{ROOM}.overlay:repeated_cells", "return found", "return found & False")
SAME_MEMBERS = put(f"{ROOM}.compare_tables._equal", lambda *_: True)
ANY_SIDE = edited(
    f"{ROOM}.block_search:LabelSearch.reveals",
    "return not self.new.isdisjoint(inside) and not self.old.isdisjoint(inside)",
    "return True",
)
SMALL_CELLS = put(f"{ROOM}.block_search.RevealCheck._is_of_small_cells", lambda *_: False)
ANY_FACTOR = put(f"{ROOM}.block_search.RevealCheck._is_of_one_factor", lambda *_: False)
FACTORS_OF_FEW = edited(
    f"{ROOM}.compare_tables:PartComparison._compare_figure",
    "least = self._t if figure.is_count and other.is_count else 0",
    "least = 0",
)
FACTORS_OF_SEVERAL = edited(f"{ROOM}.scale_factors:possible_scales", "max(least, t)", "least")
THE_SAME_SIDE = edited(f"{ROOM}.difference_repair:_hole_candidates", "(beyond if leak.new.holes else set()) or ", "")

DEFENCES = (
    Defence("amounts are compared, not only persons", edited(f"{ROOM}.overlay:pair_counts", "other = both & (", "other = np.zeros(len(both), bool) & ("), "test_03_the_same_population"),
    Defence("a factor between totals is found", edited(f"{ROOM}.scale_factors:possible_scales", "sorted((mine & theirs | whole) - {1.0})", "list[float]()"), "test_03_the_same_in_hundreds_is"),
    Defence("who is in a total is compared", put(f"{FINDINGS}.statistic_totals", lambda _: [("", False, True)]), "test_03_the_same_total"),
    Defence("a total of ones is a count", put(f"{ROOM}.compare_tables.PartComparison._are_counts", lambda *_: False), "test_03_a_total_of_ones"),
    Defence("a recipe is of one snapshot", both(SAME_MEMBERS, edited(f"{ROOM}.compare_tables:is_repeated", "(new.entry.recipe, new.entry.snapshot) != (old.entry.recipe, old.entry.snapshot)", "new.entry.recipe != old.entry.recipe")), "test_25"),
    Defence("all projects are compared", edited(f"{ROOM}.compare_tables:TableComparer.against", "if is_repeated(self._new, old):", "if self._new.entry.project != old.entry.project:"), "test_26"),
    Defence("an earlier value is of the same amounts", edited(f"{ROOM}.difference_repair:_earlier_values", "< table.entry.t", "< 10**9"), "test_46_an_earlier_value_is_of"),
    Defence("each cell has its own factor", put(f"{ROOM}.scale_factors._cell_scales", lambda *_: ()), "test_03_the_same_in_hundreds_in_some"),
    Defence("noise covers persons who count once", edited(f"{ROOM}.compare_tables:PartComparison._note", "new.is_plain and old.is_plain and ", ""), "test_46_keyed_noise_covers_nobody"),
    Defence("the larger t rules", edited(f"{ROOM}.compare_tables:PartComparison.__init__", "max(new.entry.t, old.entry.t)", "min(new.entry.t, old.entry.t)"), "test_27_the_larger"),
    Defence("the same recipe has the same holes", edited(f"{ROOM}.compare_tables:is_repeated", "shown_figures[0] == shown_figures[1]", "True"), "test_27_the_same"),
    Defence("holes are known together", NO_HOLES, "test_28"),
    Defence("unions are compared, not only cells", edited(f"{ROOM}.compare_tables:TableComparer.against", "for pair in found for leak in pair.leaks)", "for pair in found for leak in pair.leaks if len(leak.new.cells) < 2)"), "test_29_unions"),
    Defence("a share tells its rest", put(f"{ROOM}.functionals._complement_parts", lambda *_: ()), "test_29_the_rest"),
    Defence("persons of several cells are looked at", edited(f"{ROOM}.overlay:multi_cell_rows", "persons = np.union1d(new.members.more_persons, old.members.more_persons)", "persons = new.members.more_persons[:0]"), "test_29_persons"),
    Defence("earlier values are given", put(f"{ROOM}.difference_repair._earlier_values", lambda *_: ()), "test_46_near_equal"),
    Defence("earlier values are given where results are missing", put(f"{ROOM}.difference_repair._earlier_values", lambda *_: ()), "test_46_excluding"),
    Defence("cells are hidden where there is no earlier value", put(f"{ROOM}.difference_repair._hole_change", lambda *_: ()), "test_46_what_cannot"),
    Defence("an earlier value leaves a remainder", edited(f"{ROOM}.difference_repair:_exchange_amounts", "return _added_up(new.count, parts,", "return _added_up(new.count, parts[:2],"), "test_46_one_earlier"),
    Defence("what repeats the memory is known", NOT_REPEATED, "test_46_one_earlier"),
    Defence("noise covers only what it is wide enough for", edited(f"{ROOM}.compare_tables:PartComparison._note", "noise >= self._t", "noise >= 0"), "test_46_keyed_noise_on"),
    Defence("a hole is what the total leaves", NO_HOLES, "test_47_totals"),
    Defence("known populations have everybody else", edited(f"{ROOM}.overlay:overlay_functionals", "rest = None if everybody is None else", "rest = None if everybody else"), "test_47_everybody"),
    Defence("a total that nobody knows tells nothing", edited(f"{ROOM}.difference_repair:repair_differences", "table if total_known else without_total(table)", "table"), "test_47_a_total"),
    Defence("a small group of one table alone is no difference", both(NOT_REPEATED, ANY_SIDE, SMALL_CELLS), "test_48_what_is_public"),
    Defence("what a table alone tells of a few is no difference", SMALL_CELLS, "test_48_a_few_whom"),
    Defence("amounts that are all multiplied alike are the amounts", both(ANY_FACTOR, FACTORS_OF_FEW, FACTORS_OF_SEVERAL), "test_48_a_few_of_another"),
    Defence("a second hole is where the tables are far apart", THE_SAME_SIDE, "test_46_a_second_hole"),
    Defence("tables of one script that are not linked are compared", edited("broker.workflow.release_history.comparison_rounds:JobComparison._sibling_tables", "[*self._request.sibling_tables, *others]", "others"), "test_29_two_families", FAMILIES),
    Defence("a recipe of handed rows is of these rows", edited("broker.workflow.release_history.history_tables:ComparisonRequest.recipe", "self.script_rows is None", "True"), "test_46_other_rows", FAMILIES),
    Defence("an equal recipe with other persons is compared", both(SAME_MEMBERS, edited("broker.workflow.release_history.history_tables:ComparisonRequest.recipe", "self.script_rows is None", "True")), "test_29_two_families", FAMILIES),
    Defence("figures are counted against the cap", put(f"{RECONSTRUCTION}.figures_beyond_cap", lambda *_: frozenset()), "test_a6_of_all_counts", RECONSTRUCTION),
)  # fmt: skip


def caught(defence: Defence) -> bool:
    """Whether the test passes as things are, and fails with the defence removed."""
    module = importlib.import_module(defence.module)
    test = next(getattr(module, n) for n in vars(module) if n.startswith(defence.test))
    test()
    with defence.removed():
        try:
            test()
        except (AssertionError, ValueError):
            return True
    return False


def run(modules: frozenset[str] = frozenset({FINDINGS, FAMILIES, RECONSTRUCTION})) -> dict[str, object]:
    tried = [d for d in DEFENCES if d.module in modules]
    return {"defences": len(tried), "missed": [d.what for d in tried if not caught(d)]}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
