"""Findings of the paper attack on differential privacy, by their numbers. What other systems fell into is in the file
beside."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from broker.domain.errors import Refusal, Refused
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OutputState
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import DELTA_UNITS, MICRO, Accounting, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import DisclosureSource, SpendRequest, SpendState, StoredAnswer
from broker.policy.privacy_policy import PrivacyDataset
from broker.privacy.measurements import draw
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.workflow.pipeline import output_records
from broker.workflow.submission.preview import forecast
from tests.attacks.private_town import (
    PROFILE,
    Y,
    checked,
    codes,
    dashboard,
    designed,
    exact,
    person,
    private_plan,
    too_far,
    town,
)
from tests.generative.privacy.auditing import audit as audited, half_spaces, least, orthants, outcomes
from tests.generative.privacy.neighbouring_snapshots import owner
from tests.oracles.private_cells import cell_results
from tests.unit.workflow.conftest import CLEO, ROSA, SQL, Broker
from tests.unit.workflow.dashboard_kit import COUNT, DASHBOARD, DORA, Killed, ran, send, spent

pytestmark = pytest.mark.long

CROWD = town(
    [*person(1, 9), *person(2, 2, Sex="M"), *person(3, Score=-5)], [*person(1, 9, "npd.b"), *person(2, 1, "npd.b")]
)
BIG = ReleaseMaximum(PrivacyAmount(Accounting.APPROXIMATE, 10**9, 10**9))


def paid(
    broker: Broker, job: str, micro: int, project: str, table: str, snapshot: str = "s1", question: str = "",
    most: ReleaseMaximum = BIG,
) -> None:  # fmt: skip
    """A spend of a project, charged; nothing where its answer is known."""
    loss, now = Loss((PrivacyAmount(Accounting.APPROXIMATE, micro),)), broker.clock.now()
    what = SpendRequest(job, project, snapshot, question or job, (Cost("pupil", loss, ((table, loss),)),))
    event = [AuditEvent(now, "broker", "spend.reserved", job)]
    if broker.store.reserve(what, most, now, event).request.job == job:
        broker.store.charge(job, broker.clock.now(), event)


def refusal_of(*asked: Any) -> tuple[Refusal, ...]:
    """Of a spend that is not let in; none where it is."""
    try:
        paid(*asked)
    except Refused as refused:
        return refused.refusals
    return ()


def codes_of(*asked: Any) -> list[str]:
    return [r.code for r in refusal_of(*asked)]


def test_12_keys_of_the_catalogue_are_enforced_and_not_believed() -> None:
    """Nine equal rows of one person and year where the catalogue says three at most."""
    text = f"SELECT Sex, COUNT(*) AS n, AVG(Score) AS m FROM a WHERE {Y} GROUP BY Sex"
    assert private_plan(text).tables[0].influence.max_rows == 3
    assert too_far(text, CROWD) == []
    assert too_far(f"-- rows: a 1\n{text}", CROWD) == []


BOTH = "a JOIN b ON a.[Key] = b.[Key]"
BOUNDS = {
    f"SELECT a.Sex, COUNT(*) AS n FROM {BOTH} WHERE a.{Y} AND b.{Y} GROUP BY a.Sex": 9,
    f"SELECT a.Sex, COUNT(*) AS n FROM {BOTH} AND a.Y = b.Y GROUP BY a.Sex": 27,
    f"SELECT Sex, COUNT(*) AS n FROM (SELECT Sex FROM a WHERE {Y} UNION ALL SELECT Sex FROM a WHERE {Y}) d "
    "GROUP BY Sex": 6,
    "SELECT Sex, COUNT(*) AS n FROM a GROUP BY Sex": 9,
    f"SELECT l.Region, COUNT(*) AS n FROM a JOIN ref.las l ON l.LA >= a.LA WHERE a.{Y} GROUP BY l.Region": 20,
    f"SELECT a.Sex, COUNT(*) AS n FROM {BOTH} GROUP BY a.Sex": 20,
}


@pytest.mark.parametrize("text", BOUNDS)
def test_13_bounds_are_a_product_over_joins_years_and_branches(text: str) -> None:
    """Ranks bound rows of one table and year: joins multiply them, unions and years add them up; what nothing bounds is
    added up by person first."""
    assert private_plan(text).tables[0].influence.max_rows == BOUNDS[text]
    assert too_far(text, CROWD) == []


def test_14_no_single_release_is_as_good_as_exact() -> None:
    """At epsilon 4 noise is 0 with probability 0.96. A release without a person spends 0.5; cells show noisy counts
    from a floor on only, so empty ones and those of one person are not shown."""
    with dashboard() as broker:
        assert codes(broker, COUNT.replace("0.5", "4")) == {"private-spend"}
        assert codes(broker, COUNT) == set()
        projects = tuple(replace(p, privacy_raised=True) for p in broker.policies.projects)
        broker.put_in_force(replace(broker.policies, projects=projects))
        job = ran(broker, COUNT.replace("0.5", "2"))
        assert [o.state for o in broker.store.outputs_of(job)] == [OutputState.IN_REVIEW], "and a person looks"
    made = designed(f"SELECT Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex")
    shown = [c.shown for c in cell_results(made, (MechanismAnswer([1, 9, 10]),), 0, PROFILE)]
    assert shown == [False, False, True]


def test_14_the_ledger_knows_the_most_of_one_release_too() -> None:
    with dashboard() as broker:
        most = ReleaseMaximum(PrivacyAmount(Accounting.APPROXIMATE, 500_000))
        assert codes_of(broker, "j", 600_000, DASHBOARD, "npd.absence", "s1", "q", most) == ["over-release-maximum"]
        assert codes_of(broker, "k", 500_000, DASHBOARD, "npd.absence", "s1", "q", most) == []


def test_15_the_cap_is_of_the_pupil_and_not_of_a_table() -> None:
    """Other tables, another snapshot, another project: the same child. A job of two tables costs the child once."""
    with dashboard() as broker:
        paid(broker, "one", 3_500_000, DASHBOARD, "npd.absence", "s1")
        paid(broker, "two", 1_500_000, DASHBOARD, "npd.spring_census", "s2")
        paid(broker, "three", 2_000_000, "P0421", "npd.ks4_pupil", "s3")
        assert spent(broker) == (7_000_000, 0)
        paid(broker, "four", 1_000_000, DASHBOARD, "npd.ks1", "s1")
        assert codes_of(broker, "five", 100_000, DASHBOARD, "npd.absence", "s9") == ["over-cap"]
    loss = Loss((PrivacyAmount(Accounting.APPROXIMATE, 5),))
    charges = Cost("pupil", loss, (("npd.a", loss), ("npd.b", loss))).charges("P")
    assert charges[PrivacyAccount("pupil")] == loss


def test_26_another_project_pays_for_the_same_question() -> None:
    """An answer that costs nothing would tell that somebody else has asked. Nor does a refusal say what others have
    spent."""
    with dashboard() as broker:
        paid(broker, "one", 500_000, DASHBOARD, "npd.absence", question="q")
        now, event = broker.clock.now(), [AuditEvent(broker.clock.now(), "broker", "spend.answered", "one")]
        broker.store.store_answer("one", StoredAnswer("hash", "place"), now, event)
        broker.store.settle_spend("one", SpendState.RELEASED, now, event)
        paid(broker, "two", 500_000, "P0421", "npd.absence", question="q")
        assert spent(broker) == (1_000_000, 0)
        assert spent(broker, PrivacyAccount("pupil", "P0421")) == (500_000, 0)
        for project, by in ((DASHBOARD, DORA), ("P0421", ROSA)):
            found = forecast(broker.ports, project, checked(broker, COUNT, project, by))
            assert found is not None
            assert found["spend"] == {"epsilon": 0.5, "delta": 0.0}
    messages = []
    for others in (1_500_000, 2_000_000):
        with dashboard() as broker:
            paid(broker, "mine", 3_900_000, DASHBOARD, "npd.absence")
            paid(broker, "more", 1_900_000, DASHBOARD, "npd.spring_census")
            paid(broker, "theirs", others, "P0421", "npd.absence")
            refused = refusal_of(broker, "last", 900_000, DASHBOARD, "npd.ks1")
            messages.append([(r.code, r.message) for r in refused])
    assert messages[0] == messages[1]
    assert [code for code, _ in messages[0]] == ["over-cap"]


def test_30_both_complementary_sums_are_over_the_same_rows() -> None:
    """COUNT(*) is another coordinate than COUNT(x): rows that lack x are in neither sum, and stand apart."""
    lacking = town([*person(1, 3, Score=None), *person(2, Score=20), *person(3, Score=-5), *person(4, Sex="M")])
    text = f"SELECT COUNT(*) AS n, COUNT(Score) AS c, AVG(Score) AS m FROM a WHERE {Y}"
    (vector,) = exact(text, lacking).values()
    below, above, missing = vector
    whole = designed(text).layouts[0].blocks[0].row_total
    assert ((below + above) // whole, missing // whole) == (3, 3)
    assert too_far(text, lacking) == []


def test_31_a_forecast_needs_no_size_that_is_not_public() -> None:
    """The error of a mean is noise by n, and n is no public figure: a curve over n. Nothing asks for a vault."""
    text = COUNT.replace("COUNT(*) AS n", "AVG(OverallAbsence_6HalfTerms) AS m")
    with dashboard() as broker:
        looked: list[int] = []
        broker.vaults.asked = lambda: looked.append(1)
        found = forecast(broker.ports, DASHBOARD, checked(broker, text))
        assert found is not None
        assert [e["persons_in_the_cell"] for e in found["expected"]] == list(PROFILE.curve_sizes)
        assert found["expected"][0]["error"] > found["expected"][-1]["error"] > 0
        counts = forecast(broker.ports, DASHBOARD, checked(broker, COUNT))
        assert counts is not None
        assert [e["persons_in_the_cell"] for e in counts["expected"]] == [None]
        assert (looked, broker.ports.private.engine.reads) == ([], 0)


def test_32_exact_releases_are_listed_with_the_claim() -> None:
    """Exact releases about the same children end no claim and are named; of data sets that are kept to privacy nothing
    exact leaves. Where totals are public neighbours move: the record says what replacing costs."""
    with dashboard() as broker:
        _, output = broker.ran(SQL)
        assert broker.vote(CLEO, output.ident) == "released"
        assert [(a.dataset, a.kind) for a in broker.store.exact_disclosures(["npd.absence"])] == [
            ("npd.absence", DisclosureSource.EXACT)
        ]
        job = ran(broker)
        (private,) = broker.store.outputs_of(job)
        told = json.loads(output_records.record_of_release(broker.ports, broker.person(DORA), private.ident))
        assert told["spend_if_a_person_is_replaced"]["epsilon"] == 2 * told["spend"]["epsilon"]
        only = (PrivacyDataset(table="npd.absence", only_private=True),)
        broker.put_in_force(replace(broker.policies, privacy=replace(broker.policies.privacy, datasets=only)))
        assert codes(broker, SQL, "P0421", ROSA) == {"private-only"}
        assert codes(broker, COUNT) == set()


def dies_at(broker: Broker, job: str, owner: Any, name: str) -> None:
    """An attempt at the job that is killed there; its lease lapses, and the job waits again."""
    with mock.patch.object(owner, name, side_effect=Killed), suppress(Killed):
        broker.run(job)
    broker.reconcile()
    broker.clock.at += broker.ports.lease


def test_39_one_charge_and_one_answer_whatever_dies() -> None:
    """Attempts that die before the draw, and after it: the next one has the same charge, and gives the stored answer
    where there is one."""
    with dashboard() as broker:
        job, noise = send(broker), broker.ports.private.noise
        dies_at(broker, job, noise, "draw")
        assert spent(broker) == (500_000, 0)
        assert broker.store.spend_of(job).answer is None
        dies_at(broker, job, type(broker.store), "advance")
        first = broker.store.spend_of(job).answer
        assert first is not None
        assert broker.run(job)
        broker.reconcile()
        assert (spent(broker), noise.draws) == ((500_000, 0), 1)
        assert broker.store.spend_of(job).answer == first
        assert broker.store.outputs_of(job)[0].state is OutputState.RELEASED


def test_44_an_audit_sees_a_scale_or_a_threshold_that_is_too_low() -> None:
    """With a stated confidence over all events; thresholds at a delta that draws can see, by the same code."""
    spend = PrivacyAmount(Accounting.PURE, MICRO)
    made = designed(f"-- rows: a 1\nSELECT Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Sex", spend)
    assert made.charge == spend
    x, y = [7, 4, 0], [8, 4, 0]
    one, other = (outcomes(made.bundle, v, 2500) for v in (x, y))
    assert audited(one, other, [*half_spaces(x, y, one), *orthants(x, y)])[0] <= 1.0
    spend = PrivacyAmount(Accounting.APPROXIMATE, 2 * MICRO, DELTA_UNITS // 100)
    keys = designed(f"-- rows: a 1\nSELECT Note, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Note", spend)
    many = 30_000
    (kept, _) = draw(keys.bundle, (dict.fromkeys(range(many), 1), [1] * many))
    assert 0 < least(len(kept), many) <= keys.charge.delta / DELTA_UNITS <= 0.01


def test_52_the_main_record_is_the_row_that_counts() -> None:
    """One of three rows counts: not the duplicate that the usual WHERE drops. Who is added up first loses no row, and
    the record says what is left out."""
    rows = [
        {"Key": f"k{i}", "Y": "2018/2019", "Sex": "F", "LA": 1, "Flag": flag, "Score": 5}
        for i in range(25)
        for flag in (1, 0, 1)
    ]
    usual = f"-- rows: a 1\nSELECT COUNT(*) AS n FROM a WHERE {Y} AND Flag = 0"
    first = (
        "SELECT x, COUNT(*) AS n FROM (SELECT [Key], CASE WHEN COUNT(*) > 2 THEN 'many' ELSE 'few' END AS x FROM a "
        "GROUP BY [Key]) AS d GROUP BY x"
    )
    spend = PrivacyAmount(Accounting.APPROXIMATE, MICRO)
    with owner() as found:
        vault = found.vault({"npd.a": rows, "npd.b": [], "ref.las": [{"LA": 1, "Region": "N"}]})
        bounded, added_up = (found.plan_query(text, spend) for text in (usual, first))
        assert [list(v) for v in found.exact(bounded, vault).vectors] == [[25]]
        assert sorted(found.exact(added_up, vault).vectors[0]) == [0, 25], "all of them have many rows"
        assert added_up.measured.tables[0].influence.max_rows == 1
    assert bounded.measured.omissions == ("Of each person and year the first row of npd.a counts.",)
