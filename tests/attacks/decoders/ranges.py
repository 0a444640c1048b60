"""A range of the search: one town, so many texts, and what they tell as plain values. Proofs share ranges among
processes."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.attacks.decoders.differences import STEERED, Change, Kind
from tests.attacks.decoders.end_to_end import Brokers
from tests.attacks.decoders.judges import EndToEnd, InProcess
from tests.attacks.decoders.kit import Kit
from tests.attacks.decoders.queries import one_job, series
from tests.attacks.decoders.search import Judge, Pad, Search, Tried
from tests.attacks.decoders.towns import build_town, four_ways, with_small_references

Told = dict[str, Any]

PUPILS = 600
PADDED, MADE_SMALL = {"in process": 12, "end to end": 4}, 3
"""Of a range, how many texts that differ are tried with other pads, and how many findings of a kind are made small."""
PADS, MORE_PADS = 5, 12
HARDLY = 1e-4
"""What chance would show so seldom is no chance: with some 500 texts, once in twenty proofs."""
SPELL = {"in process": one_job, "end to end": series}


@dataclass(frozen=True, slots=True)
class Range:
    level: str
    seed: int
    texts: int
    pupils: int = PUPILS


def run_range(asked: Range) -> Told:
    with tempfile.TemporaryDirectory(prefix="decoders-") as folder:
        town = build_town(Path(folder), asked.seed, asked.pupils, four_ways(asked.seed))
        return searched(Kit(town), asked)


def searched(kit: Kit, asked: Range) -> Told:
    if asked.level == "in process":
        return _searched(InProcess(kit), asked, kit.profile.round_base)
    town = with_small_references(kit.town) if asked.seed % 2 else kit.town
    with tempfile.TemporaryDirectory(dir=town.folder) as folder:
        return _searched(EndToEnd(kit, Brokers(town, Path(folder))), asked, kit.profile.round_base)


def _searched(judge: Judge, asked: Range, base: int) -> Told:
    search = Search(judge, asked.seed, SPELL[asked.level])
    differing = [t for t in search.counted(asked.texts) if t.worst[1].kind is not Kind.NONE]
    return _told(search, differing, PADDED[asked.level], base) | {"ways": dict(search.told.ways), "base": base}


def _told(search: Search, differing: Sequence[Tried], padded: int, base: int) -> Told:
    """The kinds of what was found, with findings in full; and how often those that differ do so with other pads."""
    told, small = search.told, Counter[Kind]()
    findings = []
    for tried in told.findings:
        kind = tried.worst[1].kind
        small[kind] += 1
        if small[kind] <= MADE_SMALL:
            findings.append(_finding(search, search.smallest(tried)))
    edges = [t for t in differing if t.worst[1].kind in {Kind.EDGE, *STEERED}][:padded]
    seen = [search.padded(t) for t in edges]
    for tried, first in zip(edges, seen, strict=True):
        if first and all(pad.seen for pad in first):
            more = search.padded(tried, MORE_PADS)
            if is_steady(more, base):
                findings.append(_finding(search, tried) | {"kind": "STEADY", **_of_pads(more)})
    return {
        "texts": told.texts, "drawn": told.drawn, "kinds": dict(told.kinds),
        "numbers": dict(told.numbers), "moved": dict(told.moved), "findings": findings,
        "by_numbers": by_numbers(each_once(pad for pads in seen for pad in pads)),
    }  # fmt: skip


def each_once(pads: Iterable[Pad]) -> Iterable[Pad]:
    """Two texts with the same numbers are one try. It is seen where either is."""
    found = dict[frozenset[Change], Pad]()
    for pad in pads:
        if pad.seen or pad.changes not in found:
            found[pad.changes] = pad
    return found.values()


def by_numbers(pads: Iterable[Pad]) -> list[list[int]]:
    """How many pads change so many numbers, and how many of these are seen."""
    tried, seen = Counter[int](), Counter[int]()
    for pad in pads:
        tried[pad.numbers] += 1
        seen[pad.numbers] += pad.seen
    return [[many, tried[many], seen[many]] for many in sorted(tried)]


def is_steady(pads: Sequence[Pad], base: int) -> bool:
    """Whether so many pads are hardly ever seen where each number is at a rounding edge by chance."""
    share = [1 - (1 - 1 / base) ** pad.numbers for pad in pads]
    at_least = [1.0, *[0.0] * len(pads)]
    for one in share:
        at_least = [p * (1 - one) + (at_least[n - 1] * one if n else one) for n, p in enumerate(at_least)]
    return at_least[sum(pad.seen for pad in pads)] < HARDLY


def _finding(search: Search, tried: Tried) -> dict[str, Any]:
    way, worst = tried.worst
    told = {"kind": worst.kind.name, "way": way, "told": worst.told, "texts": tried.texts}
    return told | _of_pads(search.padded(tried))


def _of_pads(pads: Sequence[Pad]) -> dict[str, Any]:
    return {"pads": len(pads), "seen": sum(pad.seen for pad in pads), "numbers": [pad.numbers for pad in pads]}


def run_ranges(level: str, texts: int, seed: int, each: int, processes: int = 1) -> Told:
    """So many texts in ranges of `each`, added up."""
    asked = [Range(level, seed + n, min(each, texts - n * each)) for n in range(-(-texts // each))]
    if processes == 1:
        return added(map(run_range, asked))
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return added(pool.map(run_range, asked))


COUNTED = ("kinds", "ways", "numbers", "moved")


def added(ranges: Iterable[Told]) -> Told:
    """Figures of ranges together: numbers added, kinds counted, findings one after the other."""
    found: Told = {"findings": [], "by_numbers": [], **{name: Counter() for name in COUNTED}}
    pads = dict[int, tuple[int, int]]()
    for told in ranges:
        found["findings"] += told["findings"]
        for many, tried, seen in told["by_numbers"]:
            before = pads.get(many, (0, 0))
            pads[many] = (before[0] + tried, before[1] + seen)
        for name in COUNTED:
            found[name].update(told[name])
        for name in ("texts", "drawn"):
            found[name] = found.get(name, 0) + told[name]
        found["base"] = told["base"]
    return found | {"by_numbers": [[many, *pads[many]] for many in sorted(pads)]}


def right(tried: int, seen: float) -> float:
    """Of guesses by somebody who knows all others exactly, how many are right: all where the difference is seen with a
    pad, and half where it is not."""
    return 0.5 if not tried else (1 + seen / tried) / 2


def at_edges(told: Told) -> float:
    """How many pads would show a difference, were each number that the child changes at a rounding edge by chance: one
    in the base for a number alone, and more where several are changed."""
    still = 1 - 1 / told["base"]
    return sum(tried * (1 - still**many) for many, tried, _ in told["by_numbers"])


def processes() -> int:
    return int(os.environ.get("PROOF_DECODERS_PROCESSES", "1"))
