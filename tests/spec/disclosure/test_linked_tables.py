"""Linked tables of one job: no table discloses a figure that another one hides. Counts are not rounded here."""

from dataclasses import replace

import pytest
from job_kit import PROFILE, judged, lines, people, rules

from broker.domain.findings import Verdict
from broker.policy.disclosure_rules import AttackerKnowledge, ZeroPolicy

YEAR = "WHERE Y = '2018/2019'"
EVERYBODY = people(M1=40, F1=35, M2=30, F2=4, M3=12, F3=25)
BY_LA = f"SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA"
LA_AND_ALL = f"SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA)"


def job(**outputs: str) -> str:
    """Several texts as one job, each an output with its name."""
    return ";\n".join(f"-- output: {name}\n{text}" for name, text in outputs.items())


EVERYBODY_AND_FLAGGED = job(
    everybody=BY_LA, flagged=f"SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} AND Flag = 1 GROUP BY LA"
)


def test_a_hole_in_a_table_without_totals_takes_no_other_with_it() -> None:
    """Known are the totals that a job shows: what was published elsewhere is compared with the history of releases."""
    (found,) = judged(f"SELECT LA, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA, Sex", EVERYBODY)
    shown = dict(line.rsplit(",", 1) for line in lines(found)[1:] if "missing" not in line)
    assert {k for k, v in shown.items() if v == "c"} == {"2,F", "2,M"}, "but that nearly all of authority 2 are boys"
    assert found.verdict is Verdict.SUPPRESS


SIX_SCORES = [row | {"Score": p % 6 if p < 120 else 17} for p, row in enumerate(people(M1=60, F1=60, M3=3))]
"""Twenty children have each of six scores, and three another one."""
BY_SCORE = f"SELECT Score, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (Score)"
ROUNDED = replace(PROFILE, round_base=5)
EXACT = replace(ROUNDED, attacker=AttackerKnowledge.EXACT)
FIVE_EACH = [row | {"Score": p % 12, "Flag": int(p % 4 == 0)} for p, row in enumerate(people(M1=60))]
PARTS = f"""SELECT Score, SUM(Flag) AS f, SUM(CASE WHEN LA <> 3 THEN Score ELSE 0 END) AS s
    FROM npd.a {YEAR} AND LA <> 3 GROUP BY ROLLUP (Score)"""
CONDITIONS = f"""SELECT LA, COUNT(*) AS n, SUM(CASE WHEN Flag = 1 THEN 1 ELSE 0 END) AS flagged,
    SUM(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END) AS boys FROM npd.a {YEAR} GROUP BY LA"""

SHOWN = {
    "a hole beside no total": (BY_LA, people(M1=40, M2=22, M3=3), PROFILE, "LA,n 1,40 2,22 3,c"),
    "a total that is shown takes another figure with a hole": (
        LA_AND_ALL, people(M1=40, M2=22, M3=3), PROFILE, "LA,n 1,40 2,c 3,c ,65"),
    # of the 15 who are not in authority 1, authority 2 has ten or more, so the other has five at most
    "a figure near the threshold is not enough to hide another": (
        LA_AND_ALL, people(M1=40, M2=12, M3=3), PROFILE, "LA,n 1,c 2,c 3,c ,55"),
    "two rounded figures do not leave a hole open": (LA_AND_ALL, SIX_SCORES, ROUNDED, "LA,n 1,c 2,c 3,c ,125"),
    # each is rounded by up to two: what is left for the hole is uncertain by ten
    "five rounded figures leave it open by themselves": (
        BY_SCORE, SIX_SCORES, ROUNDED, "Score,n 0,20 1,20 2,20 3,20 4,20 5,20 ,125"),
    # a school knows its own figures; where the rules count on that, another figure is hidden
    "who knows exact figures finds a hole among rounded ones": (
        BY_SCORE, SIX_SCORES, EXACT, "Score,n 0,20 1,20 2,20 3,20 4,20 ,125"),
    # nothing is rounded, so a figure of all could tell a part
    "a total whose parts are all too small is hidden": (PARTS, FIVE_EACH, PROFILE, "Score,f,s ,c,c"),
    "a condition in an aggregate is linked like a filter": (
        CONDITIONS, people(M1y=40, F1=30, M2y=33, F2=14, M3y=25, F3=20), PROFILE,
        "LA,n,flagged,boys 1,70,40,40 2,47,33,33 3,45,25,25"),
}  # fmt: skip


@pytest.mark.parametrize("what", SHOWN)
def test_what_one_table_shows(what: str) -> None:
    text, rows, profile, shown = SHOWN[what]
    (found,) = judged(text, rows, profile)
    assert lines(found) == shown.split(" ")


