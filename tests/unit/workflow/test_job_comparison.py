"""Job comparison in the workflow: each table is compared with the release history when it is assessed and again when it
is released. Persons are plain numbers here; cells are those of the plan's own lists."""

import json
from dataclasses import replace

import pytest
from comparison_kit import some_persons
from dashboard_kit import open_budgets, ran

from broker.disclosure.differencing.compare_tables import compare
from broker.domain.errors import Conflict
from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.release_history import HistoryVersion
from broker.storage.tables.release_history_tables import memory_entries
from broker.worker.reconcile import release_due
from broker.workflow.pipeline import job_release
from broker.workflow.release_history.history_tables import history_table
from broker.workflow.reviewing import output_review
from tests.one_worker import run_job
from tests.unit.workflow.conftest import ADA, CHRIS, CLEO, PROJECT, SQL, Broker

OTHER = SQL.replace("a.AcademicYear = '2022/2023'", "a.AcademicYear = '2022/2023' AND a.FSMeligible IS NOT NULL")
"""The same, but for a few: another recipe."""

EARLIER = OTHER.replace("a.FSMeligible", "a.NCyearActual").replace("output: absence", "output: earlier")

pytestmark = pytest.mark.long


@pytest.fixture
def town(broker: Broker) -> Broker:
    """`missing` says how many persons of each cell are in the first table and not in the second."""
    broker.missing = 0
    whole = broker.engine.cells_of

    def cells_of(plan, where):
        every = {k: range(n * 100, n * 100 + 40) for n, k in enumerate(whole(plan, where))}
        fewer = "FSMeligible" in repr(plan.outputs[where[0]].tables[where[1]].contributions)
        return {k: found[broker.missing :] if fewer else found for k, found in every.items()}

    broker.ports.release_history.engine.cells_of = cells_of
    return broker


def values(broker: Broker, output: str) -> set[str]:
    found = broker.store.output(output)
    lines = broker.ports.content_store.get("staff", found.release_hash).decode().splitlines()[1:]
    return {line.rpartition(",")[2] for line in lines}


def staff(broker: Broker, output: str) -> dict:
    return json.loads(broker.by(CLEO, output_review.view_output, output).staff)


def released(broker: Broker, text: str = SQL, **more) -> str:
    _, output = broker.ran(text, **more)
    assert broker.vote(CLEO, output.ident) == "released"
    return output.ident


def test_a_release_is_remembered_with_its_populations_and_figures_and_nothing_else_is(town):
    _, rejected = town.ran()
    assert town.vote(CLEO, rejected.ident, VoteChoice.REJECT) == "rejected"
    assert town.store.history_entries() == []
    output = released(town)
    (entry,) = town.store.history_entries()
    assert (entry.output, entry.project, entry.snapshot, entry.t) == (output, PROJECT, "s1", 10)
    assert entry.release == town.store.release_of(town.store.output(output).job).ident
    (figure,) = town.store.known_figures(entry.number)
    assert figure.is_count
    assert set(figure.shown.values()) == {40}
    assert town.store.members_of(entry.number) is not None
    assert town.store.output(output).memory_version == "0"


def test_an_identical_table_passes_free_with_the_same_values_and_holes(town):
    """Even where it would come out otherwise today: what was shown once is known."""
    first = released(town)
    town.engine.persons = 60
    second = released(town)
    assert values(town, second) == values(town, first) == {"40"}
    assert len(town.store.history_entries()) == 1, "it tells nothing new"
    assert staff(town, second)["memory"]["overlaps"][0]["how"] == "identical"


@pytest.mark.parametrize(("base", "values_then"), [(1, {"60"}), (5, {"40"})])
def test_an_identical_table_that_left_under_laxer_rules_is_judged_by_its_own(town, base, values_then):
    """An equal threshold does not make rules equal: what a profile rounds further does not leave finer for having left
    elsewhere. The first one's profile is `npd-default` with the base that it has by now."""
    released(town)
    town.engine.persons = 60
    default = town.policies.disclosure_rules("npd-default")
    others = (replace(default, name="further"), *(p for p in town.policies.profiles if p is not default))
    town.policies = replace(town.policies, profiles=(replace(default, round_base=base), *others))
    town.govern(profile="further")
    assert values(town, released(town)) == values_then


@pytest.mark.parametrize(("persons", "shown", "how"), [(3, {"40"}, ("difference", 3)), (20, {"20"}, ("nested", None))])
def test_invariant_4_a_table_that_moved_by_a_few_leaves_with_the_earlier_values(town, persons, shown, how):
    """One that moved by enough leaves as it is."""
    released(town)
    town.missing, town.engine.persons = persons, 40 - persons
    output = released(town, OTHER)
    assert values(town, output) == shown
    overlap = staff(town, output)["memory"]["overlaps"][0]
    assert (overlap["how"], overlap["persons"]) == how


