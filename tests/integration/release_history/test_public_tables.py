"""Public tables, from two administrators to the release history, on each database: real engine, real vault, real
files."""

from dataclasses import replace

import duckdb
import pytest

from broker.disclosure.differencing.compare_tables import compare
from broker.domain.errors import Breach, Conflict, Forbidden, Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import SandboxEnd, SandboxResult, Snapshot
from broker.domain.public_tables import NumbersOnlyReason, PublicTableState, PublishedTable, Reproduction
from broker.domain.release_history import HistorySource
from broker.vault.snapshot_files import snapshot_folder
from broker.worker import reconcile
from broker.worker.reconcile import run_public_tables
from broker.workflow.administration import public_table_requests
from broker.workflow.release_history.history_tables import history_table
from tests.integration.expected_errors import expect
from tests.integration.release_history.conftest import released

pytestmark = pytest.mark.long

ONE, TWO = "demo-admin-1", "demo-admin-2"
EVERYBODY = """-- output: {name}
SELECT PHASE, COUNT(*) AS pupils FROM npd.spring_census WHERE AcademicYear = '2018/2019'{more} GROUP BY PHASE"""
RECIPE = EVERYBODY.format(name="phases", more="")
HEAD = "PHASE,pupils"


@pytest.fixture(autouse=True)
def ended(town, monkeypatch) -> list[tuple[str, int]]:
    """The sandboxes that were ended."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(town.sandbox, "terminate", lambda *named: found.append(named), raising=False)
    return found


def file_of(town):
    return snapshot_folder(town.vaults._data, town.store.latest_snapshot().ident) / "npd.spring_census" / "2018.parquet"


def counted(town, more: str = "") -> dict[str, int]:
    """The same counts by another way: a query over the snapshot's own file."""
    asked = (
        f"SELECT coalesce(PHASE, '(missing)'), count(*) FROM '{file_of(town)}' WHERE true{more} GROUP BY 1 ORDER BY 1"
    )
    return dict(duckdb.sql(asked).fetchall())


def figures(found: dict[str, object]) -> str:
    return "\n".join([HEAD, *(f"{phase},{count}" for phase, count in found.items())])


def given(town, text: str, **changes: str) -> PublishedTable:
    snapshot = town.store.latest_snapshot().ident
    plain = PublishedTable("Schools and pupils", "https://example.org/1", RECIPE, "duckdb", snapshot, "", text)
    return replace(plain, **changes)


def request_table(town, text: str, **changes: str) -> str:
    return public_table_requests.request_public_table(town, town.store.person(ONE), given(town, text, **changes))


def confirmed(town, text: str, **changes: str) -> str:
    ident = request_table(town, text, **changes)
    public_table_requests.confirm_public_table(town, town.store.person(TWO), ident)
    return ident


def registered(town, text: str, **changes: str) -> str:
    ident = confirmed(town, text, **changes)
    run_public_tables(town)
    return ident


def test_a_recipe_that_makes_every_figure_is_remembered_with_its_population(town):
    exact = counted(town)
    ident = registered(town, figures(exact))
    found = town.store.public_table(ident)
    assert (found.state, found.found) == (PublicTableState.EXACT, Reproduction(len(exact), len(exact)))
    (entry,) = town.store.history_entries()
    assert (entry.source, entry.output, entry.release, entry.project) == (HistorySource.PUBLIC, ident, "", "")
    assert entry.number == found.entry
    ((persons,),) = duckdb.sql(f"SELECT count(DISTINCT __person) FROM '{file_of(town)}'").fetchall()
    assert set(entry.within.values()) == {persons}
    table = history_table(town, town.release_history, entry)()
    assert len(set(table.members.rows()[0].tolist())) == persons, "everybody is in it"
    (figure,) = table.figures
    assert sorted(figure.shown.values()) == sorted(exact.values())
    assert town.store.history.verify().holds
    told = [(line.event.actor, line.event.action, line.event.codes) for line in town.store.audit()]
    (snapshot,) = {entry.snapshot}
    assert [t for t in told if t[1].startswith("public-table")] == [
        (ONE, "public-table.asked", (("snapshot", snapshot),)), (TWO, "public-table.confirmed", ()),
        ("broker", "public-table.entered", (("found", "exact"),)),
    ]  # fmt: skip


