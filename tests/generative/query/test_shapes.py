"""Generated queries of every operator against the engine: values, years by deletion, non-interference, scanned columns."""

# ruff: noqa: E501 - one value a line reads as a table

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

import oracles
import pytest
import worlds
from shapes import SHAPES, Sample, sample

from broker.policy.policy_set import PolicySet
from broker.query import compile_sql
from tests.proof_size import report_figures, seed, size

pytestmark = pytest.mark.long

WORLDS = 1
HAVING_OF_A_YEAR = re.compile(r" BY (GROUPING SETS|ROLLUP|CUBE) .* HAVING ")
"""A year of HAVING is taken for one of all grouping sets, also of those without it."""


@dataclass
class Figures:
    """What a run over many queries found; all lists but `lacking` are faults."""

    shapes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    unsound: list[object] = field(default_factory=list)
    interfering: list[object] = field(default_factory=list)
    unscanned: list[object] = field(default_factory=list)
    differing: list[object] = field(default_factory=list)
    rewritten: list[object] = field(default_factory=list)
    lacking: Counter[str] = field(default_factory=Counter)
    """Refused texts with a column or a year that the engine needs and no use tells: they did not resolve so far."""
    exact: int = 0
    wider: int = 0
    unrunnable: int = 0


@pytest.fixture(scope="module")
def figures(policies: PolicySet) -> Figures:
    """One run for all properties: each query is compiled once and put to every world."""
    found, catalogue, project = Figures(), policies.catalogue, policies.project("P0421")
    assert project is not None
    start, queries = seed() * 100_000, size("QUERIES", 2 * len(SHAPES))
    databases = [worlds.world(catalogue, start + i) for i in range(size("WORLDS", WORLDS))]
    keyed = worlds.keyed_world(catalogue, start)
    for number in range(start, start + queries):
        one = sample(number)
        compiled = compile_sql(one.text, one.dialect, catalogue, project, policies.service)
        found.shapes[one.shape]["accepted" if compiled.plan else compiled.refusals[0].code] += 1
        found.unrunnable += not oracles.runs(databases[0], one.twin)
        missing = oracles.not_in_uses(databases[0], catalogue, one, compiled)
        mattered: set[tuple[str, int]] = set()
        late = [y for con in databases for y in oracles.delete_years(con, catalogue, one, compiled, mattered)]
        if compiled.plan is None:
            found.lacking[one.shape] += bool(missing or late)
            continue
        found.unscanned += [(number, missing)] if missing else []
        found.unsound += [(number, late)] if late else []
        if any(oracles.interferes(con, catalogue, compiled, number) for con in databases):
            found.interfering.append(number)
        if not HAVING_OF_A_YEAR.search(one.text) and not oracles.as_the_engine(keyed, one, compiled):
            found.differing.append((number, one.text))
        again = compile_sql(compiled.canonical, one.dialect, catalogue, project, policies.service)
        if (again.plan and again.plan.hash, again.canonical) != (compiled.plan.hash, compiled.canonical):
            found.rewritten.append((number, compiled.canonical))
        used = {(u.table, y) for u in compiled.uses for y in u.years or () if y in worlds.YEARS}
        found.exact += len(used & mattered)
        found.wider += len(used - mattered)
    _write_figures(found, queries)
    return found


def _write_figures(found: Figures, queries: int) -> None:
    accepted = {s: f"{c['accepted']}/{c.total()}" for s, c in found.shapes.items()}
    codes = {s: c.most_common(3) for s, c in found.shapes.items() if c["accepted"] < c.total()}
    told: dict[str, object] = {
        "queries": queries, "accepted": sum(c["accepted"] for c in found.shapes.values()), "accepted_by_shape": accepted,
        "refused_with": codes, "years_unsound": len(found.unsound), "years_exact": found.exact, "years_wider": found.wider,
        "interfering": len(found.interfering), "scanned_but_not_used": len(found.unscanned),
        "refused_and_not_wholly_resolved": dict(found.lacking), "twins_that_do_not_run": found.unrunnable,
    }  # fmt: skip
    report_figures("shapes", told)


def test_an_accepted_query_gives_what_the_engine_gives(figures: Figures) -> None:
    assert not figures.differing


def test_canonical_text_compiles_to_the_same_plan(figures: Figures) -> None:
    assert not figures.rewritten


def test_a_table_year_that_changes_an_answer_is_in_the_uses(figures: Figures) -> None:
    assert not figures.unsound


def test_scrambling_what_is_not_used_changes_no_byte(figures: Figures) -> None:
    """Invariant 3."""
    assert not figures.interfering


def test_what_the_engine_scans_is_in_the_uses(figures: Figures) -> None:
    """Invariant 3, by the engine's own optimised plan of what is rendered, and of the text as DuckDB reads it."""
    assert not figures.unscanned


def test_the_generator_writes_what_an_engine_can_run(figures: Figures) -> None:
    total = sum(c.total() for c in figures.shapes.values())
    assert len(figures.shapes) == len(SHAPES)
    assert figures.unrunnable <= total * 0.02
    assert figures.shapes["plain"]["accepted"] == figures.shapes["plain"].total()


def test_the_oracles_see_a_use_that_is_missing(policies: PolicySet) -> None:
    """A year, a variable and a filter that the uses do not tell are each found."""
    text = "SELECT a.LA, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear >= '2016/2017' AND a.FSMeligible = 1 GROUP BY a.LA"
    catalogue, project = policies.catalogue, policies.project("P0421")
    assert project is not None
    whole = compile_sql(text, "tsql", catalogue, project, policies.service)
    one, con = Sample(0, "plain", "tsql", text, text), worlds.world(catalogue, seed())
    assert not oracles.delete_years(con, catalogue, one, whole, set())
    late = replace(whole, uses=tuple(replace(u, years=frozenset({2016, 2018})) for u in whole.uses))
    assert oracles.delete_years(con, catalogue, one, late, set()) == [("npd.absence", 2017)]
    unfiltered = replace(whole, uses=tuple(u for u in whole.uses if u.variable != "FSMeligible"))
    assert oracles.not_in_uses(con, catalogue, one, unfiltered) == [("npd.absence", "FSMeligible")]
    assert oracles.interferes(con, catalogue, unfiltered, 1)
    assert not oracles.interferes(con, catalogue, whole, 1)
