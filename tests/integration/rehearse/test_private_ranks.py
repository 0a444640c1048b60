"""Ranks on a real vault choose the main record of a pupil with duplicates, and the events that the query names (attack
52)."""

from dataclasses import replace
from typing import Any

import pytest

from broker.query import render_sums
from tests.integration.rehearse.noiseless_pipeline import Way, close, plain, released_figures, way

pytestmark = pytest.mark.long

MAIN = "(RecordStatus IS NULL OR RecordStatus < 100)"
YEAR = "AcademicYear = '2018/2019'"
ALL = "AcademicYear BETWEEN '2015/2016' AND '2022/2023'"
YEARS = "AcademicYear IN ('2017/2018', '2018/2019')"


def count(found: Way) -> float:
    ((n, *_),) = released_figures(found.without_noise()).values()
    return float(n)


def answer_of(found: Way, sql: str) -> Any:
    with plain(found.vault) as con:
        return con.execute(sql).fetchone()[0]


@pytest.mark.parametrize("where", [MAIN, f"{MAIN} AND OnRoll = 1"])
def test_one_row_a_pupil_is_the_row_of_the_usual_condition(where, policies, stage_of):
    """k = 1: nobody with a main record is lost, although their duplicate is a row of the same year."""
    text = f"SELECT COUNT(*) AS n FROM npd.spring_census WHERE {YEARS} AND {where}"
    found = way(f"-- rows: npd.spring_census 1\n{text}", policies, stage_of)
    doubled = f"SELECT COUNT(*) FROM npd.spring_census WHERE {YEARS} AND NOT {MAIN} AND __r > 0"
    assert answer_of(found, doubled) > 0, "the synthetic census has duplicates"
    persons = (
        f"SELECT COUNT(*) FROM (SELECT DISTINCT __p, AcademicYear FROM npd.spring_census WHERE {YEARS} AND {where})"
    )
    assert count(found) == answer_of(found, persons)


def test_the_main_record_alone_decides_where_results_have_several(policies, stage_of):
    text = "SELECT COUNT(*) AS n FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1"
    found = way(f"-- rows: npd.ks4_pupil 1\n{text}", policies, stage_of)
    where = "KS4_ACADYR = '2018/2019' AND KS4_NATRES = 1"
    assert count(found) == answer_of(found, f"SELECT COUNT(DISTINCT __p) FROM npd.ks4_pupil WHERE {where}")


@pytest.mark.parametrize("place", range(3))
def test_events_of_one_reason_have_their_own_first_rows(place, policies, stage_of):
    """With one row a year: the first of the reason, and not what the first of all reasons leaves of it. The reason is
    one of the three most frequent, of which enough pupils have others."""
    everything = way(f"SELECT COUNT(*) AS n FROM npd.exclusions WHERE {ALL}", policies, stage_of)
    frequent = f"SELECT Reason FROM npd.exclusions WHERE {ALL} GROUP BY Reason ORDER BY COUNT(*) DESC, Reason"
    reason = answer_of(everything, f"{frequent} LIMIT 1 OFFSET {place}")
    text = f"SELECT COUNT(*) AS n FROM npd.exclusions WHERE {ALL} AND Reason = '{reason}'"
    found = way(f"-- rows: npd.exclusions 1\n{text}", policies, stage_of)
    left = answer_of(found, f"{text} AND __r < 1")
    first = answer_of(found, text.replace("COUNT(*)", "COUNT(DISTINCT (__p, AcademicYear))"))
    assert count(found) == first
    assert 0 < left < 0.95 * first, "some pupils' first row is of another reason"
    assert found.private.design.tables[0].influence.max_rows == 8, "a row in each of eight years"
    (rule,) = found.private.measured[0].omissions
    assert rule == f"Of each person and year the first row of npd.exclusions with Reason {reason} counts."


def test_the_catalogues_own_numbers_lose_little(policies, stage_of):
    """And the noise is that of 10 rows a year, not of 40."""
    where = f"{YEARS} AND Reason = 'DB'"
    found = way(f"SELECT COUNT(*) AS n FROM npd.exclusions WHERE {where}", policies, stage_of)
    assert close(count(found), answer_of(found, f"SELECT COUNT(*) FROM npd.exclusions WHERE {where}"), 0.02)
    assert found.private.design.tables[0].influence.max_rows <= 20


def test_no_more_cells_come_back_than_a_register_has(policies, stage_of):
    """Values that the register does not know are left out before anything is given out; totals have them still."""
    text = "SELECT LA, COUNT(*) AS n FROM npd.absence WHERE AcademicYear = '2018/2019' GROUP BY ROLLUP (LA)"
    found = way(text, policies, stage_of)
    (bounded,) = found.private.measured[0].bounded
    (listed,) = [some for some in bounded.key_domains if some is not None]
    few = replace(bounded, key_domains=(listed[:2],))
    with plain(found.vault) as con:
        rows = con.execute(render_sums(few, found.vault.proofs)).fetchall()
        whole = con.execute("SELECT COUNT(*) FROM npd.absence WHERE AcademicYear = '2018/2019' AND __r < 3").fetchone()
    assert {r[1] for r in rows if r[0] == 0} == set(listed[:2])
    assert [sum(r[2:]) for r in rows if r[0] == 1] == [*(whole or ())]
