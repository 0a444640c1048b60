"""An earlier submission once more: as it was, or as a draft to edit. What comes of it is a new job that replaces it."""

from dataclasses import replace

from broker.domain.jobs import Job, Submission
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.workflow.relations import reach_job, reach_project
from broker.workflow.submit import submit


def draft_of(ports: Ports, person: Person, ident: str) -> Submission:
    """For whoever may read the job's text and may submit to its project."""
    job = reach_job(ports, person, Action.VIEW_TEXT, ident).job
    reach_project(ports, person, Action.SUBMIT_JOB, job.submission.project)
    return replace(job.submission, client_id=None, replaces=ident)


def run_again(ports: Ports, person: Person, ident: str, client_id: str | None) -> Job:
    """Submit it as it was, to be judged by the rules of today. `client_id` makes a second click harmless."""
    job, _ = submit(ports, person, replace(draft_of(ports, person, ident), client_id=client_id))
    return job