def test_figures_after_the_rounding_that_is_said_of_them_are_made(town):
    rounded = {phase: 5 * round(count / 5) for phase, count in counted(town).items()}
    with_base = town.store.public_table(registered(town, figures(rounded), rounding="5"))
    assert with_base.state is PublicTableState.EXACT
    without = town.store.public_table(registered(town, figures(rounded), name="Another"))
    assert (without.state, without.found.why) == (PublicTableState.NUMBERS, NumbersOnlyReason.DIFFERS)
    assert 0 < without.found.agreed < without.found.compared


def test_holes_stay_holes_and_an_empty_group_is_nobody(town):
    exact = counted(town)
    largest = max(exact, key=exact.get)
    text = figures({p: "" if p == largest else n for p, n in exact.items()} | {"no such phase": 0})
    registered(town, text)
    (entry,) = town.store.history_entries()
    (figure,) = town.store.known_figures(entry.number)
    assert sorted(figure.shown.values()) == sorted(n for p, n in exact.items() if p != largest)


def test_a_recipe_that_does_not_make_them_is_numbers_only_and_compared_with_nothing(town):
    exact = counted(town)
    ident = registered(town, figures(exact | {max(exact, key=exact.get): 7}))
    found = town.store.public_table(ident)
    assert (found.state, found.found) == (
        PublicTableState.NUMBERS, Reproduction(len(exact) - 1, len(exact), NumbersOnlyReason.DIFFERS),
    )  # fmt: skip
    (entry,) = town.store.history_entries()
    assert town.store.members_of(entry.number) is None
    (figure,) = town.store.known_figures(entry.number)
    assert 7 in figure.shown.values(), "the published numbers are kept"
    assert released(town, RECIPE)
    (output,) = (e.output for e in town.store.history_entries() if e.source is HistorySource.RELEASE)
    staff = town.content_store.get("staff", town.store.evidence_digest(output)).decode()
    assert f'"numbers_only": ["{ident}"]' in staff, "checkers are told of it"


def test_one_administrator_alone_registers_nothing(town):
    ident = request_table(town, figures(counted(town)))
    expect(Forbidden, public_table_requests.confirm_public_table, town, town.store.person(ONE), ident)
    researcher, asked = town.store.person("demo-researcher"), given(town, figures(counted(town)))
    expect(Unknown, public_table_requests.request_public_table, town, researcher, asked)
    assert run_public_tables(town) == 0
    public_table_requests.withdraw_public_table(town, town.store.person(ONE), ident)
    expect(Conflict, public_table_requests.confirm_public_table, town, town.store.person(TWO), ident)
    assert town.store.history_entries() == []


WRONG = {
    "a variable that is not": ({"recipe": RECIPE.replace("PHASE", "FASE")}, "/recipe", "FASE"),
    "an identifier": ({"recipe": RECIPE.replace("PHASE", "Surname")}, "/recipe", "identifier"),
    "two outputs": ({"recipe": RECIPE + ";\n" + RECIPE.replace("phases", "again")}, "/recipe", "one output"),
    "rows": ({"recipe": "-- output: a\nSELECT PHASE FROM npd.spring_census"}, "/recipe", "."),
    "no SQL": ({"recipe": "DROP TABLE x"}, "/recipe", "."),
    "a ratio": ({"recipe": RECIPE.replace("COUNT(*)", "COUNT(*) / 2.0")}, "/recipe", "pupils"),
    "a quantile": ({"recipe": RECIPE.replace("COUNT(*)", "MEDIAN(IDACIScore)")}, "/recipe", "pupils"),
    "another column": ({"figures": "PHASE,n\nPS,5"}, "/figures", "PHASE, pupils"),
    "no number": ({"figures": f"{HEAD}\nPS,c"}, "/figures", "Line 2"),
    "a row twice": ({"figures": f"{HEAD}\nPS,5\nPS,6"}, "/figures", "Line 3"),
    "holes alone": ({"figures": f"{HEAD}\nPS,\n"}, "/figures", "empty"),
    "no CSV": ({"figures": f'{HEAD}\n"PS,5'}, "/figures", "CSV"),
    "a wide rounding": ({"rounding": "1000"}, "/rounding", "100"),
    "a rounding of nothing": ({"rounding": "x=5"}, "/rounding", "column"),
    "a snapshot that is not": ({"snapshot": "s0"}, "/snapshot", "retired"),
    "no source": ({"source": ""}, "/source", "published"),
    "no name": ({"name": ""}, "/name", "letters"),
    "a dialect that is not": ({"dialect": "mysql"}, "/dialect", "duckdb"),
}  # fmt: skip


