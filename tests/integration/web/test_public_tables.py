"""A published table, from its form to the worker: two administrators, its readers, and the notice for checkers."""

import pytest

from broker.domain.jobs.work_items import WorkKind
from broker.workflow.views.person_notices import notices_for
from tests.integration.web import conftest
from tests.integration.web.conftest import ADA, AMIR, CLEO, SQL, Site, missing, send, text
from tests.integration.web.every_page import public_tables_of
from tests.one_worker import due

PAGE = "/administration/public-tables"
FORM = {
    "name": "Absence in schools", "source": "https://example.org/absence", "recipe": SQL, "dialect": "tsql",
    "snapshot": "s1", "rounding": "n=5", "figures": "NCyearActual,n\r\n7,100\r\n8,\r\n",
}  # fmt: skip


@pytest.fixture
def house(site: Site) -> Site:
    public_tables_of(site)
    return site


def test_one_requests_and_another_confirms_what_they_see(house):
    ada, amir = house.browser(ADA), house.browser(AMIR)
    assert send(ada, PAGE, **FORM).status_code == 302
    ident = house.ports.store.public_tables()[0].ident
    assert "Another administrator has to confirm this registration." in text(ada, f"{PAGE}/{ident}")
    assert send(ada, f"{PAGE}/{ident}/confirmation").status_code == 403
    sentences = [n.sentence for n in notices_for(house.ports, house.person(AMIR))]
    assert "A table published elsewhere, registered by demo-admin-1, is waiting for you." in sentences
    assert missing(text(amir, f"{PAGE}/{ident}"), "NCyearActual,n", "7,100") == []
    assert send(amir, f"{PAGE}/{ident}/confirmation").status_code == 302
    assert send(ada, f"{PAGE}/{ident}/withdrawal").status_code == 409
    assert "A worker will run the recipe next." in text(ada, f"{PAGE}/{ident}")
    assert [item.subject for item in due(house.ports, WorkKind.PUBLIC_TABLE)] == [ident]


def test_bad_input_shows_its_error_at_the_field_and_is_not_lost(house):
    ada = house.browser(ADA)
    before = len(house.ports.store.public_tables())
    wrong = {"recipe": "SELECT 1", "figures": "a,b\n1,2", "rounding": "1000", "snapshot": "s9", "source": ""}
    for name, value in wrong.items():
        answer = send(ada, PAGE, **FORM | {name: value})
        assert answer.status_code == 400, name
        assert f'href="#{name}"' in answer.text
        assert "https://example.org/absence" in answer.text or name == "source"
    assert len(house.ports.store.public_tables()) == before


def test_a_name_is_given_once_and_a_large_table_is_taken(house):
    ada = house.browser(ADA)
    rows = "\r\n".join(f"{n},5" for n in range(15_000))
    assert send(ada, PAGE, **FORM | {"figures": f"NCyearActual,n\r\n{rows}"}).status_code == 302
    assert send(ada, PAGE, **FORM | {"name": "absence IN schools"}).status_code == 409


def test_the_list_says_how_far_each_is_and_how_many_figures_agree(house):
    told = ("Numbers only", "1 of 2", "Waiting for a second administrator")
    assert missing(text(house.browser(ADA), PAGE), *told) == []


def test_the_api_requests_confirms_and_lists(house):
    body = FORM | {"name": "By the API"}
    made = house.client(ADA).add_public_table(body)
    assert (made["state"], made["figures"]) == ("asked", FORM["figures"])
    house.client(AMIR).confirm_public_table(made["ident"])
    found = {t["name"]: t for t in house.client(ADA).public_tables()}
    assert found["By the API"]["state"] == "to be run"
    assert (found["Two"]["agreed"], found["Two"]["compared"], found["Two"]["why"]) == (1, 2, "differs")
    assert "figures" not in found["Two"]


def test_the_log_has_ids_and_codes_and_no_figure(house):
    made = house.client(ADA).add_public_table(FORM | {"figures": "NCyearActual,n\n7,98765\n"})
    house.client(ADA).withdraw_public_table(made["ident"])
    told = [line.event for line in house.ports.store.audit() if line.event.subject == made["ident"]]
    assert [e.action for e in told] == ["public-table.asked", "public-table.withdrawn"]
    assert missing(repr(told), "98765", "example.org") == ["98765", "example.org"]


def test_the_output_page_names_tables_that_were_not_compared(house, monkeypatch):
    run = next(t for t in house.ports.store.public_tables() if t.published.name == "Two")
    exact = {"release": "", "output": run.ident, "table": 0, "source": "public", "how": "apart", "words": "apart",
             "persons": None, "exact": True}  # fmt: skip
    memory = {"version": "1", "overlaps": [exact], "others": False, "numbers_only": [run.ident]}
    whole = conftest.staff_document
    monkeypatch.setattr(conftest, "staff_document", lambda verdict: whole(verdict) | {"memory": memory})
    _, output = house.assessed()
    page = text(house.browser(CLEO), f"/outputs/{output}")
    told = "This output was not compared with these tables published elsewhere"
    assert missing(page, "Published elsewhere: Two", told) == []
