"""Worked examples of primary rules from public handbooks and tools, as small tables; each names its source."""

from dataclasses import replace
from decimal import Decimal

import pytest
from files_kit import amounts, grid_of, persons, rules_of, with_profile

from broker.disclosure.microdata.judge_microdata import judge_microdata
from broker.disclosure.rules import RuleInput, findings_of, p_percent_of
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import Measure
from broker.evidence.tabulation import TabulationRequest
from broker.policy.disclosure_rules import ZeroPolicy
from tests.oracles.tabulate import tabulate_rows

NO_DOMINANCE = with_profile(t=2, p_percent=None)


def said(x: list[int], **profile: object) -> set[str]:
    """Rules on a cell total by its contributions."""
    big = [*sorted(x, reverse=True), 0]
    evidence = StatisticEvidence(
        sum(x), len(x), len(x), largest=big[0], second=big[1], low=min(x), high=max(x), total=sum(x), others=len(x) - 1
    )
    found = findings_of(RuleInput(Measure.SUM, evidence, len(x)), replace(NO_DOMINANCE, **profile))
    return {f.rule for f in found} - {"M9"}


HOURS = """
             full part
    married     6    0
    divorced    5    1
    single      2    2
"""
"""All married work full time (group disclosure), and the divorced person who works part time knows that the others work
full time (within-group disclosure); and of part-timers, the one who is divorced."""
SEXES = """
              male female
    married     38     17
    divorced     7      4
    single       3      1
"""
"""The single woman is unique. With t = 10 her row's total goes as well. (Columns in order: female, male.)"""
SEX_AND_HOURS = """
                 over30 to30 to15
    married_w        14    3    0
    divorced_w        2    2    0
    single_w          0    0    1
"""
"""The zeros around the single woman tell her hours."""


@pytest.mark.parametrize(("table", "t", "totals", "rules"), [
    (HOURS, 2, False, ["divorced F4 F1", "married F3 F2", "single . F4"]),
    (HOURS, 3, False, ["divorced F4 F1", "married F3 F2", "single F1 F1+F4"]),
    (SEXES, 2, False, ["divorced . .", "married . .", "single F1 F4"]),
    (SEXES, 10, True, ["divorced F1 F1 .", "married . . .", "single F1 F1+F4 F1+F5", "None . . ."]),
    (SEX_AND_HOURS, 2, False, ["divorced_w . F2 .", "married_w . F2 .", "single_w F2 F1+F3 F2"]),
])  # fmt: skip
def test_marital_status(table: str, t: int, totals: bool, rules: list[str]) -> None:
    """Handbook, 5.2, marital status by hours worked, by sex, and by both."""
    found = rules_of(persons(table), "row,column", profile=with_profile(t=t), totals=totals)
    assert grid_of(found).splitlines() == rules


def test_example_1_of_dominance() -> None:
    """Handbook, 4.2, example 1: 50,000 + 49,000 of 100,000 passes the (1,90)-rule, yet the second contributor estimates
    the first to 2 %: the p%-rule with p = 10 finds it."""
    cell = [50_000, 49_000, 1_000]
    assert said(cell, dominance_n=1, dominance_k=90.0) == set()
    assert p_finds(cell, 10)


def p_finds(cell: list[int], p: float) -> bool:
    return "M3" in said(cell, p_percent=p)


def test_example_2_of_dominance() -> None:
    """Handbook, 4.2, example 2: 52,000 + 50,000 of 110,000 is safe by p = 10 (15.4 % off), and not by the (2,k)-rule
    with k = 100 * 100/110."""
    cell = [52_000, 50_000, 8_000]
    assert not p_finds(cell, 10)
    assert p_finds(cell, 15.5)
    assert not p_finds(cell, 15.3)
    assert "M2" in said(cell, dominance_k=100 * 100 / 110)


@pytest.mark.parametrize(("k", "p"), [(80.0, "25"), (95.0, "5.26"), (90.0, "11.11")])
def test_the_p_that_equals_a_dominance_rule(k: float, p: str) -> None:
    """Handbook, 4.2: (2,80) is replaced by p = 25, (2,95) by p = 5.26."""
    found = p_percent_of(with_profile(p_percent=None, dominance_k=k))
    assert found is not None
    assert round(found, 2) == Decimal(p)
    assert p_percent_of(with_profile(p_percent=10.0, dominance_k=k)) == 10
    assert p_percent_of(with_profile(p_percent=None, dominance_n=1, dominance_k=k)) is None


