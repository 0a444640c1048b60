"""Journeys of two administrators in a real browser: stop and lift; with and without JavaScript."""

import pytest

from broker.domain.jobs.job import JobState
from broker.domain.projects.stops import StopKind
from tests.e2e.pages.conftest import WITH_EVERY_DAY, Served
from tests.integration.web.conftest import ADA, AMIR, ROSA

pytestmark = [pytest.mark.long, pytest.mark.journey]


@WITH_EVERY_DAY
def test_one_stops_and_two_lift(served: Served, scripts: bool) -> None:
    job = served.site.submitted()
    rosa, ada, amir = (served.visit(p, scripts=scripts) for p in (ROSA, ADA, AMIR))
    page = ada.page
    page.get_by_role("link", name="Administration", exact=True).click()
    page.get_by_role("link", name="Stop a person or a project").click()
    page.get_by_label("A project").check()
    page.get_by_label("Id of the person or project").fill("P0421")
    page.get_by_role("button", name="Stop now").click()
    assert page.get_by_role("alert").inner_text().count("Enter a reason") == 1
    page.get_by_label("Reason").fill("A complaint is looked into.")
    page.get_by_role("button", name="Stop now").click()
    assert "1 job was ended" in page.get_by_role("status").inner_text()
    assert served.site.ports.store.job(job).state is JobState.WITHDRAWN
    assert "/sign-in" in rosa.go("/").url, "her session has ended"
    page.get_by_role("button", name="Request to lift the stop of P0421").click()
    assert "Another administrator has to confirm" in page.get_by_role("row", name="Project P0421").first.inner_text()
    other = amir.go("/notices")
    other.get_by_role("link", name="has requested to lift the stop").click()
    other.get_by_role("button", name="Lift the stop of P0421").click()
    assert served.site.ports.store.stop_of(StopKind.PROJECT, "P0421") is None
    assert ada.quiet("400"), "but for the form without a reason"
    assert amir.quiet()
