"""The cap on exact figures: its page, its API, its metric, what it counts and who sees it."""

import re

from broker.domain.population_caps import MeasuredPopulation
from broker.workflow.policies_in_force import policies_in_force
from tests.integration.web.conftest import ADA, missing, text
from tests.integration.web.every_page import measured_caps

CELLS = 12 * 14 * 2


def page(site, **query):
    return site.call(ADA, "GET", "/api/v1/memory/caps", query_string=query).json


def test_before_anything_is_measured_the_page_says_so(site):
    assert "Nothing is counted yet" in text(site.browser(ADA), "/administration/memory")
    found = page(site)
    assert (found["snapshot"], found["populations"], found["caps"]) == ("", 0, [])
    assert "broker_memory_cap_fullest_ratio{" not in site.call(ADA, "GET", "/metrics").text


def test_the_fullest_come_first_and_small_populations_are_not_there(site):
    measured_caps(site)
    found = page(site)
    assert (found["snapshot"], found["populations"], found["full"]) == ("s1", CELLS - 2, 2)
    assert (found["found"], found["page"], found["pages"], len(found["caps"])) == (CELLS - 2, 1, 7, 50)
    first = found["caps"][0]
    assert (first["keys"], first["year"], first["full"]) == ("LA=301 NCyearActual=0", 2021, True)
    assert (first["persons"], first["used"], first["cap"], first["share"]) == (1000, 50, 50, 1.0)
    shares = [c["share"] for n in range(1, 8) for c in page(site, page=n)["caps"]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == CELLS - 2
    assert page(site, page=99)["page"] == 7, "beyond the end is the end"


def test_a_search_has_every_word(site):
    measured_caps(site)
    found = page(site, search="la=302 2022")
    assert {(c["year"], c["keys"].split()[0]) for c in found["caps"]} == {(2022, "LA=302")}
    assert found["found"] == 14
    assert page(site, search="SPRING_CENSUS authority LA=303")["found"] == 28
    assert page(site, search="nothing-like-it")["caps"] == []
    assert site.call(ADA, "GET", "/api/v1/memory/caps?snapshot=s9").status_code == 404


def test_the_page_has_what_the_api_has(site):
    measured_caps(site)
    ada = site.browser(ADA)
    shown = text(ada, "/administration/memory?q=LA%3D301+2021")
    assert re.search(r"<th[^>]*>LA=301 NCyearActual=0</th>.*?2021.*?>1,000<.*?>50<.*?<strong>full</strong>", shown)
    assert "2 of 334 reference populations have reached the limit" in shown
    assert "NCyearActual=1<" not in shown, "fewer persons than policy's least"
    assert "Page 1 of 7" in text(ada, "/administration/memory")
    for query in ("page=x", "q=%00", "page=7"):
        text(ada, f"/administration/memory?{query}")


def test_a_coarse_metric_says_how_full_the_fullest_is(site):
    measured_caps(site)
    assert 'broker_memory_cap_fullest_ratio{snapshot="s1"} 1.0000\n' in site.call(ADA, "GET", "/metrics").text


def test_the_page_shows_counted_and_unmeasured_figures(site):
    name = measured_caps(site)
    with site.ports.store._db.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM memory_populations WHERE population = '{name}'")
    found = page(site)
    assert (found["unmeasured"], found["populations"]) == (1, CELLS // 2 - 1)


def test_what_is_measured_again_takes_the_place_of_what_was(site):
    measured_caps(site)
    store = site.ports.store
    before = store.measured("s1")[0]
    named = (before.snapshot, before.population, before.name, before.table, before.year)
    store.put_measured([MeasuredPopulation(*named, 5, ("LA=301 NCyearActual=0",), (7,))])
    assert store.measured_minimums("s1")[before.population] == 5
    assert [m.sizes for m in store.measured("s1") if m.population == before.population] == [(7,)]


def test_a_snapshot_without_a_large_population_says_why_nothing_is_counted(site):
    rules = policies_in_force(site.ports.store).memory
    of = rules.references[0]
    small = MeasuredPopulation("s1", "small", of.name, of.table, 2021, rules.least, ("LA=301",), (rules.least - 1,))
    site.ports.store.put_measured([small])
    none = f"reference populations of at least {rules.least:,} persons. This snapshot has none."
    others = ["reached the limit", "No reference population matches your search"]
    assert missing(text(site.browser(ADA), "/administration/memory"), none, *others) == others
