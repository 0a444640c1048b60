"""What one attempt at a job may use, by kind, and the exception with which it ends without outputs."""

from dataclasses import dataclass, replace

from broker.domain.jobs.job import FailureCode, JobKind
from broker.domain.ports import SandboxLimits
from broker.policy.policy_set import PolicySet

OVERTAKEN_CODES = frozenset({"stale", "already-running"})
"""Codes of the conflicts that an attempt meets whose lease is lost: the one that took over tells what happened."""


@dataclass(eq=False)
class Failed(Exception):
    """The attempt ended without outputs: a code for staff. Not frozen: a context manager sets its traceback."""

    code: FailureCode


def limits_for(kind: JobKind, policies: PolicySet) -> SandboxLimits:
    service = policies.service
    return SandboxLimits(
        wall_seconds=service.sql_wall_seconds if kind is JobKind.SQL else service.python_wall_seconds,
        memory_bytes=service.memory_bytes,
        output_bytes=service.output_bytes,
        output_files=service.output_files,
        processes=service.processes,
        threads=service.threads,
        scratch_bytes=service.scratch_bytes,
    )


def members_limits(policies: PolicySet) -> SandboxLimits:
    """Of the second, trusted look that tells who is in the cells of a table: a row for each person is more than any
    result. One table at a time keeps within it."""
    service = policies.service
    limits = limits_for(JobKind.SQL, policies)
    return replace(limits, output_bytes=service.members_bytes, memory_bytes=service.members_memory_bytes)


def files_limits(policies: PolicySet) -> SandboxLimits:
    """Of the container that makes a script's files anew."""
    service = policies.service
    limits = limits_for(JobKind.SQL, policies)
    return replace(limits, wall_seconds=service.files_seconds, output_bytes=service.made_job_bytes)
