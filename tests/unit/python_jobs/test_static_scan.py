"""The static scan separates hostile scripts from honest ones, and no text makes the scan fail."""

import re
import time
from pathlib import Path

import pytest

from broker.policy.files import load_policies
from broker.python_jobs.static_scan import inspect_script

ROOT = Path(__file__).parents[3]
SERVICE = load_policies(ROOT / "policies").service


def samples() -> list[tuple[str, str, str]]:
    text = (ROOT / "tests/fixtures/hostile_python.txt").read_text(encoding="utf-8")
    found = []
    for block in re.split(r"^@@ ", text, flags=re.M)[1:]:
        head, _, body = block.partition("\n")
        name, code = (part.strip() for part in head.split("|"))
        body = body.strip("\n")
        found.append((name, code, eval(body[4:]) if body.startswith("GEN:") else body))
    return found


@pytest.mark.parametrize(("name", "code", "text"), samples())
def test_samples(name: str, code: str, text: str) -> None:
    found = inspect_script(text, SERVICE).refusals
    assert [r.code for r in found][:1] == ([] if code == "-" else [code]), name
    assert all(r.line for r in found)


@pytest.mark.parametrize(("text", "line", "column"), [
    ("x = 1\nimport ctypes", 2, 1), ("é = 'é'; import ctypes", 1, 10), ("x = 1\rimport ctypes", 2, 1),
    ("import os as o\no.system('id')", 2, 1),
    ("from os import system", 1, 1),
    ("import numpy.f2py", 1, 1),
])  # fmt: skip
def test_a_refusal_has_its_place_in_characters(text: str, line: int, column: int) -> None:
    (refusal,) = inspect_script(text, SERVICE).refusals
    assert (refusal.line, refusal.column) == (line, column)


@pytest.mark.parametrize("text", [
    "import re; p = re.compile('a')", "d = load('npd_pupil').eval('x + y')",
    "class A:\n    def __init__(self): self.n = self.__doc__", "if __name__ == '__main__': print(2 ** 10, 10 ** -3)",
    "label = 'R² in m², à la carte'  # naïve", "code = 1; input = 2; gc = code", "x = '\\d'",
])  # fmt: skip
def test_honest_scripts_pass(text: str) -> None:
    assert inspect_script(text, SERVICE).refusals == ()


def test_modules_that_will_not_work_are_notes_for_review() -> None:
    notes = inspect_script("import socket\nimport subprocess, numpy, json", SERVICE).review
    assert notes == (
        "Line 1, column 1: The script imports socket: the sandbox has no network.",
        "Line 2, column 1: The script imports subprocess: the sandbox allows only a few processes, "
        "and they end with the job.",
    )


@pytest.mark.parametrize(("text", "begins"), [
    ("x = 1; open('/etc/passwd')", "Line 1, column 8: open() uses a file outside /data, /out and /tmp"),
    ("import pandas as pd\npd.read_csv('https://a.b/c.csv')", "Line 2, column 1: read_csv() reads an address"),
    ("import os as o\nx = o.fork()", "Line 2, column 5: o.fork() starts processes"),
])  # fmt: skip
def test_what_reaches_out_is_noted_with_its_place(text: str, begins: str) -> None:
    (note,) = inspect_script(text, SERVICE).review
    assert note.startswith(begins)


@pytest.mark.parametrize("text", ["open('/out/a.csv', 'w')", "open('a.csv')", "frame.to_csv('a.csv')", "open(path)"])
def test_files_where_they_belong_are_no_note(text: str) -> None:
    assert inspect_script(text, SERVICE).review == ()


def test_a_module_that_the_image_lacks_is_refused_where_it_is_imported() -> None:
    (refusal,) = inspect_script("import numpy\nfrom torch.nn import Linear", SERVICE).refusals
    assert (refusal.code, refusal.line, refusal.column) == ("module-missing", 2, 1)
    assert inspect_script("try:\n    import torch\nexcept ImportError:\n    torch = None", SERVICE).refusals == ()


@pytest.mark.parametrize(("what", "text", "code"), [
    ("too long", "x=1\n" * 100_000, "too-long"),
    ("empty", " \n", "empty"),
    ("brackets", "(" * 30_000, "nesting"),
    ("sum", "+".join(["1"] * 30_000), "syntax"),
    ("minus", "-" * 60_000 + "1", "syntax"),
    ("calls", "a" + "()" * 30_000, "syntax"),
    ("attributes", "a" + ".b" * 30_000, "syntax"),
    ("digits", "x=" + "9" * 60_000, "syntax"),
    ("indents", "\n".join(" " * i + "if 1:" for i in range(120)), "syntax"),
    ("half a character", "x='\ud800'", "encoding"),
    ("byte order mark", "\ufeffx=1", "character"),
    ("right to left", "x='\u202e'", "character"),
    ("other encoding", "#!x\n# -*- coding: utf-7 -*-\nx=1", "encoding"),
])  # fmt: skip
def test_no_text_makes_the_scan_fail_or_slow(what: str, text: str, code: str) -> None:
    started = time.process_time()
    assert [r.code for r in inspect_script(text, SERVICE).refusals] == [code], what
    assert time.process_time() - started < 3


def test_nothing_of_a_script_is_evaluated(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    inspect_script(f"open({str(mark)!r}, 'w')\nx = [open({str(mark)!r}, 'w')]", SERVICE)
    assert not mark.exists()