def test_who_knows_which_holes_have_the_threshold_works_out_no_other() -> None:
    """Ten boys and ten girls have the flag. No rule hides the two figures, so each has ten or more: with the totals 20
    and 14, exactly ten boys have it, and four do not. So these totals are hidden, too."""
    every = replace(PROFILE, full=ZeroPolicy.PUBLISH)
    text = f"SELECT Flag, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY CUBE (Flag, Sex)"
    (close,) = judged(text, people(M1=4, M1y=10, F1y=10), every)
    assert not {"1,,20", ",M,14"} & set(lines(close))
    (apart,) = judged(text, people(M1=4, M1y=30, F1y=10), every)
    assert {"1,,40", ",M,34"} <= set(lines(apart)), "none to nine boys may be without it"


def test_a_condition_is_hidden_alike_whoever_is_on_its_other_side() -> None:
    rules = replace(PROFILE, t=5, min_interval=5, full=ZeroPolicy.PUBLISH)
    text = f"""SELECT Sex, COUNT(*) AS n, SUM(CASE WHEN Flag = 1 THEN 1 ELSE 0 END) AS m FROM npd.a {YEAR}
        GROUP BY ROLLUP (Sex)"""
    nobody, one = (judged(text, people(M1=15, M1y=7, F1=few, F1y=6), rules)[0] for few in (0, 1))
    assert lines(nobody) == lines(one)


def test_rollup_totals_are_part_of_the_pattern() -> None:
    (found,) = judged(f"SELECT LA, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA, Sex)", EVERYBODY)
    assert {"2,M,c", "2,F,c", "2,,34"} <= set(lines(found)), "the authority's total stays"
    assert found.verdict is Verdict.SUPPRESS, "nobody has to look"


@pytest.mark.parametrize("few", [0, 2])
def test_a_condition_on_rows_that_are_not_shown_is_not_the_rest_of_a_total(few: int) -> None:
    """Sixty children of an authority have the score 3. Five others have a score each, and a few of them the flag."""
    rows = [row | {"Score": 3, "Flag": int(p % 2 == 0)} for p, row in enumerate(people(M1=60, M2=60, F1=5))]
    rows[120:] = [row | {"Score": 7 + p, "Flag": int(p < few)} for p, row in enumerate(rows[120:])]
    (found,) = judged(f"SELECT LA, Score, SUM(Flag) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA, Score)", rows)
    assert f"1,,{30 + few}" in lines(found)
    assert "1,3,30" not in lines(found)


@pytest.mark.parametrize("function", ["FLOOR", "CEILING"])
def test_a_decimal_that_is_made_whole_can_be_a_key(function: str) -> None:
    rows = [row | {"Score": 2 * (p % 2)} for p, row in enumerate(people(M1=60))]
    key = f"{function}(Score / 2.0)"
    (found,) = judged(f"SELECT {key} AS k, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY {key}", rows)
    assert lines(found) == ["k,n", "0,30", "1,30"]


def test_two_outputs_of_one_job_are_one_pattern() -> None:
    """All pupils by authority, then those with the flag: the difference of authority 2 is four pupils without it."""
    rows = people(M1y=40, M1=30, M2y=33, M2=4, M3y=25, M3=20)
    everybody, flagged = judged(EVERYBODY_AND_FLAGGED, rows)
    assert not ({"2,37"} & set(lines(everybody)) and {"2,33"} & set(lines(flagged)))
    assert "X1" in rules(everybody) | rules(flagged)
    (alone,) = judged(BY_LA, rows)
    assert lines(alone) == ["LA,n", "1,70", "2,37", "3,45"]


def test_three_two_way_tables_do_not_force_the_joint_cell() -> None:
    """Attack 29: each table is large, and together they say that n(1, M, flag) is 0 or 1."""
    two_way = (("LA", "Sex"), ("LA", "Flag"), ("Sex", "Flag"))
    text = job(
        **{f"t{a}{b}": f"SELECT {a}, {b}, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY {a}, {b}" for a, b in two_way}
    )
    rows = people(M1y=1, M1=30, F1y=30, F1=30, M2y=30, M2=30, F2y=30, F2=0)
    found = judged(text, rows)
    assert any("X1" in rules(f) for f in found)
    assert all(f.verdict is found[0].verdict for f in found)


def test_a_mean_goes_with_the_count_of_its_row() -> None:
    text = f"SELECT LA, COUNT(*) AS n, AVG(Score) AS m FROM npd.a {YEAR} GROUP BY ROLLUP (LA)"
    (found,) = judged(text, people(M1=40, M2=12, M3=3))
    assert [line.split(",")[1:] for line in lines(found)[2:4]] == [["c", "c"], ["c", "c"]]


