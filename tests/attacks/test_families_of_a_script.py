"""Tables of one script whose rows are not the same are not linked: the memory compares them as if one had left before
the other."""

from dataclasses import replace
from typing import Any

import pytest

from broker.disclosure.differencing.compare import compare
from broker.disclosure.differencing.tables import Table
from broker.domain.ports import MemoryPorts
from broker.engine.members_engine import DuckDBMembers
from broker.vault.populations import PopulationKeeper
from broker.workflow.handed_findings import Computed
from broker.workflow.handed_outputs import compute
from tests.attacks.script_town import Here, broker, handed, policies, stage, vault
from tests.unit.workflow.remembering_kit import FilesInMemory

pytestmark = pytest.mark.long

COUNTS: dict[str, Any] = {"people": {"persons": True}}


def compared(less: int) -> tuple[Computed, ...]:
    """A table, and the same without the first rows, with an empty memory."""
    with broker() as there:
        memory = MemoryPorts(FilesInMemory(), PopulationKeeper(vault().evidence.parents[2], policies), DuckDBMembers())
        ports: Any = replace(there.ports, sandbox=Here(), memory=memory)
        asked = [handed("t", measures=COUNTS), handed("u", less=less, measures=COUNTS)]
        return compute(replace(stage(), memory=ports), asked)


def test_29_two_families_of_one_script() -> None:
    """All rows, and the rows without the first pupil's: each passes by itself, and together they are that pupil."""
    (first,), (second,) = (found.compared.tables for found in compared(less=2) if found.compared is not None)
    assert isinstance(first, Table)
    sizes, fewer = (table.members.sizes().tolist() for table in (first, second))
    assert sum(sizes) > 500
    assert first.figures[0].shown.keys() == second.figures[0].shown.keys(), "both leave"
    assert compare(second, first).is_clean
    assert fewer[: second.members.count] == sizes[: first.members.count], "with the earlier values"


def test_29_a_table_of_other_persons_is_compared_though_its_recipe_is_equal() -> None:
    """Without the first 300 rows one person of a small cell is missing: a figure goes that alone would be shown."""
    (first,), (second,) = (found.compared.tables for found in compared(less=300) if found.compared is not None)
    assert second.figures[0].shown.keys() < first.figures[0].shown.keys()


def test_46_other_rows_are_another_recipe() -> None:
    """A plan over handed rows says nothing of whom they are: with an equal recipe, a table of other rows would leave
    with the figures of the first."""
    (first,), (second,) = (found.compared.tables for found in compared(less=2) if found.compared is not None)
    assert first.entry.recipe != second.entry.recipe
