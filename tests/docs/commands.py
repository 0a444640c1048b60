"""The commands that README.md shows, by the kind of their block."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commands(kind: str) -> list[str]:
    """`sh`: they need nothing; `sh server`: they need a broker that runs, and ids in the place of JOB and OUTPUT."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]