def test_cells_safe_by_a_dominance_rule_are_safe_by_its_p() -> None:
    """Handbook, 4.2, proof of A; example 2 is the converse."""
    for a in range(0, 60, 3):
        for b in range(0, a + 1, 3):
            found = said([100, a, b, 3, 1], dominance_k=80.0)
            assert "M5" not in found or "M2" in found


def test_prior_knowledge() -> None:
    """Handbook, 4.2, the (p,q)-rule: with q = 50, p = 10 asks as much as p = 20 does with q = 100."""
    cell = [100, 80, 15]
    rules = [said(cell, p_percent=10, prior_q=q) & {"M3", "M4"} for q in (None, 50.0, 100.0)]
    assert rules == [set(), {"M4"}, set()]
    assert p_finds(cell, 20)


CELLS = {
    "v1": [100], "v2": [90, 10], "v3": [80, 20], "v4": [70, 30], "v5": [80, 10, 10],
    "v6": [70, 10, 10, 10], "v7": [60, 20, 10, 10],
}  # fmt: skip
"""GaussSuppression, tests of its dominance rule (n = 2, k = 90): exactly 90 % is not more than that."""
MAGNITUDE = {
    "Agriculture Portugal": [75.9, 24.5], "Agriculture Spain": [96.6, 43.2],
    "Entertainment Iceland": [16.8], "Entertainment Portugal": [7.1, 2.3], "Entertainment Spain": [77.4, 11.5, 16.4],
    "Governmental Portugal": [21.6, 2.0], "Governmental Spain": [6.5, 2.7],
    "Industry Iceland": [9.6, 8.8, 1.9], "Industry Portugal": [25.7, 3.4], "Industry Spain": [8.4],
}  # fmt: skip
"""GaussSuppression, vignette on magnitude tables, its data by sector and country, each row a company of its own. Its
first example is of cells with one contribution, the second of a company with more than 80 % (n = 1, k = 80)."""


@pytest.mark.parametrize(("cells", "rule", "profile", "found"), [
    (CELLS, "M2", {"dominance_k": 90.0}, ["v1", "v2", "v3", "v4"]),
    (MAGNITUDE, "M1", {}, ["Entertainment Iceland", "Industry Spain"]),
    (MAGNITUDE, "M2", {"dominance_n": 1, "dominance_k": 80.0},
     ["Entertainment Iceland", "Governmental Portugal", "Industry Portugal", "Industry Spain"]),
])  # fmt: skip
def test_cells_of_few_or_large_contributors(cells, rule, profile, found) -> None:
    rules = rules_of(amounts(cells), "cell", "sum(x)", replace(NO_DOMINANCE, **profile), sums=("x",))
    assert [cell for (cell,), of_cell in rules.items() if rule in of_cell] == found


def test_companies_that_contribute_several_times() -> None:
    """The vignette on contributors: two rows of one company are one contributor."""
    rows = amounts({"a": [10, 10, 10], "b": [10, 10, 10]})
    rows["id"] = ["A", "A", "B", "A", "B", "C"]
    found = rules_of(rows, "cell", "sum(x)", with_profile(p_percent=None), sums=("x",))
    assert found == {("a",): "F1 M1", ("b",): "M9"}


def test_a_hundred_rows_of_one_pupil() -> None:
    """What acro's crosstab counts as 100 is one person; its nk rule takes 90 % for too much, the handbook does not."""
    rows = persons("""
          c
        a 20
        b 100
    """)
    rows["id"] = [i if r == "a" else "p" for i, r in zip(rows["id"], rows["row"], strict=True)]
    assert rules_of(rows, "row", profile=with_profile(t=10)) == {("a",): "", ("b",): "F1"}


def test_seven_and_fewer_are_redacted_then_rounded() -> None:
    """OpenSAFELY, on redaction and rounding: 7 and fewer go, 8 leaves as 10, 12 as 10, 13 as 15."""
    profile = with_profile(t=8, round_base=5, zeros=ZeroPolicy.PUBLISH)
    grid = "x\n" + "\n".join(f"n{n:02} {n}" for n in (5, 7, 8, 12, 13))
    found = judge_microdata(tabulate_rows(persons(grid), TabulationRequest("id", ("row",))), profile)
    assert [c["released"] for c in found["cells"]] == [None, None, 10, 10, 15]
    assert [c["rules"] for c in found["cells"][:2]] == [["F1"], ["F1"]]
