"""A script's sandbox request: what of its vault it is mounted on. Where the combination rules let its project's whole
grant of its tables and years meet in one job that is the vault itself, and a sandbox that waits can take it."""

from broker.domain.jobs import Kind
from broker.domain.ports import SandboxRequest
from broker.python_jobs.request import prepare
from broker.scope.apart import held_apart
from broker.workflow.limits import limits_for
from broker.workflow.trusted import Stage


def script_request(stage: Stage) -> SandboxRequest:
    """The trusted stage goes on with the whole vault: what it reads again is what the script declared."""
    held = held_apart(stage.checked.uses, stage.project, stage.policies)
    return prepare(
        program=stage.checked.canonical,
        inputs=stage.checked.uses,
        vault=stage.vault if held is None else stage.vaults.narrowed(stage.vault, held),
        job=stage.job,
        attempt=stage.attempt,
        limits=limits_for(Kind.PYTHON, stage.policies),
        allowed=stage.policies.service.allowed_files,
    )
