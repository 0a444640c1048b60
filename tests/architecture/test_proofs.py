"""Proofs can run: each file that they name is there, and each size and figure is one that a test knows. They run
seldom, and would find out late. Their records are made for a version."""

import re
import subprocess
from functools import cache

import pytest

from tests.prove import __main__ as command, release
from tests.prove.proof import ROOT, Line, Proof
from tests.prove.proofs import named, names
from tests.prove.proofs.planted_faults import FAULTS

PROOFS = {name: named(name) for name in names()}
EACH_PROOF = pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS)


def files_of(proof: Proof) -> list[str]:
    return [file.partition("::")[0] for tests in proof.tests.values() for file in tests.files]


@cache
def all_tests() -> str:
    paths = (p for p in (ROOT / "tests").rglob("*.py") if "prove" not in p.parts)
    return "\n".join(path.read_text() for path in paths)


@EACH_PROOF
def test_every_file_that_a_proof_runs_is_there(proof):
    assert [file for file in files_of(proof) if not (ROOT / file).exists()] == []


@EACH_PROOF
def test_every_size_of_a_proof_is_read_by_a_test(proof):
    """By its whole name, or with `size("X", …)`."""
    names = {name: name.removeprefix("PROOF_") for name in proof.sizes}
    assert [n for n, short in names.items() if n not in all_tests() and f'size("{short}"' not in all_tests()] == []


@EACH_PROOF
def test_every_figure_of_a_proof_is_reported_by_a_test(proof):
    """By its name, or by what its name begins with: a profile, a runtime or the like may follow."""
    whole = set(re.findall(r'"(\w+)(?:\.json)?"', all_tests()))
    begun = tuple(re.findall(r'f"([a-z_]{4,})\{', all_tests()))
    figures = [figure for tests in proof.tests.values() for figure in tests.figures]
    assert [figure for figure in figures if figure not in whole and not figure.startswith(begun)] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_planted_fault_is_about_code_and_tests_that_are_there(fault):
    source = (ROOT / fault.module).read_text()
    assert fault.planted(source) != source
    assert [test for test in fault.tests if not (ROOT / test).exists()] == []


@pytest.mark.long
def test_a_proof_prints_its_lines_and_writes_nothing(capsys):
    before = _tracked_changes()
    assert command.main(["sql", "verdicts of the samples"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert re.match(r"met +verdicts of the samples: \{'seconds': \d+\}", line)
    assert _tracked_changes() == before


def _tracked_changes() -> str:
    listed = ["git", "status", "--porcelain", "docs", "tests"]
    return subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_an_unknown_proof_is_an_error_that_lists_all(capsys):
    assert command.main(["everything"]) == 1
    told = capsys.readouterr().err
    assert all(name in told for name in PROOFS)


def test_the_page_of_proofs_lists_them():
    page = (ROOT / "docs" / "proofs" / "README.md").read_text()
    assert re.findall(r"^\| (\w+) \| (.+) \|$", page, re.MULTILINE)[1:] == [(n, p.shows) for n, p in PROOFS.items()]


@pytest.mark.parametrize(
    ("headings", "found"),
    [
        (["## 0.2.0", "## 0.1.0"], "0.2.0"),
        (["## 0.2.0 (2027-01-12)"], "0.2.0"),
        (["## Not yet released", "## 0.2.0"], None),
        (["## 0.1.0"], None),
        ([], None),
    ],
)
def test_proofs_are_recorded_for_the_newest_version_of_the_changes(headings, found, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "CHANGELOG.md").write_text("# Changes\n\n" + "\n".join(headings))
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    if found is None:
        with pytest.raises(release.NoRelease, match=r"0\.2\.0"):
            release.version_of(tmp_path)
    else:
        assert release.version_of(tmp_path) == found


def test_a_record_says_its_version_and_whether_all_is_met(tmp_path):
    proof = Proof("something", seed=7)
    release.record(tmp_path, "a", "0.2.0", proof, [Line("one", True, {"n": 1}), Line("two", False, {})])
    found = release.recorded(tmp_path, "a")
    assert (found["version"], found["seed"], found["all_met"]) == ("0.2.0", 7, False)
    assert [line["name"] for line in found["lines"]] == ["one", "two"]
