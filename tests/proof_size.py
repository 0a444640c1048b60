"""How large a proof is: small in the everyday suite, full where an environment variable says so; its figures."""

# ruff: noqa: T201 - a proof says its seed and figures

import json
import os
from pathlib import Path

SEED = int(os.environ.get("PROOF_SEED", "20261124"))


def seed() -> int:
    return SEED


def size(name: str, small: int) -> int:
    """PROOF_<NAME>, or the small number."""
    return int(os.environ.get(f"PROOF_{name}", small))


def report_figures(name: str, figures: dict[str, object]) -> None:
    """Prints the figures with the seed; a proof that is being written down finds them as a file."""
    told = {"seed": SEED, **figures}
    print(f"{name}: {json.dumps(told, default=str)}")
    folder = os.environ.get("PROOF_FIGURES")
    if folder:
        (Path(folder) / f"{name}.json").write_text(json.dumps(told, default=str))
