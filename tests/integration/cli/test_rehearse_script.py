"""`broker rehearse script.py`: checked, run in the real sandbox on synthetic data, and through the trusted stage."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.cli.main import run
from tests.integration.cli.test_contract import FIXTURE, ROOT
from tests.integration.web.conftest import missing

pytestmark = [pytest.mark.long, pytest.mark.docker]
Ended = tuple[int, str, str]
Rehearse = Callable[..., Ended]

HEADER = """# input: npd_pupil [pupil_key, la_code, ks2_score]
# output: scores.csv | Scores by authority
# output: note.txt | A note
# output: never.csv | Never made
import npd
frame = load("npd_pupil")
"""
SCRIPT = (
    HEADER
    + """
npd.progress("loaded")
npd.output.table(frame, by="la_code", measures={"n": "count", "score": ("ks2_score", "mean")}, name="scores",
                 variables=["npd_pupil.pupil_key", "npd_pupil.la_code", "npd_pupil.ks2_score"], person="pupil_key")
open("note.txt", "w").write("a note")
open("other.txt", "w").write("undeclared")
"""
)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def rehearse(
    sandbox_root: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Rehearse:  # fmt: skip
    """`rehearse(script)`, through the command. The fixture `sandbox_root` has built the images."""

    def command(text: str, *arguments: str) -> Ended:
        script = tmp_path / "script.py"
        script.write_text(text)
        monkeypatch.chdir(ROOT)
        given = [str(script), *FIXTURE, "--pupils", "500", "--data", str(data_folder), *arguments]
        return run(["rehearse", *given], ()), *capsys.readouterr()

    return command


def test_a_script_is_run_and_its_table_is_shown_as_it_would_be_released(rehearse):
    code, out, _ = rehearse(SCRIPT, "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["end"], found["absent"]) == (0, "accepted", "ended", ["never.csv"])
    assert found["runtime"] in {"runc", "runsc"}
    assert "loaded\n" in found["log"]
    assert "of synthetic data\n" in found["log"], "the library's preview"
    left = {output["name"]: (output["kind"], output["declared"], output["problem"]) for output in found["left"]}
    assert left == {
        "scores": ("table", "scores.csv", ""), "note.txt": ("file", "note.txt", ""), "other.txt": ("file", None, ""),
    }  # fmt: skip
    (table,) = found["outputs"]
    assert table["columns"] == ["la_code", "n", "score"]
    assert [row[0] for row in table["rows"]] == [1, 2, 3, 4, 5, "(missing)"]
    assert all(row[1] is None or row[1] % 5 == 0 for row in table["rows"])
    assert table["way"] == "in_review", "rows from a script never go out by themselves"


def test_people_see_the_expected_outputs(rehearse):
    code, out, err = rehearse(SCRIPT)
    assert code == 0, err
    told = (
        "output scores: rows from which the broker makes a table", "output other.txt", "does not declare this file",
        "output never.csv: declared but not written", "it would be reviewed by a checker",
    )  # fmt: skip
    assert missing(out, *told) == []


def test_refusals_of_the_trusted_stage_are_shown(rehearse):
    changed = SCRIPT.replace('npd.progress("loaded")', 'frame["la_code"] = 1 + frame["la_code"] % 5')
    found = json.loads(rehearse(changed, "--json")[1])
    (problem,) = [output["problem"] for output in found["left"] if output["name"] == "scores"]
    assert (bool(problem), found["outputs"]) == (True, [])


FILES = HEADER.replace("never.csv", "large.parquet").replace("scores.csv", "uneven.csv") + (
    'frame.head(400).to_parquet("large.parquet")\n'
    'open("uneven.csv", "w").write("a,b\\n1\\n")\n'
    'open("note.txt", "wb").write(bytes([255]))\n'
)


def test_the_rehearsal_shows_what_becomes_of_files(rehearse):
    """A Parquet file is a table like any other; a file that could not be made anew says why."""
    found = json.loads(rehearse(FILES, "--json")[1])
    left = {output["name"]: output for output in found["left"]}
    assert {name: output["declared"] for name, output in left.items()} == {
        "large.csv": "large.csv", "uneven.csv": "uneven.csv", "note.txt": "note.txt",
    }  # fmt: skip
    assert left["large.csv"]["problem"] == ""
    assert any("pseudonyms. (pupil_key)" in told for told in left["large.csv"]["look_at"])
    assert "different numbers of columns" in left["uneven.csv"]["problem"]
    assert "UTF-8" in left["note.txt"]["problem"]
    out = rehearse(FILES)[1]
    assert "a checker would read: A column is an identifier, or looks like pseudonyms. (pupil_key)" in out


def test_a_script_that_fails_gives_its_trace_and_exit_1(rehearse):
    code, out, _ = rehearse(HEADER + "frame['nothing']")
    assert (code, missing(out, "KeyError: 'nothing'", 'File "/tmp/script.py", line 7')) == (1, [])


def test_a_refused_script_never_runs(rehearse):
    code, out, _ = rehearse(HEADER + 'load("npd_absence")', "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["data"]) == (2, "refused", None)
    assert [(r["code"], r["line"]) for r in found["refusals"]] == [("table-not-mounted", 7)]


def test_an_own_python_without_the_library_is_an_error(rehearse, tmp_path):
    environment = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    code, _, err = rehearse(SCRIPT, "--python", str(environment / "bin" / "python"))
    assert (code, missing(err, "has no library npd")) == (1, [])
    assert "is no Python that runs" in rehearse(SCRIPT, "--python", str(tmp_path / "nothing"))[2]
