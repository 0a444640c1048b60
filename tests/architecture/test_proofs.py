"""Every file that a proof runs is there: a line whose file is gone would never be met."""

import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.prove.record import ROOT


def named_files() -> Iterator[tuple[str, Path, Path]]:
    """Each file of tests that the properties of a proof name, in the project's folder and in the proof's own."""
    for path in sorted((ROOT / "tests" / "prove").glob("*.py")):
        proof = importlib.import_module(f"tests.prove.{path.stem}")
        for files, *_ in getattr(proof, "PROPERTIES", {}).values():
            for named in [files] if isinstance(files, str) else files:
                file = named.split("::")[0]
                yield path.stem, ROOT / file, ROOT / getattr(proof, "GENERATIVE", "") / file


def test_every_file_that_a_proof_runs_is_there() -> None:
    named = list(named_files())
    assert len({proof for proof, _, _ in named}) > 5
    assert [(proof, file) for proof, file, own in named if not file.exists() and not own.exists()] == []
