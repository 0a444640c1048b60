"""A range of the search: one town, so many texts, and what they tell as plain values. Proofs share ranges among
processes and go on where they stopped (`tests.prove.ranges`)."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.attacks.decoders.differences import STEERED, Kind
from tests.attacks.decoders.end_to_end import Brokers
from tests.attacks.decoders.judges import EndToEnd, InProcess
from tests.attacks.decoders.kit import Kit
from tests.attacks.decoders.queries import one_job, series
from tests.attacks.decoders.search import Judge, Search, Tried
from tests.attacks.decoders.towns import build_town, four_ways
from tests.prove.ranges import Told, resumed

PUPILS = 600
PADDED, MADE_SMALL = 12, 3
"""Of a range, how many texts that differ are tried with other pads, and how many findings of a kind are made small."""
PADS, MORE_PADS, STEADY = 5, 12, 0.8
"""A figure at a rounding edge is there with one pad in the base: one that is seen with this share is no edge."""
SPELL = {"in process": one_job, "end to end": series}


@dataclass(frozen=True, slots=True)
class Range:
    level: str
    seed: int
    texts: int
    pupils: int = PUPILS

    @property
    def name(self) -> str:
        return f"decoders {self.level} {self.seed}"


def run_range(asked: Range) -> Told:
    with tempfile.TemporaryDirectory(prefix="decoders-") as folder:
        town = build_town(Path(folder), asked.seed, asked.pupils, four_ways(asked.seed))
        return searched(Kit(town), asked)


def searched(kit: Kit, asked: Range) -> Told:
    if asked.level == "in process":
        return _searched(InProcess(kit), asked) | {"base": kit.profile.round_base}
    with tempfile.TemporaryDirectory(dir=kit.town.folder) as folder:
        return _searched(EndToEnd(kit, Brokers(kit.town, Path(folder))), asked) | {"base": kit.profile.round_base}


def _searched(judge: Judge, asked: Range) -> Told:
    search = Search(judge, asked.seed, SPELL[asked.level])
    differing = [t for t in search.counted(asked.texts) if t.worst[1].kind is not Kind.NONE]
    return _told(search, differing) | {"ways": dict(search.told.ways)}


def _told(search: Search, differing: Sequence[Tried]) -> Told:
    """The kinds of what was found, with findings in full; and how often those that differ do so with other pads."""
    told, small = search.told, Counter[Kind]()
    findings = []
    for tried in told.findings:
        kind = tried.worst[1].kind
        small[kind] += 1
        if small[kind] <= MADE_SMALL:
            findings.append(_finding(search, search.smallest(tried)))
    edges = [t for t in differing if t.worst[1].kind in {Kind.EDGE, *STEERED}][:PADDED]
    seen = [search.padded(t) for t in edges]
    touched = [sum(t.worst[1].figures.values()) for t in edges]
    for tried in (t for t, first in zip(edges, seen, strict=True) if sum(first) >= STEADY * PADS):
        more = search.padded(tried, MORE_PADS)
        if sum(more) >= STEADY * len(more) and len(more) > PADS:
            findings.append(_finding(search, tried) | {"kind": "STEADY", "pads": len(more), "seen": sum(more)})
    return {
        "texts": told.texts, "drawn": told.drawn, "kinds": dict(told.kinds),
        "figures": dict(told.figures), "moved": dict(told.moved), "findings": findings,
        "padded": sum(map(len, seen)), "seen": sum(map(sum, seen)),
        "by_figures": [[many, len(told), sum(told)] for many, told in zip(touched, seen, strict=True)],
    }  # fmt: skip


def _finding(search: Search, tried: Tried) -> dict[str, Any]:
    way, worst = tried.worst
    pads = search.padded(tried)
    return {
        "kind": worst.kind.name, "way": way, "told": worst.told, "texts": tried.texts, "pads": len(pads),
        "seen": sum(pads),
    }  # fmt: skip


def run_ranges(level: str, texts: int, seed: int, each: int, processes: int = 1) -> Told:
    """So many texts in ranges of `each`, added up; what a commit has proved already is not run again."""
    asked = [Range(level, seed + n, min(each, texts - n * each)) for n in range(-(-texts // each))]
    if processes == 1:
        return added(map(_once, asked))
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return added(pool.map(_once, asked))


def _once(asked: Range) -> Told:
    return resumed(asked.name, partial(run_range, asked), {"texts": asked.texts, "pupils": asked.pupils})


COUNTED = ("kinds", "ways", "figures", "moved")


def added(ranges: Iterable[Told]) -> Told:
    """Figures of ranges together: numbers added, kinds counted, findings one after the other."""
    found: Told = {"findings": [], "by_figures": [], **{name: Counter() for name in COUNTED}}
    for told in ranges:
        found["findings"] += told["findings"]
        found["by_figures"] += told["by_figures"]
        for name in COUNTED:
            found[name].update(told[name])
        for name in ("texts", "drawn", "padded", "seen"):
            found[name] = found.get(name, 0) + told[name]
        found["base"] = told["base"]
    return found


def right(padded: int, seen: float) -> float:
    """Of guesses by somebody who knows all others exactly, how many are right: all where the difference is seen with a
    pad, and half where it is not."""
    return 0.5 if not padded else (1 + seen / padded) / 2


def at_edges(told: Told) -> float:
    """How many pads of the same texts would show a difference, were each figure that the child touches at a rounding
    edge by chance: one pad in the base for a figure alone, and more where several are touched."""
    still = 1 - 1 / told["base"]
    return sum(pads * (1 - still**many) for many, pads, _ in told["by_figures"])


def processes() -> int:
    return int(os.environ.get("PROOF_DECODERS_PROCESSES", "1"))
