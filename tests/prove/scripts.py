"""The full proof of "Python jobs": the gallery and hostile scripts in the real container, the trusted stage, the
library, findings with their defences removed, and latency; figures go to docs/proofs/scripts.json. `python -m
tests.prove.scripts parts` leaves latency out, and prints without writing."""

import sys
from collections.abc import Mapping, Sequence

from tests.prove import container_core as container
from tests.prove.properties import property_lines
from tests.prove.record import write

SEED = container.SEED
SIZES = {**container.SIZES, "PROOF_DEFENCES": "all", "PROOF_PANDAS": "of the image,3"}
ATTACKS, SANDBOX = "tests/attacks", "tests/integration/sandbox"
PROPERTIES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "gallery: real analyses in the real container on both runtimes, with verdicts": (("tests/gallery",), ("gallery",)),
    "trusted stage: rows verified against the vault, tabulated, fitted, judged, drawn": (
        ("tests/integration/submitted_rows", "tests/unit/disclosure/test_regression.py",
         "tests/unit/disclosure/test_charts.py"), (),
    ),
    "the library: its wheel at home, with two versions of pandas, and inside the image": (
        ("tests/integration/library", f"{SANDBOX}/test_library_inside.py"), (),
    ),
    "header, static check, requests, and files made anew": (("tests/unit/python_jobs",), ()),
    "synthetic data first, one word of a failure, and a checker's look": (("tests/unit/workflow/test_scripts.py",), ()),
    "images: locked, built without a registry, without shell or compiler, with an SBOM each": (
        (f"{SANDBOX}/test_images.py",), (),
    ),
    "findings of attackers, each with its defence removed": (
        (f"{ATTACKS}/test_findings_of_python.py", f"{ATTACKS}/test_script_defences.py"), ("script_defences",),
    ),
    "attacks tried since: models of one person, rows, names, files, Parquet, tables of one script, other variables": (
        tuple(f"{ATTACKS}/test_{name}.py" for name in (
            "models_of_one_person", "rows_as_carriers", "names_as_carriers", "files_as_carriers",
            "parquet_as_carrier", "tables_of_one_script", "variables_not_declared")), (),
    ),
    **{title: (files, ()) for title, files in container.PROPERTIES.items()},
}  # fmt: skip


def main() -> None:
    if sys.argv[1:] != ["parts"]:
        lines = [*container.latency_lines(), *property_lines(PROPERTIES, SIZES, SEED)]
        sys.exit(0 if write("scripts", SEED, lines) else 1)
    lines = property_lines(PROPERTIES, SIZES, SEED)
    for line in lines:
        print(f"{'met    ' if line.met else 'NOT MET'} {line.name}: {line.figures} {line.note}")
    sys.exit(0 if all(line.met for line in lines) else 1)


if __name__ == "__main__":
    main()
