"""Findings of the paper attack on disclosure control, by their numbers. Findings of linked tables and known margins
come last; findings 22, 28 and 29 across the outputs of a job stand with the tests of linked tables."""

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from broker.disclosure.judged_tables import listed_rows
from broker.disclosure.microdata.judge_microdata import judge_microdata
from broker.disclosure.records.released_tables import released_csv, released_record
from broker.disclosure.rules import RuleInput, findings_of
from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import OutputKind, OutputState
from broker.domain.jobs.script_requests import MicrodataCheck
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import EvidenceNeeds, GroupKey
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.evidence.tabulation import TabulationRequest
from broker.policy.disclosure_rules import ZeroPolicy
from broker.policy.files import load_policies
from broker.storage.content_store import FolderContentStore
from broker.workflow.pipeline import script_outputs, trusted_stage
from broker.workflow.verdict_routes import route_of
from tests.attacks.little_town import (
    PROFILE,
    SMALL,
    TARGET,
    Y,
    assess,
    audited,
    consistent,
    leaves,
    people,
    refused,
    repaired,
    town,
)
from tests.files import made
from tests.oracles.tabulate import tabulate_rows
from tests.oracles.whole_statement import render
from tests.spec.disclosure.job_kit import judged as judged_job, people as crowd
from tests.spec.query.query_kit import planned

pytestmark = pytest.mark.long

ONE = f"{TARGET} AND Flag = 1"
BY_SEX = f"FROM a WHERE {Y} GROUP BY Sex"


REFUSED = {
    "04 a remainder of a rounded count": (f"SELECT Sex, COUNT(*) + 1 AS n {BY_SEX}", "packed-arithmetic"),
    "11 digits of a quasi-identifier": (
        f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND CAST(Idaci * 1000 AS INT) IN (1, 3)", "quasi-arithmetic"
    ),
    "11 multiples of a quasi-identifier": (
        f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND Idaci * 7 > 3", "quasi-arithmetic"
    ),
    "20 groups without the child's": (
        f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA "
        f"EXCEPT SELECT LA, COUNT(*) AS n FROM a WHERE {Y} AND NOT ({ONE}) GROUP BY LA", "set-operation",
    ),
    "20 groups of the child alone": (
        f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA "
        f"INTERSECT SELECT LA, COUNT(*) AS n FROM a WHERE {Y} AND NOT ({ONE}) GROUP BY LA", "set-operation",
    ),
    "35 a pseudonym in written rows": (
        f"SELECT COUNT(*) AS n FROM a JOIN (VALUES ('k3')) AS v(k) ON v.k = a.Key WHERE {Y}", "link-key"
    ),
    "35 a random half by pseudonyms": (f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND a.Key < 'm'", "link-key"),
    **{
        f"19 one child's value carried to all by {function}": (
            f"SELECT AVG(1.0 * d.s) AS n FROM (SELECT {function}(Score) OVER (PARTITION BY LA ORDER BY Score DESC) "
            f"AS s FROM a WHERE {Y}) d", "individual-value",
        )
        for function in ("FIRST_VALUE", "LAG", "LAST_VALUE")
    },
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_whatever_the_data_are(what: str) -> None:
    text, code = REFUSED[what]
    assert refused(text) == [code]


SAME: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "01 a conditional sum of the child": (
        f"SELECT Sex, COUNT(*) AS n, SUM(CASE WHEN {ONE} THEN 1 ELSE 0 END) AS m {BY_SEX}", [{"Flag": 1}]
    ),
    "05 a row of 1 to 9 and no row of 0": (
        f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} AND (LA < 3 OR Flag = 1) GROUP BY LA", [{"Flag": 1}]
    ),
    "06 the child alone": (f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} AND {ONE} GROUP BY LA", [{"Flag": 1}]),
    "41 any change of one child": (
        f"SELECT LA, Sex, COUNT(*) AS n, AVG(1.0 * Points) AS m FROM a WHERE {Y} GROUP BY LA, Sex",
        [{"Points": 9}, {"Flag": 1}, {"Score": 2}, {"Sex": "M"}, {"Y": "2016/2017"}],
    ),
    **{
        f"04 what stands above figures: {above}": (
            f"SELECT Sex, COUNT(*) AS n, COUNT(*) / 7.0 AS m FROM a WHERE {Y} GROUP BY Sex {above}", [{"Sex": "M"}]
        )
        for above in ("HAVING COUNT(*) >= 59", "HAVING COUNT(*) >= 60", "ORDER BY COUNT(*) DESC", "")
    },
    "49 groups joined to groups": (
        f"WITH x AS (SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA), "
        f"y AS (SELECT LA, COUNT(*) AS m FROM a WHERE {Y} AND Flag = 1 GROUP BY LA) "
        "SELECT x.LA, x.n, y.m FROM x LEFT JOIN y ON x.LA = y.LA", [{"Flag": 1}],
    ),
}  # fmt: skip
"""What is asked, and what the child differs in: in another year, the child is not among those who are asked after."""


