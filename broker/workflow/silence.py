"""How long a withheld output looks like one in review (DESIGN invariant 9): the one place that says so."""

from datetime import timedelta

from broker.domain.jobs import Job
from broker.domain.outputs import Output, OutputState
from broker.domain.ports import Ports
from broker.policy.models import Policies


def hides_withheld(ports: Ports, policies: Policies, job: Job, outputs: list[Output]) -> bool:
    """Whether the job must still look as if a person were to decide about a withheld output, or one it did not leave.

    It must until a person has decided about another output of the job, or until the time is over in which a
    person could have. While it does, the job stays `assessing`, so that withdrawing it works alike too.
    """
    if outputs and all(o.state is not OutputState.WITHHELD for o in outputs):
        return False
    told_after = timedelta(hours=policies.service.withheld_told_after_hours)
    if ports.clock.now() - job.created >= told_after:
        return False
    return not any(ports.store.votes_of(o.ident) for o in outputs)
