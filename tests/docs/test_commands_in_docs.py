"""Every command in README.md and docs/ is run by a test: the quick ones here, the targets of make by whoever runs this
suite, those that need a broker by tests/e2e/test_readme_job.py, those after a back-up by
tests/integration/cli/test_history_commands.py."""

import re
import subprocess
from datetime import date
from typing import Any

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from tests.docs.commands import PAGES, ROOT, SESSION, blocks, commands, page_text, prose

RUN_ELSEWHERE = {
    "make demo": "tests/e2e/test_demo.py",
    "make test": "this suite",
    "make check": "make test runs it first",
    "make prove PROVE=whole_way": "tests/architecture/test_proofs.py",
    "make bench": "tests/e2e/test_bench.py",
    "NPD_DATA=build/docs/npd-data python -m npd script.py": "tests/integration/library/test_library.py",
}
"""By what a command is run that this module does not run."""
EXPECTED = {".venv/bin/broker check broker/demo/jobs/out_of_scope.sql": 2}
RESTORED = LISTED = "docs/how-to/operating.md"
"""The page with commands for a back-up, and with the listing that tests/integration/cli/test_public_tables.py reads."""
SHOWN = {"json", "text", "mermaid"}
"""Kinds of blocks with nothing to run."""
GUIDES = tuple(page for page in PAGES if page.startswith(("docs/tutorials/", "docs/how-to/")))
TEXTS_ELSEWHERE = {
    "docs/explanation/privacy.md": "tests/docs/test_privacy_page.py",
    "docs/reference/python.md": "tests/docs/test_python_page.py",
    "docs/reference/refusals.md": "tests/spec/refusals/test_refusal_codes.py",
}
"""Where SQL and Python of a page that is no guide is tested."""
RUN_HERE = [(page, c) for page in PAGES for c in commands(page, "sh") if c not in RUN_ELSEWHERE]
POLICIES = load_policies(ROOT / "policies")


@pytest.mark.long
@pytest.mark.parametrize(("page", "command"), RUN_HERE)
def test_a_command_does_what_its_page_says(page, command, tmp_path):
    runnable = command.replace("build/docs", str(tmp_path))
    ended = subprocess.run(runnable, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == EXPECTED.get(command, 0), ended.stderr
    assert ended.stdout.strip()


def test_what_is_run_here_leaves_nothing_in_the_checkout():
    assert [c for _, c in RUN_HERE if re.search(r"--(out|data) (?!build/docs)", c)] == []


def test_every_other_command_is_known_and_is_a_target():
    makefile = (ROOT / "Makefile").read_text()
    assert {c for page in PAGES for c in commands(page, "sh")} >= set(RUN_ELSEWHERE)
    for _, command in RUN_HERE:
        assert not command.startswith("make "), f"no test runs `{command}`"
    for command, runner in RUN_ELSEWHERE.items():
        assert not runner.startswith("tests/") or (ROOT / runner).exists()
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_is_read_by_a_test(page):
    kinds = {kind for kind, _ in blocks(page)} - SHOWN - {"sh"}
    assert kinds <= {"sh server", "sh restore", "sql", "sql refused", "python", "yaml"}, "a block needs a kind"
    assert "yaml" not in kinds or page == LISTED
    assert "sh server" not in kinds or page in SESSION, "tests/docs/commands.py has the order of these pages"
    assert "sh restore" not in kinds or page == RESTORED
    texts = kinds & {"sql", "sql refused", "python"}
    assert not texts or page in GUIDES or page in TEXTS_ELSEWHERE, "no test checks its SQL or Python"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_has_a_block_of_its_own(page):
    assert re.findall(r"^(?: {4,}|\t)[ \t]*(?:\$ )?(?:broker|make|\.venv\S+|docker|export) .*", prose(page), re.M) == []


def test_the_pages_of_the_session_have_commands():
    assert all(commands(page, "sh server") for page in SESSION)
    assert commands(RESTORED, "sh restore")


def checked(text: str, kind: JobKind) -> CheckedSubmission:
    project = POLICIES.project("P0421")
    assert project is not None
    return check_submission(text, kind, project.dialect, project, POLICIES, date(2026, 11, 24))


TEXTS = [(page, kind, text) for page in GUIDES for kind, text in blocks(page) if kind.split()[0] in {"sql", "python"}]


@pytest.mark.parametrize(("page", "kind", "text"), TEXTS)
def test_a_text_of_a_guide_is_answered_as_the_guide_says(page, kind, text):
    found = checked(text, JobKind.PYTHON if kind == "python" else JobKind.SQL)
    assert found.accepted == (kind != "sql refused"), f"{page}: {found.refusals}"


def test_the_refused_text_of_the_tutorial_is_refused_as_the_tutorial_says():
    (text,) = (text for kind, text in blocks("docs/tutorials/researcher.md") if kind == "sql refused")
    refusals = checked(text, JobKind.SQL).refusals
    assert len(refusals) == 2
    assert all(r.line and r.column and "Did you mean FSMeligible?" in r.advice for r in refusals)


def test_the_reasons_of_votes_are_the_reasons():
    from broker.workflow.reviewing.output_review import VOTE_REASONS

    text = page_text("docs/how-to/submit-from-the-command-line.md")
    assert [reason for reason in VOTE_REASONS if f"`{reason}`" not in text] == []


def test_the_readme_is_short_and_opens_with_two_commands():
    assert commands("README.md", "sh")[:2] == ["make demo", "make test"]
    assert len(page_text("README.md").split()) <= 600


def command_tree() -> Any:
    import typer

    from broker.__main__ import DOORS
    from broker.cli.main import make_app

    return typer.main.get_command(make_app(DOORS))


@pytest.mark.parametrize("page", PAGES)
def test_a_command_that_is_named_in_a_sentence_exists_with_its_options(page):
    for named in re.findall(r"`(?:\.venv/bin/)?broker\s+([^`]+)`", prose(page)):
        command, words = command_tree(), named.split()
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        assert command.name not in {None, "broker"} or words == ["--help"], f"{page}: broker {named}"
        if not hasattr(command, "commands"):
            options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            assert set(re.findall(r"--[\w-]+", named)) <= options, f"{page}: broker {named}"


def test_settings_in_the_operating_notes_are_the_settings():
    from broker.settings import Settings

    named = set(re.findall(r"`BROKER_(\w+)`", page_text("docs/how-to/operating.md")))
    assert {name.upper() for name in Settings.model_fields} <= named
    assert named <= {name.upper() for name in Settings.model_fields} | {"URL", "TOKEN", "BASE"}
