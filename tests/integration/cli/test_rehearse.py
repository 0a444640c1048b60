"""`broker rehearse`: what it says of a submission, what it keeps between two runs, and how it ends."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.cli.main import run
from tests.integration.cli.test_contract import FIXTURE, ROOT, broker
from tests.integration.web.conftest import missing

pytestmark = pytest.mark.long

Ended = tuple[int, str, str]
Rehearse = Callable[..., Ended]

SMALL = (*FIXTURE, "--pupils", "500")
BY_LA = "-- output: by_la\nSELECT la_code, COUNT(*) AS n, AVG(ks2_score) AS score FROM npd_pupil GROUP BY la_code\n"
BY_TWO = "SELECT la_code, ethnicity, COUNT(*) AS n FROM npd_pupil WHERE sen = 'E' GROUP BY la_code, ethnicity\n"
REFUSED = "SELECT surname, COUNT(*) AS n FROM npd_pupil GROUP BY surname\n"


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the data: made by the first test that needs them."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def rehearse(data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rehearse:
    """`rehearse(text)`: standard input, through the command."""

    def command(text: str, *arguments: str, data: Path = data_folder) -> Ended:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code = run(["rehearse", "-", *SMALL, "--data", str(data), *arguments], ())
        return code, *capsys.readouterr()

    return command


def test_an_accepted_query_gives_its_tables_as_they_would_be_released(rehearse):
    code, out, err = rehearse(BY_LA, "--json")
    found = json.loads(out)
    assert (code, err, found["verdict"], found["refusals"]) == (0, "", "accepted", [])
    assert found["data"] == {"pupils": 500, "years": [2023], "seed": 1}
    assert found["seconds"].keys() == {"check", "data", "run", "assess", "total"}
    (output,) = found["outputs"]
    assert (output["name"], output["columns"]) == ("by_la", ["la_code", "n", "score"])
    assert [row[0] for row in output["rows"]] == [1, 2, 3, 4, 5]
    assert all(row[1] % 5 == 0 for row in output["rows"])
    assert (output["hidden"], output["rules"]) == ([[False, False, False]] * 5, [[[], [], []]] * 5)
    checked = json.loads(broker("check", "-", *FIXTURE, "--json", text=BY_LA).stdout)
    assert {k: found[k] for k in checked if k != "outputs"} == {k: v for k, v in checked.items() if k != "outputs"}


def test_every_hidden_cell_has_the_rules_that_hid_it_and_what_they_say(rehearse):
    (output,) = json.loads(rehearse(BY_TWO, "--json")[1])["outputs"]
    rows = zip(output["rows"], output["hidden"], output["rules"], strict=True)
    gone = [(value, rules) for row in rows for value, hidden, rules in zip(*row, strict=True) if hidden]
    assert gone
    assert all(value is None and rules for value, rules in gone)
    assert {rule for _, rules in gone for rule in rules} <= output["meaning"].keys()
    assert list(output["symbols"]) == ["c"]
    assert output["way"] == "in_review"
    assert any("requires votes" in sentence for sentence in output["why"])


def test_people_read_the_table_the_symbol_and_the_rules(rehearse):
    code, out, _ = rehearse(BY_TWO)
    table = out.split("output output\n")[1].splitlines()
    assert (code, table[0].split()) == (0, ["la_code", "ethnicity", "n"])
    shown = {line.split()[-1] for line in table[1 : next(n for n, line in enumerate(table) if line.startswith("c: "))]}
    assert "c" in shown
    assert any(figure.isdecimal() for figure in shown)
    assert missing(out, "shown for synthetic data only", "it would be reviewed by a checker") == []
    assert "check 0." in out.splitlines()[-1]


def test_a_refusal_is_that_of_the_check_and_makes_no_data(rehearse, tmp_path):
    code, out, _ = rehearse(REFUSED, "--json", data=tmp_path / "none")
    checked = broker("check", "-", *FIXTURE, "--json", text=REFUSED)
    found = json.loads(out)
    assert code == checked.returncode == 2
    assert {k: v for k, v in found.items() if k not in {"data", "seconds"}} == json.loads(checked.stdout)
    assert found["data"] is None
    code, out, _ = rehearse(REFUSED, data=tmp_path / "none")
    assert (code, "SELECT surname" in out, "^" in out) == (2, True, True)
    assert not (tmp_path / "none").exists()


def test_the_second_run_makes_nothing_and_says_the_same(rehearse, tmp_path):
    code, first, told = rehearse(BY_LA, data=tmp_path)
    assert (code, "seconds on two free cores, and is stored in" in told.replace("\n", " ")) == (0, True)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")}
    code, second, told = rehearse(BY_LA, data=tmp_path)
    assert (code, told) == (0, "")
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.parquet")} == before != {}
    assert second.splitlines()[:-1] == first.splitlines()[:-1]  # the last line has the seconds


def test_a_damaged_vault_is_made_again(rehearse, tmp_path):
    rehearse(BY_LA, data=tmp_path)
    damaged = next(tmp_path.glob("r*/vaults/v*/evidence/fixture.npd_pupil/all.parquet"))
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:100])
    code, _, told = rehearse(BY_LA, data=tmp_path)
    assert (code, "Making the synthetic NPD" in told) == (0, True)


def test_two_at_once_make_the_data_once(tmp_path):
    command = [sys.executable, "-m", "broker", "rehearse", "-", *SMALL, "--data", str(tmp_path)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    ended = [process.communicate(BY_LA) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sum("Making the synthetic NPD" in told for _, told in ended) == 1
    assert len({out.rpartition("\ncheck ")[0] for out, _ in ended}) == 1
    assert len(list(tmp_path.glob("r*"))) == 1
    assert list(tmp_path.glob(".half-*")) == []


def test_a_text_that_only_saves_a_cohort_needs_no_data(rehearse, tmp_path):
    text = "SELECT pupil_key INTO project.some FROM npd_pupil WHERE sen = 'E'"
    code, out, _ = rehearse(text, "--json", "--dialect", "tsql", data=tmp_path)
    found = json.loads(out)
    assert (code, found["outputs"], found["kept"]) == (0, [], ["project.some"])
    assert list(tmp_path.iterdir()) == []
    assert "The text requests no output" in rehearse(text, "--dialect", "tsql", data=tmp_path)[1]


def test_saved_definitions_can_be_read(rehearse, tmp_path):
    saved = tmp_path / "saved.json"
    cohort = {"name": "some", "dialect": "tsql", "text": "SELECT pupil_key, sen INTO project.some FROM npd_pupil"}
    saved.write_text(json.dumps({"cohorts": [cohort]}))
    text = "SELECT sen, COUNT(*) AS n FROM project.some GROUP BY sen"
    assert rehearse(text)[0] == 2
    code, out, _ = rehearse(text, "--saved", str(saved), "--json")
    assert (code, len(json.loads(out)["outputs"][0]["rows"])) == (0, 4)  # three codes, and missing


def error(ended: Ended) -> str:
    code, out, told = ended
    assert (code, told.startswith("broker: ")) == (1, True)
    return json.loads(out)["error"]["message"]


@pytest.mark.parametrize(
    ("options", "named"),
    [(("--project", "P9999"), "P0421"), (("--pupils", "few"), "--pupils"), (("--pupils", "499"), "--pupils")],
)
def test_a_wrong_option_is_an_error(rehearse, options, named):
    assert named in error(rehearse(BY_LA, *options, "--json"))


def test_a_read_only_folder_is_an_error(rehearse, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "--data" in error(rehearse(BY_LA, "--json", data=tmp_path / "file" / "below"))