def test_a_small_population_leaves_no_trace_in_the_other_outputs() -> None:
    """Whether three pupils or none have the flag, the table of all looks the same."""
    some = judged(EVERYBODY_AND_FLAGGED, people(M1=40, M2=30, M3y=3, M3=22))
    none = judged(EVERYBODY_AND_FLAGGED, people(M1=40, M2=30, M3=25))
    assert lines(some[0]) == lines(none[0]) == ["LA,n", "1,40", "2,30", "3,25"]
    assert lines(some[1]) == lines(none[1])


def test_a_joint_table_beyond_policy_is_not_judged_and_needs_a_review() -> None:
    text = job(sexes=f"SELECT Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY Sex", authorities=BY_LA)
    for found in judged(text, EVERYBODY, replace(PROFILE, max_joint_cells=3)):
        assert found.verdict is Verdict.REVIEW
        assert "L1" in rules(found)
    assert all(f.verdict is not Verdict.REVIEW for f in judged(text, EVERYBODY))


def test_tables_that_cannot_be_compared_go_to_a_person() -> None:
    joined = """SELECT a.LA, COUNT(*) AS n FROM npd.a AS a JOIN npd.b AS b ON b.Key = a.Key
        WHERE a.Y = '2018/2019' AND b.Y = '2018/2019' GROUP BY a.LA"""
    assert {found.verdict for found in judged(job(everybody=BY_LA, joined=joined), EVERYBODY)} == {Verdict.REVIEW}


def test_sums_of_parts_do_not_give_the_one_that_is_left_out() -> None:
    """All, boys, and girls but one: whichever way they are written, the one girl's score does not follow."""
    rows = [*people(M1=30, F1=30, M2=40, F2=40)]
    rows[30]["Note"] = "she"
    but_one = "Sex = 'F' AND (Note IS NULL OR Note <> 'she')"
    sums = ("SUM(Score)", "SUM(CASE WHEN Sex = 'M' THEN Score ELSE 0 END)", f"SUM(CASE WHEN {but_one} THEN Score END)")
    text = f"SELECT LA, {', '.join(f'{s} AS s{n}' for n, s in enumerate(sums))} FROM npd.a {YEAR} GROUP BY LA"
    (found,) = judged(text, rows)
    assert lines(found)[1].count("c") == 1
    whole = judged(text, [{**row, "Note": "she" if row["p"] % 3 else None} for row in rows])[0]
    assert lines(whole)[1].count("c") == 0, "the others are many here"
    filters = ("", " AND Sex = 'M'", f" AND {but_one}")
    filtered = {f"t{n}": f"SELECT LA, SUM(Score) AS s FROM npd.a {YEAR}{w} GROUP BY LA" for n, w in enumerate(filters)}
    several = judged(job(**filtered), rows)
    assert sum(lines(a)[1] == "1,c" for a in several) == 1


def test_the_same_amount_written_otherwise_is_the_same_amount() -> None:
    sums = "SUM(Score) AS a, AVG(1.0 * Score) AS b, SUM(Score + 1) AS d"
    text = f"SELECT LA, {sums} FROM npd.a {YEAR} GROUP BY ROLLUP (LA)"
    (found,) = judged(text, people(M1=40, M2=12, M3=3))
    assert [line.count("c") for line in lines(found)[1:]] == [0, 3, 3, 0]


def test_a_small_total_is_named_as_one_and_a_ratio_by_its_parts() -> None:
    by_both = f"SELECT LA, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA, Sex)"
    (found,) = judged(by_both, people(M1=40, F1=30, M2=30, M3=3))
    assert {"F1", "F5"} <= {f.rule for f in found.findings if f.cell == (3,)}
    assert "F5" not in {f.rule for f in found.findings if f.cell == (3, "M")}
    ratio = "SUM(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS r"
    shares_of = people(M1=40, F1=30, M2=30, F2=3, M3=20, F3=20)
    (shares,) = judged(f"SELECT LA, {ratio} FROM npd.a {YEAR} GROUP BY LA", shares_of)
    assert [row.rules[1] for row in shares.rows][1] == ("F1", "P3")


