"""Draws evidence of every measure and profiles of every kind: near the thresholds, and as strange as values may be."""

from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from random import Random

from broker.domain.evidence import CellEvidence, StatisticEvidence, TableEvidence
from broker.domain.plans.measure import Measure
from broker.domain.plans.operators import Scan
from broker.domain.plans.plan import DeviationForm, GroupKey, PlannedStatistic, PlannedTable, QuantileForm
from broker.domain.plans.scalars import ColumnRef, ScalarType, Value
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.policy.files import load_policies

PROFILES = load_policies(Path("policies")).profiles
LAS, SEXES, YEARS = ("a", "b", "c", "d", None), (0, 1), (2018, 2019, 2020)


def profile(draw: Random) -> DisclosureRules:
    """One of the policies', or one that differs from it in anything."""
    known = draw.choice(PROFILES)
    if draw.random() < 0.4:
        return known
    return replace(
        known,
        t=draw.choice([1, 2, 5, 10]),
        zeros=draw.choice(list(ZeroPolicy)),
        full=draw.choice(list(ZeroPolicy)),
        full_share=draw.choice([1.0, 0.9, 0.5]),
        p_percent=draw.choice([None, 10.0, 0.1, 33.3]),
        prior_q=draw.choice([None, 50.0, 7.0]),
        dominance_n=draw.choice([1, 2, 3]),
        dominance_k=draw.choice([None, 87.5, 60.0]),
        round_base=draw.choice([1, 5, 10]),
        mean_digits=draw.choice([-2, 0, 1, 3]),
        protects_institutions=draw.random() < 0.5,
        dof=draw.choice([1, 10]),
    )


def statistics(draw: Random) -> tuple[PlannedStatistic, ...]:
    """Some statistics, with gaps that may make two of them too close to be told apart."""
    measures = [m for m in Measure if m is not Measure.GAP]
    found = [_statistic(draw, 10 + n, draw.choice(measures)) for n in range(draw.randint(0, 4))]
    for one in [s for s in found if s.measure in {Measure.COUNT_VALUES, Measure.ONES} and draw.random() < 0.6]:
        like = next((s.ident for s in found if s.measure is one.measure and s.ident < one.ident), None)
        gap = _statistic(draw, 30 + one.ident, Measure.GAP)
        found.append(replace(gap, implied_by=one.ident, displayed_like=draw.choice([None, like]), needs_review=None))
    return tuple(found)


def _statistic(draw: Random, ident: int, measure: Measure) -> PlannedStatistic:
    form = QuantileForm(draw.choice([Decimal("0.5"), Decimal("0.1"), Decimal("0.333")]))
    return PlannedStatistic(
        ident,
        measure,
        None,
        ScalarType.INT,
        implied_by=draw.choice([None, None, 10]) if ident > 10 else None,
        truncated=draw.random() < 0.1,
        needs_review=draw.choice([None, None, None, "No list has it."]),
        bounds=draw.choice([None, None, (0, 100), (1, 1), (None, 5)]),
        form=form if measure is Measure.QUANTILE else DeviationForm() if measure is Measure.DEVIATION else None,
    )


def amount(draw: Random, kind: str) -> Value:
    if kind == "none" or draw.random() < 0.1:
        return None
    kind = draw.choice(["int", "float", "decimal", "huge", "tiny"]) if kind == "mixed" else kind
    match kind:
        case "int":
            return draw.choice([0, 1, 3, 5, 9, 10, 11, 100, draw.randint(-50, 5000)])
        case "float":
            return draw.choice([0.0, 0.1, 1e300, 5e-324, draw.uniform(-10, 1000)])
        case "decimal":
            return draw.choice([Decimal("0.00"), Decimal("0.10"), Decimal(draw.randint(-500, 90000)) / 100])
        case "huge":
            return draw.choice([1, -1]) * draw.choice([2**53 + 1, 10**38 - 1, 10**400])
        case _:
            return Decimal(draw.choice(["1E-400", "-1E-400", "1E+400", "0"]))


