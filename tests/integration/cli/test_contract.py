"""The command line's contract: exit 0 accepted or done, 2 refused, 1 any error; with --json one document alone."""

import io
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from broker.cli.main import run

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[3]
FIXTURE = ("--policies", "tests/policies", "--project", "FIXTURE")

ACCEPTED = (
    "SELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence a WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual"
)
REFUSED = "SELECT c.cla_SEX, COUNT(*) AS n FROM npd.cla c GROUP BY c.cla_SEX"


def process(*arguments: str, text: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BROKER_")}
    command = [sys.executable, "-m", "broker", *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean | env, input=text, capture_output=True, text=True, check=False)


def broker(*arguments: str, text: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """The same in this process. All that `python -m broker` does is to exit with what `run` gives."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name in [name for name in os.environ if name.startswith("BROKER_")]:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(ROOT)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code = run(list(arguments), ())
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def document(*arguments: str, text: str = "", **env: str):
    ended = broker(*arguments, "--json", text=text, **env)
    return ended.returncode, json.loads(ended.stdout)


def test_an_accepted_query_exits_0_with_its_uses_and_outputs():
    code, found = document("check", "-", text=f"-- output: by_year\n{ACCEPTED}")
    assert code == 0
    assert (found["verdict"], found["refusals"]) == ("accepted", [])
    year = {"table": "npd.absence", "variable": "AcademicYear", "years": [2022], "first_year": 2022, "last_year": 2022}
    assert year | {"how": ["filtered"]} in found["uses"]
    columns = [{"name": "NCyearActual", "statistic": "key"}, {"name": "n", "statistic": "count"}]
    assert found["outputs"] == [{"name": "by_year", "unit": "pupil", "columns": columns}]


def test_a_refused_query_exits_2_with_place_variable_and_advice():
    code, found = document("check", "-", text=REFUSED)
    assert code == 2
    assert found["verdict"] == "refused"
    (refusal,) = [r for r in found["refusals"] if r["code"] == "table-not-granted"]
    assert refusal.keys() == {"code", "message", "line", "column", "variable", "advice"}
    assert (refusal["line"], refusal["advice"] != "") == (1, True)
    assert any(u["table"] == "npd.cla" for u in found["uses"])


ASSESS = ("assess", "tests/fixtures/pupils.csv", "--unit", "pupil", "--by", "school")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["check"], ""),
        (["check", "-", "--nonsense"], ACCEPTED),
        (["check", "-", "--kind", "perl"], ACCEPTED),
        (["synth", "--pupils", "1000", "--years", "2023-2021", "--out", "x"], ""),
        (["synth", "--pupils", "few", "--years", "2021", "--out", "x"], ""),
        (["attack", "-"], "a,b\n1,2\n"),
        (["assess", "tests/fixtures/pupils.csv", "--unit", "nobody", "--by", "school"], ""),
        ([*ASSESS, "--profile", "none"], ""),
        ([*ASSESS, "--profile", "no.yaml"], ""),
        ([*ASSESS, "--sum", "sen"], ""),
        ([*ASSESS, "--quantile", "score"], ""),
        ([*ASSESS, "--quantile", "score:1"], ""),
        ([*ASSESS, "--by", ",", "--median", "sen"], ""),
    ],
)
def test_an_error_exits_1_with_one_sentence_and_no_traceback(arguments, text):
    assert_error(broker(*arguments, text=text))
    assert json.loads(broker(*arguments, "--json", text=text).stdout)["error"]["message"]


def assert_error(ended: subprocess.CompletedProcess[str]) -> None:
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("broker: ")
    assert "Traceback" not in ended.stderr


def test_an_error_of_a_process_is_one_too():
    asked = ("check", "-", "--project", "P9999")
    assert_error(process(*asked, text=ACCEPTED))
    ended = process(*asked, "--json", text=ACCEPTED)
    assert (ended.returncode, bool(json.loads(ended.stdout)["error"]["message"])) == (1, True)


def test_an_unknown_setting_is_an_error():
    ended = broker("audit", "verify", BROKER_DATTA="x")
    assert ended.returncode == 1
    assert "BROKER_DATTA" in ended.stderr


def test_a_file_says_its_dialect_and_the_option_beats_it():
    duck = f"-- dialect: duckdb\n{ACCEPTED}"
    assert document("check", "-", text=duck)[0] == 0
    top = "SELECT TOP 1 a.NCyearActual AS y, COUNT(*) AS n FROM npd.absence a GROUP BY a.NCyearActual"
    assert document("check", "-", "--dialect", "mysql", text=top)[0] == 2


@pytest.mark.parametrize("ending", ["sql", "py"])
def test_a_submission_that_is_no_utf_8_is_refused_with_its_place(tmp_path, ending):
    job = tmp_path / f"job.{ending}"
    job.write_bytes("# output: t.csv | caf\xe9\n".encode("latin-1"))
    code, found = document("check", str(job))
    assert code == 2
    assert [(r["line"], r["column"]) for r in found["refusals"] if r["code"] == "encoding"] == [(1, 22)]


def test_the_mark_that_some_editors_put_before_a_text_is_no_part_of_it(tmp_path):
    job = tmp_path / "job.sql"
    job.write_bytes(b"\xef\xbb\xbf" + ACCEPTED.encode())
    assert document("check", str(job))[0] == 0


def test_a_python_file_is_known_by_its_ending(tmp_path):
    script = tmp_path / "job.py"
    script.write_text("# input: npd.absence [URN] 2022/2023\n# output: t.csv | a table\nload('absence')\n")
    code, found = document("check", str(script))
    assert code == 0
    assert [o["name"] for o in found["outputs"]] == ["t.csv"]


def test_assess_gives_one_object_a_cell_and_statistic():
    code, found = document(*ASSESS[:-1], "school,sen", "--count", "--totals")
    assert code == 0
    assert found["audit"] == {"exact": 0, "narrow": 0}
    cells = {(c["by"]["school"], c["by"]["sen"]): c for c in found["cells"]}
    assert len(cells) == 4 * 4
    assert cells[None, None]["value"] == 129
    assert all(c["verdict"] == "suppress" and c["released"] is None for c in cells.values() if 0 < c["persons"] < 10)


def test_assess_separates_places_from_shapes(tmp_path):
    """A box is hidden whole; an extreme is refused; a median is rounded to what ten pupils share."""
    options = (
        "--median score --quantile score:0.9 --sd score --min score --max score --mode sen --box score --sum score"
    )
    code, found = document(*ASSESS, *options.split())
    assert code == 0
    (cells,) = [{c["statistic"]: c for c in found["cells"] if c["by"]["school"] == "A"}]
    assert list(cells) == [
        "sum(score)", "median(score)", "quantile(score:0.9)", "box(score:0.1)", "box(score:0.25)", "box(score:0.5)",
        "box(score:0.75)", "box(score:0.9)", "sd(score)", "min(score)", "max(score)", "mode(sen)",
    ]  # fmt: skip
    fields = ["by", "statistic", "value", "released", "persons", "verdict", "rules", "primary"]
    assert all(list(c) == fields for c in found["cells"])
    judged = {name: (cells[name]["verdict"], cells[name]["rules"]) for name in ("max(score)", "sd(score)")}
    assert judged == {"max(score)": ("refuse", ["Q2"]), "sd(score)": ("review", ["A1"])}
    assert cells["mode(sen)"]["released"] == "N"
    assert {cells[f"box(score:{q})"]["released"] for q in ("0.1", "0.25", "0.5", "0.75", "0.9")} == {None}
    assert cells["box(score:0.5)"]["rules"] == ["Q4"], "hidden with the others"
    empty = tmp_path / "none.csv"
    empty.write_text("pupil,school\n")
    nothing = {"figures": 0, "in_review": 0, "hidden": [], "errors_percent": {}, "changes": []}
    whole = {"cells": [], "audit": {"exact": 0, "narrow": 0}, "cost": nothing}
    assert document("assess", str(empty), "--unit", "pupil", "--by", "school", "--totals") == (0, whole)


def test_an_assessment_says_what_protection_costs():
    _, found = document(*ASSESS[:-1], "school,sen", "--count")
    cost, cells = found["cost"], found["cells"]
    assert cost["figures"] == len(cells)
    assert sum(one["figures"] for one in cost["hidden"]) == sum(c["verdict"] == "suppress" for c in cells) > 0
    assert {(c["change"], c["key"]) for c in cost["changes"]} >= {("leave out", "school"), ("leave out", "sen")}


def test_the_table_for_people_names_zeros_once(tmp_path):
    file = tmp_path / "f.csv"
    rows = [f"{i},{'ab'[i % 2]},{'y' if i % 2 else 'n'}" for i in range(60)]
    file.write_text("\n".join(["pupil,LA,sen", *rows]) + "\n")
    ended = broker("assess", str(file), "--unit", "pupil", "--by", "LA,sen", "--count")
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert lines == [
        "LA sen statistic value released persons verdict rules",
        "a n count 30 c 30 review F3", "a y count 0 c 0 review F2", "b n count 0 c 0 review F2",
        "b y count 30 c 30 review F3", "",
        "F2 LA=a, sen=y: 1 cell. These figures have no persons.",
        "F2 LA=b, sen=n: 1 cell. These figures have no persons.",
        "4 figures by npd-default: 4 review", "after repair: 0 exactly derivable, 0 too closely",
        "Of 2 figures with at least one person, 0 are hidden, and a checker reviews 2.",
    ]  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_attack_prints_the_values_of_hidden_cells():
    code, found = document("attack", "tests/fixtures/table.csv")
    assert code == 0
    known = {(c["by"]["school"], c["by"]["sen"]): (c["low"], c["high"], c["exact"]) for c in found["cells"]}
    assert known == {("A", "E"): (8, 8, True), ("B", "E"): (8, 8, True), (None, "E"): (16, 16, True)}


def test_people_read_an_attack_as_a_table():
    lines = broker("attack", "tests/fixtures/table.csv").stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "school sen low high exactly known", "A E 8 8 yes", "B E 8 8 yes", "(total) E 16 16 yes",
        "3 holes, 3 exactly known",
    ]  # fmt: skip
    unbounded = broker("attack", "-", text="a,value\nx,\ny,3\n").stdout.splitlines()
    assert re.split(" {2,}", unbounded[1]) == ["x", "0", "no bound", "no"]
    assert broker("attack", "-", text="a,value\nx,3\n").stdout == "The table has no hidden figures.\n"


@pytest.mark.parametrize("command", [["attack", "tests/fixtures/table.csv"], ["rehearse", "-", *FIXTURE]])
def test_json_output_leaves_standard_error_empty(command, tmp_path):
    kept = ["--data", str(tmp_path)] if command[0] == "rehearse" else []
    text = "SELECT sen, COUNT(*) AS n FROM npd_pupil GROUP BY sen"
    assert process(*command, *kept, "--json", text=text).stderr == ""


def test_the_first_people_of_a_broker(tmp_path):
    env = {"BROKER_DATA": str(tmp_path / "data")}
    code, tokens = document("init", "ada=Ada", "amir=Amir", **env)
    assert code == 0
    assert tokens.keys() == {"ada", "amir"}
    assert broker("init", "eve=Eve", "mal=Mal", **env).returncode == 1
    assert broker("init", "eve=Eve", BROKER_DATA=str(tmp_path / "other")).returncode == 1
    assert document("token", "ada", **env)[1]["token"] != tokens["ada"]
    assert broker("token", "nobody", **env).returncode == 1
    code, found = document("audit", "verify", **env)
    assert (code, found["broken_at"]) == (0, None)
    assert found["lines"] >= 5
    empty = tmp_path / "none"
    for command in (["token", "ada"], ["audit", "verify"], ["ingest", "tests"]):
        ended = broker(*command, BROKER_DATA=str(empty))
        assert (ended.returncode, "There is no broker in" in ended.stderr) == (1, True)
    assert not empty.exists()


@pytest.mark.parametrize("arguments", [[], ["policy"]])
def test_a_command_alone_prints_its_help_and_nothing_else(arguments):
    ended = broker(*arguments)
    told = ended.stdout + ended.stderr
    assert (ended.returncode, "Usage: broker" in told) == (1, True)
    assert not re.search("^broker:", told, re.MULTILINE), "no error is told"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["unheard-of"], "See `broker --help`."),
        (["check", "nowhere.sql"], "There is no file 'nowhere.sql'."),
        (["check", "README.md"], "add --kind sql or --kind python"),
        (["check", "-", "--project", "P9999"], "The policy files have P0421, P0733, P0999."),
        (["check", "-", "--policies", "nowhere"], "--policies or BROKER_POLICIES"),
        (["catalogue", "--policies", "nowhere"], "--policies or BROKER_POLICIES"),
        (["ingest", "/nowhere"], "There is no folder '/nowhere'."),
        (["status"], "make demo"),
    ],
)
def test_what_went_wrong_says_what_to_do(arguments, words, tmp_path):
    env = {"BROKER_URL": "http://127.0.0.1:9", "BROKER_DATA": str(tmp_path)}
    ended = broker(*arguments, text=ACCEPTED, **env)
    assert_error(ended)
    assert words in ended.stderr
    assert json.loads(broker(*arguments, "--json", text=ACCEPTED, **env).stdout)["error"]["message"]


def test_policies_are_found_from_elsewhere_by_the_setting():
    assert document("catalogue", "URN", BROKER_POLICIES=str(ROOT / "policies"))[0] == 0
    assert document("catalogue", "URN", BROKER_POLICIES="/nowhere")[0] == 1


def test_a_port_in_use_is_an_immediate_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = process("serve", BROKER_DATA=str(tmp_path), BROKER_PORT=str(taken.getsockname()[1]))
    assert (ended.returncode, "set BROKER_PORT" in ended.stderr) == (1, True)


def test_the_catalogue_shows_years_and_grants():
    code, found = document("catalogue", "npd.cla", "sex", "--project", "P0421")
    assert code == 0
    (sex,) = found["variables"]
    assert (sex["variable"], sex["granted"]) == ("cla_SEX", False)
    (year,) = document("catalogue", "npd.absence.AcademicYear", "--project", "P0421")[1]["variables"]
    first, last = year["granted"][0], year["granted"][-1]
    assert year["granted"] == [y for y in year["years"] if first <= y <= last], "a grant holds years that there are"
    assert "granted" not in document("catalogue", "npd.absence.AcademicYear")[1]["variables"][0]
    shown = broker("catalogue", "npd.absence.AcademicYear", "--project", "P0421").stdout
    assert f"{first}-2018, 2020-{last}" in shown, "no absence of 2019/2020 was collected"
    assert "No variable" in broker("catalogue", "nosuchthing").stdout


def test_people_see_the_line_and_a_caret_under_the_column():
    text = "SELECT COUNT(*) AS n\nFROM npd.absence\n\tWHERE AcademicYear = '2022/2023' AND Lb = 201"
    ended = broker("check", "-", text=text)
    assert ended.returncode == 2
    assert ended.stdout.splitlines()[:4] == [
        "refused", "3:39: unknown-variable: There is no variable Lb here.",
        "    \tWHERE AcademicYear = '2022/2023' AND Lb = 201",
        "    \t                                     ^",
    ]  # fmt: skip
    assert re.fullmatch(r"1 refusal, \d uses?, 0 notes", ended.stdout.splitlines()[-1])
    assert "\x1b" not in ended.stdout
