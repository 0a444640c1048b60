"""Every page and file that a browser can ask for, with who gets which answer. A new route needs a row: a test says so.

Not a test itself: the tests of markup, keys, colours, queries and speed go through the same rows.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.domain.findings import Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import FailureCode, JobKind, JobState
from broker.domain.jobs.rehearsals import RehearsalState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.population_caps import MeasuredPopulation
from broker.domain.ports import LEASE_DURATION, Snapshot
from broker.domain.public_tables import NumbersOnlyReason, PublishedTable, Reproduction
from broker.domain.release_history import HistoryEntry, HistorySource, HistoryUpdate, NewHistoryEntry, SplitCounts
from broker.policy.files import load_policies
from broker.workflow.administration import public_table_requests, snapshot_erasures
from tests.integration.web.conftest import ADA, AMIR, CLEO, OTIS, ROSA, SQL, Site
from tests.one_worker import lease
from tests.policy_sets import TEST_POLICIES
from tests.recorded_history import record_history

VISITORS = (None, ROSA, OTIS, CLEO, ADA)
"""Nobody; a member of the project; a researcher of another; a checker; an administrator."""

SCRIPT = """# input: npd.absence [PupilMatchingRefAnonymous, SENprovision] 2021/2022-2022/2023
# output: pupils.csv | Pupils by provision
import npd

