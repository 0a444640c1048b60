"""Every world of a small population is judged. Whoever sees what leaves, and runs the method on all worlds, finds out
the count of no hidden small cell, nor that it has somebody."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product

import pytest
from query_kit import CATALOGUE, PROJECT, SERVICE

from broker.disclosure.judge_job import judge_job
from broker.disclosure.records.released_tables import released_csv, released_record
from broker.disclosure.rules import evidence_needs
from broker.domain.evidence import CellEvidence, JobEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.plans.plan import Plan, PlannedTable
from broker.domain.plans.scalars import Value
from broker.engine.duckdb_engine import joint_tables
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.query import compile_sql
from tests.proof_size import SEED, report_figures, size

TABLES = size("WORLDS", 6)
LARGEST = {(2, 2): 13, (3, 2): 13, (2, 3): 8, (3, 3): 8, (2, 4): 5, (3, 4): 6}
"""The most persons that a kind can have, by the threshold and the number of kinds. What leaves of a world with so many
could also be that of a larger one, so it counts for nothing."""
BASES = {2: (1, 3), 3: (1, 2, 3, 5)}
"""To which numbers counts are rounded, by the threshold. With t = 2, rounded to 2, a hidden count can be known."""
KEYS: Mapping[str, tuple[Value, ...]] = {"LA": (1, 2, 3), "Sex": ("M", "F"), "Flag": (0, 1)}
SHAPES = (
    "GROUP BY {a}",
    "GROUP BY ROLLUP ({a})",
    "GROUP BY {a}, {b}",
    "GROUP BY ROLLUP ({a}, {b})",
    "GROUP BY CUBE ({a}, {b})",
)
Kind = Mapping[str, Value]
Counts = tuple[int, ...]
Place = tuple[int, tuple[Value, ...]]
"""A figure: its output, and its keys."""


@dataclass(frozen=True)
class Drawn:
    """A job, the kinds of people that its tables divide, and the sizes that each kind can have."""

    text: str
    kinds: Sequence[Kind]
    sizes: Sequence[int]
    profile: DisclosureRules

    @property
    def worlds(self) -> Iterator[Counts]:
        return product(self.sizes, repeat=len(self.kinds))


def drawn(rnd: random.Random) -> Drawn:
    chosen = rnd.sample(SHAPES, rnd.choice((1, 1, 2)))
    has_two = any("{b}" in shape for shape in chosen)
    used = rnd.sample(["Sex", "Flag"], 2) if has_two else [rnd.choice(sorted(KEYS))]
    kinds = [dict(zip(used, values, strict=True)) for values in product(*(KEYS[name] for name in used))]
    texts = []
    for n, shape in enumerate(chosen):
        shown = ", ".join(used if "{b}" in shape else used[:1])
        by = shape.format(a=used[0], b=used[-1])
        texts.append(f"-- output: t{n}\nSELECT {shown}, COUNT(*) AS n FROM npd.a WHERE Y = '2018/2019' {by}")
    t, zeros = rnd.choice((2, 3)), rnd.choice((ZeroPolicy.SUPPRESS, ZeroPolicy.PUBLISH))
    # Where zeros are published and nothing is rounded, a hidden cell of fewer than two or three has one person.
    bases = BASES[t] if zeros is ZeroPolicy.SUPPRESS else BASES[t][1:]
    profile = DisclosureRules(
        name="drawn", source="test", t=t, round_base=rnd.choice(bases), min_interval=t, zeros=zeros,
        full=ZeroPolicy.PUBLISH,
    )  # fmt: skip
    return Drawn(";\n".join(texts), kinds, range(LARGEST[t, len(kinds)] + 1), profile)


def plan_of(text: str) -> Plan:
    """Each pupil has one row, in which nothing is missing: the kinds are all that there are."""
    pupils, *others = CATALOGUE.tables
    certain = tuple(replace(variable, missing=False) for variable in pupils.variables)
    catalogue = replace(CATALOGUE, tables=(replace(pupils, variables=certain, max_rows_per_unit_year=1), *others))
    found = compile_sql(text, "duckdb", catalogue, PROJECT, SERVICE, 10, in_parts=True)
    assert found.plan is not None, found.refusals
    return found.plan


def counted(planned: PlannedTable, kinds: Sequence[Kind], counts: Counts) -> TableEvidence:
    cells = defaultdict[tuple[Value, ...], int](int)
    names = [str(key.variable).rpartition(".")[2] for key in planned.keys]
    for kind, count in zip(kinds, counts, strict=True):
        cells[tuple(kind[name] for name in names)] += count
    found = [
        CellEvidence(keys, n, n, {s.ident: StatisticEvidence(n, n, n) for s in planned.statistics})
        for keys, n in cells.items()
        if n
    ]
    return TableEvidence(found, sum(counts))


def judged(plan: Plan, joints: Sequence[PlannedTable], of: Drawn, counts: Counts) -> tuple[Assessment, ...]:
    outputs = tuple(
        OutputEvidence(o.name, tuple(counted(table, of.kinds, counts) for table in o.tables)) for o in plan.outputs
    )
    evidence = JobEvidence(outputs, tuple(counted(table, of.kinds, counts) for table in joints))
    registers = {f"npd.a.{name}": values for name, values in KEYS.items()}
    return judge_job(plan, evidence, of.profile, registers)


def released_bytes(found: Sequence[Assessment], profile: DisclosureRules) -> str:
    """All that leaves, or that it goes to a person."""
    if any(a.verdict in (Verdict.REVIEW, Verdict.REFUSE) for a in found):
        return "a person looks"
    return json.dumps([[released_csv(a).decode(), released_record(a, profile)] for a in found])


def hidden_persons(found: Sequence[Assessment]) -> Iterator[tuple[Place, int]]:
    for number, assessment in enumerate(found):
        for row in assessment.rows:
            if row.suppressed[-1]:
                yield (number, row.released[:-1]), row.persons


def attacked(number: int) -> dict[str, int]:
    of = drawn(random.Random(SEED + number))
    plan, t = plan_of(of.text), of.profile.t
    joints = joint_tables(plan, evidence_needs(of.profile))
    seen = defaultdict[tuple[str, Place], set[int]](set)
    left_out, worlds = {"a person looks"}, 0
    for counts in of.worlds:
        found = judged(plan, joints, of, counts)
        told, worlds = released_bytes(found, of.profile), worlds + 1
        if of.sizes[-1] in counts:
            left_out.add(told)
        for place, persons in hidden_persons(found):
            seen[told, place].add(persons)
    small = {at: persons for at, persons in seen.items() if persons & set(range(1, t)) and at[0] not in left_out}
    exact = {at: persons for at, persons in small.items() if len(persons) == 1}
    # Where rules publish zeros, a hidden cell has somebody.
    zeros_are_hidden = of.profile.zeros is ZeroPolicy.SUPPRESS
    somebody = [at for at, persons in small.items() if zeros_are_hidden and 0 not in persons and max(persons) < t]
    assert not exact, (number, of.text, of.profile, next(iter(exact.items())))
    assert not somebody, (number, of.text, of.profile, somebody[0])
    return {"tables": 1, "worlds": worlds, "hidden": len(small), "exact": len(exact), "somebody": len(somebody)}


@pytest.mark.parametrize("number", [4, 8, 9, 11, 12, 17])
def test_no_hidden_small_cell_of_a_list_is_known_from_all_worlds(number: int) -> None:
    """Invariant 4: the method is known, and what leaves of each world."""
    assert attacked(number)["hidden"], "there was something to derive"


@pytest.mark.long
@pytest.mark.timeout(14_400)
def test_no_hidden_small_cell_is_known_from_all_worlds() -> None:
    """Invariant 4."""
    with ProcessPoolExecutor() as workers:
        sums = sum(map(Counter, workers.map(attacked, range(TABLES))), Counter[str]())
    assert sums["hidden"], "there was something to derive"
    report_figures("worlds", {name: sums[name] for name in ("tables", "worlds", "hidden", "exact", "somebody")})


def test_a_figure_that_is_shown_has_the_threshold_as_a_hidden_one_has() -> None:
    """A shown 3 is 3 or 4, and not 2, which would be hidden. So the holes are narrower, and more figures are hidden."""
    kinds = [{"LA": la, "Sex": sex} for la, sex in product(KEYS["LA"], KEYS["Sex"])]
    profile = DisclosureRules(name="near", source="test", t=3, round_base=3, min_interval=3, full=ZeroPolicy.PUBLISH)
    text = "-- output: t0\nSELECT LA, Sex, COUNT(*) AS n FROM npd.a WHERE Y = '2018/2019' GROUP BY CUBE (LA, Sex)"
    plan = plan_of(text)
    joints = joint_tables(plan, evidence_needs(profile))
    found = judged(plan, joints, Drawn(text, kinds, range(10), profile), (6, 3, 5, 3, 7, 0))
    assert len([*hidden_persons(found)]) > 4


def test_without_secondary_suppression_a_cell_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.disclosure.judge_job._by_table", lambda places: {})
    text = "-- output: t0\nSELECT LA, COUNT(*) AS n FROM npd.a WHERE Y = '2018/2019' GROUP BY ROLLUP (LA)"
    exact = replace(drawn(random.Random(0)).profile, t=3, round_base=1, zeros=ZeroPolicy.SUPPRESS)
    of = Drawn(text, [{"LA": value} for value in KEYS["LA"]], range(9), exact)
    monkeypatch.setattr(f"{__name__}.drawn", lambda rnd: of)
    with pytest.raises(AssertionError):
        attacked(0)