def near(draw: Random, total: Value, kind: str) -> tuple[Value, Value]:
    """Contributions to a total near the p% rule's border, where one digit of a float decides."""
    if not isinstance(total, int) or kind == "mixed" or draw.random() < 0.4:
        return amount(draw, kind), amount(draw, kind)
    largest = abs(total) * 10 // 21
    return largest + draw.choice([-1, 0, 1]), draw.choice([None, largest, largest - largest // 10])


def evidence(draw: Random, measure: Measure, rows: int, persons: int, kind: str) -> StatisticEvidence:
    ours = min(persons, draw.choice([persons, persons, draw.randint(0, persons), 9, 10]))
    rest = draw.choice([0, persons - ours, min(9, persons)])
    mine = max(ours, rows - draw.choice([0, 0, 1, 20])) if ours else 0
    total = amount(draw, kind)
    largest, second = near(draw, total, kind)
    counts = measure not in {Measure.SUM, Measure.MEAN}
    low = draw.choice([None, amount(draw, kind), 0])
    return StatisticEvidence(
        value=mine if counts else draw.choice([None, total]),
        rows=mine,
        persons=ours,
        rest=rest,
        rest_rows=max(rest, draw.choice([rest, rows - mine])),
        largest=draw.choice([None, 1, 3, mine, largest]) if counts else largest,
        second=draw.choice([None, 0, 1, 3, second]) if counts else second,
        low=low,
        high=draw.choice([low, amount(draw, kind)]),
        total=draw.choice([None, mine]) if counts else total,
        others=draw.choice([None, 0, 1, 9, 10, persons // 2]),
        step_number=draw.choice([None, -1, 0, 2]),
        ties=draw.choice([None, 1, 9, 10, persons]),
        institution_largest=draw.choice([None, ours, mine // 2, amount(draw, kind)]),
        institution_second=draw.choice([None, 0, ours // 2, mine // 3]),
        cell_key=draw.randrange(1 << 32),
        rest_key=draw.randrange(1 << 32),
        whole_key=draw.randrange(1 << 32),
    )


KINDS = ("int", "int", "int", "float", "decimal", "huge", "tiny", "mixed", "none")


def table(draw: Random, kinds: tuple[str, ...] = KINDS) -> tuple[PlannedTable, TableEvidence]:
    """A planned table of up to three keys, some of its cells, and what was found in them."""
    axes = [(LAS, ScalarType.TEXT), (SEXES, ScalarType.INT), (YEARS, ScalarType.INT)][: draw.randint(0, 3)]
    found = statistics(draw)
    school = draw.choice([None, None, "npd.spring_census.URN"])
    keys = tuple(
        GroupKey(n, ColumnRef(n, kind), kind, draw.choice([values, values[:2], None]), school if n == 0 else None)
        for n, (values, kind) in enumerate(axes)
    )
    places = [p for p in product(*(values for values, _ in axes)) if not axes or draw.random() < 0.8]
    most = draw.choice([3, 12, 30, 3000])
    kind_of = {s.ident: draw.choice(kinds) for s in found}
    cells = tuple(_cell(draw, p, found, most, kind_of) for p in places)
    return PlannedTable(Scan("x", (), 0, None), 0, keys, found), TableEvidence(cells, sum(c.persons for c in cells))


def _cell(
    draw: Random, keys: tuple[Value, ...], asked: tuple[PlannedStatistic, ...], most: int, kind_of: dict[int, str]
) -> CellEvidence:
    persons = draw.choice([draw.randint(1, most), draw.randint(8, 12)])
    rows = persons * draw.choice([1, 1, 3]) + draw.choice([0, 0, 7, 100])
    return CellEvidence(
        keys,
        rows,
        persons,
        {s.ident: evidence(draw, s.measure, rows, persons, kind_of[s.ident]) for s in asked},
        institutions=draw.choice([None, 1, 2, 3, 40]),
        largest_institution=draw.choice([None, 0, persons, persons // 2]),
        cell_key=draw.randrange(1 << 32),
    )
