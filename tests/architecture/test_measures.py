"""Every place that treats measures in different ways decides for each of them. Where the type checker cannot prove it,
these tests do: a new measure fails here until it is decided for."""

import ast
from itertools import combinations

import pytest

from broker.disclosure.rules import RULES, rules_for
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import ADDITIVE, NON_ADDITIVE, Measure
from broker.evidence.tabulation import StatisticRequest, ValueTally, distribution_evidence
from broker.query.binder.draft_tables import COUNT_REVEALED_WITH
from broker.query.sql.exact_statement import ROW_VALUES
from tests.architecture.import_graph import ROOT, tree_of

KINDS = ("Measure.", "Contribution.", "PrivateMeasure.")
OWN_RULES = {
    Measure.COUNT_ROWS: "M3 M3",
    Measure.COUNT_VALUES: "M3 M3",
    Measure.COUNT_PERSONS: "M3",
    Measure.COUNT_DISTINCT: "M3 A2",
    Measure.ONES: "F3 M3 M3",
    Measure.SUM: "M3 M1 M2 M3 M4 M5 M7 M9",
    Measure.MEAN: "M3 M1 M2 M3 M4 M5 M7 M8 M8 M9",
    Measure.QUANTILE: "M1 Q1 Q4",
    Measure.DEVIATION: "M1 D1 M9",
    Measure.MOMENT: "M1 D1",
    Measure.SHARE: "F3 M3 M3 P1 P2",
    Measure.GAP: "M3",
    Measure.LOWEST: "M1 Q2",
    Measure.HIGHEST: "M1 Q2",
    Measure.MODE: "M1 Q3",
}
"""The rules that judge a measure, besides those of all measures."""


def test_the_rules_of_each_measure_are_decided() -> None:
    found = {m: [r.entry.ident for r in rules_for(m) if r.measures != frozenset(Measure)] for m in Measure}
    assert {m: " ".join(rules) for m, rules in found.items()} == OWN_RULES
    assert all(rule.measures for rule in RULES)


def test_additive_measures_differ_in_their_traits() -> None:
    """Code asks for traits only. Two measures with the same ones would be computed and protected alike."""
    assert [(a, b) for a, b in combinations(sorted(ADDITIVE), 2) if a.traits == b.traits] == []


def test_the_evidence_of_a_measure_has_fields() -> None:
    fields = StatisticEvidence.__dataclass_fields__.keys()
    assert {name for m in Measure for name in m.traits.evidence} <= fields - {"value", "rows", "persons"}


def test_a_measure_that_is_computed_from_rows_has_its_sql() -> None:
    assert ROW_VALUES.keys() == {m for m in Measure if m.traits.from_rows}


@pytest.mark.parametrize(
    "measure", sorted(NON_ADDITIVE - {Measure.MOMENT})
)  # files have no statistics of two variables
def test_a_file_gives_the_evidence_of_each_measure_that_is_not_additive(measure: Measure) -> None:
    tally = [ValueTally(1, 2, 2), ValueTally(5, 3, 2)]
    assert distribution_evidence(StatisticRequest(measure, "x"), tally, 4, 2, None).rows == 5


def test_each_ratio_reveals_a_count_together_with_its_total() -> None:
    ratios = [(r, t) for r in Measure for t in Measure if r.traits.is_ratio and not t.traits.is_ratio]
    pairs = {frozenset((r, t)) for r, t in ratios if r.traits.contribution is t.traits.contribution}
    assert {frozenset(pair) for pair in COUNT_REVEALED_WITH.items()} == pairs


@pytest.mark.slow
def test_no_match_on_measures_has_a_silent_default() -> None:
    """A case for all the rest raises, or asserts that no rest is left."""
    modules = {p: tree_of(p) for p in (ROOT / "broker").rglob("*.py")}
    matches = [(p, n) for p, tree in modules.items() for n in ast.walk(tree) if isinstance(n, ast.Match)]
    found = [(p, n) for p, n in matches if any(ast.unparse(c.pattern).startswith(KINDS) for c in n.cases)]
    defaults = [
        (p, c) for p, n in found for c in n.cases if isinstance(c.pattern, ast.MatchAs) and not c.pattern.pattern
    ]
    assert len(found) > 10
    assert [f"{p}:{c.pattern.lineno}" for p, c in defaults if not _is_loud(c.body[0])] == []


def _is_loud(first: ast.stmt) -> bool:
    return isinstance(first, ast.Raise) or ast.unparse(first).startswith("assert_never(")
