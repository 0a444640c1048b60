"""Limits of one attempt at a job, by kind, and the exception that ends an attempt without outputs."""

from dataclasses import dataclass, replace

from broker.domain.jobs.job import FailureCode, JobKind
from broker.domain.ports import SandboxEnd, SandboxLimits, SandboxRequest, SandboxResult, SandboxRunner
from broker.policy.policy_set import PolicySet

OVERTAKEN_CODES = frozenset({"stale", "already-running"})
"""Conflict codes of an attempt that has lost its lease. The attempt that took over records what happened."""


@dataclass(eq=False)
class Failed(Exception):
    """The attempt ended without outputs; `code` is for staff. Not frozen, because a context manager sets its
    traceback."""

    code: FailureCode


def run_to_end(runner: SandboxRunner, request: SandboxRequest) -> SandboxResult:
    """Run a request and return its result. Raises Failed, with the code of its end, if it did not end by itself."""
    result = runner.run(request)
    if result.end is not SandboxEnd.ENDED:
        raise Failed(FailureCode(result.end.value))
    return result


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
    """Return the limits of the second, trusted run that finds the members of a table's cells.

    One row for each person is larger than any other output of SQL, so its limits are wider. They suffice for one table
    at a time.
    """
    service = policies.service
    limits = limits_for(JobKind.SQL, policies)
    return replace(limits, output_bytes=service.members_bytes, memory_bytes=service.members_memory_bytes)


def files_limits(policies: PolicySet) -> SandboxLimits:
    """Return the limits of the container that rebuilds a script's files."""
    service = policies.service
    limits = limits_for(JobKind.SQL, policies)
    return replace(limits, wall_seconds=service.files_seconds, output_bytes=service.made_job_bytes)
