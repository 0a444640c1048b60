"""A rehearsal in a real browser, with and without scripts: requested, followed, read, corrected, cancelled."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import SandboxRequest, SandboxResult, SyntheticData, WorkerPorts
from broker.domain.projects.project import ResearchProject
from broker.engine.duckdb_engine import DuckDBEngine
from broker.engine.file_rebuilders import InProcessRebuilder
from broker.engine.in_process_engine import InProcessEngine
from broker.policy.policy_set import PolicySet
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.rehearsal.synthetic_data import SyntheticNPD
from tests.e2e.pages.conftest import WITH_EVERY_DAY, Served
from tests.e2e.pages.test_researcher import fill_form, write
from tests.integration.web.conftest import REFUSED_SQL, ROSA
from tests.one_worker import due, run_rehearsal

pytestmark = [pytest.mark.long, pytest.mark.journey]
TEXT = """-- output: ethnicity
SELECT c.EthnicGroupMinor, COUNT(*) AS n FROM npd.spring_census AS c
WHERE c.AcademicYear = '2022/2023' GROUP BY c.EthnicGroupMinor"""

Work = Callable[[], None]
FEW = 500


class FewPupils(SyntheticNPD):
    """Made at once, whatever policy says of rehearsals."""

    def for_project(self, project: str, pupils: int, before_making: Callable[[int], None]) -> SyntheticData:
        return super().for_project(project, FEW, before_making)


class Here:
    """The engine in this process: a worker's sandbox for data that are nobody's."""

    def __init__(self) -> None:
        self._engine = InProcessEngine()

    def run(self, request: SandboxRequest) -> SandboxResult:
        return self._engine.run(request)

    def holding(self, *_: object) -> AbstractContextManager[bool]:
        return nullcontext(True)

    def terminate(self, job: str, attempt: int) -> None: ...


@pytest.fixture
def work(served: Served, policies: PolicySet, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """What a worker does, once: it runs what waits, on few people."""
    root: Path = tmp_path_factory.mktemp("synthetic")
    few = replace(policies, projects=(of_one_year(policies),))
    years, site = synthetic_years(), served.site
    synthetic = FewPupils(
        lambda: few, years, lambda p, of, asked, making: build_rehearsal_data(p, of, asked, root, making)
    )
    ports = WorkerPorts(
        site.ports.store, site.ports.queue, site.ports.content_store, site.clock, Here(), InProcessRebuilder(),  # type: ignore[arg-type]
        vaults=None, engine=DuckDBEngine(), synthetic=synthetic,  # type: ignore[arg-type]
    )  # fmt: skip

    def work() -> None:
        for found in due(site.ports, WorkKind.REHEARSAL):
            assert run_rehearsal(ports, found.subject)

    return work


def of_one_year(policies: PolicySet) -> ResearchProject:
    """The project with what the text reads, so that its synthetic NPD is made at once."""
    project = policies.project("P0421")
    assert project is not None
    census = [g for g in project.grants if g.table == "npd.spring_census"]
    return replace(project, grants=tuple(replace(g, years=frozenset({2022})) for g in census))


@WITH_EVERY_DAY
def test_a_researcher_sees_which_figures_would_be_hidden_before_sending_anything(
    served: Served, work: Work, scripts: bool
) -> None:
    visit = served.visit(ROSA, scripts=scripts)
    page = visit.go("/submit?project=P0421")
    fill_form(page, REFUSED_SQL, scripts)
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_text("There is no variable NoSuchThing here.").first).to_be_visible()
    write(page, TEXT, scripts)
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_text("This rehearsal is waiting for a worker")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Nothing was stored.")).to_be_visible()
    if not scripts:
        page.get_by_role("link", name="Edit or submit this text").click()
        expect(page.get_by_label("Title")).to_have_value("Absence by year group")
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_text("This rehearsal is waiting for a worker")).to_be_visible()
    work()
    if not scripts:
        page.get_by_role("link", name="Refresh").click()
    expect_rehearsal_table(page)
    assert not due(served.site.ports, WorkKind.RUN)
    assert visit.quiet()


def expect_rehearsal_table(page: Page) -> None:
    """The table as it would leave: hidden figures with their rule, and what the rule says."""
    expect(page.get_by_role("heading", name="ethnicity")).to_be_visible()
    expect(page.get_by_text("figures would be hidden").first).to_be_visible()
    expect(page.locator(".app-verdict--suppress .app-rules").filter(has_text="F1").first).to_be_visible()
    expect(page.get_by_role("region", name="ethnicity, as it would be released")).to_be_visible()
