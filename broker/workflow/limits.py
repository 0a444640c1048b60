"""What one job may take, by kind, as policy's service says. Decides nothing."""

from dataclasses import replace

from broker.domain.jobs import Kind
from broker.domain.ports import Limits
from broker.policy.models import Policies


def limits_for(kind: Kind, policies: Policies) -> Limits:
    service = policies.service
    return Limits(
        wall_seconds=service.sql_wall_seconds if kind is Kind.SQL else service.python_wall_seconds,
        memory_bytes=service.memory_bytes,
        output_bytes=service.output_bytes,
        output_files=service.output_files,
        processes=service.processes,
        threads=service.threads,
        scratch_bytes=service.scratch_bytes,
    )


def members_limits(policies: Policies) -> Limits:
    """Of the second, trusted look that tells who is in the cells of a table: a row for each person is more than any
    result. One table at a time keeps within it."""
    service = policies.service
    limits = limits_for(Kind.SQL, policies)
    return replace(limits, output_bytes=service.members_bytes, memory_bytes=service.members_memory_bytes)


def files_limits(policies: Policies) -> Limits:
    """Of the container that makes a script's files anew."""
    service = policies.service
    limits = limits_for(Kind.SQL, policies)
    return replace(limits, wall_seconds=service.files_seconds, output_bytes=service.made_job_bytes)
