"""The plans of the jobs that this process ran last, by their hash: a comparison need not compile the text again."""

from collections import OrderedDict

from broker.domain.plans.plan import Plan

MOST = 8
_plans: OrderedDict[str, Plan] = OrderedDict()


def remember_plan(plan_hash: str, plan: Plan) -> None:
    """Keep a plan under the hash of its job, which for an exact job is the plan's own."""
    _plans[plan_hash] = plan
    _plans.move_to_end(plan_hash)
    while len(_plans) > MOST:
        _plans.popitem(last=False)


def recent_plan(plan_hash: str) -> Plan | None:
    return _plans.get(plan_hash)
