"""What the check understood of a job, from the store; or understood again, if another version of the broker stored
it."""

import hashlib
from functools import cache
from pathlib import Path

from broker.domain.jobs.job import Job
from broker.domain.jobs.job_check import CheckedOutput, JobCheck
from broker.domain.ports import Ports
from broker.workflow.access import project_or_unknown
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.policies_in_force import policies_of
from broker.workflow.submission import save_definition

ROOMS = ("domain", "policy", "privacy", "python_jobs", "query", "scope", "workflow/checking")
"""Folders of the package that decide what a text means."""


@cache
def compiler_version() -> str:
    """Hash of the program texts that decide what a submission means."""
    root, found = Path(__file__).resolve().parents[2], hashlib.sha256()
    for path in sorted(p for room in ROOMS for p in (root / room).rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def job_check_of(checked: CheckedSubmission) -> JobCheck:
    """Return what is stored of a check."""
    planned = checked.plan.outputs if checked.plan is not None else ()
    outputs = tuple(CheckedOutput(o.name, tuple(c.name for c in o.columns if c.is_key)) for o in planned)
    return JobCheck(compiler_version(), checked.refusals, checked.uses, outputs)


def check_of_job(ports: Ports, job: Job) -> JobCheck:
    """Return what was understood of a job's text when it was submitted. A text that another version of the broker
    understood is checked again, under the policy and on the day of its submission."""
    stored = ports.store.job_check(job.ident)
    if stored is not None and stored.compiler == compiler_version():
        return stored
    s, policies = job.submission, policies_of(ports.store, job.policy)
    project, saved = project_or_unknown(policies, s.project), save_definition.saved_at_submission(ports, job)
    checked = check_submission(s.text, s.kind, s.dialect, project, policies, job.created.date(), saved)
    found = job_check_of(checked)
    ports.store.put_job_check(job.ident, found)
    return found
