"""Screens skip no cell on which a rule has a finding: findings by column equal those of every rule on every cell."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from unittest import mock

import drawn_evidence as drawn
import pytest

from broker.disclosure import table_findings
from broker.disclosure.protected_means import mean_of_units
from broker.disclosure.rules import PLAN_RULES, RULES, RuleInput, findings_of, rules_to_evaluate
from broker.disclosure.rules.distribution import quantile_spans
from broker.disclosure.rules.rule_columns import RuleInputColumns, any_cell
from broker.disclosure.table_findings import (
    ROW_COUNT_STATISTIC,
    evaluate_rules,
    full_cells,
    is_by_institution,
    row_count_evidence,
    row_figures,
    uncounted_institutions,
)
from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Finding
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Scan
from broker.domain.plans.plan import PlannedStatistic, PlannedTable, QuantileForm
from broker.domain.plans.scalars import ScalarType, Value
from broker.evidence.evidence_columns import as_evidence_columns
from broker.policy.disclosure_rules import DisclosureRules

pytestmark = pytest.mark.long

Findings = tuple[Finding, ...]
BY_A_PERSON = frozenset({Measure.COUNT_DISTINCT, Measure.DEVIATION, Measure.MODE})
HALF = QuantileForm(Decimal("0.5"))
SEEDS = range(300)
shown = table_findings.protected_value


def shown_if_it_can_be(*asked: object) -> Value:
    """Values that no engine would hold cannot be rounded; rules are asked of them all the same."""
    try:
        return shown(*asked)  # type: ignore[arg-type]
    except ArithmeticError:
        return None


@pytest.fixture(autouse=True)
def _strange_values() -> Iterator[None]:
    with mock.patch.object(table_findings, "protected_value", shown_if_it_can_be):
        yield


def question(
    statistic: PlannedStatistic, cell: CellEvidence, planned: PlannedTable, profile: DisclosureRules
) -> RuleInput:
    figures = row_figures(planned, cell, profile)
    fractions = [s.form.fraction for s in planned.statistics if isinstance(s.form, QuantileForm)]
    return RuleInput(
        statistic.measure,
        row_count_evidence(cell) if statistic is ROW_COUNT_STATISTIC else figures.judged[statistic.ident],
        cell.persons,
        statistic.needs_review,
        statistic.bounds,
        institutions=cell.institutions,
        protected=None if statistic is ROW_COUNT_STATISTIC else figures.shown(statistic, profile),
        mean_of_units=mean_of_units(statistic, figures.judged[statistic.ident], profile, figures.cell)
        if statistic.measure is Measure.MEAN
        else None,
        largest_institution=cell.largest_institution,
        by_institution=is_by_institution(planned),
        span=quantile_spans(fractions)[statistic.form.fraction] if isinstance(statistic.form, QuantileForm) else None,
    )


def findings_one_by_one(
    planned: PlannedTable, cell: CellEvidence, profile: DisclosureRules, margin: bool
) -> dict[int, Findings]:
    """Every rule's word, by asking every rule."""
    asks = {
        s.ident: replace(question(s, cell, planned, profile), margin=margin)
        for s in planned.statistics or (ROW_COUNT_STATISTIC,)
    }
    return {i: (*findings_of(ask, profile), *uncounted_institutions(cell, ask, profile)) for i, ask in asks.items()}


def test_findings_by_column_equal_every_rule_on_every_cell() -> None:
    spoken, silent = Counter[tuple[str, Measure]](), 0
    for seed in SEEDS:
        draw = Random(seed)
        (planned, evidence), profile, margin = drawn.table(draw), drawn.profile(draw), draw.random() < 0.3
        words = evaluate_rules(planned, evidence, profile, margin)
        for cell in evidence.cells:
            found = findings_one_by_one(planned, cell, profile, margin)
            assert {i: words.on(i, cell.keys, True) for i in found} == found, (seed, cell.keys)
            measures = {s.ident: s.measure for s in planned.statistics}
            spoken.update(
                (f.rule, measures.get(i, ROW_COUNT_STATISTIC.measure)) for i, said in found.items() for f in said
            )
            silent += sum(not said for said in found.values())
    assert {rule for rule, _ in spoken} >= {"F1", "F2", "F3", "F5", "F6", "M1", "M2", "M3", "M4", "M5", "M7", "M9"}
    assert {rule for rule, _ in spoken} >= {"P1", "P2", "Q1", "Q2", "Q3", "D1", "A1", "A2"}
    assert {measure for _, measure in spoken} == set(Measure)
    assert silent > 1000


