"""Tables of one script over different rows are not linked. The release history compares them as if one was released
before the other."""

from dataclasses import replace
from typing import Any

import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.domain.ports import ReleaseHistoryPorts
from broker.engine.members_engine import DuckDBMembersEngine
from broker.evidence.member_tables import MemberTable
from broker.vault.population_store import PopulationStore
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.trusted_stage import ComputedOutput
from tests.attacks.script_town import Here, broker, policies, stage, submitted_request, vault
from tests.unit.workflow.comparison_kit import FilesInMemory

pytestmark = pytest.mark.long

COUNTS: dict[str, Any] = {"people": {"persons": True}}


def compared(less: int) -> tuple[ComputedOutput, ...]:
    """A table, and the same without the first rows, with an empty memory."""
    with broker() as there:
        memory = ReleaseHistoryPorts(
            FilesInMemory(), PopulationStore(vault().evidence.parents[2], policies), DuckDBMembersEngine()
        )
        ports: Any = replace(there.ports, sandbox=Here(), release_history=memory)
        asked = [submitted_request("t", measures=COUNTS), submitted_request("u", less=less, measures=COUNTS)]
        return compute_outputs(replace(stage(), worker=ports), asked)


def test_29_two_families_of_one_script() -> None:
    """All rows, and the rows without the first pupil's: each passes by itself, and together they are that pupil. They
    are compared though their recipes are equal, because these say nothing of rows."""
    (first,), (second,) = (found.compared.tables for found in compared(less=2) if found.compared is not None)
    assert isinstance(first, MemberTable)
    sizes, fewer = (table.members.sizes().tolist() for table in (first, second))
    assert sum(sizes) > 500
    assert first.figures[0].shown.keys() == second.figures[0].shown.keys(), "both leave"
    assert compare(second, first).is_clean
    assert fewer[: second.members.count] == sizes[: first.members.count], "with the earlier values"


def test_46_other_rows_are_another_recipe() -> None:
    """A plan over handed rows says nothing of whom they are: with an equal recipe, a table of other rows would leave
    with the figures of the first."""
    (first,), (second,) = (found.compared.tables for found in compared(less=2) if found.compared is not None)
    assert first.entry.recipe != second.entry.recipe
