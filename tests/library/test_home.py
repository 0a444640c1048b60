"""At home: a script runs unchanged on a folder of a synthetic NPD, and prints previews of what it would hand over."""

import os
import subprocess
import sys

import npd
from conftest import HEADER, KEY
from npd.place import Place, settle, tables_in

SCRIPT = (
    HEADER
    + """
import duckdb, npd
absence = load("absence")
npd.progress("loaded")
measures = {"n": "count", "m": ("OverallAbsence_6HalfTerms", "mean")}
made = npd.output.table(absence, by="LA", measures=measures, name="absence")
npd.output.figure(made, name="chart")
print(*(duckdb.sql(f"SELECT count(*) FROM {name}").fetchall()[0] for name in ("absence", "npd.absence")))
"""
)


def run(script, tmp_path, **environment):
    (tmp_path / "script.py").write_text(script)
    return subprocess.run(
        [sys.executable, "-m", "npd", "script.py"], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], **environment},
    )  # fmt: skip


def test_a_script_runs_unchanged_and_prints_what_it_hands_over(data, tmp_path):
    done = run(SCRIPT, tmp_path, NPD_DATA=str(data))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][-1] == "loaded"
    assert "output absence: a table of 3 rows from 12 rows of synthetic data" in done.stdout
    assert ["301", "4", "15"] in lines
    assert lines[-1] == ["(12,)", "(12,)"]
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".json", ".arrow")] == []


def test_submitted_rows_are_saved_in_a_named_folder(data, tmp_path):
    (tmp_path / "out").mkdir()
    done = run(SCRIPT, tmp_path, NPD_DATA=str(data), NPD_OUT=str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["absence.rows.arrow", "absence.table.json", "chart.figure.json"]


def test_without_data_the_first_use_says_how_to_make_some(tmp_path):
    done = run("import npd\nload('absence')", tmp_path)
    assert done.returncode == 1
    assert "NPD_DATA" in done.stderr
    assert "broker synth" in done.stderr


def test_a_preview_has_every_statistic(data, capsys):
    settle(Place(tables_in(data), None, preview=True))
    words = {"n": "count", "p": "persons", "s": ("whole", "sum"), "m": ("whole", "mean"), "d": ("whole", "std"),
             "e": ("whole", "median"), "f": ("FSMeligible", "share"), "o": ("FSMeligible", "ones")}  # fmt: skip
    npd.output.table(npd.load("absence"), measures=words, name="anything")
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split() == list(words)
    assert printed[2].split() == ["12", "3", "30", "2.5", "1.168", "2.5", "0.6667", "6"]
    assert npd.tables() == ["npd.absence", "npd.spring_census"]


PRIVATE = f"""# private: epsilon 0.5, blocks 3, range gap [-5, 20], range all [0, 100]
# input: npd.absence [{KEY}, OverallAbsence_6HalfTerms, FSMeligible]
def answer(tables):
    rows = tables["absence"]
    assert set(rows.columns) == {{"{KEY}", "OverallAbsence_6HalfTerms", "FSMeligible"}}
    return [rows["OverallAbsence_6HalfTerms"].astype(float).mean() if len(rows) else 0, len(rows)]
"""


def test_a_private_script_runs_over_blocks(data, tmp_path):
    done = run(PRIVATE, tmp_path, NPD_DATA=str(data))
    assert done.returncode == 0, done.stderr
    assert "gap: " in done.stdout
    assert "all: 4 without noise, over 3 blocks" in done.stdout, "12 rows, each in one of them"


def test_what_a_private_script_lacks_is_said(data, tmp_path):
    for text, said in (
        (PRIVATE.replace("answer", "other"), "function answer"),
        (PRIVATE.replace("blocks 3", ""), "written like"),
    ):
        done = run(text, tmp_path, NPD_DATA=str(data))
        assert done.returncode
        assert said in done.stderr


def test_the_first_fault_of_a_block_is_shown(data, tmp_path):
    done = run(PRIVATE.replace('tables["absence"]', 'tables["absense"]'), tmp_path, NPD_DATA=str(data))
    assert "3 of 3 blocks have no answer" in done.stdout
    assert "There is no table 'absense'" in done.stdout
