"""Random jobs of counts, shares, sums and means, attacked by somebody who knows the method and all that leaves: each
figure as an interval of its stated error. The attacker solves programs of whole numbers, and shares no code with the
broker."""

import random
from collections import Counter
from dataclasses import dataclass, replace

import highspy
import numpy as np
import pytest
from job_kit import PROFILE, judged
from outsider import Outsider, Sum
from test_linked_jobs import KEYS, KINDS, Select, cells_of, drawn_people, drawn_select

from tests.proof_size import SEED, report_figures, size

JOBS = size("JOBS", 15)
ROUNDED = replace(PROFILE, round_base=5)
SLACK = 1e-6
MOST_SCORE = 20
MORE = {"share": "AVG(1.0 * Flag) AS f", "total": "SUM(Score) AS s", "mean": "AVG(1.0 * Score) AS a"}


def reader() -> Outsider:
    """Of the persons of each kind, and of their totals: nobody's score is more than the most."""
    found = Outsider(2 * len(KINDS), whole=True)
    for n in range(len(KINDS)):
        found.learns({len(KINDS) + n: 1.0, n: -MOST_SCORE}, -highspy.kHighsInf, 0.0)
    return found


@dataclass(frozen=True)
class WantedOutput:
    """An output with one figure beside its count."""

    select: Select
    more: str | None

    @property
    def text(self) -> str:
        text = self.select.text
        return text if self.more is None else text.replace("COUNT(*) AS n", f"COUNT(*) AS n, {MORE[self.more]}")


def marked(parts: Sum) -> Sum:
    return {n: v for n, v in parts.items() if KINDS[n]["Flag"] == 1}


def totals(parts: Sum) -> Sum:
    return {len(KINDS) + n: v for n, v in parts.items()}


def quotient(part: Sum, whole: Sum, by: float) -> Sum:
    return {n: part.get(n, 0.0) - by * whole.get(n, 0.0) for n in part.keys() | whole.keys()}


def learn(reader: Outsider, what: str, people: Sum, value: float, error: float) -> None:
    """What a released figure says of the people of its cell."""
    low, high = value - error - SLACK, value + error + SLACK
    match what:
        case "count":
            reader.learns(people, low, high)
        case "total":
            reader.learns(totals(people), low, high)
        case "share" | "mean":
            part = marked(people) if what == "share" else totals(people)
            reader.learns(quotient(part, people, low), 0.0, highspy.kHighsInf)
            reader.learns(quotient(part, people, high), -highspy.kHighsInf, 0.0)


def exact_of(what: str, people: Sum, world: np.ndarray) -> float:
    whole = sum(v * world[n] for n, v in people.items())
    part = {"share": marked, "mean": totals, "total": totals}.get(what, lambda p: p)(people)
    amount = float(sum(v * world[n] for n, v in part.items()))
    return amount / whole if what in {"share", "mean"} else amount


def attacked(number: int) -> dict[str, int]:
    rnd = random.Random(f"{SEED} rounded {number}")
    people = [person | {"Score": rnd.randint(0, MOST_SCORE)} for person in drawn_people(rnd)]
    asked = [WantedOutput(drawn_select(rnd), rnd.choice((None, *MORE))) for _ in range(rnd.choice((1, 2, 2, 3)))]
    asked = [replace(a, more=None) if a.more == "share" and "Flag" in a.text.split("FROM")[1] else a for a in asked]
    found = judged(";\n".join(f"-- output: t{n}\n{a.text}" for n, a in enumerate(asked)), people, ROUNDED)
    if any(f.verdict.value in {"review", "refuse"} for a in found for f in a.findings):
        return {"looked_at": 1}
    world = np.zeros(2 * len(KINDS))
    for person in people:
        at = KINDS.index({k: person[k] for k in KEYS})
        world[at] += 1
        world[len(KINDS) + at] += person["Score"]
    knows, hidden, told = reader(), dict[tuple[int, ...], Sum](), {"jobs": 1, "shown": 0, "hidden": 0, "exact": 0}
    for one, assessment in zip(asked, found, strict=True):
        width = len(one.select.keys)
        rows = {row.released[:width]: row for row in assessment.rows}
        for place, those in cells_of(one.select.keys, one.select.selects):
            row = rows.get(place)
            for n in range(width, len(assessment.columns)):
                what = {"n": "count", "m": "ones", "f": "share", "s": "total", "a": "mean"}[assessment.columns[n]]
                if what == "ones":
                    continue  # a count that may be shown as the one beside it
                if row is not None and not row.suppressed[n] and row.released[n] is not None:
                    value, error = float(row.released[n]), float(row.max_errors[n])  # type: ignore[arg-type]
                    if what == "share" and value >= 1 - error:
                        continue  # shown as everybody, where fewer than t persons are not
                    assert abs(exact_of(what, those, world) - value) <= error + SLACK, (number, what, place)
                    learn(knows, what, those, value, error)
                    told["shown"] += 1
                elif what == "count":
                    hidden[tuple(sorted(those))] = those
    for those in hidden.values():
        persons = exact_of("count", those, world)
        if 0 < persons < ROUNDED.t:
            low, high = knows.interval(those)
            told["hidden"] += 1
            assert low - SLACK <= persons <= high + SLACK
            assert high - low >= ROUNDED.min_interval - 1 - SLACK, (number, low, persons, high)
    return told


def test_nobody_who_sees_rounded_figures_narrows_a_small_cell_down() -> None:
    """Invariant 4, as the figures are seen."""
    sums = sum(map(Counter, map(attacked, range(JOBS))), Counter[str]())
    assert sums["hidden"], "there was something to derive"
    report_figures("rounded", {name: sums[name] for name in ("looked_at", "jobs", "shown", "hidden", "exact")})


def test_one_part_of_many_wholes_stays_as_wide_as_its_rounding() -> None:
    """A share of the same 23 marked persons in 50 wholes: each is made of rounded counts, and narrows nothing."""
    rnd, knows = random.Random(SEED), reader()
    knows.learns({0: 1.0}, 21, 29)
    for more in rnd.sample(range(60, 400), 50):
        rows = [
            {"p": p, "Key": f"k{p}", "Y": "2018/2019", "LA": 1, "Sex": "M", "Flag": int(p < 23)} for p in range(more)
        ]
        (found,) = judged("SELECT LA, AVG(1.0 * Flag) AS f FROM npd.a WHERE Y = '2018/2019' GROUP BY LA", rows, ROUNDED)
        value, error = float(found.rows[0].released[1]), float(found.rows[0].max_errors[1])  # type: ignore[arg-type]
        assert abs(23 / more - value) <= error
        knows.learns({0: 1.0}, (value - error) * more, (value + error) * more)
    low, high = knows.interval({0: 1.0})
    assert low <= 23 <= high
    assert high - low >= ROUNDED.round_base - 1


def test_the_reader_sees_what_is_not_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.disclosure.judge_job._by_table", lambda places: {})
    monkeypatch.setattr(f"{__name__}.ROUNDED", PROFILE)
    with pytest.raises(AssertionError):
        list(map(attacked, range(JOBS)))
