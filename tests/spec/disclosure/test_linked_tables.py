"""Linked tables of one job: no table discloses a figure that another one hides. Counts are not rounded here."""

from dataclasses import replace

import pytest
from job_kit import PROFILE, judged, lines, people, rules

from broker.domain.findings import Verdict
from broker.policy.disclosure_rules import AttackerKnowledge, ZeroPolicy

YEAR = "WHERE Y = '2018/2019'"
EVERYBODY = people(M1=40, F1=35, M2=30, F2=4, M3=12, F3=25)


def test_a_hole_in_a_table_without_totals_takes_no_other_with_it() -> None:
    """Known are the totals that a job shows: what was published elsewhere is compared with the history of releases."""
    (found,) = judged(f"SELECT LA, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA, Sex", EVERYBODY)
    shown = dict(line.rsplit(",", 1) for line in lines(found)[1:] if "missing" not in line)
    assert {k for k, v in shown.items() if v == "c"} == {"2,F", "2,M"}, "but that nearly all of authority 2 are boys"
    assert found.verdict is Verdict.SUPPRESS


def test_a_total_that_is_shown_takes_another_figure_with_a_hole() -> None:
    rows = people(M1=40, M2=22, M3=3)
    (alone,) = judged(f"SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA", rows)
    assert lines(alone) == ["LA,n", "1,40", "2,22", "3,c"]
    (total,) = judged(f"SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA)", rows)
    assert lines(total) == ["LA,n", "1,40", "2,c", "3,c", ",65"]


def test_a_figure_near_the_threshold_is_not_enough_to_hide_another() -> None:
    """Of the 15 children who are not in authority 1, authority 2 has ten or more, so the other has five at most."""
    (found,) = judged(f"SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA)", people(M1=40, M2=12, M3=3))
    assert lines(found) == ["LA,n", "1,c", "2,c", "3,c", ",55"]


def test_five_rounded_figures_leave_a_hole_open_by_themselves() -> None:
    """Each is rounded by up to two: what is left for the hole is uncertain by ten."""
    text = f"SELECT {{}}, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP ({{}})"
    rows = [row | {"Score": p % 6 if p < 120 else 17} for p, row in enumerate(people(M1=60, F1=60, M3=3))]
    (few,) = judged(text.format("LA", "LA"), rows, replace(PROFILE, round_base=5))
    assert [line for line in lines(few) if line.endswith(",c")] == ["1,c", "2,c", "3,c"]
    (many,) = judged(text.format("Score", "Score"), rows, replace(PROFILE, round_base=5))
    assert lines(many) == ["Score,n", *(f"{n},20" for n in range(6)), ",125"]


def test_who_knows_exact_figures_finds_a_hole_among_rounded_ones() -> None:
    """A school knows its own figures. Where the rules count on that, another figure is hidden."""
    rows = [row | {"Score": p % 6 if p < 120 else 17} for p, row in enumerate(people(M1=60, F1=60, M3=3))]
    exact = replace(PROFILE, round_base=5, attacker=AttackerKnowledge.EXACT)
    (found,) = judged(f"SELECT Score, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (Score)", rows, exact)
    assert lines(found) == ["Score,n", *(f"{n},20" for n in range(5)), ",125"]


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
    shown = lines(found)
    assert "2,M,c" in shown
    assert "2,F,c" in shown
    assert "2,,34" in shown, "the authority's total stays"
    assert found.verdict is Verdict.SUPPRESS, "nobody has to look"


def test_a_total_whose_parts_are_all_too_small_to_be_used_is_hidden() -> None:
    """Five children have each score. Nothing is rounded, so a figure of all could tell a part."""
    rows = [row | {"Score": p % 12, "Flag": int(p % 4 == 0)} for p, row in enumerate(people(M1=60))]
    text = f"""SELECT Score, SUM(Flag) AS f, SUM(CASE WHEN LA <> 3 THEN Score ELSE 0 END) AS s
        FROM npd.a {YEAR} AND LA <> 3 GROUP BY ROLLUP (Score)"""
    (found,) = judged(text, rows)
    assert lines(found) == ["Score,f,s", ",c,c"]


@pytest.mark.parametrize("few", [0, 2])
def test_a_condition_on_rows_that_are_not_shown_is_not_the_rest_of_a_total(few: int) -> None:
    """Sixty children of an authority have the score 3. Five others have a score each, and a few of them the flag."""
    rows = [row | {"Score": 3, "Flag": int(p % 2 == 0)} for p, row in enumerate(people(M1=60, M2=60, F1=5))]
    rows[120:] = [row | {"Score": 7 + p, "Flag": int(p < few)} for p, row in enumerate(rows[120:])]
    (found,) = judged(f"SELECT LA, Score, SUM(Flag) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA, Score)", rows)
    shown = lines(found)
    assert f"1,,{30 + few}" in shown
    assert "1,3,30" not in shown


