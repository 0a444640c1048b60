"""Attack A9: one padded job for each of many pupils, in series. The release history changes jobs that disclose a pupil,
so each release or denial is an answer. A project has a quota of jobs of which history hid or withheld anything. Over
the quota a checker reviews every job. Counts are aligned and so never hidden: here they stand for sums, which are."""

import os
from dataclasses import replace

import pytest

from broker.disclosure.differencing import difference_repair
from broker.domain.findings import Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.plans.plan import EvidenceNeeds
from broker.evidence.member_tables import NOTHING_MOVES
from broker.policy.disclosure_rules import Rounding
from broker.policy.policy_set import PolicySet
from broker.workflow.release_history import comparison_rounds
from broker.workflow.verdict_routes import route_of
from tests.attacks.profiles import SHIPPED
from tests.proof_size import report_figures, size
from tests.unit.workflow.conftest import PROJECT, SQL, Broker, broker, founded, policies
from tests.unit.workflow.test_job_comparison import town

__all__ = ["broker", "founded", "policies", "town"]

QUOTA, MOST = 2, 27
JOBS = size("DENIALS", 6)
PROFILES = SHIPPED if "PROOF_DENIALS" in os.environ else ("npd-default",)
"""Every day under one of them."""

SECRETS = tuple(number % 2 == 0 for number in range(JOBS))
PADDED = " AND a.FSMeligible IS NOT NULL AND a.URN <> {}"
"""The same, but for one pupil where the secret is so; each time another text."""

pytestmark = pytest.mark.long


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure can be aligned, or shown as it was before."""
    monkeypatch.setattr(comparison_rounds, "movable_totals", lambda _: NOTHING_MOVES)
    monkeypatch.setattr(difference_repair, "_earlier_values", lambda *_: iter(()))


def padded(number: int) -> str:
    year = "a.AcademicYear = '2022/2023'"
    return SQL.replace(year, year + PADDED.format(100_000 + number))


def series(town: Broker, secrets: tuple[bool, ...], profile: str = "npd-default") -> list[OutputState]:
    """Their reach would send these texts to a person whatever memory says: it is switched off here. The cells of the
    fake engine have neither institutions nor record keys."""
    town.policies = town.govern(votes=0, profile=profile)
    plain = {"reach": 0, "protects_institutions": False, "rounding": Rounding.CONVENTIONAL}
    profiles = tuple(replace(p, **plain) for p in town.policies.profiles)
    town.engine.needs = EvidenceNeeds(next(p.t for p in profiles if p.name == profile))
    memory = replace(town.policies.memory, quota=QUOTA)
    town.put_in_force(replace(town.policies, memory=memory, profiles=profiles))
    assert town.ran()[1].state is OutputState.RELEASED
    states = []
    for number, secret in enumerate(secrets):
        town.missing = int(secret)
        states.append(town.ran(padded(number))[1].state)
    return states


@pytest.mark.usefixtures("sums")
@pytest.mark.parametrize("profile", PROFILES)
def test_a9_over_the_quota_every_job_needs_a_review(town: Broker, profile: str) -> None:
    states = series(town, SECRETS, profile)
    changed = town.store.history_changed_jobs(PROJECT)
    alone = [n for n, state in enumerate(states) if state is not OutputState.IN_REVIEW]
    known = max(alone) + 1
    right = known + (JOBS - known) / 2
    report_figures(f"denials_in_series_{profile}", {
        "jobs": JOBS, "secret": sum(SECRETS), "changed": changed, "quota": QUOTA, "without a person": len(alone),
        "right, with a coin for the rest": right,
    })  # fmt: skip
    assert changed == sum(SECRETS), "each counts once"
    assert sum(SECRETS[n] for n in alone) == QUOTA, "of so many jobs the state can tell"
    assert all(state is OutputState.IN_REVIEW for state in states[known:])
    assert not all(SECRETS[known:]), "the others as well"
    assert right <= MOST * JOBS / 40 or JOBS < 40


@pytest.mark.usefixtures("sums")
def test_a9_jobs_that_history_leaves_alone_use_nothing_up(town: Broker) -> None:
    states = series(town, (False,) * JOBS)
    assert town.store.history_changed_jobs(PROJECT) == 0
    assert OutputState.IN_REVIEW not in states


def test_a9_counts_deny_nothing_and_use_nothing_up(town: Broker) -> None:
    assert set(series(town, SECRETS)) == {OutputState.RELEASED}
    assert town.store.history_changed_jobs(PROJECT) == 0


@pytest.mark.usefixtures("sums")
def test_a9_a_second_comparison_of_a_job_counts_no_more(town: Broker) -> None:
    states = series(town, (True,) * (QUOTA + 1))
    assert states[-1] is OutputState.IN_REVIEW
    town.missing = 0
    town.put_in_force(replace(town.policies))
    town.reconcile()
    assert town.store.history_changed_jobs(PROJECT) == QUOTA + 1


def test_a9_over_the_quota_refused_outputs_need_a_review_too(policies: PolicySet) -> None:
    """Otherwise a person decides about what passed, nobody about what did not, and that is the answer again."""
    project = policies.project(PROJECT)
    assert project is not None
    alone, quota = replace(project, votes=0), policies.memory.quota
    ways = {
        (verdict, changed): route_of(verdict, True, alone, policies, 0, changed)
        for verdict in (Verdict.PUBLISH, Verdict.REVIEW, Verdict.REFUSE)
        for changed in (quota, quota + 1)
    }
    assert ways[Verdict.PUBLISH, quota] is OutputState.APPROVED
    assert ways[Verdict.REFUSE, quota] is OutputState.WITHHELD
    assert {way for (_, changed), way in ways.items() if changed > quota} == {OutputState.IN_REVIEW}
