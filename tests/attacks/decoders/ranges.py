"""A range of the search: one town, so many texts, and what they tell as plain values. Proofs share ranges among
processes and go on where they stopped (`tests.prove.ranges`)."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.attacks.decoders.differences import Kind
from tests.attacks.decoders.end_to_end import Brokers
from tests.attacks.decoders.judges import EndToEnd, InProcess
from tests.attacks.decoders.kit import Kit
from tests.attacks.decoders.queries import one_job, series
from tests.attacks.decoders.search import Search, Tried
from tests.attacks.decoders.towns import build_town, four_ways
from tests.prove.ranges import Told, resumed

PUPILS = 600
PADDED, MADE_SMALL = 12, 3
"""Of a range, how many texts that differ are tried with other pads, and how many findings of a kind are made small."""
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
        kit = Kit(town)
        inner = asked.level == "in process"
        judge = InProcess(kit) if inner else EndToEnd(kit, Brokers(town, Path(folder) / "brokers"))
        search = Search(judge, asked.seed, SPELL[asked.level])
        differing = [t for t in search.counted(asked.texts) if t.worst[1].kind is not Kind.NONE]
        return _told(search, differing) | {"ways": dict(search.told.ways), "base": kit.profile.round_base}


def _told(search: Search, differing: Sequence[Tried]) -> Told:
    """The kinds of what was found, with findings in full; and how often those that differ do so with other pads."""
    told, small = search.told, Counter[Kind]()
    findings = []
    for tried in told.findings:
        kind = tried.worst[1].kind
        small[kind] += 1
        if small[kind] <= MADE_SMALL:
            findings.append(_finding(search, search.smallest(tried)))
    edges = [t for t in differing if t.worst[1].kind is Kind.EDGE][:PADDED]
    seen = [s for t in edges for s in search.padded(t)]
    return {
        "texts": told.texts, "drawn": told.drawn, "kinds": dict(told.kinds), "figures": told.figures,
        "moved": told.moved, "findings": findings, "padded": len(seen), "seen": sum(seen),
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
    with ProcessPoolExecutor(processes) as pool:
        return added(pool.map(_once, asked))


def _once(asked: Range) -> Told:
    return resumed(asked.name, partial(run_range, asked), {"texts": asked.texts, "pupils": asked.pupils})


def added(ranges: Iterable[Told]) -> Told:
    """Figures of ranges together: numbers added, kinds counted, findings one after the other."""
    found: Told = {"findings": [], "kinds": Counter(), "ways": Counter()}
    for told in ranges:
        found["findings"] += told["findings"]
        for name in ("kinds", "ways"):
            found[name].update(told[name])
        for name in ("texts", "drawn", "figures", "moved", "padded", "seen"):
            found[name] = found.get(name, 0) + told[name]
        found["base"] = told["base"]
    return found


def right(told: Told) -> float:
    """Of guesses by somebody who knows all others exactly, how many are right: all where the difference is seen with a
    pad, and half where it is not."""
    return 0.5 if not told["padded"] else (1 + told["seen"] / told["padded"]) / 2


def processes() -> int:
    return int(os.environ.get("PROOF_DECODERS_PROCESSES", "1"))
