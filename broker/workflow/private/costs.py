"""What the ledger is asked for a private job: the question, its cost, and the most that one release may cost."""

from broker.domain.ledger.amounts import Cost, Loss
from broker.domain.ledger.refusals import ReleaseMaximum
from broker.domain.ledger.spends import Asked, question_of
from broker.privacy.noise.described import to_text
from broker.workflow.private.spending import Rules
from broker.workflow.private.texts import PrivateText


def asked_of(job: str, project: str, snapshot: str, plan_hash: str, private: PrivateText) -> Asked:
    """The same whenever it is made again from the same text under the same policy: also when the job starts."""
    question = question_of(plan_hash, private.bounds, to_text(private.bundle))
    return Asked(job, project, snapshot, question, (cost_of(private),))


def cost_of(private: PrivateText) -> Cost:
    """The whole charge once to the unit, and to each table of persons that is read."""
    loss = Loss((private.charge,))
    return Cost(private.promise.unit.value, loss, tuple((table, loss) for table in private.datasets))


def maximum_of(private: PrivateText) -> ReleaseMaximum:
    """A policy set is put in force by two administrators: a project's raise is theirs."""
    return ReleaseMaximum(Rules(private.promise, private.profile, private.raised).most)
