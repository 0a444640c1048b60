"""How many people a combination of conditions holds at least: by tables of sizes, and never more than there are."""

# ruff: noqa: E501 - one case a line reads as a table

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from broker.domain.errors import Invalid
from broker.policy.files import load_policies
from broker.policy.files.population_files import read_sizes
from broker.policy.public_sizes import PublicSizes, RangeShare, TableSizes, UnrelatedVariables, VariableShares
from broker.query import SelectivityThreshold, compile_sql
from broker.query.selectivity.person_estimates import combined_share
from tests.spec.query.query_kit import CATALOGUE, PROJECT, SERVICE

LEAST = 30
SEX = VariableShares(variable="Sex", source="s", codes={"M": 0.5, "F": 0.4, "(missing)": 0.02})
AREA = VariableShares(variable="LA", source="s", codes={"1": 0.6, "2": 0.3, "3": 0.001})
FLAG = VariableShares(variable="Flag", source="s", codes={"1": 0.1, "0": 0.85})
RANGES = tuple(RangeShare(low=x, high=y, share=share) for x, y, share in ((-5, 4, 0.3), (5, 14, 0.4), (15, 20, 0.01)))
SCORE = VariableShares(variable="Score", source="s", ranges=RANGES)
KIND = VariableShares(variable="npd.b", source="s", codes={"in": 0.2, "out": 0.7})
TABLE = TableSizes(
    table="npd.a", source="s", persons=10_000, years=frozenset({2017, 2018}), shares=(SEX, AREA, FLAG, SCORE, KIND),
    unrelated=(UnrelatedVariables(variables=("Sex", "LA"), source="s"), UnrelatedVariables(variables=("Flag", "LA"), source="s", at_least=0.5)),
)  # fmt: skip


WORDS = {"select fewer": "few", "select very few": "unsized", "exclude": "leaves few", "years": "years"}


def goes(where: str, table: TableSizes = TABLE, select: str = "COUNT(*) AS n") -> str:
    """`itself`, or what the first part does that a person looks at."""
    text = f"SELECT {select} FROM npd.a AS a WHERE a.Y = '2017/2018' AND ({where})"
    reach = SelectivityThreshold(PublicSizes(tables=(table,)), LEAST)
    compiled = compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE, 10, reach=reach)
    assert compiled.plan is not None, compiled.refusals
    found = [p for o in compiled.plan.outputs for p in o.small_parts]
    return next((w for said, w in WORDS.items() if said in found[0].why), found[0].why) if found else "itself"


@pytest.mark.parametrize(("where", "way", "why"), [
    ("a.LA = 3", "itself", "one variable is not combined, however few it holds"),
    ("a.Note = 'x'", "itself", "nor where nobody knows how many"),
    ("a.LA = 1 AND a.Sex = 'M'", "itself", "unrelated: 10,000 x 0.6 x 0.5"),
    ("a.LA = 3 AND a.Sex = 'M'", "few", "unrelated: 10,000 x 0.001 x 0.5 = 5"),
    ("a.LA = 1 AND a.Flag = 1", "itself", "nearly unrelated: half of 600"),
    ("a.LA = 1 AND a.Sex IN ('M', 'F')", "leaves few", "who is neither M nor F is not known to be anybody"),
    ("a.Sex = 'M' AND a.Flag = 0", "leaves few", "related: 0.5 + 0.85 - 1 = 0.35, but none of M with Flag 1 for sure"),
    ("a.LA IN (1, 3) AND a.Sex = 'M'", "few", "of the values that a condition lists, the rarest counts"),
    ("a.LA = 1 AND a.Note = 'x'", "unsized", "without a size nobody is known to be there"),
    ("a.LA = 1 OR a.Sex = 'F'", "itself", "alternatives are each large, and so is the rest"),
    ("a.LA = 3 OR a.Sex = 'F'", "few", "one of them holds 10"),
    ("(a.LA = 1) AND (a.Sex = 'M' OR a.Sex IS NULL)", "itself", "brackets change nothing; missing values have a size, too"),
    ("NOT (a.LA = 2 AND a.Sex = 'M')", "itself", "what is left out is large, too"),
    ("NOT (a.LA = 3 AND a.Sex = 'M')", "leaves few", "5 are left out"),
    ("a.LA <> 3 AND a.Sex = 'M'", "leaves few", "5 are left out of the boys"),
    ("a.Score < 5 AND a.LA = 1", "unsized", "the score is of no group of unrelated variables: 0.3 + 0.6 - 1 < 0"),
    ("a.LA BETWEEN 1 AND 2 AND a.Sex = 'M'", "leaves few", "3 is left out"),
    ("a.LA = 1 AND a.LA = 2 AND a.Sex = 'M'", "itself", "nobody can meet it, whatever the data are"),
    ("a.LA + a.Score = 4", "unsized", "a computation with two variables is a condition on both"),
    ("(a.LA = 1 OR a.Y = '2018/2019')", "years", "a year is an alternative to another condition"),
])  # fmt: skip
def test_ways(where: str, way: str, why: str) -> None:
    expected = {"unsized": {"unsized", "few"}}.get(way, {way})
    assert goes(where) in expected, why


