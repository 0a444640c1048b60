"""A few persons with any number of rows, their measured values before noise, and a broker with a budget. No attack is
here."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from broker.domain.errors import Refused
from broker.domain.jobs.job import JobKind
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.privacy.measurement_design import MeasurementDesign, design_measurement
from broker.privacy.request.directives import read_bounds
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.submission.preview import check_text
from tests.attacks.broker_town import broker_under
from tests.spec.query.query_kit import CATALOGUE, compiled
from tests.unit.workflow.conftest import Broker

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("generative/query", "spec/query", "generative/privacy")]

import bounded_worlds as kit  # noqa: E402

from tests.unit.workflow.dashboard_kit import DASHBOARD, DORA  # noqa: E402

Y = "Y = '2018/2019'"
HALF = PrivacyAmount(Accounting.APPROXIMATE, 500_000)
World = dict[str, list[dict[str, Any]]]


@cache
def policies() -> PolicySet:
    return load_policies(ROOT / "policies")


PROFILE = policies().privacy.profile("npd-private")


def person(number: int, rows: int = 1, table: str = "npd.a", **same: Any) -> list[dict[str, Any]]:
    """So many equal rows of one person in each year."""
    found = CATALOGUE.table(table)
    empty = dict.fromkeys(v.name for v in found.variables)
    given = {"LA": 1, "Sex": "F", "Flag": 0, "Score": 10, "Kind": "X", "Days": 3, "Wave": 1, "Pay": 0, **same}
    one = empty | {k: v for k, v in given.items() if k in empty} | {"Key": f"k{number}", "__p": number}
    return [{**one, "Y": f"{y}/{y + 1}"} for y in (2017, 2018, 2019) for _ in range(rows)]


def town(a: Sequence[dict[str, Any]], b: Sequence[dict[str, Any]] = ()) -> World:
    las = [{"LA": n, "Region": "NSS"[n - 1]} for n in (1, 2, 3)]
    return {"npd.a": list(a), "npd.b": list(b), "ref.las": las, "swc.staff": []}


def private_plan(text: str, dialect: str = "tsql", lists_only: bool = False, **limits: Any) -> PrivateOutputPlan:
    found = compiled(text, dialect)
    assert found.plan is not None, found.refusals
    given = PrivateContext(CATALOGUE, replace(PROFILE, **limits), {}, read_bounds(text), lists_only)
    return plan_private_output(found.plan.outputs[0], given)


def why_not(text: str, **more: Any) -> list[str]:
    """Codes of the refusals, of the text or of what is asked privately; none where it is measurable."""
    found = compiled(text, more.get("dialect", "tsql"))
    if found.plan is None:
        return sorted({r.code for r in found.refusals})
    try:
        private_plan(text, **more)
    except Refused as refused:
        return sorted({r.code for r in refused.refusals})
    return []


def designed(text: str, spend: PrivacyAmount = HALF, **more: Any) -> MeasurementDesign:
    return design_measurement(private_plan(text, **more).tables, spend)


def exact(text: str, world: World, seed: int = 0, dialect: str = "tsql", **limits: Any) -> dict[Any, Any]:
    """Of the one table, by (grouping set, block) what is measured before noise."""
    ((bounded, table),) = kit.tables_of(private_plan(text, dialect, **limits))
    con = kit.vault(CATALOGUE, world, seed)
    try:
        return kit.answer(con, bounded, table).vectors
    finally:
        con.close()


def too_far(text: str, world: World, **limits: Any) -> list[str]:
    """What moves further than declared when somebody is taken away, and numbers and ranks are made again."""
    ((bounded, table),) = kit.tables_of(private_plan(text, **limits))
    seen = kit.Excess()
    whole = kit.answer(kit.vault(CATALOGUE, world, 0), bounded, table)
    for one in kit.persons(world):
        less = kit.vault(CATALOGUE, kit.without(world, one), one)
        kit.compare(table, whole, kit.answer(less, bounded, table), seen)
    return seen.found


def statements(text: str, dialect: str = "tsql", **limits: Any) -> str:
    return " ".join(t for b in private_plan(text, dialect, **limits).bounded for t in kit.texts(b)).lower()


def dashboard() -> AbstractContextManager[Broker]:
    """The demo's policies in force: a cap of 8 for each pupil, and 4 of it for P0733's absence."""
    return broker_under(policies)


def checked(broker: Broker, text: str, project: str = DASHBOARD, by: str = DORA) -> CheckedSubmission:
    return check_text(broker.ports, broker.person(by), project, text, JobKind.SQL)


def codes(broker: Broker, text: str, project: str = DASHBOARD, by: str = DORA) -> set[str]:
    return {r.code for r in checked(broker, text, project, by).refusals}
