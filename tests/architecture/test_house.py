"""The house's own rules: storeys and owners, module sizes, posted signs, documents that cannot drift."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from docs.generator.state_diagrams import states_page
from tests.architecture.import_graph import tree_of

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    p for room in ("broker", "sandbox_images") for p in ROOT.glob(f"{room}/**/*.py") if "demo/jobs" not in str(p)
)
"""Every module; a demo job is a submission, not a module."""
MOST_LINES = 400
STAGES = {
    "check": "broker/scope/grants.py",
    "plan": "broker/query/compile.py",
    "queue": "broker/queue/rq_queue.py",
    "sandbox": "broker/sandbox/docker_sandbox.py",
    "assess": "broker/workflow/pipeline/assess.py",
    "compare": "broker/workflow/release_history/job_comparison.py",
    "review": "broker/workflow/reviewing/output_review.py",
    "release": "broker/workflow/pipeline/job_release.py",
}


def test_import_contracts_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-4000:]


CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def layers_of(contract: str) -> list[list[str]]:
    """The layers of an import contract, by the first words of its name."""
    (found,) = (c["layers"] for c in CONTRACTS if c["name"].startswith(contract))
    return [layer.split(" | ") for layer in found]


def test_the_picture_of_storeys_is_the_contract():
    picture = (ROOT / "docs" / "architecture.md").read_text().partition("```text\n")[2].partition("\n```")[0]
    rows = [line.partition("|")[2].split(" | ") for line in picture.splitlines() if "|" in line]
    assert [[room.split()[0] for room in row] for row in rows] == layers_of("The storeys of the house")


def test_every_step_of_a_query_is_in_the_contract():
    """A new module, such as a dialect, that the contract does not name may import anything."""
    query, named = ROOT / "broker" / "query", {m for layer in layers_of("The steps of a query") for m in layer}
    steps = [p for folder in (query, query / "dialects") for p in folder.iterdir() if not p.name.startswith("__")]
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in steps} - {"broker.query.dialects"}
    assert modules == named


def test_a_module_is_one_idea_and_says_which():
    texts = {str(p.relative_to(ROOT)): p.read_text() for p in MODULES}
    assert [name for name, text in texts.items() if len(text.splitlines()) > MOST_LINES] == []
    assert [name for name, text in texts.items() if text.strip() and not ast.get_docstring(tree_of(ROOT / name))] == []


@pytest.mark.parametrize("path", STAGES.values())
def test_each_stage_is_found_by_its_name(path):
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("page", "head"), [("README.md", "| step |"), ("docs/architecture.md", "| stage |")])
def test_documents_name_the_stages_alike(page, head):
    rows = (ROOT / page).read_text().partition(f"\n{head}")[2].partition("\n\n")[0].splitlines()[2:]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == list(STAGES)


def test_only_known_things_stand_at_the_top():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in tracked.splitlines()}
    assert top <= {
        "broker", "sandbox_images", "policies", "tests", "docker-compose.yml", "pyproject.toml", "README.md",
        "Makefile", "docs", "bench", ".ci", ".gitignore", ".dockerignore", ".pre-commit-config.yaml",
        "requirements.lock",
    }  # fmt: skip


def test_contributing_lists_every_folder():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [line.split("/") for line in tracked.splitlines()]
    page = (ROOT / "docs" / "CONTRIBUTING.md").read_text()
    folders = {p[0] for p in paths if len(p) > 1} | {p[1] for p in paths if p[0] == "tests" and len(p) > 2}
    assert {f for f in folders if f"`{f}`" not in page and f"`tests/{f}`" not in page} == set()


def test_pre_commit_runs_the_checks_of_make_check():
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    checks = [line.strip().removeprefix("$(PY) -m ").removeprefix(".venv/bin/") for line in recipe.splitlines()[1:]]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = [hook["entry"].removeprefix(".venv/bin/").removeprefix("python -m ") for hook in hooks]
    assert [check.removesuffix(" .") for check in checks] == entries


def test_the_picture_of_states_is_the_table():
    assert (ROOT / "docs" / "reference" / "states.md").read_text() == states_page()


def test_no_dumping_grounds():
    for path in MODULES:
        assert not set(path.with_suffix("").parts) & {
            "utils",
            "util",
            "helpers",
            "helper",
            "manager",
            "misc",
            "common.py",
        }


def test_thresholds_live_in_policies():
    """No function of the disclosure room has a threshold of its own: every Profile number comes from a file."""
    text = "\n".join(p.read_text() for p in ROOT.glob("broker/disclosure/**/*.py"))
    assert "profile.t" in text
    for name in ("THRESHOLD =", "MIN_COUNT =", "ROUND_BASE ="):
        assert name not in text
    assert re.findall(r"profile\.\w+ or \d.*", text) == [], "a number for where the profile has none"


@pytest.mark.parametrize("number", range(1, 13))
def test_each_invariant_has_a_test_that_names_it(number):
    """The command in docs/reference/invariants.md finds it."""
    (written,) = re.findall(r"`(grep [^`]+)` finds", (ROOT / "docs" / "reference" / "invariants.md").read_text())
    command = [part.replace(")*9(", f")*{number}(") for part in shlex.split(written)]
    found = subprocess.run([*command, "--include=test_*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line for line in found.stdout.splitlines() if not line.startswith("tests/architecture")]