@pytest.mark.parametrize(
    "told", ["SUM(Score) AS s, AVG(Score) AS m", "AVG(Score) AS m", "AVG(CASE WHEN Sex = 'M' THEN 1.0 ELSE 0 END) AS r"]
)
def test_a_sum_with_its_mean_implies_a_count_and_a_share_its_whole(told: str) -> None:
    """COUNT(*) of all, and SUM and AVG of those without the flag: their quotient is the count that would be hidden."""
    part_of = f"SELECT LA, {told} FROM npd.a {YEAR} AND Flag = 0 GROUP BY LA"
    every, part = judged(job(all=BY_LA, part=part_of), people(M1=38, F1=31, F1y=4, M2=30))
    assert "c" in lines(every)[1] or lines(part)[1].split(",")[1:] == ["c"] * told.count(" AS ")


@pytest.mark.parametrize("told", [
    "COUNT(DISTINCT Key) AS n, COUNT(DISTINCT CASE WHEN Flag = 1 THEN Key END) AS m",
    "AVG(1.98 * Score) AS a, AVG(1.97 * Score) AS b",
])  # fmt: skip
def test_persons_of_several_groups_and_scalings_of_one_amount_are_beyond_sums(told: str) -> None:
    """A person can be in several groups; forty scalings of a mean have the digits that one does not."""
    (found,) = judged(f"SELECT LA, {told} FROM npd.a {YEAR} GROUP BY LA", EVERYBODY)
    assert found.verdict is Verdict.REVIEW
    assert "L1" in rules(found)


def test_an_amount_with_a_default_is_the_same_amount() -> None:
    text = job(
        all=f"SELECT LA, SUM(Score) AS s FROM npd.a {YEAR} GROUP BY LA",
        part=f"SELECT LA, SUM(COALESCE(Score, 0)) AS s FROM npd.a {YEAR} AND Flag = 0 GROUP BY LA",
    )
    every, part = judged(text, people(M1=40, F1y=1, M2=30))
    assert "L1" in rules(part) or "1,c" in (lines(every)[1], lines(part)[1])


def test_the_finest_table_must_have_what_the_others_add_up() -> None:
    text = job(
        counts=f"SELECT LA, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA, Sex",
        sums=f"SELECT LA, SUM(Score) AS s FROM npd.a {YEAR} GROUP BY LA",
    )
    everybody = people(M1=40, F1=30, M2=30, F2=20, M3=20, F3=20)
    counts, sums = judged(text, everybody, replace(PROFILE, round_base=5))
    assert (counts.verdict, sums.verdict) == (Verdict.SUPPRESS, Verdict.PUBLISH)


@pytest.mark.parametrize("pupils", [9, 11])
@pytest.mark.parametrize("amount", ["Score", "LA"])
@pytest.mark.parametrize("base", [1, 5])
def test_a_hidden_sum_that_everybody_in_it_knows_needs_no_review(base: int, amount: str, pupils: int) -> None:
    """Nine pupils, each alone by score, know the sum of their authority by themselves. No rule hides more for that, so
    the job does not go to a person, who would tell nine pupils from eleven."""
    text = job(
        by_score=f"SELECT Score, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY Score",
        sums=f"SELECT LA, SUM({amount}) AS s FROM npd.a WHERE Y IN ('2017/2018', '2018/2019') GROUP BY LA",
    )
    rows = [row | {"Score": 1 + 2 * (p % 10)} for p, row in enumerate(people(M1=pupils, M2=120))]
    rows.append(rows[0] | {"Y": "2017/2018", "Score": 2})
    by_score, sums = judged(text, rows, replace(PROFILE, round_base=base))
    assert (by_score.verdict, sums.verdict) == (Verdict.PUBLISH, Verdict.SUPPRESS)
    assert "1,c" in lines(sums) or pupils == 11


@pytest.mark.parametrize("base", [1, 5])
def test_somebody_with_two_rows_counts_once_in_a_figure(base: int) -> None:
    """Eight pupils of authority 3 or nine: one has the flag in one year only, so is in two joint cells. Both are too
    few, and the same is hidden beside them."""
    text = """
        SELECT Sex, 1.0 * SUM(CASE WHEN LA = 3 THEN 1 ELSE 0 END) / COUNT(*) AS here, AVG(1.0 * Flag) AS flagged
        FROM npd.a WHERE Y IN ('2017/2018', '2018/2019') GROUP BY ROLLUP (Sex)"""
    hidden = set()
    for pupils in (8, 9):
        rows = people(M3=pupils, M1=100, M1y=14, F1=5, F1y=3)
        again = [row | {"Y": "2017/2018", "Flag": int(p == 0) or row["Flag"]} for p, row in enumerate(rows)]
        (found,) = judged(text, [*rows, *again], replace(PROFILE, round_base=base))
        hidden.add(tuple(tuple(field == "c" for field in line.split(",")) for line in lines(found)))
    assert len(hidden) == 1
