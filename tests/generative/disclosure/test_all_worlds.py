"""Every world of a small population is judged. Whoever sees what leaves, and runs the method on all worlds, finds out
the count of no hidden small cell, where counts are rounded to the threshold or more. With a finer base, holes can say
which figures no rule hides (threat model)."""

import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest
from job_kit import plan_of

from broker.disclosure.judge_job import judge_job
from broker.disclosure.records.released_tables import released_csv, released_record
from broker.disclosure.rules import evidence_needs
from broker.domain.evidence import CellEvidence, JobEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.plans.plan import Plan, PlannedTable
from broker.domain.plans.scalars import Value
from broker.engine.duckdb_engine import joint_tables
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy

TABLES = int(os.environ.get("PROOF_WORLDS", "6"))
SEED = int(os.environ.get("PROOF_SEED", "20261125"))
T = 3
SIZES = {2: 14, 3: 8, 4: 6}
"""How many persons each kind can have, from nobody on, by the number of kinds: twice the threshold at least, so that
the sizes that are left out explain nothing."""
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
    profile = DisclosureRules(
        name="drawn", source="test", t=T, round_base=rnd.choice((3, 5)), min_interval=T,
        zeros=rnd.choice((ZeroPolicy.SUPPRESS, ZeroPolicy.PUBLISH)), full=ZeroPolicy.PUBLISH,
    )  # fmt: skip
    return Drawn(";\n".join(texts), kinds, range(SIZES[len(kinds)]), profile)


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
    plan = plan_of(of.text)
    joints = joint_tables(plan, evidence_needs(of.profile))
    seen = defaultdict[tuple[str, Place], set[int]](set)
    worlds = 0
    for counts in of.worlds:
        found = judged(plan, joints, of, counts)
        told, worlds = released_bytes(found, of.profile), worlds + 1
        for place, persons in hidden_persons(found):
            seen[told, place].add(persons)
    small = {at: persons for at, persons in seen.items() if persons & set(range(1, T)) and at[0] != "a person looks"}
    exact = {at: persons for at, persons in small.items() if len(persons) == 1}
    # Where rules publish zeros, a hidden cell has somebody.
    zeros_are_hidden = of.profile.zeros is ZeroPolicy.SUPPRESS
    somebody = [persons for persons in small.values() if zeros_are_hidden and 0 not in persons and max(persons) < T]
    assert not exact, (number, of.text, of.profile, next(iter(exact.items())))
    return {"tables": 1, "worlds": worlds, "hidden": len(small), "exact": len(exact), "somebody": len(somebody)}


def test_no_hidden_small_cell_is_known_from_all_worlds() -> None:
    """Invariant 4: the method is known, and what leaves of each world."""
    sums = dict.fromkeys(("tables", "worlds", "hidden", "exact", "somebody"), 0)
    for number in range(TABLES):
        for name, value in attacked(number).items():
            sums[name] += value
    assert sums["hidden"], "there was something to derive"
    if folder := os.environ.get("PROOF_FIGURES"):
        Path(folder, "worlds.json").write_text(json.dumps(sums))


def test_without_secondary_suppression_a_cell_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.disclosure.judge_job._by_table", lambda places: {})
    text = "-- output: t0\nSELECT LA, COUNT(*) AS n FROM npd.a WHERE Y = '2018/2019' GROUP BY ROLLUP (LA)"
    exact = replace(drawn(random.Random(0)).profile, round_base=1)
    of = Drawn(text, [{"LA": value} for value in KEYS["LA"]], range(8), exact)
    monkeypatch.setattr(f"{__name__}.drawn", lambda rnd: of)
    with pytest.raises(AssertionError):
        attacked(0)
