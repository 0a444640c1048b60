"""Every command in README.md is run by a test: the quick ones here, the targets of make by whoever runs this suite,
those that need a broker by tests/e2e/test_readme_job.py."""

import re
import subprocess

import pytest

from tests.docs.commands import ROOT, commands

pytestmark = pytest.mark.long

COMMANDS = commands("sh")

RUN_ELSEWHERE = {
    "make demo": "tests/e2e/test_demo.py",
    "make test": "this suite",
    "make check": "make test runs it first",
    "make prove PROVE=whole_way": "docs/proofs/whole_way.json",
    "make bench": "tests/e2e/test_bench.py",
}
EXPECTED = {".venv/bin/broker check broker/demo/jobs/out_of_scope.sql": 2}


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in RUN_ELSEWHERE])
def test_a_command_of_the_readme_does_what_it_says(command, tmp_path):
    runnable = command.replace("build/readme", str(tmp_path))
    ended = subprocess.run(runnable, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == EXPECTED.get(command, 0), ended.stderr
    assert ended.stdout.strip()


def test_every_other_command_is_known_and_is_a_target():
    makefile = (ROOT / "Makefile").read_text()
    for command in COMMANDS:
        if command.startswith("make "):
            assert command in RUN_ELSEWHERE
            assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE)


def test_every_block_of_commands_is_of_a_kind_that_is_run():
    kinds = re.findall(r"^```(\S.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(kinds) - {"python"} == {"sh", "sh server"}


def test_the_reasons_in_the_readme_are_the_reasons():
    from broker.workflow.reviewing.output_review import VOTE_REASONS

    text = (ROOT / "README.md").read_text()
    assert [reason for reason in VOTE_REASONS if f"`{reason}`" not in text] == []


def test_the_two_first_commands_open_the_readme():
    assert COMMANDS[:2] == ["make demo", "make test"]


def test_the_script_in_the_readme_is_accepted():
    text = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert text is not None
    command = [ROOT / ".venv/bin/broker", "check", "-", "--kind", "python"]
    ended = subprocess.run(command, cwd=ROOT, input=text[1], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_documents_link_to_what_exists():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        for target in re.findall(r"`((?:broker|tests|policies|docs|sandbox_images)/[\w/.-]+)`", page.read_text()):
            assert (ROOT / target).exists() or target.startswith("docs/proofs"), f"{page.name} names {target}"


def test_settings_in_the_operating_notes_are_the_settings():
    from broker.settings import Settings

    named = set(re.findall(r"`BROKER_(\w+)`", (ROOT / "docs" / "operating.md").read_text()))
    assert {name.upper() for name in Settings.model_fields} <= named
    assert named <= {name.upper() for name in Settings.model_fields} | {"URL", "TOKEN", "BASE"}