def test_invariant_4_two_that_are_clean_alone_are_never_both_out(town):
    """Both were approved before either left: the second goes back to review, with other figures, and its votes bind no
    more."""
    town.govern(votes=2)
    town.missing = 3
    _, first = town.ran()
    town.engine.persons = 37
    job, second = town.ran(OTHER)
    town.vote(CLEO, first.ident)
    town.vote(CLEO, second.ident)
    assert town.vote(CHRIS, first.ident) == "released"
    assert town.vote(CHRIS, second.ident) == "in_review"
    back = town.store.output(second.ident)
    assert (back.staff_hash, back.memory_version) != (second.staff_hash, second.memory_version)
    assert town.store.job(job).state is JobState.ASSESSING
    assert town.store.votes_of(second.ident) == []
    assert values(town, second.ident) == {"40"}
    assert "output.in_review" in town.events(second.ident)[-1]
    assert town.vote(CLEO, second.ident) == "in_review"
    assert town.vote(CHRIS, second.ident) == "released"
    assert len(town.store.history_entries()) == 2


def test_somebody_who_releases_between_comparing_and_writing_is_seen(town, monkeypatch):
    """The last look and the release are of one version of memory: whoever was overtaken looks again."""
    town.govern(votes=0)
    town.missing = 3
    whole, overtaken = town.store.release, []

    def slow(*given, **named):
        if not overtaken:
            overtaken.append(1)
            town.engine.persons = 40
            town.run(town.send(SQL, client_id="other"))
            town.engine.persons = 37
        return whole(*given, **named)

    town.engine.persons = 37
    monkeypatch.setattr(town.store, "release", slow)
    job, output = town.ran(OTHER)
    assert output.state is OutputState.APPROVED, "one more comparison is told at the end of one more slot, if at all"
    town.reconcile()
    (output,) = town.store.outputs_of(job)
    assert len(town.store.history_entries()) == 2
    assert output.state is OutputState.RELEASED
    assert values(town, output.ident) == {"40"}


def test_two_projects_are_compared_and_a_checker_learns_only_that_there_is_one(town):
    released(town)
    own = replace(town.policies.project(PROJECT), ident="P9000", title="Another", votes=1)
    town.put_in_force(replace(town.policies, projects=(*town.policies.projects, own)))
    town.missing, town.engine.persons = 3, 37
    _, output = town.ran(OTHER, project="P9000")
    told = staff(town, output.ident)["memory"]
    assert (told["overlaps"], told["others"]) == ([], True)
    assert values(town, output.ident) == {"40"}


def test_re_runs_on_changed_data_are_compared_across_snapshots(town):
    released(town)
    town.snapshot("s2")
    town.missing = 1
    whole = town.ports.release_history.engine.cells_of
    town.ports.release_history.engine.cells_of = lambda plan, where: {k: v[1:] for k, v in whole(plan, where).items()}
    town.engine.persons = 39
    output = released(town)
    assert values(town, output) == {"40"}
    assert {e.snapshot for e in town.store.history_entries()} == {"s1", "s2"}


def test_invariant_12_memory_outlives_recall_and_project(town):
    output = released(town)
    town.by(ADA, job_release.recall, output, "The figures were wrong.")
    town.drop_project()
    assert [e.output for e in town.store.history_entries()] == [output]
    with pytest.raises(Exception, match="append-only"), town.store._db.write() as connection:
        connection.execute(memory_entries.delete())


def capped(town: Broker, persons: int, fraction: float) -> Broker:
    """Of so many persons everybody is taken to know that they are there; figures may tell a fraction of them."""
    town.ports.release_history.populations.known = (some_persons(persons),)
    town.put_in_force(replace(town.policies, memory=replace(town.policies.memory, fraction=fraction)))
    return town


def test_over_the_cap_figures_of_the_population_are_hidden_and_the_rest_is_released(town):
    """Of 120 persons a hundredth: one figure. The first cell is wholly of them, half of the second, no other."""
    _, output = capped(town, 120, 0.01).ran()
    assert (output.verdict, output.state) == (Verdict.SUPPRESS, OutputState.IN_REVIEW)
    assert {f["rule"]: f["verdict"] for f in staff(town, output.ident)["findings"]}["X6"] == "suppress"
    rows = town.ports.content_store.get("staff", output.release_hash).decode().splitlines()[1:]
    assert "c" in rows[0]
    assert not all("c" in row for row in rows)


def test_beyond_the_cap_a_private_job_still_goes_and_is_neither_compared_nor_remembered(town):
    open_budgets(town)
    _, exact = capped(town, 2100, 0.0001).ran()
    assert (exact.verdict, exact.state) == (Verdict.REFUSE, OutputState.WITHHELD)
    (private,) = town.store.outputs_of(ran(town))
    assert (private.state, private.memory_version) == (OutputState.RELEASED, None)
    assert town.store.history_entries() == []


