"""How a proof is written down: its lines, met or not, with commit, seed and machine."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an issue's proof: what was run, whether it is met, and the figures."""

    name: str
    met: bool
    figures: dict[str, object]
    note: str = ""


def write(name: str, seed: int, lines: list[Line]) -> bool:
    """Write docs/proofs/<name>.json, print it line by line, and say whether all are met."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    document = {
        "proof": name,
        "commit": commit,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()},
        "all_met": all(line.met for line in lines),
        "lines": [asdict(line) for line in lines],
    }
    folder = ROOT / "docs" / "proofs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    for line in lines:
        print(f"{'met    ' if line.met else 'NOT MET'} {line.name}: {line.figures}")
    return bool(document["all_met"])