@pytest.mark.parametrize("function", ["FLOOR", "CEILING"])
def test_a_decimal_that_is_made_whole_can_be_a_key(function: str) -> None:
    rows = [row | {"Score": 2 * (p % 2)} for p, row in enumerate(people(M1=60))]
    (found,) = judged(
        f"SELECT {function}(Score / 2.0) AS k, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY {function}(Score / 2.0)", rows
    )
    assert lines(found) == ["k,n", "0,30", "1,30"]


def test_two_outputs_of_one_job_are_one_pattern() -> None:
    """All pupils by authority, then those with the flag: the difference of authority 2 is four pupils without it."""
    text = f"""
        -- output: everybody
        SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA;
        -- output: flagged
        SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} AND Flag = 1 GROUP BY LA"""
    rows = people(M1y=40, M1=30, M2y=33, M2=4, M3y=25, M3=20)
    everybody, flagged = judged(text, rows)
    assert not ({"2,37"} & set(lines(everybody)) and {"2,33"} & set(lines(flagged)))
    assert "X1" in rules(everybody) | rules(flagged)
    alone = judged(text.split(";")[0], rows)
    assert lines(alone[0]) == ["LA,n", "1,70", "2,37", "3,45"]


def test_a_condition_in_an_aggregate_is_linked_like_a_filter() -> None:
    text = f"""SELECT LA, COUNT(*) AS n, SUM(CASE WHEN Flag = 1 THEN 1 ELSE 0 END) AS flagged,
        SUM(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END) AS boys FROM npd.a {YEAR} GROUP BY LA"""
    rows = people(M1y=40, F1=30, M2y=33, F2=14, M3y=25, F3=20)
    (found,) = judged(text, rows)
    assert lines(found)[1:] == ["1,70,40,40", "2,47,33,33", "3,45,25,25"]


def test_three_two_way_tables_do_not_force_the_joint_cell() -> None:
    """Attack 29: each table is large, and together they say that n(1, M, flag) is 0 or 1."""
    text = ";".join(
        f"-- output: t{n}\nSELECT {a}, {b}, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY {a}, {b}"
        for n, (a, b) in enumerate((("LA", "Sex"), ("LA", "Flag"), ("Sex", "Flag")))
    )
    rows = people(M1y=1, M1=30, F1y=30, F1=30, M2y=30, M2=30, F2y=30, F2=0)
    found = judged(text, rows)
    assert any("X1" in rules(f) for f in found)
    assert all(f.verdict is found[0].verdict for f in found)


def test_a_mean_goes_with_the_count_of_its_row() -> None:
    (found,) = judged(
        f"SELECT LA, COUNT(*) AS n, AVG(Score) AS m FROM npd.a {YEAR} GROUP BY ROLLUP (LA)", people(M1=40, M2=12, M3=3)
    )
    assert [line.split(",")[1:] for line in lines(found)[2:4]] == [["c", "c"], ["c", "c"]]


def test_a_small_population_leaves_no_trace_in_the_other_outputs() -> None:
    """Whether three pupils or none have the flag, the table of all looks the same."""
    text = f"""
        -- output: everybody
        SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA;
        -- output: flagged
        SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} AND Flag = 1 GROUP BY LA"""
    some = judged(text, people(M1=40, M2=30, M3y=3, M3=22))
    none = judged(text, people(M1=40, M2=30, M3=25))
    assert lines(some[0]) == lines(none[0]) == ["LA,n", "1,40", "2,30", "3,25"]
    assert lines(some[1]) == lines(none[1])


def test_a_joint_table_beyond_policy_is_not_judged_and_needs_a_review() -> None:
    text = f"""
        -- output: sexes
        SELECT Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY Sex;
        -- output: authorities
        SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA"""
    for found in judged(text, EVERYBODY, replace(PROFILE, max_joint_cells=3)):
        assert found.verdict is Verdict.REVIEW
        assert "L1" in rules(found)
    assert all(f.verdict is not Verdict.REVIEW for f in judged(text, EVERYBODY))


def test_tables_that_cannot_be_compared_go_to_a_person() -> None:
    text = f"""
        -- output: everybody
        SELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA;
        -- output: joined
        SELECT a.LA, COUNT(*) AS n FROM npd.a AS a JOIN npd.b AS b ON b.Key = a.Key
        WHERE a.Y = '2018/2019' AND b.Y = '2018/2019' GROUP BY a.LA"""
    everybody, joined = judged(text, EVERYBODY)
    assert {everybody.verdict, joined.verdict} == {Verdict.REVIEW}


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
    filtered = [f"SELECT LA, SUM(Score) AS s FROM npd.a {YEAR}{w} GROUP BY LA" for w in filters]
    several = judged(";".join(f"-- output: t{n}\n{t}" for n, t in enumerate(filtered)), rows)
    assert sum(lines(a)[1] == "1,c" for a in several) == 1


