"""Size of the release history proof: small by default, full where an environment variable says so."""

# ruff: noqa: T201 - a proof says its seed and figures

import json
import os
from pathlib import Path

SEED = int(os.environ.get("PROOF_SEED", "20261126"))


def size(name: str, small: int) -> int:
    """PROOF_<NAME>, or the small number."""
    return int(os.environ.get(f"PROOF_{name}", small))


def tell(name: str, figures: dict[str, object]) -> None:
    """Prints the figures; a proof that is being written down finds them as a file."""
    print(f"{name}: {json.dumps(figures, default=str)}")
    folder = os.environ.get("PROOF_FIGURES")
    if folder:
        (Path(folder) / f"{name}.json").write_text(json.dumps(figures, default=str))