@pytest.mark.parametrize(("select", "way"), [
    ("COUNT(CASE WHEN a.Score = 17 THEN 1 END) AS n", "itself"),
    ("SUM(CASE WHEN a.LA = 3 THEN a.Score ELSE 0 END) AS n", "itself"),
    ("COUNT(CASE WHEN a.LA = 1 AND a.Sex = 'M' THEN 1 END) AS n", "itself"),
    ("COUNT(CASE WHEN a.LA = 3 AND a.Sex = 'M' THEN 1 END) AS n", "few"),
    ("SUM(CASE WHEN a.LA = 1 THEN 1 WHEN a.Sex = 'M' THEN 2 ELSE 3 END) AS n", "itself"),
    ("SUM(CASE WHEN a.LA <> 3 THEN 1 WHEN a.Sex = 'M' THEN 2 ELSE 3 END) AS n", "few"),
    ("SUM(CASE WHEN a.LA = 1 THEN CASE WHEN a.Note = 'x' THEN 1 ELSE 0 END ELSE 0 END) AS n", "unsized"),
])  # fmt: skip
def test_branches(select: str, way: str) -> None:
    """A condition on one variable tells what a key of GROUP BY tells; others are looked at, each with the rest."""
    assert goes("a.Flag IS NOT NULL", select=select) == way


def test_keys_are_no_conditions() -> None:
    text = "SELECT LA, Sex, Flag, COUNT(*) AS n FROM npd.a WHERE Y = '2017/2018' GROUP BY LA, Sex, Flag"
    found = compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE, 10, reach=SelectivityThreshold(PublicSizes(), LEAST))
    assert found.review == ()


def test_a_year_without_sizes_has_none() -> None:
    assert goes("a.LA = 1 AND a.Sex = 'M'", replace(TABLE, years=frozenset({2018}))) == "unsized"
    assert goes("a.LA = 1 AND a.Sex = 'M'") == "itself"


def test_a_plan_does_not_depend_on_what_sizes_say() -> None:
    text = "SELECT COUNT(*) AS n FROM npd.a WHERE LA = 3 AND Sex = 'M'"
    one, other = (
        compile_sql(text, "tsql", CATALOGUE, PROJECT, SERVICE, 10, reach=reach)
        for reach in (None, SelectivityThreshold(PublicSizes(), LEAST))
    )
    assert one.review == (), "without public sizes no text needs a review"
    assert other.plan.outputs[0].small_parts
    assert one.plan.hash == other.plan.hash


People = list[tuple[int, int, int]]
"""Each with the values of three variables."""


@st.composite
def towns(draw: st.DrawFn) -> tuple[People, dict[str, set[int]], float]:
    """People, a condition on each of some variables, and the factor by which the first two are nearly unrelated: the
    largest with which the rule holds of these people for these conditions."""
    people = draw(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=40))
    asked = {n: draw(st.sets(st.integers(0, 2), min_size=1)) for n in draw(st.sets(st.sampled_from("abc"), min_size=1))}
    sets = [set(c) for size in (1, 2, 3) for c in combinations(range(3), size)]
    factors = [
        _joint(people, {"a": x, "b": y}) / (p * q)
        for x, y in product(sets, sets)
        if (p := _joint(people, {"a": x})) and (q := _joint(people, {"b": y}))
    ]
    return people, asked, min(1.0, min(factors, default=1.0))


def _joint(people: People, asked: Mapping[str, set[int]]) -> float:
    return sum(all(p["abc".index(n)] in s for n, s in asked.items()) for p in people) / len(people)


@given(towns())
def test_never_more_than_there_are(drawn: tuple[People, dict[str, set[int]], float]) -> None:
    """Where the rule on unrelated variables holds, the estimate is at most the true share, whatever the town is."""
    people, asked, factor = drawn
    group = UnrelatedVariables(variables=("a", "b"), source="s", at_least=factor)
    shares = {name: _joint(people, {name: values}) for name, values in asked.items()}
    assert combined_share(shares, replace(TABLE, unrelated=(group,))) <= _joint(people, asked) + 1e-9


@pytest.mark.parametrize(("old", "new", "code"), [
    ("table: npd.absence", "table: npd.absences", "unknown-table"),
    ("variable: LA,", "variable: Nowhere,", "unknown-variable"),
    ("years: [2018/2019", "years: [2019/2020", "year-outside"),
    ("[101, 250, 0.01]", "[90, 250, 0.01]", "policy-range"),
    ('{"1": 0.15, "0": 0.74}', '{"1": 0.55, "0": 0.74}', "policy-range"),
    ("at_least: 0.5", "at_least: 1.5", "policy-range"),
    ("each: [0.0012, 0.035]", "each: [0.0012]", "policy-range"),
    ("persons: 6300000", "persons: 0", "policy-range"),
    (None, None, "duplicate-table"),
])  # fmt: skip
def test_a_wrong_file_says_what_is_wrong(old: str | None, new: str | None, code: str, tmp_path: Path) -> None:
    """Without a change: two files of one year."""
    folder = Path(__file__).parents[3] / "policies"
    text = (folder / "sizes" / "npd.absence.yaml").read_text()
    assert old is None or old in text
    (tmp_path / "one.yaml").write_text(text.replace(old, new, 1) if old else text)
    if old is None:
        (tmp_path / "two.yaml").write_text(text)
    with pytest.raises(Invalid) as caught:
        read_sizes(tmp_path, load_policies(folder).catalogue)
    assert caught.value.code == code
