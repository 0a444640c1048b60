"""Python jobs stay in their container, and their outputs are checked."""

from collections.abc import Iterator

from bench.job import PYTHON_SHARE, SQL_SHARE, job_lines
from tests.prove.proof import Line, Proof, Tests

ATTACKS, SANDBOX, DISCLOSURE = "tests/attacks", "tests/integration/sandbox", "tests/unit/disclosure"
TRIED = (
    "findings_of_python", "models_of_one_person", "rows_as_carriers", "names_as_carriers", "files_as_carriers",
    "parquet_as_carrier", "tables_of_one_script", "variables_not_declared",
)  # fmt: skip


def latency() -> Iterator[Line]:
    """Ratios of medians, sides alternating."""
    for found in job_lines():
        most = SQL_SHARE if "SQL" in found.name else PYTHON_SHARE
        figures = {
            "ours_ms": found.ours_ms, "docker_run_ms": found.baseline_ms, "ratio": found.ratio, "limit": most
        }  # fmt: skip
        yield Line(found.name, found.ratio <= most, figures, found.note)


PROOF = Proof(
    "Python jobs stay in their container, and their outputs are checked",
    seed=20261126,
    sizes={
        "PROOF_HOSTILE": "all", "PROOF_SETTINGS": "all", "PROOF_PANDAS": "of the image,3",
        "TEST_POOL_KILLS": "0.3 0.5 0.7 0.9 1.1 1.3 1.5 1.7 1.9 2.1 2.4 2.8",
    },
    tests={
        "gallery: real analyses in the real container on both runtimes, with verdicts": Tests(
            ["tests/gallery"], ["gallery"]
        ),
        "trusted stage: rows verified against the vault, tabulated, fitted, judged, drawn": Tests(
            ["tests/integration/submitted_rows", f"{DISCLOSURE}/test_regression.py", f"{DISCLOSURE}/test_charts.py"]
        ),
        "the library: its wheel at home, with two versions of pandas, and inside the image": Tests(
            ["tests/integration/library", f"{SANDBOX}/test_library_inside.py"]
        ),
        "header, static check, requests, and files made anew": Tests(["tests/unit/python_jobs"]),
        "synthetic data first, one word of a failure, and a checker's look": Tests(
            ["tests/unit/workflow/test_scripts.py"]
        ),
        "images: locked, built without a registry, without shell or compiler, with an SBOM each": Tests(
            [f"{SANDBOX}/test_images.py"]
        ),
        "attacks by scripts: findings on paper, models of one person, rows, names, files, tables, variables": Tests(
            [f"{ATTACKS}/test_{name}.py" for name in TRIED]
        ),
        "settings: each taken out is seen by the audit or felt inside": Tests(
            ["tests/unit/sandbox", f"{SANDBOX}/test_settings_taken_out.py", f"{SANDBOX}/test_docker_engine.py"]
        ),
        "sandboxes that wait: once, by the right job, in their bounds, whatever is killed": Tests(
            [f"{SANDBOX}/test_warm_pool.py"]
        ),
        "declared tables and years: narrowed by the kernel or by a mount": Tests([f"{SANDBOX}/test_narrow_mounts.py"]),
        "hostile scripts on runc and runsc, scan on and off": Tests(
            [f"{ATTACKS}/test_hostile_scripts.py", f"{ATTACKS}/test_hostile_python.py"]
        ),
    },
    measured={"latency of jobs": latency},
)  # fmt: skip