npd.output.table(load("absence"), by="SENprovision", measures={"pupils": "persons"}, variables=["absence.SENprovision"])
"""


@dataclass(frozen=True)
class Row:
    """`answers` are the statuses for VISITORS. `looks`: other addresses of the page that are looked at too;
    `queries`: how often the page may ask the database, however much there is."""

    endpoint: str
    path: str
    answers: tuple[int, int, int, int, int]
    html: bool = True
    looks: tuple[str, ...] = field(default=())
    queries: int = 25
    of: str | None = None

    @property
    def visitor(self) -> str | None:
        """Whose page it is: `of` them, or of the first who gets an answer."""
        return self.of or next(v for v, status in zip(VISITORS, self.answers, strict=True) if status == 200)

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.path, *self.looks)


POLICY = load_policies(TEST_POLICIES).fingerprint

ALL = (200, 200, 200, 200, 200)
STAFF = (302, 404, 404, 403, 200)
"""Pages of administrators."""

ROWS = (
    Row("public.register_page", "/register", ALL, looks=("/register?q=absence", "/register?q=nothing-at-all")),
    Row("public.releases", "/register/releases", ALL, looks=("/register/releases?q=nothing-at-all",)),
    Row("public.project", "/register/projects/P0421", ALL, looks=("/register/projects/P0815",)),
    Row("public.register_json", "/register.json", ALL, html=False),
    Row("public.register_csv", "/register.csv", ALL, html=False),
    Row("public.register_feed", "/register.atom", ALL, html=False),
    Row("public.releases_csv", "/register/releases.csv", ALL, html=False),
    Row("health.healthz", "/healthz", ALL, html=False),
    Row("health.readyz", "/readyz", ALL, html=False),
    Row("entrance.sign_in_form", "/sign-in", ALL),
    Row("static", "/static/icon.svg", ALL, html=False),
    Row("openapi_document", "/openapi.json", ALL, html=False),
    Row("research.home", "/", (302, 200, 200, 200, 200)),
    Row("research.project", "/projects/P0421", (302, 200, 404, 404, 404)),
    Row("research.job", "/jobs/{job}", (302, 200, 404, 200, 200), looks=(
        "/jobs/{waiting_job}", "/jobs/{refused}", "/jobs/{failed}", "/jobs/{queued}",
    )),
    Row("research.state", "/jobs/{queued}/state", (302, 200, 404, 200, 200), html=False),  # a part of the page above
    Row("research.manifest", "/jobs/{job}/manifest", (302, 200, 404, 200, 200), html=False),
    Row("writing.submit_form", "/submit", (302, 200, 200, 200, 200), looks=("/submit?replaces={refused}",)),
    Row("writing.names", "/projects/P0421/names", (302, 200, 404, 403, 403), html=False),
    Row("rehearsing.mine", "/rehearsals", (302, 200, 200, 200, 200)),
    Row("rehearsing.rehearsal", "/rehearsals/{rehearsal}", (302, 200, 404, 404, 404), looks=(
        "/rehearsals/{rehearsed}", "/rehearsals/{rehearsed_script}", "/rehearsals/{forecast}",
        "/submit?rehearsal={rehearsed}",
    )),
    Row("rehearsing.state", "/rehearsals/{rehearsal}/state", (302, 200, 404, 404, 404), html=False),  # a part of it
    Row("finding.catalogue", "/catalogue", (302, 200, 200, 200, 200), looks=("/catalogue?q=ethnic",)),
    Row("finding.table", "/catalogue/npd.absence", (302, 200, 200, 200, 200)),
    Row("finding.variable", "/catalogue/npd.absence/SENprovision", (302, 200, 200, 200, 200)),
    Row("collecting.released", "/outputs/{out}/released", (302, 200, 404, 403, 403)),
    Row("collecting.chart", "/outputs/{out}/chart.svg", (302, 200, 404, 403, 403), html=False),
    Row("collecting.download", "/outputs/{out}/download", (302, 200, 404, 403, 403), html=False),
    Row("collecting.parquet", "/outputs/{out}/parquet", (302, 200, 404, 403, 403), html=False),
    Row("collecting.record", "/outputs/{out}/record", (302, 200, 404, 403, 403), html=False),
    Row("collecting.budget", "/projects/P0421/budget", (302, 200, 404, 200, 200)),
    Row("collecting.course", "/projects/P0421/budget/0.svg", (302, 404, 404, 404, 404), html=False),  # nothing is spent
    Row("threads.messages", "/jobs/{job}/messages", (302, 200, 404, 404, 404)),
    Row("keeping.saved", "/projects/P0421/saved", (302, 200, 404, 200, 403)),
    Row("keeping.entry", "/saved/{saved}", (302, 200, 404, 200, 403)),
    Row("inbox.inbox", "/inbox", (302, 404, 404, 200, 404), looks=(
        "/inbox?order=size", "/inbox?order=project&project=P0421", "/inbox?project=P0999",
    )),
    Row("inbox.submission", "/jobs/{waiting_job}/review", (302, 404, 404, 200, 404), looks=(
        "/jobs/{waiting_job}/review?show=all", "/jobs/{job}/review?show=all",
    )),
    Row("inbox.failure", "/jobs/{failed}/failure", (302, 404, 404, 200, 404)),
    Row("checking.output", "/outputs/{waiting}", (302, 404, 404, 200, 403), looks=(
        "/outputs/{out}", "/outputs/{refusing}", "/outputs/{waiting}?flagged=yes&row=0",
        "/outputs/{waiting}?q=nothing-like-it",
    )),
    Row("checking.row", "/outputs/{waiting}/rows/0", (302, 404, 404, 200, 403), html=False),  # a part of the page above
    Row("checking.attack", "/outputs/{waiting}/attack", (302, 404, 404, 200, 403)),
    Row("checking.candidate", "/outputs/{waiting}/candidate", (302, 404, 404, 200, 403), html=False),
    Row("checking.staff_record", "/outputs/{waiting}/staff-record", (302, 404, 404, 200, 403), html=False),
    Row("voting.recall_form", "/outputs/{out}/recall", (302, 403, 404, 200, 200)),
    Row("lookups.lookup", "/lookups/{lookup}", (302, 200, 404, 200, 403), of=CLEO),
    Row("administer.overview", "/administration", STAFF),
    Row("administer.system_health", "/administration/health", STAFF),
    Row("people.everybody", "/administration/people", STAFF),
    Row("people.one", "/administration/people/demo-researcher", STAFF),
    Row("projects.all_projects", "/administration/projects", STAFF),
    Row("projects.project", "/administration/projects/P0421", STAFF),
    Row("policies.policies", "/administration/policies", STAFF),
    Row("policies.policy", f"/administration/policies/{POLICY}", STAFF),
    Row("policies.profiles", "/administration/profiles", STAFF),
    Row("policies.tables", "/administration/tables", STAFF),
    Row("data.all_snapshots", "/administration/snapshots", STAFF),
    Row("erasures.erasures", "/administration/erasures", STAFF),
    Row("published.all_tables", "/administration/public-tables", STAFF),
    Row("published.table", "/administration/public-tables/{public_table}", STAFF, looks=(
        "/administration/public-tables/{numbers_only}",
    )),
    Row("data.ledger", "/administration/budgets", STAFF),
    Row("caps.caps", "/administration/memory", STAFF, looks=(
        "/administration/memory?q=la%3D301+2021", "/administration/memory?q=nothing-like-it",
        "/administration/memory?page=2",
    )),
    Row("stops.stops", "/administration/stops", STAFF),
    Row("audit.search", "/administration/audit", STAFF, looks=("/administration/audit?actor=nobody",)),
    Row("notices.notices", "/notices", (302, 200, 200, 200, 200)),
    Row("entrance.account", "/account", (302, 200, 200, 200, 200)),
    Row("entrance.to_provider", "/sign-in/openid", (403, 403, 403, 403, 403), html=False),
    Row("entrance.from_provider", "/sign-in/openid/answer", (403, 403, 403, 403, 403), html=False),
)  # fmt: skip

MORE = (
    Row("writing.submit_form", "/submit?replaces={queued}", (302, 200, 404, 403, 403)),
    Row("writing.submit_form", "/submit?rehearsal={rehearsal}", (302, 200, 404, 404, 404)),
    Row("collecting.released", "/outputs/{waiting}/released", (302, 404, 404, 403, 403)),
    Row("collecting.chart", "/outputs/{waiting}/chart.svg", (302, 404, 404, 403, 403)),
    Row("collecting.parquet", "/outputs/{waiting}/parquet", (302, 404, 404, 403, 403)),
    Row("voting.recall_form", "/outputs/{waiting}/recall", (302, 404, 404, 409, 409)),
    Row("published.table", "/administration/public-tables/" + "0" * 64, (302, 404, 404, 403, 404)),
)
"""Further addresses of pages, with answers of their own."""

NOT_PAGES = frozenset({"health.metrics"})
"""For programs with a token: tests/integration/web/test_security.py."""


def things(site: Site) -> dict[str, str]:
    """One of each thing that an address names."""
    job, out = site.released()
    waiting_job, waiting = site.assessed()
    return {
        "job": job, "out": out, "waiting_job": waiting_job, "waiting": waiting, "failed": failed_script(site),
        "refused": site.submitted("SELECT a.NoSuchThing, COUNT(*) AS n FROM npd.absence AS a GROUP BY a.NoSuchThing"),
        "queued": site.submitted(), "saved": saved_cohort(site), "lookup": proposed_lookup(site),
        "refusing": site.assessed(Verdict.REFUSE)[1],
        "erasure": requested_erasure(site), **public_tables_of(site), **rehearsals_of(site),
        "measured": measured_caps(site),
    }  # fmt: skip


def rehearsals_of(site: Site) -> dict[str, str]:
    """One that waits, and what came of a table, a script and a private question."""
    made = {"rehearsed": ended_rehearsal(site, SQL, REHEARSED), "rehearsed_script": ended_rehearsal(site, SCRIPT, RAN)}
    return made | {"forecast": site.rehearsal("-- private: epsilon 0.1\n" + SQL), "rehearsal": site.rehearsal()}


def ended_rehearsal(site: Site, text: str, found: dict[str, Any]) -> str:
    """As a worker would leave it."""
    item = lease(site.ports, WorkKind.REHEARSAL, site.rehearsal(text), LEASE_DURATION)
    now = site.clock.now()
    event = AuditEvent(now, "broker", "rehearsal.ended", item.subject)
    site.ports.store.end_rehearsal(item, RehearsalState.DONE, json.dumps(NOTES | found), now, [event])
    return item.subject


NOTES: dict[str, Any] = {
    "review": [], "advice": [], "kept": [], "outputs": [],
    "data": {"pupils": 20_000, "first": 2021, "last": 2022, "years": 2},
}  # fmt: skip
REHEARSED = {"outputs": [{
    "name": "absence", "columns": ["NCyearActual", "n", "share"], "key_count": 1,
    "rows": [["7", 100, 1.5], ["8", None, None]], "hidden": [[False, False, False], [False, True, True]],
    "rules": [[[], [], []], [[], ["F1"], []]], "meaning": {"F1": "Too few persons."},
    "verdict": "suppress", "way": "in_review", "why": ["F1: Too few persons."], "symbols": {"c": "suppressed"},
    "notes": ["Counts are rounded to 5."], "all_rows": 3, "figures": 4, "figures_hidden": 2,
}]}  # fmt: skip
RAN = {
    "end": "ended", "runtime": "runc", "log": "hello\n", "log_cut": 3, "absent": ["other.csv"],
    "left": [
        {"name": "pupils.csv", "kind": "file", "bytes": 10, "declared": "pupils.csv", "problem": "", "look_at": []},
    ],
}  # fmt: skip


def saved_cohort(site: Site) -> str:
    site.submitted("SELECT a.NCyearActual INTO project.pupils FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023'")
    kept: str = site.call(ROSA, "GET", "/api/v1/projects/P0421/saved").json["saved"][0]["ident"]
    return kept


def proposed_lookup(site: Site) -> str:
    text = "code,band\n1,low\n2,high\n"
    lookup: str = site.client(ROSA).propose_lookup("P0421", "bands", "Bands of provision.", text)["ident"]
    return lookup


def requested_erasure(site: Site) -> str:
    return str(snapshot_erasures.request_erasure(site.ports, site.person(AMIR), "PMR", "K000001", "E/2026/1"))


def public_tables_of(site: Site) -> dict[str, str]:
    """One that waits for a second administrator, and one whose recipe was run and did not make the figures."""
    at = site.clock.now()
    site.ports.store.put_snapshot(Snapshot("s1", "s1", at, True, "/x", "{}"), [AuditEvent(at, ADA, "p", "s1")])
    waiting, run = (
        public_table_requests.request_public_table(site.ports, site.person(AMIR), published(name))
        for name in ("One", "Two")
    )
    public_table_requests.confirm_public_table(site.ports, site.person(ADA), run)
    store, now = site.ports.store, site.clock.now()
    item = lease(site.ports, WorkKind.PUBLIC_TABLE, run, LEASE_DURATION)
    found = Reproduction(1, 2, NumbersOnlyReason.DIFFERS)
    entry = HistoryEntry(0, "", run, 0, "", "s1", "", 1, "", "pupil", HistorySource.PUBLIC, now, 2)
    seen = HistoryUpdate(store.history_version(), (NewHistoryEntry(entry, ()),))
    store.enter_public_table(item, found, seen, now, [AuditEvent(now, "broker", "public-table.entered", run)])
    return {"public_table": waiting, "numbers_only": run}


def published(name: str = "Absence in schools") -> PublishedTable:
    return PublishedTable(name, "https://example.org/absence", SQL, "tsql", "s1", "5", "NCyearActual,n\n7,100\n8,\n")


def measured_caps(site: Site, places: int = 12, years: range = range(2021, 2023)) -> str:
    """Reference populations as a worker measures them: `places` local authorities with 14 year groups in each year, and
    figures that split them, of which the first has all that it may."""
    store, rules = site.ports.store, load_policies(Path(__file__).parents[3] / "policies").memory
    cells = tuple(f"LA={301 + n // 14} NCyearActual={n % 14}" for n in range(places * 14))
    sizes = tuple(0 if n == 1 else 1000 + n for n in range(len(cells)))
    reference = rules.references[0]
    names = [f"{reference.name}/{reference.table}/{year}/0" for year in years]
    of, table = reference.name, reference.table
    found = [
        MeasuredPopulation("s1", name, of, table, year, rules.least, cells, sizes)
        for name, year in zip(names, years, strict=True)
    ]
    store.put_measured(found)
    counts = tuple(1000 * (50 if n == 0 else n % 50) for n in range(len(cells)))
    now = site.clock.now()
    entry = HistoryEntry(0, "r", "o", 0, "P0421", "s1", "npd", 10, "recipe", "pupil", HistorySource.RELEASE, now, 3)
    new = NewHistoryEntry(entry, (), tuple(SplitCounts("s1", name, counts) for name in names))
    event = AuditEvent(now, "broker", "release.made", "r")
    record_history(store, HistoryUpdate(store.history_version(), (new,)), now, [event])
    return names[0]


def failed_script(site: Site) -> str:
    """A script that passed on synthetic data, failed on real ones, and waits for a checker's look."""
    job = site.submitted(SCRIPT, kind=JobKind.PYTHON)
    now, store, shelf = site.clock.now(), site.ports.store, site.ports.content_store
    item = lease(site.ports, WorkKind.RUN, job, LEASE_DURATION)
    log = shelf.put("staff", b"Traceback (most recent call last):\nKeyError: 'SENprovision'\n")
    store.note_real_run(job, item.attempt, now)
    store.note_log(job, item.attempt, log)
    store.advance(
        job, item.attempt, JobState.RUNNING, JobState.FAILED, now, [AuditEvent(now, "w", "job.failed", job)],
        failure=FailureCode.CRASHED,
    )  # fmt: skip
    return job
