"""Stage recheck: checks a job's text again under today's policy."""

from broker.domain.errors import Conflict
from broker.domain.jobs.job import FailureCode
from broker.domain.jobs.work_items import WorkItem
from broker.workflow.checking.recent_plans import remember_plan
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.pipeline.job_attempt import JobAttempt
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.run_context import Failed
from broker.workflow.submission.save_definition import saved_at_submission


def recheck(ports: RunPorts, item: WorkItem) -> JobAttempt:
    """Check the canonical text again. Raises Failed if it is refused now or its plan has changed."""
    job, policies = ports.store.job(item.subject), policies_in_force(ports.store)
    # The stages write under the job's attempt, so it must be this one and not the one that took over.
    if job.attempt != item.attempt:
        raise Conflict("stale", f"Another attempt at job {job.ident!r} has begun.")
    submission = job.submission
    project = policies.project(submission.project)
    if project is None:
        raise Failed(FailureCode.POLICY_CHANGED)
    today = ports.clock.now().date()
    saved = saved_at_submission(ports, job)
    checked = check_submission(job.canonical, submission.kind, submission.dialect, project, policies, today, saved)
    if not checked.accepted:
        raise Failed(FailureCode.POLICY_CHANGED)
    # The outputs must come from the plan that was accepted.
    if checked.plan_hash != job.plan_hash:
        # Under the same policy only a new version of the broker can plan the text differently.
        changed = policies.fingerprint != job.policy
        raise Failed(FailureCode.POLICY_CHANGED if changed else FailureCode.PLAN_CHANGED)
    if checked.plan is not None:
        remember_plan(checked.plan.hash, checked.plan)
    return JobAttempt(ports, item, job, policies, project, checked)
