"""Members as the memory's port has them: of a plan over the vault, and of a plan over rows that a script handed over.
What is asked and read stands in `members`; here it becomes requests and bytes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from broker.disclosure.differencing.members import to_bytes
from broker.domain.errors import Breach
from broker.domain.handed import HandedRows
from broker.domain.plans import Needs, Plan
from broker.domain.ports import HandedTo, Limits, SandboxRequest, Vault
from broker.domain.ports.release_history import Frames, TableMembers, Where
from broker.engine.handed import handed_job, without_files
from broker.engine.members import prepare_members, read_members, shown
from broker.engine.verified import framed, read_checked


@dataclass(frozen=True, slots=True)
class DuckDBMembers:
    """See `broker.domain.ports.release_history.MembersEngine`."""

    def shown(self, plan: Plan) -> tuple[Where, ...]:
        return shown(plan)

    def prepare_members(
        self, plan: Plan, vault: Vault, job: str, attempt: int, limits: Limits, needs: Needs, wanted: Sequence[Where]
    ) -> SandboxRequest:
        return prepare_members(plan, vault, job, attempt, limits, needs, wanted)

    def read_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[Where]
    ) -> tuple[TableMembers, ...]:
        persons = np.frombuffer(numbers, "<u4").astype(np.uint32)
        found = read_members(plan, frames, persons, wanted)
        return tuple(TableMembers(f.where, f.cells, to_bytes(f.members)) for f in found)

    def prepare_handed_members(
        self, plan: Plan, rows: HandedRows, to: HandedTo, limits: Limits, needs: Needs, wanted: Sequence[Where]
    ) -> SandboxRequest:
        """Verified by the same statements as when the table was made, so that the same rows are in it."""
        asked = prepare_members(plan, without_files(to.vault), to.job, to.attempt, limits, needs, wanted)
        ((_, payload),) = asked.frames
        job = json.loads(payload) | handed_job(plan, rows, to)
        return replace(asked, frames=(("job", framed(job, to.content)),), mount=to.vault.evidence)

    def read_handed_members(
        self, plan: Plan, frames: Frames, numbers: bytes, wanted: Sequence[Where]
    ) -> tuple[TableMembers, ...]:
        if read_checked(frames).problem is not None:
            raise Breach("Rows that were judged have a problem now.")
        return self.read_members(plan, frames[1:], numbers, wanted)
