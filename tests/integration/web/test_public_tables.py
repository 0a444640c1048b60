"""A published table, from its form to the worker: two administrators, its readers, and the notice for checkers."""

import json

import pytest

from broker.domain.jobs.work_items import WorkKind
from broker.workflow.views.person_notices import notices_for
from tests.integration.web.conftest import ADA, AMIR, CLEO, ROSA, SQL, Site
from tests.integration.web.every_page import public_tables_of, published
from tests.integration.web.test_administration import send, text
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


def ident_of(site: Site) -> str:
    return site.ports.store.public_tables()[0].ident


def test_one_requests_and_another_confirms_what_they_see(house):
    ada, amir = house.browser(ADA), house.browser(AMIR)
    assert send(ada, PAGE, **FORM).status_code == 302
    ident = ident_of(house)
    assert "Another administrator has to confirm this registration." in text(ada, f"{PAGE}/{ident}")
    assert send(ada, f"{PAGE}/{ident}/confirmation").status_code == 403
    sentences = [n.sentence for n in notices_for(house.ports, house.person(AMIR))]
    assert "A table published elsewhere, registered by demo-admin-1, is waiting for you." in sentences
    page = text(amir, f"{PAGE}/{ident}")
    assert "7,100" in page
    assert "NCyearActual" in page
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
    page = text(house.browser(ADA), PAGE)
    assert "Numbers only" in page
    assert "1 of 2" in page
    assert "Waiting for a second administrator" in page


def test_the_api_requests_confirms_and_lists_for_administrators_only(house):
    body = FORM | {"name": "By the API"}
    for person in (ROSA, CLEO):
        assert house.call(person, "GET", "/api/v1/public-tables").status_code in {403, 404}
        assert house.call(person, "POST", "/api/v1/public-tables", json=body).status_code in {403, 404}
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
    assert "98765" not in repr(told)
    assert "example.org" not in repr(told)


def test_the_output_page_names_tables_that_were_not_compared(house):
    run = next(t for t in house.ports.store.public_tables() if t.published.name == "Two")
    exact = {"release": "", "output": run.ident, "table": 0, "source": "public", "how": "apart", "words": "apart",
             "persons": None, "exact": True}  # fmt: skip
    memory = {"version": "1", "overlaps": [exact], "others": False, "numbers_only": [run.ident]}
    _, output = house.assessed()
    row = house.ports.store.output(output)
    staff = json.loads(house.ports.content_store.get("staff", house.ports.store.evidence_digest(output))) | {
        "memory": memory
    }
    digest = house.ports.content_store.put("staff", json.dumps(staff).encode())
    from sqlalchemy import text as sql

    with house.ports.store._db.write() as connection:
        connection.execute(sql("UPDATE outputs SET evidence_digest = :d WHERE ident = :i"), {"d": digest, "i": output})
    assert row.ident == output
    page = text(house.browser(CLEO), f"/outputs/{output}")
    assert "Published elsewhere: Two" in page
    assert "This output was not compared with these tables published elsewhere" in page


def test_figures_of_the_page_are_those_of_the_form(house):
    assert published().figures in text(house.browser(AMIR), f"{PAGE}/{ident_of(house)}")
