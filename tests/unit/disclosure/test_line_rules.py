"""Rules on whole lines of a table: drawn tables of persons."""

from dataclasses import replace

from broker.disclosure.microdata.judged_statistics import full_lines, line_findings, nearly_full_lines, zero_patterns
from broker.disclosure.suppression.cell_systems import CellCoordinates
from broker.domain.findings import Verdict
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy

PROFILE = DisclosureRules(name="npd", source="test", t=10)


def drawn(grid: str) -> dict[CellCoordinates, int]:
    head, *lines = [line.split() for line in grid.strip().splitlines()]
    found: dict[CellCoordinates, int] = {}
    for row in lines:
        for column, n in zip(head, row[1:], strict=True):
            found[named(row[0]), named(column)] = int(n)
    return found


def named(word: str) -> str | None:
    return None if word == "all" else word


TABLE = drawn("""
          yes   no  all
    a      30    0   30
    b      20   30   50
    c       1   40   41
    all    51   70  121
""")


def test_a_full_line_in_the_table_and_in_its_totals() -> None:
    assert set(full_lines(TABLE, PROFILE)) == {("a", "yes")}
    assert set(full_lines(TABLE, replace(PROFILE, full_share=0.9))) == {("a", "yes"), ("c", "no")}
    assert full_lines(TABLE, replace(PROFILE, full=ZeroPolicy.PUBLISH)) == {}
    assert {f.verdict for f in full_lines(TABLE, PROFILE).values()} == {Verdict.REVIEW}


def test_one_member_who_knows_that_the_others_are_all_elsewhere() -> None:
    assert set(nearly_full_lines(TABLE, PROFILE)) == {("c", "no")}
    two = drawn("""
            yes  no
        a     2  40
        b    30  30
    """)
    assert nearly_full_lines(two, PROFILE) == {}
    assert set(nearly_full_lines(two, replace(PROFILE, coalition=2))) == {("a", "no"), ("b", "yes")}, "either way"
    assert nearly_full_lines(two, replace(PROFILE, coalition=0)) == {}


def test_figures_that_follow_from_the_filter_disclose_nothing() -> None:
    """Everybody is a girl: the filter says so. Nor does the one line of a table with one dimension tell anything."""
    girls = drawn("""
            f
        a  30
        b  20
    """)
    assert line_findings(girls, PROFILE) == {}
    assert line_findings({("a",): 30, ("b",): 0}, PROFILE) == {}


def test_a_file_declares_no_structure_so_each_full_line_counts() -> None:
    """Each group has one answer: whoever knows the group knows the answer, of all of them."""
    told = drawn("""
            yes  no
        a    30   0
        b     0  30
        c    25   0
    """)
    assert set(full_lines(told, PROFILE)) == {("a", "yes"), ("b", "no"), ("c", "yes")}


def test_full_lines_of_tables_of_totals() -> None:
    """By sex nobody sees it in one line alone; of both sexes together all in school a have the need."""
    cells = {("a", s, n): 20 if n == "yes" else 0 for s in ("f", "m") for n in ("yes", "no")}
    cells |= {("b", s, n): 20 for s in ("f", "m") for n in ("yes", "no")}
    cells |= {(u, None, n): 40 if (u, n) != ("a", "no") else 0 for u in ("a", "b") for n in ("yes", "no")}
    assert ("a", None, "yes") in full_lines(cells, PROFILE)


def test_zeros_are_reported_by_pattern() -> None:
    zeros = drawn("""
            w  x  y
        a   9  0  0
        b   9  0  3
        c   9  0  3
    """)
    told = {place: dict(f.figures)["cells"] for place, f in zero_patterns(zeros, PROFILE)}
    assert told == {(None, "x"): "3", ("a", "y"): "1"}
    assert zero_patterns(zeros, replace(PROFILE, zeros=ZeroPolicy.PUBLISH)) == []
