"""Random jobs with several outputs over the same people: all shown figures together derive nobody's cell. The attacker
is `outsider`, which shares no code with the broker."""

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from job_kit import PROFILE, judged
from outsider import Outsider

JOBS = int(os.environ.get("PROOF_JOBS", "25"))
SEED = int(os.environ.get("PROOF_SEED", "20261125"))
KEYS = {"LA": (1, 2, 3), "Sex": ("M", "F"), "Flag": (0, 1)}
SLACK = 1e-6


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


def cells_of(
    outsider: Outsider, select: Select, condition: Any, people: Any
) -> Iterator[tuple[Any, frozenset[int], int]]:
    """Each cell of a table with the kinds of people in it and how many there are."""
    for place in product(*(KEYS[k] for k in select.keys)):
        at = dict(zip(select.keys, place, strict=True))
        here = lambda p, at=at: condition(p) and all(p[k] == v for k, v in at.items())  # noqa: E731  one condition a cell
        yield place, outsider.of(here), sum(map(here, people))


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
    outsider = Outsider([dict(zip(KEYS, place, strict=True)) for place in product(*KEYS.values())])
    t, hidden, told = PROFILE.t, [], {"jobs": 1, "hidden": 0, "exact": 0, "narrow": 0, "by_person": int(by_person)}
    for select, assessment in zip(selects, found, strict=True):
        shown = shown_of(assessment, len(select.keys))
        for column, condition in enumerate(select.conditions()):
            for place, who, n in cells_of(outsider, select, condition, people):
                seen = shown.get(place)
                if seen is not None and seen[column] is not None:
                    assert seen[column] == n
                    outsider.learns(who, n)
                else:
                    hidden.append((who, n))
    for who, n in dict.fromkeys(hidden):
        if 0 < n < t:
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
    sums: dict[str, int] = {}
    for number in range(JOBS):
        for name, value in attacked(number).items():
            sums[name] = sums.get(name, 0) + value
    assert sums["hidden"] > JOBS, "there was something to derive"
    assert sums["by_person"] <= sums["jobs"] // 2
    if folder := os.environ.get("PROOF_FIGURES"):
        (Path(folder) / "linked.json").write_text(json.dumps(sums))


def test_without_the_pattern_something_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.disclosure.judge_job._by_table", lambda places: {})
    with pytest.raises(AssertionError):
        list(map(attacked, range(JOBS)))