def test_what_cannot_be_a_public_table_is_a_clear_error(town):
    request, admin = public_table_requests.request_public_table, town.store.person(ONE)
    for what, (changes, pointer, words) in WRONG.items():
        wrong = given(town, f"{HEAD}\nPS,5\n", **changes)
        assert expect(Invalid, request, town, admin, wrong, match=words).pointer == pointer, what
    assert town.store.public_tables() == []


def test_a_vault_of_its_own_holds_what_the_recipe_reads_and_is_removed_after_it(town):
    seen, left, run = [], [], town.sandbox.run

    def record_mounts(request):
        seen.append({p.name for p in request.mount.iterdir()})
        reconcile.remove_vaults(town)
        left.append(request.mount.is_dir())
        return run(request)

    town.sandbox.run = record_mounts
    registered(town, figures(counted(town)))
    assert (seen, left) == ([{"npd.spring_census"}], [True]), "a vault that is read is in use"
    assert reconcile.remove_vaults(town) >= 1


ENDS = [
    (SandboxEnd.MEMORY_LIMIT, NumbersOnlyReason.LIMIT), (SandboxEnd.CRASHED, NumbersOnlyReason.FAILED),
    (SandboxEnd.ENGINE_ERROR, None),
]  # fmt: skip


@pytest.mark.parametrize(("end", "why"), ENDS)
def test_what_cannot_be_run_is_numbers_only_and_an_engine_that_is_away_is_waited_for(town, end, why):
    run = town.sandbox.run
    town.sandbox.run = lambda request: SandboxResult(end, (), "i", "r", 0.1)
    ident = registered(town, figures(counted(town)))
    found = town.store.public_table(ident)
    if why is not None:
        assert (found.state, found.found.why) == (PublicTableState.NUMBERS, why)
        return
    assert (found.state, town.store.history_entries()) == (PublicTableState.CONFIRMED, [])
    town.sandbox.run = run
    assert run_public_tables(town) == 0, "it rests"
    assert later_work(town, 2) == 1
    assert town.store.public_table(ident).state is PublicTableState.EXACT


def later_work(ports, leases):
    """What a worker does when so many leases are over: what was lost it ends, and what rested it does."""
    later = replace(ports, clock=Later(ports.clock, leases * ports.lease))
    reconcile.reap(later)
    ports.store.wake(WorkKind.PUBLIC_TABLE)
    return run_public_tables(later)


class Later:
    def __init__(self, clock, by) -> None:
        self._clock, self._by = clock, by

    def now(self):
        return self._clock.now() + self._by


class Killed(BaseException):
    pass


def test_a_worker_that_dies_is_followed_by_another_and_the_table_enters_once(town, ended, monkeypatch):
    """Before the look, after it, and inside the change that enters it."""
    ident = confirmed(town, figures(counted(town)))
    kinds = [(town.sandbox, "run"), (town.store, "name_public_vault"), (town.store.history, "sign")]
    for number, (whose, name) in enumerate(kinds):
        with monkeypatch.context() as patch:
            patch.setattr(whose, name, dies, raising=False)
            expect(Killed, later_work, town, 3 * number)
    assert [e.output for e in town.store.history_entries()] == [ident], "it was entered before the head was signed"
    assert later_work(town, 9) == 0
    assert ended == [(ident, 1), (ident, 2)]
    assert town.store.public_table(ident).state is PublicTableState.EXACT


def dies(*given, **named):
    raise Killed


def test_a_lease_that_was_lost_enters_nothing(town):
    ident = confirmed(town, figures(counted(town)))
    run = town.sandbox.run

    def slow(request):
        town.sandbox.run = run
        assert later_work(town, 3) == 1, "another worker takes it over and ends it"
        return run(request)

    town.sandbox.run = slow
    assert run_public_tables(town) == 0
    assert len(town.store.history_entries()) == 1
    assert town.store.public_table(ident).attempt == 2


def forgot(connection):
    raise Breach("The release history does not have its last signed head.")


@pytest.mark.parametrize(("what", "instead"), [("check_signed_head", forgot), ("is_intact", lambda: False)])
def test_nothing_is_entered_and_no_file_left_while_the_memory_has_forgotten_something(town, monkeypatch, what, instead):
    """Each attempt would leave a file, and nobody could agree what was forgotten."""
    with monkeypatch.context() as patch:
        patch.setattr(town.store.history, what, instead)
        ident = registered(town, figures(counted(town)))
    assert town.store.public_table(ident).state is PublicTableState.CONFIRMED
    if what == "is_intact":
        assert town.release_history.files.unnamed(town.store.member_files()) == ()
    assert later_work(town, 3) == 1