def test_the_same_amount_written_otherwise_is_the_same_amount() -> None:
    sums = "SUM(Score) AS a, AVG(1.0 * Score) AS b, SUM(Score + 1) AS d"
    text = f"SELECT LA, {sums} FROM npd.a {YEAR} GROUP BY ROLLUP (LA)"
    (found,) = judged(text, people(M1=40, M2=12, M3=3))
    assert [line.count("c") for line in lines(found)[1:]] == [0, 3, 3, 0]


def test_a_small_total_is_named_as_one_and_a_ratio_by_its_parts() -> None:
    (found,) = judged(
        f"SELECT LA, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY ROLLUP (LA, Sex)", people(M1=40, F1=30, M2=30, M3=3)
    )
    assert {"F1", "F5"} <= {f.rule for f in found.findings if f.cell == (3,)}
    assert "F5" not in {f.rule for f in found.findings if f.cell == (3, "M")}
    (shares,) = judged(
        f"SELECT LA, SUM(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END) * 1.0 / COUNT(*) AS r FROM npd.a {YEAR} GROUP BY LA",
        people(M1=40, F1=30, M2=30, F2=3, M3=20, F3=20),
    )
    assert [row.rules[1] for row in shares.rows][1] == ("F1", "P3")


def test_a_sum_with_its_mean_implies_a_count_and_a_share_its_whole() -> None:
    """COUNT(*) of all, and SUM and AVG of those without the flag: their quotient is the count that would be hidden."""
    rows = people(M1=38, F1=31, F1y=4, M2=30)
    counted = f"-- output: all\nSELECT LA, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA;\n-- output: part\n"
    for told in (
        "SUM(Score) AS s, AVG(Score) AS m",
        "AVG(Score) AS m",
        "AVG(CASE WHEN Sex = 'M' THEN 1.0 ELSE 0 END) AS r",
    ):
        every, part = judged(f"{counted}SELECT LA, {told} FROM npd.a {YEAR} AND Flag = 0 GROUP BY LA", rows)
        assert "c" in lines(every)[1] or lines(part)[1].split(",")[1:] == ["c"] * told.count(" AS "), told


def test_persons_of_several_groups_and_scalings_of_one_amount_are_beyond_sums() -> None:
    """A person can be in several groups; forty scalings of a mean have the digits that one does not."""
    twice = "COUNT(DISTINCT Key) AS n, COUNT(DISTINCT CASE WHEN Flag = 1 THEN Key END) AS m"
    scaled = "AVG(1.98 * Score) AS a, AVG(1.97 * Score) AS b"
    for told in (twice, scaled):
        (found,) = judged(f"SELECT LA, {told} FROM npd.a {YEAR} GROUP BY LA", EVERYBODY)
        assert found.verdict is Verdict.REVIEW
        assert "L1" in rules(found)


def test_an_amount_with_a_default_is_the_same_amount() -> None:
    text = f"""
        -- output: all
        SELECT LA, SUM(Score) AS s FROM npd.a {YEAR} GROUP BY LA;
        -- output: part
        SELECT LA, SUM(COALESCE(Score, 0)) AS s FROM npd.a {YEAR} AND Flag = 0 GROUP BY LA"""
    every, part = judged(text, people(M1=40, F1y=1, M2=30))
    assert "L1" in rules(part) or "1,c" in (lines(every)[1], lines(part)[1])


def test_the_finest_table_must_have_what_the_others_add_up() -> None:
    text = f"""
        -- output: counts
        SELECT LA, Sex, COUNT(*) AS n FROM npd.a {YEAR} GROUP BY LA, Sex;
        -- output: sums
        SELECT LA, SUM(Score) AS s FROM npd.a {YEAR} GROUP BY LA"""
    counts, sums = judged(text, people(M1=40, F1=30, M2=30, F2=20, M3=20, F3=20), replace(PROFILE, round_base=5))
    assert (counts.verdict, sums.verdict) == (Verdict.SUPPRESS, Verdict.PUBLISH)


@pytest.mark.parametrize("pupils", [9, 11])
@pytest.mark.parametrize("amount", ["Score", "LA"])
@pytest.mark.parametrize("base", [1, 5])
def test_a_hidden_sum_that_everybody_in_it_knows_needs_no_review(base: int, amount: str, pupils: int) -> None:
    """Nine pupils, each alone by score, know the sum of their authority by themselves. No rule hides more for that, so
    the job does not go to a person, who would tell nine pupils from eleven."""
    text = f"""
        -- output: by_score
        SELECT Score, COUNT(*) AS n FROM npd.a WHERE Y = '2018/2019' GROUP BY Score;
        -- output: sums
        SELECT LA, SUM({amount}) AS s FROM npd.a WHERE Y IN ('2017/2018', '2018/2019') GROUP BY LA"""
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
