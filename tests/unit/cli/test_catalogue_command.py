"""`broker catalogue`: a variable by its name with codes and labels, nearest names, and a search."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.__main__ import DOORS
from broker.cli.main import run

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """The status of a command with these words, and what it writes, in the folder of the repository."""
    monkeypatch.chdir(Path(__file__).parents[3])
    return lambda *words: (run([*words], DOORS), *capsys.readouterr())


@pytest.fixture
def catalogue(said: Said) -> Callable[..., str]:
    return lambda *words: said("catalogue", *words, "--policies", "policies")[1]


def test_a_variable_is_shown_with_its_codes(catalogue: Callable[..., str]) -> None:
    (found,) = json.loads(catalogue("npd.spring_census.SENprovision", "--json"))["variables"]
    assert (found["table"], found["variable"], found["type"]) == ("npd.spring_census", "SENprovision", "text")
    assert {"code": "S", "label": "Statement (to 2017/18)", "since": None, "until": 2017} in found["codes"]
    assert "  'E' EHC plan (2014/15-) since 2014\n" in catalogue("spring_census.senprovision")


def test_a_bare_name_is_shown_for_every_table_and_a_part_of_one_is_a_search(catalogue: Callable[..., str]) -> None:
    found = json.loads(catalogue("SENprovision", "--json"))["variables"]
    assert {"npd.spring_census", "npd.absence"} <= {one["table"] for one in found}
    assert "npd.absence.IDACI_S_home" in catalogue("IDACI")


def test_an_unknown_name_has_the_nearest_ones(catalogue: Callable[..., str]) -> None:
    assert json.loads(catalogue("absence.SENprovison", "--json")) == {"variables": [], "near": ["SENprovision"]}
    assert catalogue("SENprovison") == "No variables match all of these words. Did you mean SENprovision?\n"


def test_a_check_with_fix_prints_the_text_and_what_it_wrote(said: Said, tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("SELECT Gendr, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2019/20' GROUP BY Gendr")
    fixed = "SELECT Gender, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2019/2020' GROUP BY Gender"
    status, text, told = said("check", str(file), "--fix")
    assert (status, text) == (0, fixed)
    assert "1:8: wrote Gender" in told
    assert said("check", str(file), "--fix", "--in-place")[:2] == (0, f"{file}: wrote 3 edits\n")
    assert file.read_text() == fixed
