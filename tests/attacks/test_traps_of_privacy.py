"""Errors of other private engines, one test a row of the list of traps."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from broker.domain.errors import Breach
from broker.domain.identity.audit import AuditEvent
from broker.domain.ledger.budget_refusals import OverBudget, ReleaseMaximum
from broker.domain.ledger.privacy_loss import DELTA_UNITS, Accounting, Cost, Loss, PrivacyAmount
from broker.domain.ledger.spends import SpendRequest, SpendState
from broker.domain.ports import SandboxEnd
from broker.privacy.measurements import charge, draw
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.private_tables import PrivateMeasure
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.views import job_views
from tests.attacks.private_town import (
    HALF,
    PROFILE,
    Y,
    dashboard,
    designed,
    exact,
    person,
    private_plan,
    statements,
    too_far,
    town,
    why_not,
)
from tests.generative.privacy.neighbouring_snapshots import owner
from tests.oracles.private_cells import cell_results
from tests.unit.workflow.conftest import Broker
from tests.unit.workflow.dashboard_kit import COUNT, DORA, ran, send, spent

pytestmark = pytest.mark.long

BY_SEX = f"FROM a WHERE {Y} GROUP BY Sex"
CROWD = town([r for i in range(9) for r in person(i, 1 + i % 4, Sex="MF"[i % 2], Score=i)], person(1, 4, "npd.b"))


def refused_noise(bundle: Any, answers: tuple[Any, ...]) -> bool:
    """Whether noise is refused to what is no integer."""
    try:
        draw(bundle, answers)
    except Exception:  # whatever OpenDP says
        return True
    return False


def test_floats_are_nowhere_between_rows_and_noise() -> None:
    """Noise on floats leaks in its low bits, and sums of floats depend on the order of rows: all are integers."""
    text = f"SELECT AVG(LEAST(GREATEST(Score / 3.0, 0), 5)) AS m FROM a WHERE {Y}"
    shuffled = {**CROWD, "npd.a": Random(1).sample(CROWD["npd.a"], len(CROWD["npd.a"]))}
    found = [exact(text, world, dialect="duckdb") for world in (CROWD, shuffled)]
    assert found[0] == found[1]
    assert {type(n) for v in found[0].values() for n in v} == {int}
    made = designed(text, dialect="duckdb")
    assert {type(n) for n in draw(made.bundle, ([5, 5],))[0]} == {int}
    assert refused_noise(made.bundle, ([0.5, 5.0],))
    assert not any(word in statements(text, "duckdb") for word in ("random", "laplace", "ln("))


def test_errors_and_overflows_are_no_answers() -> None:
    """What has no value on some row is missing there; a value beyond its catalogue's bounds ends nothing either.
    However an engine ends, the researcher sees one word, and the charge stays."""
    wild = town([*person(1, Score=2**62, Note="x", Flag=0), *person(2, Score=-(2**62), Note="9" * 30), *person(3)])
    for risky in ("CAST(Note AS INT)", "Score / Flag", "POWER(Score, 400)", "POWER(Flag, -1)", "LOG(Score)"):
        text = f"SELECT Sex, SUM(CASE WHEN {risky} > 3 THEN 1 ELSE 0 END) AS s {BY_SEX}"
        assert why_not(text) == [], risky
        assert exact(text, wild), risky
    assert exact(f"SELECT SUM(CASE WHEN Score * 4 > 3 THEN 1 ELSE 0 END) AS s FROM a WHERE {Y}", wild)
    told = set()
    for end in (SandboxEnd.ENGINE_ERROR, SandboxEnd.MEMORY_LIMIT, SandboxEnd.TIME_LIMIT):
        with dashboard() as broker:
            broker.sandbox.end = end
            job = ran(broker)
            told.add((broker.store.job(job).failure, job_views.view_job(broker.ports, broker.person(DORA), job).state))
            assert spent(broker) == (500_000, 0)
    assert len(told) == 1


EXTREMES = ("MIN(Score)", "MAX(Score)", "ANY_VALUE(Score)", "STRING_AGG(Note, ',')", "MAX(LA)")
ABOVE_OTHERS = "EXISTS (SELECT 1 FROM a c WHERE c.LA = a.LA AND c.Score > a.Score)"
REFUSED: dict[str, str] = {
    **{f"SELECT Sex, {one} AS m {BY_SEX}": "individual-value" for one in EXTREMES},
    f"SELECT TOP 1 Score FROM a WHERE {Y} ORDER BY Score": "limit",
    "SELECT LA, AVG(d) AS m FROM (SELECT LA, Score - AVG(Score) OVER (PARTITION BY LA) AS d FROM a) x GROUP BY LA":
        "private-context",
    "SELECT COUNT(*) AS n FROM (SELECT PERCENT_RANK() OVER (ORDER BY Score) AS r FROM a) d WHERE r > 0.5":
        "private-context",
    "SELECT COUNT(*) AS n FROM a WHERE Score > (SELECT AVG(c.Score) FROM a c)": "private-context",
    f"SELECT COUNT(*) AS n FROM a WHERE {ABOVE_OTHERS}": "subquery-persons",
    "SELECT COUNT(*) AS n FROM a WHERE [Key] = 'k1'": "link-key",
    "SELECT COUNT(*) AS n FROM a x JOIN a y ON x.LA = y.LA": "person-join",
}  # fmt: skip
"""Extremes and rows are no statistics: the least value is one person's, of a key as well. What mixes persons has no
bound: windows, ranks and averages over others, in rows or in conditions. Persons do not meet by their school."""


@pytest.mark.parametrize("text", REFUSED)
def test_what_shows_or_mixes_persons_is_refused(text: str) -> None:
    assert why_not(text) == [REFUSED[text]]


def test_a_quantile_near_the_end_is_what_can_be_had_of_an_extreme() -> None:
    assert why_not(f"SELECT PERCENTILE_CONT(0.99) WITHIN GROUP (ORDER BY Score) AS m FROM a WHERE {Y}") == []
    assert why_not(f"SELECT FIRST(Score) AS m FROM a WHERE {Y}", dialect="duckdb") == ["individual-value"]
    assert {a.value for a in PrivateMeasure} & {"min", "max", "first", "any_value", "mode", "list"} == set()


def test_keys_of_the_data_are_not_rows_of_the_answer() -> None:
    """Every cell of the public lists is measured, the empty ones too; keys without a list leave by a noisy count of
    persons, which costs a delta, and not at all where there is none. What is charged is OpenDP's map of all that is
    drawn: there is no second query with an epsilon of its own."""
    text = f"SELECT LA, Sex, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA, Sex"
    alone = town(person(1, LA=2, Sex="M"))
    (vector,) = exact(text, alone).values()
    assert (len(vector), sum(vector)) == (9, 1)
    assert len(cell_results(designed(text), (MechanismAnswer(list(vector)),), 0, PROFILE)) == 9
    notes = f"SELECT Note, COUNT(*) AS n FROM a WHERE {Y} GROUP BY Note"
    assert why_not(notes, lists_only=True) == ["private-keys"]
    made = designed(notes, PrivacyAmount(Accounting.APPROXIMATE, 500_000, DELTA_UNITS // 10**9))
    assert 0 < made.charge.delta <= DELTA_UNITS // 10**9
    assert charge(made.bundle) == made.charge
    kept, _ = draw(made.bundle, (dict.fromkeys(range(3000), 1), [1] * 3000))
    assert not kept, "at this delta no key of one person is ever seen to leave"


def test_nulls_are_in_no_sum_and_make_no_super_unit() -> None:
    """COUNT(*) is not COUNT(x), and costs nothing more; a row without a key is a person of its own, whose influence is
    that of one row."""
    lacking = town([*person(1, 2, Score=None), *person(2, Score=20), *person(3, Sex="M")])
    text = f"SELECT Sex, COUNT(*) AS n, COUNT(Score) AS c, SUM(Score) AS s {BY_SEX}"
    assert len(designed(text).bundle.mechanisms) == 1
    assert designed(text).charge == HALF
    assert too_far(text, lacking) == []
    nobody = [{"Key": None, "Y": "2018/2019", "Sex": "F", "LA": 1, "Flag": 0, "Score": n} for n in range(7)]
    with owner() as found:
        one_row = found.plan_query(f"-- rows: a 1\nSELECT COUNT(*) AS n FROM a WHERE {Y}", HALF)
        vault = found.vault({"npd.a": nobody, "npd.b": [], "ref.las": [{"LA": 1, "Region": "N"}]})
        assert [list(v) for v in found.exact(one_row, vault).vectors] == [[7]]


def test_a_condition_that_fits_one_child_is_measured_as_any_other() -> None:
    assert designed(f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND LA = 3 AND Score = 17 AND Sex = 'F'").charge == HALF


@pytest.mark.parametrize(("least", "shown"), [(5000, True), (5999, False)])
def test_a_filter_of_groups_reads_noisy_figures(least: int, shown: bool) -> None:
    """4321 exactly, 5321 with noise."""
    with dashboard() as broker:
        job = ran(broker, COUNT.rstrip() + f" HAVING COUNT(*) > {least}\n")
        assert (b"5321" in downloaded(broker, job)) == shown


def downloaded(broker: Broker, job: str) -> bytes:
    (output,) = broker.store.outputs_of(job)
    return job_release.download(broker.ports, broker.person(DORA), output.ident).content


def test_joins_multiply_and_are_bounded_after() -> None:
    """By a unique key of a public table a row meets one; by anything else nothing bounds it, and persons are added up
    first."""
    region = "SELECT l.Region, COUNT(*) AS n FROM a JOIN ref.las l ON l.LA {} a.LA WHERE a.{} GROUP BY l.Region"
    for sign, most in (("=", 3), (">=", 20)):
        text = region.format(sign, Y)
        assert private_plan(text).tables[0].influence.max_rows == most
        assert too_far(text, CROWD, person_cells=1, person_rows=1) == []
    assert too_far("SELECT a.Sex, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] GROUP BY a.Sex", CROWD) == []


def test_nothing_random_is_in_a_statement() -> None:
    """Which rows count is a matter of stored ranks and hashes: the same however often a statement is read."""
    for text in (f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND RAND() < 0.5", "SELECT COUNT(NEWID()) AS n FROM a"):
        assert why_not(text), text
    each = "SELECT a.LA, COUNT(*) AS n FROM a JOIN b ON a.[Key] = b.[Key] GROUP BY a.LA"
    many = town([r for la in (1, 2, 3) for r in person(1, 2, LA=la)], person(1, 2, "npd.b"))
    found = [exact(each, many, person_cells=1) for _ in range(6)]
    assert all(f == found[0] for f in found)


def test_noise_is_new_and_an_answer_that_was_given_is_given_again() -> None:
    """No seed: two draws differ. The same question has the answer that was released, at no cost: nothing to average.
    Which cells of a person count does not depend on who else is there."""
    made = designed(f"SELECT Sex, COUNT(*) AS n {BY_SEX}")
    assert len({tuple(draw(made.bundle, ([0, 0, 0],))[0]) for _ in range(5)}) > 1
    with dashboard() as broker:
        hashes = {broker.store.outputs_of(ran(broker))[0].release_hash for _ in range(3)}
        assert len(hashes) == 1
        assert spent(broker) == (500_000, 0)
        assert broker.ports.private.noise.draws == 1
    each = f"SELECT l.LA, COUNT(*) AS n FROM a JOIN ref.las l ON l.LA >= a.LA WHERE a.{Y} GROUP BY l.LA"
    others = town([r for i in range(4) for r in person(i, 1 + 2 * i)])
    assert too_far(each, others, person_cells=1) == []


def test_a_failed_job_retains_its_charge() -> None:
    """A crash that depends on one pupil would be an answer for nothing, if it were given back."""
    with dashboard() as broker:
        broker.ports.private.engine.breaks = Breach("unreadable")
        job = ran(broker)
        assert spent(broker) == (500_000, 0)
        assert broker.store.spend_of(job).state is SpendState.WITHHELD
        broker.reconcile()
        assert spent(broker) == (500_000, 0)


def test_time_is_shown_in_coarse_steps() -> None:
    """Whether a child exists shows in milliseconds: until a slot of time is over a private job looks as if it ran."""
    seen = []
    for seconds in (0, 3):
        with dashboard() as broker:
            broker.sandbox.during = lambda _, b=broker, s=seconds: later(b, s)
            job = send(broker)
            assert broker.run(job, holds=False)
            seen.append(job_views.view_job(broker.ports, broker.person(DORA), job).state)
    assert seen == ["running", "running"]


def later(broker: Broker, seconds: int) -> None:
    broker.clock.at += timedelta(seconds=seconds)


def test_jobs_at_once_are_not_let_in_on_the_same_rest() -> None:
    """Check and reservation are one transaction: of twelve jobs at once as many are let in as fit."""
    with dashboard() as broker:
        ends = Counter(raced(broker, 12, 500_000))
        assert ends == {"reserved": 8, "refused": 4}
        assert spent(broker) == (0, 4_000_000)


def raced(broker: Broker, jobs: int, micro: int) -> list[str]:
    """So many threads that reserve at once of 4 epsilon."""
    gate, loss, now = threading.Barrier(jobs), Loss((PrivacyAmount(Accounting.APPROXIMATE, micro),)), broker.clock.now()
    events = [AuditEvent(now, "broker", "spend.reserved", "race")]
    most = ReleaseMaximum(PrivacyAmount(Accounting.APPROXIMATE, 10**9))

    def one(number: int) -> str:
        what = SpendRequest(f"j{number}", "P0733", "s1", f"q{number}", (Cost("pupil", loss, (("npd.absence", loss),)),))
        gate.wait()
        try:
            broker.store.reserve(what, most, now, events)
        except OverBudget:
            return "refused"
        except Exception as error:
            return type(error).__name__
        return "reserved"

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, range(jobs)))


def test_no_exact_fact_leaves_with_the_noise() -> None:
    """Rows, lengths, refusals of small cells, bars from the true n: with the same noisy answer everything that leaves
    is the same, whatever the exact one was."""
    left = set()
    for true in (0, 3, 4321):
        with dashboard() as broker:
            broker.ports.private.engine.exact = true
            same = lambda _, exact: tuple(MechanismAnswer([700] * len(v)) for v in exact)  # noqa: E731
            broker.ports.private.noise.draw = same
            job = ran(broker)
            found = job_views.view_job(broker.ports, broker.person(DORA), job)
            assert found.state == "released"
            (output,) = broker.store.outputs_of(job)
            record = output_records.record_of_release(broker.ports, broker.person(DORA), output.ident)
            assert b"truncation" in record, "and it says that rows may be left out"
            left.add((downloaded(broker, job), record))
    assert len(left) == 1