@pytest.mark.parametrize("what", SAME)
def test_what_leaves_is_the_same_whatever_the_child_is(what: str) -> None:
    text, changes = SAME[what]
    first = leaves(text)
    for change in changes:
        assert leaves(text, town(**change)) == first, change


def test_01_conditional_sums_count_persons_of_the_condition() -> None:
    """Every row of SUM(CASE …) has a value, so everybody would be counted: the ones and the rest are judged apart."""
    assert leaves(SAME["01 a conditional sum of the child"][0])[1:3] == ["M,60,c", "F,60,c"]
    few = "Flag = 1 AND Score IN (3, 6)"
    assert leaves(f"SELECT Sex, AVG(CASE WHEN {few} THEN 1.0 ELSE 0 END) AS m {BY_SEX}")[1:3] == ["M,c", "F,c"]


def test_02_one_pupil_in_the_low_digits() -> None:
    """SUM(1 + CASE WHEN the child THEN 0.001*score): arithmetic outside the closed list is looked at by a person, and
    the digits of what may leave end where one largest contribution begins."""
    text = f"SELECT COUNT(*) AS n, SUM(1 + CASE WHEN {TARGET} THEN 0.001 * Points ELSE 0 END) AS s FROM a WHERE {Y}"
    assert assess(text).verdict is Verdict.REVIEW
    few = leaves(f"SELECT LA, AVG(1.0 * Score) AS m FROM a WHERE {Y} AND Flag = 1 AND Score <> 12 GROUP BY LA")
    assert few[1:] == ["1,5", "2,5", "3,c"], (
        "one score up to 14 moves the mean of 16, which is 4.5, by about a whole one"
    )


def test_03_the_same_people_with_other_values() -> None:
    """SUM(x) beside SUM(CASE WHEN the child THEN 0 ELSE x END), within one job: the difference would be the child's."""
    text = (
        "SELECT COUNT(*) AS n, SUM(CASE WHEN Sex = 'F' THEN 1 ELSE 0 END) AS s, "
        f"SUM(CASE WHEN Sex = 'F' AND NOT ({ONE}) THEN 1 ELSE 0 END) AS m FROM a WHERE {Y}"
    )
    for more in range(6):
        worlds = [town(Flag=flag) for flag in (0, 1)]
        for world in worlds:
            world["npd.a"] += [
                {"p": 200 + i, "Key": f"m{i}", "Y": "2017/2018", "Sex": "F", "LA": 1, "Score": 1, "Flag": 0}
                for i in range(more)
            ]
        first, second = (leaves(text, world) for world in worlds)
        assert first == second


def test_06_states_are_no_yes_and_no() -> None:
    """A cell of nobody must not go to a person where one of few is hidden: both are hidden, and go the same way."""
    among, alone = SAME["05 a row of 1 to 9 and no row of 0"][0], SAME["06 the child alone"][0]
    assert leaves(among)[-1] == "3,c"
    worlds = [town(Flag=flag) for flag in (0, 1)]
    assert [assess(among, world).verdict for world in worlds] == [Verdict.SUPPRESS] * 2
    assert [assess(alone, world).small for world in worlds] == [True] * 2
    free = replace(PROFILE, zeros=ZeroPolicy.PUBLISH, full=ZeroPolicy.PUBLISH)
    assert leaves(alone, worlds[0], free) == leaves(alone, worlds[1], free)


