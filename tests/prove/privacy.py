"""The full proof of "Differential privacy": audits, sensitivities, findings and traps with their defences removed,
accuracy, the ledger, and speed; figures go to docs/proofs/privacy.json. `python -m tests.prove.privacy parts` leaves
speed out, and prints without writing."""

import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.harness import Line as Speed
from bench.privacy import PROMISED, PROMISED_MB, privacy_lines
from bench.private_rivals import rival_lines
from tests.prove import private_core as core, private_whole as whole
from tests.prove.properties import property_line
from tests.prove.record import Line, write

SEED = core.SEED
TENTH = 0.1
SPEEDS: Sequence[tuple[Callable[[], list[Speed]], Sequence[float | None]]] = (
    # Lines of the bench, and the most that each may take of its baseline; None: a part that has no limit of its own.
    (privacy_lines, (None, PROMISED, None)),
    (rival_lines, (TENTH, TENTH, TENTH, TENTH)),
)
MEMORY = re.compile(r"memory at most: (\d+) MB \+ noise process (\d+) MB, plain query (\d+) MB")
EVENTS = ("audit_events", "neighbours_events")


def speed_lines() -> list[Line]:
    return [_speed(f, most) for lines, limits in SPEEDS for f, most in zip(lines(), limits, strict=True)]


def _speed(found: Speed, most: float | None) -> Line:
    figures = {"ours_ms": found.ours_ms, "baseline_ms": found.baseline_ms, "ratio": found.ratio}
    if most is None:
        return Line(f"{found.name} (a part)", True, figures, found.note)
    figures |= {"most": most}
    is_met = found.ratio <= most
    if memory := MEMORY.search(found.note):
        ours, noise, plain = map(int, memory.groups())
        over = ours + noise - plain
        figures |= {"megabytes_over": over, "most_megabytes_over": PROMISED_MB}
        is_met = is_met and over <= PROMISED_MB
    return Line(found.name, is_met, figures, found.note)


def property_lines() -> list[Line]:
    """Two at a time, the longest first."""
    with tempfile.TemporaryDirectory(prefix="prove-d-") as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        parts = [pool.submit(whole.whole_line, title, folder) for title in whole.PROPERTIES]
        parts += [
            pool.submit(property_line, title, files, told, core.SIZES, SEED, folder)
            for title, (files, told) in core.PROPERTIES.items()
        ]
        return [p.result() for p in parts]


def confidence_line(lines: Sequence[Line]) -> Line:
    """All audits together: the confidence is shared among more events than they have looked at."""
    told = [line.figures[part] for line in lines for part in EVENTS if part in line.figures]
    counts = [t for t in told if isinstance(t, dict)]
    looked = sum(t["events"] for t in counts)
    among = min((t["shared_among"] for t in counts), default=0)
    figures: dict[str, object] = {"events": looked, "shared_among": among, "confidence": "1 - 1e-9 over all shapes"}
    return Line("family-wise confidence of all audits", len(counts) == len(EVENTS) and looked <= among, figures)


def main() -> None:
    is_whole = sys.argv[1:] != ["parts"]
    speeds = speed_lines() if is_whole else []
    found = property_lines()
    lines = [*speeds, *found, confidence_line(found)]
    if is_whole:
        sys.exit(0 if write("privacy", SEED, lines) else 1)
    for line in lines:
        print(f"{'met    ' if line.met else 'NOT MET'} {line.name}: {line.figures} {line.note}")
    sys.exit(0 if all(line.met for line in lines) else 1)


if __name__ == "__main__":
    main()
