"""The adapters and synthetic data of a rehearsal. No broker's data."""

import secrets
from dataclasses import dataclass

from broker.domain.ports import Vaults
from broker.domain.progress import Progress, no_progress
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.run_context import RehearsalPorts, RunContext


@dataclass(frozen=True, slots=True)
class RehearsalData:
    """Adapters, and one snapshot of synthetic data."""

    ports: RehearsalPorts
    vaults: Vaults
    snapshot: str

    def context(
        self,
        checked: CheckedSubmission,
        project: ResearchProject,
        policies: PolicySet,
        progress: Progress = no_progress,
    ) -> RunContext:
        """Return the context of a rehearsal, with a subject of its own. Raises Breach, before anything is read, if the
        data are not synthetic."""
        subject, vault = f"rehearsal-{secrets.token_hex(4)}", self.vaults.ensure(project.ident, self.snapshot)
        return RunContext(self.ports, self.vaults, subject, 1, vault, checked, project, policies, progress=progress)