def test_10_rows_of_a_script_never_go_out_by_themselves() -> None:
    """A script lends the broker's authority to invented rows: a person looks, even where policy asks for no vote."""
    policies = load_policies(Path(__file__).parents[2] / "policies")
    project = replace(policies.projects[0], votes=0)
    profile = policies.disclosure_rules(project.profile)
    found = script_outputs.draft_file(made("a.csv", b"x\n1\n"), policies, profile)
    assert found.kind is OutputKind.FILE
    assert route_of(found.verdict, True, project, policies, small_jobs=0) is OutputState.IN_REVIEW
    clean = Assessment("t", ("n",), 0, (), (), Verdict.PUBLISH, False)
    handed = trusted_stage.with_review_findings(clean, MicrodataCheck(50, 50, 0), ("score",))
    assert route_of(handed.verdict, True, project, policies, small_jobs=0) is OutputState.IN_REVIEW


def test_11_ranges_of_a_quasi_identifier_are_accepted() -> None:
    assert refused(f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND Idaci > 0.5") == []


def test_12_duplicates_make_no_ten_pupils_out_of_five() -> None:
    """Whatever the catalogue says of keys: persons are counted, so two rows each of five pupils stay hidden."""
    world = town()
    world["npd.a"] = [r for r in world["npd.a"] if r["LA"] != 1] + [r for r in world["npd.a"] if r["LA"] == 1][:5] * 4
    assert leaves(f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA", world)[1] == "1,c"


SIX = {("a", "x"): 3, ("a", "y"): 6, ("b", "x"): 8, ("b", "y"): 7, ("c", "x"): 6, ("c", "y"): 8}


def test_22_holes_have_no_mark_and_no_narrow_interval() -> None:
    """A row's remainder of 12 and one hole that is known to be under t would give both: what is released says neither
    which hole is which, nor anything from which it follows."""
    values = consistent(repaired(SIX, SMALL), 9)
    assert values
    assert all(max(v) - min(v) >= SMALL.min_interval for v in values.values())
    found = assess(f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} GROUP BY LA")
    told = json.dumps(released_record(found, PROFILE)) + released_csv(found).decode()
    assert not [w for w in ("primary", "secondary", "F1", "X1", "findings", "verdict") if w in told]


def test_23_hashes_of_what_was_not_released_are_keyed() -> None:
    """A plain hash of a table with two holes is broken by 81 guesses."""
    content = b"LA,n\n1,3\n2,9\n"
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        keyed = {FolderContentStore(Path(folder)).keyed_hash(content) for folder in (one, two)}
    assert len(keyed) == 2, "nobody without the key can tell"
    assert sha256(content).hexdigest() not in keyed


def test_28_patterns_do_not_differ_from_run_to_run() -> None:
    """Two patterns of the same table give together what each hides: repair is the same whatever order rows come in."""
    first = repaired(SIX, SMALL)
    assert repaired(dict(reversed(SIX.items())), SMALL) == first
    assert sum(v is None for v in first.values()) > 1


def test_29_inner_cells_of_a_cube_do_not_follow_from_its_faces() -> None:
    """All two-way tables of a cube leave one degree of freedom: a small inner cell must not follow from them."""
    places = [(a, b, c) for a in "pq" for b in "rs" for c in "tu"]
    cells = dict(zip(places, [1, 6, 7, 5, 6, 5, 8, 6], strict=True))
    shown = repaired(cells, SMALL)
    values = consistent(shown, 14)
    assert len(values["p", "r", "t"]) > 1
    assert max(values["p", "r", "t"]) - min(values["p", "r", "t"]) >= SMALL.min_interval


def test_33_a_table_carries_nothing_in_the_order_of_its_rows() -> None:
    """The broker writes the file: rows of no list stand in an order of their own, whatever order the data are in."""
    note = GroupKey(1, ColumnRef(1, ScalarType.TEXT), ScalarType.TEXT, None, "npd.a.Note")
    cells = [CellEvidence((value,), 60, 60, {}) for value in ("z", "b", None, "a")]
    orders = [[r.keys for r in listed_rows((note,), c, PROFILE, {})[0]] for c in (cells, cells[::-1])]
    assert orders[0] == orders[1] == [("a",), ("b",), ("z",), (None,)]


def test_37_institutions_are_counted_where_the_profile_protects_them() -> None:
    """An area of two schools: everybody there knows of the other school."""
    ask = RuleInput(Measure.COUNT_ROWS, StatisticEvidence(60, 60, 60), 60, institutions=2)
    protecting = replace(PROFILE, protects_institutions=True)
    assert [f.rule for f in findings_of(ask, protecting)] == ["F6"]


def test_38_result_and_evidence_speak_of_the_same_rows() -> None:
    """One statement gives both, and rows that are equal in an order are told apart by hidden numbers."""
    text = (
        "SELECT AVG(1.0 * d.Score) AS m FROM (SELECT Score, ROW_NUMBER() OVER (PARTITION BY Key ORDER BY Points) AS r "
        "FROM a) d WHERE d.r = 1"
    )
    statement = render(planned(text).tables[0], EvidenceNeeds(10))
    assert ";" not in statement
    assert all(name in statement for name in ("_value", "_persons", "population"))
    worlds = [town(), town()]
    for world in worlds:
        world["npd.a"] += [r | {"Score": r["Score"] + 1} for r in world["npd.a"]]
    worlds[1]["npd.a"].reverse()
    forwards, backwards = (leaves(text, w) for w in worlds)
    assert forwards == backwards


def test_40_audit_and_records_have_no_text_and_no_figure_of_a_job() -> None:
    """Literals of a query and names of outputs tell what was asked: audit lines carry ids and codes."""
    text = (
        "-- output: one_child\nSELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence AS a "
        "WHERE a.AcademicYear = '2022/2023' AND a.AuthorisedAbsence_6HalfTerms <> 313 GROUP BY a.NCyearActual"
    )
    told = audited(text)
    assert "output.released" in told
    plain = re.sub(r"[0-9a-f-]{8,}|\d{4}-\d\d-\d\d[T ][\d:.+]+", "", told)  # ids, hashes and times hold any digits
    assert not [word for word in ("one_child", "2022/2023", "313", "F1", "c,") if word in plain]
    found = assess(f"SELECT LA, COUNT(*) AS n FROM a WHERE {Y} AND Score <> 13 GROUP BY LA")
    assert "13" not in json.dumps(released_record(found, PROFILE))


def test_45_one_school_a_cell_passes_where_schools_are_not_protected() -> None:
    """School-level tables have one school in each cell: hidden only where the profile says so."""
    columns = people({("x",): 40, ("y",): 30}) | {"school": ["s1"] * 40 + ["s2"] * 30}
    found = judge_microdata(tabulate_rows(columns, TabulationRequest("id", ("d0",), institution="school")), PROFILE)
    assert [c["verdict"] for c in found["cells"]] == ["publish", "publish"]


def test_47_totals_that_the_job_shows_are_known() -> None:
    """A small cell alone in its line or in its column would be the total without the others."""
    rows = crowd(M1=40, F1=4, M2=50, F2=60, M3=70, F3=80)
    (found,) = judged_job("SELECT LA, Sex, COUNT(*) AS n FROM a GROUP BY CUBE (LA, Sex)", rows)
    shown = {r.keys for r in found.rows if not any(r.suppressed)}
    assert (1, "F") not in shown
    assert not {(1, "M"), (1, None)} <= shown
    assert not {(2, "F"), (3, "F"), (None, "F")} <= shown


def test_49_groups_joined_to_groups_are_understood() -> None:
    """Numerator joined to denominator is in every script: accepted, and a missing side looks like a small one."""
    text, _ = SAME["49 groups joined to groups"]
    assert refused(text) == []
    assert leaves(text) == ["LA,n,m", "1,60,20", "2,60,20", "3,c,c"]


def test_50_a_small_group_behind_a_context_is_nobody() -> None:
    """Of 24,000 schools some have few pupils: their mean is NULL and the job goes on; a person looks."""
    text = f"SELECT COUNT(*) AS n FROM a WHERE {Y} AND Score >= (SELECT AVG(1.0 * c.Score) FROM a c WHERE c.LA = a.LA)"
    found = assess(text)
    assert (refused(text), found.verdict) == ([], Verdict.REVIEW)
    without = town()
    del without["npd.a"][1]
    assert found.rows[0].exact == assess(text, without).rows[0].exact, "the child alone in its area is not counted"


def test_51_what_follows_from_the_filter_is_exempt() -> None:
    """Every row of WHERE Flag = 1 has the value 1: a column of one value hides nothing and asks nobody."""
    text = f"SELECT Sex, Flag, COUNT(*) AS n FROM a WHERE {Y} AND Flag = 1 GROUP BY Sex, Flag"
    assert [line for line in leaves(text) if "20" in line] == ["M,1,20", "F,1,20"]
    assert assess(text).verdict is Verdict.SUPPRESS, "and no person has to look"
