"""Random jobs with several outputs over the same people: all shown figures together derive nobody's cell. The attacker
is `outsider`, which shares no code with the broker."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from job_kit import PROFILE, judged
from outsider import Outsider, Sum

from tests.proof_size import SEED, report_figures, size

JOBS = size("JOBS", 25)
KEYS = {"LA": (1, 2, 3), "Sex": ("M", "F"), "Flag": (0, 1)}
KINDS = [dict(zip(KEYS, place, strict=True)) for place in product(*KEYS.values())]
"""The kinds of people that there could be."""
SLACK = 1e-6
FIGURES = ("looked_at", "jobs", "hidden", "exact", "narrow", "by_person")


@dataclass(frozen=True)
class Select:
    """One output: its keys, a filter and a condition that is counted beside all rows."""

    keys: tuple[str, ...]
    where: tuple[str, Any] | None
    counted: tuple[str, Any] | None

    @property
    def text(self) -> str:
        shown = "".join(f"{k}, " for k in self.keys)
        more = "" if self.where is None else f" AND {_equal(self.where)}"
        ones = (
            ""
            if self.counted is None
            else f", SUM(CASE WHEN {self.counted[0]} = {self.counted[1]!r} THEN 1 ELSE 0 END) AS m"
        )
        by = f" GROUP BY {', '.join(self.keys)}" if self.keys else ""
        return f"SELECT {shown}COUNT(*) AS n{ones} FROM npd.a WHERE Y = '2018/2019'{more}{by}"

    def selects(self, person: Any) -> bool:
        return self.where is None or person[self.where[0]] == self.where[1]

    def conditions(self) -> list[Any]:
        found = [self.selects]
        if self.counted is not None:
            name, value = self.counted
            found.append(lambda p: self.selects(p) and p[name] == value)
        return found


def _equal(test: tuple[str, Any]) -> str:
    return f"{test[0]} = {test[1]!r}"


def drawn_select(rnd: random.Random) -> Select:
    keys = tuple(sorted(rnd.sample(sorted(KEYS), rnd.choice((1, 1, 2, 2, 3)))))
    free = [k for k in KEYS if k not in keys]
    test = (lambda: (k := rnd.choice(free), rnd.choice(KEYS[k]))) if free else (lambda: None)
    where = test() if rnd.random() < 0.4 else None
    counted = test() if rnd.random() < 0.3 else None
    return Select(keys, where, counted if where is None or counted is None or where[0] != counted[0] else None)


def drawn_people(rnd: random.Random) -> list[dict[str, Any]]:
    """Cells of all sizes, many of them small."""
    found: list[dict[str, Any]] = []
    for place in product(*KEYS.values()):
        for _ in range(rnd.choice((0, 0, 1, 2, 3, 5, 8, 9, 10, 12, 15, 20, 40, 80))):
            p = len(found)
            found.append({"p": p, "Key": f"k{p}", "Y": "2018/2019", "Score": 1, **dict(zip(KEYS, place, strict=True))})
    return found


def cells_of(keys: tuple[str, ...], condition: Any) -> Iterator[tuple[Any, Sum]]:
    """Each cell of a table with the kinds of people in it."""
    for place in product(*(KEYS[k] for k in keys)):
        here = [
            n
            for n, kind in enumerate(KINDS)
            if condition(kind) and all(kind[k] == v for k, v in zip(keys, place, strict=True))
        ]
        yield place, dict.fromkeys(here, 1.0)


def shown_of(assessment: Any, width: int) -> dict[Any, tuple[Any, ...]]:
    """Released figures by keys; None for what is hidden."""
    found = {}
    for row in assessment.rows:
        pairs = zip(row.released[width:], row.suppressed[width:], strict=True)
        found[row.released[:width]] = tuple(None if hidden else value for value, hidden in pairs)
    return found


def attacked(number: int) -> dict[str, int]:
    rnd = random.Random(SEED + number)
    people = drawn_people(rnd)
    selects = [drawn_select(rnd) for _ in range(rnd.choice((1, 2, 2, 3)))]
    text = ";\n".join(f"-- output: t{n}\n{s.text}" for n, s in enumerate(selects))
    found = judged(text, people, PROFILE)
    if any(f.rule == "L1" for a in found for f in a.findings):
        return {"looked_at": 1}
    by_person = any(f.rule == "X1" and f.verdict.value == "review" for a in found for f in a.findings)
    of_kind = Counter(KINDS.index({k: person[k] for k in KEYS}) for person in people)
    outsider = Outsider(len(KINDS))
    t, hidden, told = (
        PROFILE.t,
        dict[tuple[int, ...], Sum](),
        {"jobs": 1, "hidden": 0, "exact": 0, "narrow": 0, "by_person": int(by_person)},
    )
    for select, assessment in zip(selects, found, strict=True):
        shown = shown_of(assessment, len(select.keys))
        for column, condition in enumerate(select.conditions()):
            for place, who in cells_of(select.keys, condition):
                seen = shown.get(place)
                if seen is not None and seen[column] is not None:
                    assert seen[column] == sum(of_kind[kind] for kind in who)
                    outsider.learns(who, seen[column], seen[column])
                else:
                    hidden[tuple(who)] = who
    for who in hidden.values():
        if 0 < (n := sum(of_kind[kind] for kind in who)) < t:
            low, high = outsider.interval(who)
            told["hidden"] += 1
            assert low - SLACK <= n <= high + SLACK
            told["exact"] += high - low < SLACK
            told["narrow"] += SLACK <= high - low < PROFILE.min_interval - SLACK
    if not by_person:
        assert (told["exact"], told["narrow"]) == (0, 0), (number, text)
    return told


def test_nobody_derives_a_small_cell_from_all_outputs_of_a_job() -> None:
    """Invariant 4, over the whole of a job."""
    sums = sum(map(Counter, map(attacked, range(JOBS))), Counter[str]())
    assert sums["hidden"] > JOBS, "there was something to derive"
    assert sums["by_person"] <= sums["jobs"] // 2
    report_figures("linked", {name: sums[name] for name in FIGURES})


def test_without_the_pattern_something_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.disclosure.judge_job._by_table", lambda places: {})
    with pytest.raises(AssertionError):
        list(map(attacked, range(JOBS)))