def test_a_worker_without_a_memory_releases_nothing(town):
    ports = replace(town.ports, release_history=None)
    job = town.send()
    run_job(ports, job)
    assert town.store.outputs_of(job)[0].state is OutputState.ASSESSED
    town.reconcile()
    assert town.store.outputs_of(job)[0].state is OutputState.IN_REVIEW


def test_web_stops_before_the_release_and_wakes_a_worker(town):
    _, output = town.ran()
    town.by(CLEO, output_review.cast_vote, output.ident, town.ballot(CLEO, output.ident))
    assert town.store.output(output.ident).state is OutputState.APPROVED
    assert release_due(town.ports) == 1
    assert town.store.output(output.ident).state is OutputState.RELEASED


def test_a_vote_names_the_state_of_memory_that_it_saw(town):
    _, output = town.ran()
    ballot = town.ballot(CLEO, output.ident)
    assert ballot.memory_version == "0"
    town.refuses(CLEO, Conflict, output_review.cast_vote, output.ident, replace(ballot, memory_version="x"))
    released(town, OTHER)
    assert town.store.history_version() == HistoryVersion(1)
    assert town.by(CLEO, output_review.cast_vote, output.ident, ballot) is OutputState.APPROVED


def three_are_clean(town: Broker) -> None:
    """Nobody learns of a few from two of the tables that left."""
    tables = [history_table(town.ports, town.ports.release_history, e)() for e in town.store.history_entries()]
    assert len(tables) == 3
    assert all(compare(new, old).is_clean for n, new in enumerate(tables) for old in tables[:n])


BESIDE = """-- output: first
SELECT x.NCyearActual, COUNT(*) AS n FROM (
  SELECT a.NCyearActual, ROW_NUMBER() OVER (PARTITION BY a.PupilMatchingRefAnonymous ORDER BY a.NCyearActual) AS r
  FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023') AS x
WHERE x.r = 1 GROUP BY x.NCyearActual;
"""


def test_invariant_4_what_is_compared_again_is_compared_with_the_rest_of_its_own_job(town):
    """Two outputs over different rows, each a few persons from the other: the second has the first's values where both
    have them. Then another job moves what only the second has: it is compared again, and the first is not forgotten."""
    whole = town.engine.cells_of

    def cells_of(plan, where):
        table = plan.outputs[where[0]].tables[where[1]]
        keys, text = list(whole(plan, where)), repr(table.contributions)
        own = 50_000 if "Window(" in text else 60_000 if "FSMeligible" in text else 0
        fewer = {0: 0, 50_000: 3, 60_000: 3}[own]
        here = {k: range(n * 100 + fewer, n * 100 + 40) for n, k in enumerate(keys)}
        shared = {50_000: 0, 60_000: 1}.get(own)
        return {
            k: v if shared in {None, n % 2} else range(own + n * 100, own + n * 100 + 40)
            for n, (k, v) in enumerate(here.items())
        }

    town.ports.release_history.engine.cells_of = cells_of
    job, _ = town.ran(BESIDE + SQL.replace("output: absence", "output: second"))
    first, second = (next(o for o in town.store.outputs_of(job) if o.name == name) for name in ("first", "second"))
    _, third = town.ran(OTHER)
    assert town.vote(CLEO, first.ident) == "approved"
    assert town.vote(CLEO, third.ident) == "released"
    assert town.vote(CLEO, second.ident) == "in_review", "it moved by what the third told"
    assert town.store.output(first.ident).state is OutputState.APPROVED, "nothing of it changed"
    assert town.vote(CLEO, second.ident) == "released"
    three_are_clean(town)


def test_invariant_4_a_linked_table_is_compared_where_a_few_are_counted_with_a_cell(town):
    """The first two cells were released as one, with three persons more: these are now counted with the first of the
    two. The job shows that cell again, in another table over the same rows, and there it must count them, too."""
    whole, pair = town.engine.cells_of, [*range(40), *range(100, 140), 201, 202, 203]

    def cells_of(plan, where):
        name, keys = plan.outputs[where[0]].name, list(whole(plan, where))
        first = {"earlier": pair, "one": range(40), "other": range(40)}[name]
        start = {"earlier": 10_000, "one": 0, "other": 20_000}[name]
        return {k: range(start + n * 100, start + n * 100 + 40) if n else first for n, k in enumerate(keys)}

    town.ports.release_history.engine.cells_of = cells_of
    released(town, EARLIER)
    one, other = (SQL.replace("output: absence", f"output: {name}") for name in ("one", "other"))
    job, _ = town.ran(f"{one};\n{other}")
    outputs = town.store.outputs_of(job)
    assert {town.vote(CLEO, output.ident) for output in outputs} == {"approved", "released"}
    three_are_clean(town)
    assert {value for output in outputs for value in values(town, output.ident)} == {"40", "45"}
