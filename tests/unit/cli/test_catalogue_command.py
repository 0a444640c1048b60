"""`broker catalogue`: a variable by its name with codes and labels, nearest names, and a search."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def catalogue(*words: str) -> str:
    command = [sys.executable, "-m", "broker", "catalogue", *words, "--policies", str(ROOT / "policies")]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.parametrize("name", ["npd.spring_census.SENprovision", "spring_census.senprovision"])
def test_a_variable_is_shown_with_its_codes(name: str) -> None:
    (found,) = json.loads(catalogue(name, "--json"))["variables"]
    assert (found["table"], found["variable"], found["type"]) == ("npd.spring_census", "SENprovision", "text")
    assert {"code": "S", "label": "Statement (to 2017/18)", "since": None, "until": 2017} in found["codes"]
    assert "  'E' EHC plan (2014/15-) since 2014\n" in catalogue(name)


def test_a_bare_name_is_shown_for_every_table_that_has_it() -> None:
    found = json.loads(catalogue("SENprovision", "--json"))["variables"]
    assert {"npd.spring_census", "npd.absence"} <= {one["table"] for one in found}


def test_an_unknown_name_has_the_nearest_ones() -> None:
    assert json.loads(catalogue("absence.SENprovison", "--json")) == {"variables": [], "near": ["SENprovision"]}
    assert catalogue("SENprovison") == "No variables match all of these words. Did you mean SENprovision?\n"


def test_a_part_of_a_name_is_a_search() -> None:
    assert "npd.absence.IDACI_S_home" in catalogue("IDACI")


def test_a_check_with_fix_prints_the_text_and_what_it_wrote(tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("SELECT Gendr, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2019/20' GROUP BY Gendr")
    command = [sys.executable, "-m", "broker", "check", str(file), "--fix"]
    fixed = "SELECT Gender, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2019/2020' GROUP BY Gender"
    shown = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (shown.returncode, shown.stdout) == (0, fixed)
    assert "1:8: wrote Gender" in shown.stderr
    written = subprocess.run([*command, "--in-place"], capture_output=True, text=True, cwd=ROOT)
    assert (written.returncode, written.stdout) == (0, f"{file}: wrote 3 edits\n")
    assert file.read_text() == fixed