@pytest.mark.parametrize("profile", drawn.PROFILES, ids=lambda p: p.name)
def test_rules_skip_large_ordinary_cells(profile: DisclosureRules) -> None:
    draw, asked = Random(1), [m for m in Measure if m not in BY_A_PERSON]
    one = StatisticEvidence(
        500, 500, 400, 300, 300, 2, 2, 0, 60, 9000, others=300, step_number=0, ties=40, institution_largest=20
    )
    evidence = {n: replace(one, cell_key=n) for n in range(len(asked))}
    statistics = tuple(PlannedStatistic(n, m, None, ScalarType.INT, form=HALF) for n, m in enumerate(asked))
    cells = tuple(CellEvidence((n,), 1000, 700 + draw.randint(0, 99), evidence, 40, 20) for n in range(50))
    planned = PlannedTable(Scan("x", (), 0, None), 0, (), statistics)
    with mock.patch.object(table_findings, "findings_of", wraps=findings_of) as rules:
        words = evaluate_rules(planned, TableEvidence(cells, 700), profile)
    assert not any(words.cells.values())
    assert len(rules.mock_calls) == 2 * len(asked)  # what is said of every cell, and where there is none


def test_a_rule_is_evaluated_where_its_prefilter_says_and_a_rule_of_the_plan_nowhere() -> None:
    _, evidence = drawn.table(Random(5))
    columns = as_evidence_columns(evidence.cells)
    inputs = RuleInputColumns(ROW_COUNT_STATISTIC, columns.fields(None), columns.fields(None))
    everywhere = tuple(replace(r, prefilter=any_cell) for r in RULES if r not in PLAN_RULES)
    with mock.patch("broker.disclosure.rules.rules_for", return_value=(*everywhere, *PLAN_RULES)):
        found = rules_to_evaluate(inputs, drawn.PROFILES[0], len(columns))
    assert found == dict.fromkeys(range(len(evidence.cells)), everywhere)


def test_no_other_rules_read_shown_values() -> None:
    """Of other rules the question need not say it."""
    for seed in SEEDS:
        draw = Random(seed)
        (planned, evidence), profile = drawn.table(draw), drawn.profile(draw)
        for cell in evidence.cells[:5]:
            for statistic in planned.statistics:
                ask = question(statistic, cell, planned, profile)
                others = tuple(r for r in RULES if not r.reads_protected)
                told = replace(ask, protected=draw.choice([0, 0.5, Decimal("0.123"), 7]))
                assert findings_of(ask, profile, others) == findings_of(told, profile, others)


def full_cells_one_by_one(cells: Iterable[CellEvidence], full_share: float, t: int) -> frozenset[tuple[Value, ...]]:
    """As `full_cells`, line by line."""
    found = [c for c in cells if c.persons]
    width = len(found[0].keys) if found else 0
    full: set[tuple[Value, ...]] = set()
    for axis in range(width if width > 1 else 0):
        if len({c.keys[axis] for c in found if c.persons >= t}) < 2:
            continue
        lines: dict[tuple[Value, ...], list[CellEvidence]] = defaultdict(list)
        for cell in found:
            lines[cell.keys[:axis] + cell.keys[axis + 1 :]].append(cell)
        shown = []
        for line in lines.values():
            largest = max(line, key=lambda c: c.persons)
            others = sum(c.persons for c in line) - largest.persons
            shown += [(largest, others if others >= t else 0)] if largest.persons >= t else []
        if 2 * sum(others == 0 for _, others in shown) <= len(shown):
            full |= {c.keys for c, others in shown if c.persons >= full_share * (c.persons + others)}
    return frozenset(full)


def test_full_cells_by_column_are_those_of_every_line() -> None:
    some = 0
    for seed in range(2000):
        draw = Random(seed)
        _, evidence = drawn.table(draw)
        size = draw.choice([1, 1, 1, 10**12, 10**30])
        many = [0, 1, 5, 40, draw.choice([9, 10, 11, 500])]
        cells = [replace(c, persons=draw.choice(many) * size) for c in evidence.cells]
        asked = (draw.choice([1.0, 1.0, 0.9, 0.5, 0.2]), draw.choice([1, 2, 10]))
        found = full_cells(cells, *asked)
        assert found == full_cells_one_by_one(cells, *asked), seed
        some += bool(found)
    assert some > 200