def test_what_a_restored_back_up_was_given_again_is_entered_once(town):
    """The memory has the entry, and the row of the public table forgot it."""
    from sqlalchemy import text as sql

    ident = registered(town, figures(counted(town)))
    with town.store._db.write() as connection:
        forgot = "entry = NULL, entered_at = NULL, agreed = NULL, compared = NULL"
        connection.execute(sql(f"UPDATE public_tables SET {forgot}"))
    assert run_public_tables(town) == 1
    (entry,) = town.store.history_entries()
    assert town.store.public_table(ident).entry == entry.number


def test_a_snapshot_that_is_retired_before_the_run_leaves_numbers(town):
    ident = confirmed(town, figures(counted(town)))
    at = town.clock.now()
    town.store.put_snapshot(Snapshot("s2", "1" * 64, at, True, "here", "{}"), [AuditEvent(at, ONE, "p", "s2")])
    town.store.retire_snapshot(town.store.public_table(ident).published.snapshot, at, [AuditEvent(at, ONE, "r", "s")])
    run_public_tables(town)
    found = town.store.public_table(ident)
    assert (found.state, found.found.why) == (PublicTableState.NUMBERS, NumbersOnlyReason.RETIRED)


@pytest.mark.parametrize("known", [False, True], ids=["not registered", "registered"])
def test_attack_a_published_table_and_a_jobs_table_that_together_isolate_a_few_pupils(town, known):
    """The department has published everybody by phase; a job asks the same of those on roll. Fewer than t are not, so
    who subtracts the one from the other has them. Nobody stops it where the published table is not registered."""
    exact, job = counted(town), EVERYBODY.format(name="job", more=" AND OnRoll = 1")
    on_roll = counted(town, " AND OnRoll = 1")
    assert any(0 < exact[p] - on_roll.get(p, 0) < 10 for p in exact), "there is something to find"
    if known:
        registered(town, figures(exact))
    left = released(town, job)
    if not known:
        registered(town, figures(exact))
    new, old = (
        e for s in (HistorySource.RELEASE, HistorySource.PUBLIC) for e in town.store.history_entries() if e.source is s
    )
    found = compare(*(history_table(town, town.release_history, entry)() for entry in (new, old)))
    assert found.is_clean == known
    assert {p for p, value in left.items() if value != "c"}, "it is mended, not refused"
    if known:
        staff = town.content_store.get("staff", town.store.evidence_digest(new.output)).decode()
        assert '"source": "public"' in staff, "checkers are told of the overlap"


def test_published_figures_count_against_the_cap_as_released_ones_do(town):
    snapshot = town.store.latest_snapshot().ident
    assert not any(map(any, town.store.split_counts(snapshot).values()))
    registered(town, figures(counted(town)))
    used = town.store.split_counts(snapshot)
    assert any(map(any, used.values()))
    registered(town, figures(counted(town) | {"PS": 1}), name="Numbers alone")
    assert town.store.split_counts(snapshot) == used, "numbers without a population split nothing"


@pytest.mark.parametrize("known", [False, True], ids=["not registered", "registered"])
def test_a_difference_to_a_published_table_counts_against_the_cap(town, known):
    """Published are all pupils but those of one school. A job's count of all pupils of the phase is then a figure about
    that school alone; without the published table the school is one of 152 in it."""
    ((school, pupils),) = duckdb.sql(
        f"SELECT URN, count(*) FROM '{file_of(town)}' WHERE PHASE = 'PS' GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 1"
    ).fetchall()
    assert pupils > 40
    without, snapshot = f" AND URN <> {school}", town.store.latest_snapshot().ident
    if known:
        recipe = EVERYBODY.format(name="phases", more=without)
        ident = registered(town, figures(counted(town, without)), recipe=recipe)
        assert town.store.public_table(ident).state is PublicTableState.EXACT
    before = town.store.split_counts(snapshot)
    released(town, EVERYBODY.format(name="job", more=""))
    after = town.store.split_counts(snapshot)
    (schools,) = (name for name in after if name.startswith("school/"))
    then = before.get(schools, (0,) * len(after[schools]))
    more = [b - a for a, b in zip(then, after[schools], strict=True)]
    assert (1000 in more) == known, "thousandths of a figure"
    assert sum(m >= 900 for m in more) == int(known), "of that school, and of no other"
