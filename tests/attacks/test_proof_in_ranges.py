"""A proof in ranges resumes on the same commit with the same request, and never saves an unmet line. The proof of
attacks runs every attack file, at sizes that tests read, with figures that the files report."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.import_graph import modules_of
from tests.prove import attacks, disclosure, figures, ranges
from tests.prove.record import ROOT, Line

pytestmark = pytest.mark.long


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[bool], Callable[[], ranges.Told]]:
    """Ranges kept in a folder of the test's own; each run tells how many there were before it."""
    monkeypatch.setattr(ranges, "figures_folder", lambda name: tmp_path / f"{name}.json")
    runs: list[bool] = []

    def given(met: bool) -> Callable[[], ranges.Told]:
        def run() -> ranges.Told:
            runs.append(met)
            return {"runs": len(runs), "met": met}

        return run

    return given


def test_what_is_done_is_not_run_again(counted: Callable[[bool], Callable[[], ranges.Told]]) -> None:
    told = [ranges.resumed("a", counted(True), {"texts": n}) for n in (5, 5, 6)]
    assert [t["runs"] for t in told] == [1, 1, 2], "another size is another range"


def test_what_was_not_met_is_run_again(counted: Callable[[bool], Callable[[], ranges.Told]]) -> None:
    told = [ranges.resumed("a", counted(met), {}) for met in (False, True, True)]
    assert [t["runs"] for t in told] == [1, 2, 2]


def test_what_another_machine_has_done_is_not_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, counted: Callable[[bool], Callable[[], ranges.Told]]
) -> None:
    here, there = tmp_path / "here" / "abc", tmp_path / "there" / "abc"
    monkeypatch.setattr(ranges, "EXPORTED", tmp_path / "exported")
    for folder in (there, here):
        folder.mkdir(parents=True)
        monkeypatch.setattr(ranges, "figures_folder", lambda name, folder=folder: folder / f"{name}.json")
        assert ranges.resumed("a", counted(True), {"texts": 5})["runs"] == 1
        if folder is there:
            assert ranges.export_ranges() == tmp_path / "exported" / "abc.json"


def test_uncommitted_changes_are_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "_git", lambda *words: " M a.py" if words[0] == "status" else "0" * 40)
    assert ranges.figures_folder("a") is None


def test_no_attack_or_proof_of_attacks_imports_or_runs_a_file_that_its_ranges_do_not_read() -> None:
    assert ranges.UNREAD.match("tests/integration/queue/test_queue.py")
    assert not ranges.UNREAD.match("tests/integration/web/conftest.py")
    assert not ranges.UNREAD.match("tests/prove/attack_defences/__init__.py")
    assert not any(ranges.UNREAD.match(file) for files, _ in attacks.properties().values() for file in files)
    tests = modules_of(ROOT / "tests")
    named_here = {module.__name__ for module in (attacks, disclosure, figures, ranges)}
    path = {name: str(found.relative_to(ROOT)) for name, found in tests.paths.items()}
    for name, imported in tests.imports.items():
        if not ranges.UNREAD.match(path[name]):
            files = {path[m] for m in imported - named_here}
            assert [file for file in files if not ranges.is_read_by_all(file)] == [], name


def test_a_range_depends_on_the_attacks_that_it_runs(
    monkeypatch: pytest.MonkeyPatch, counted: Callable[[bool], Callable[[], ranges.Told]]
) -> None:
    attack = next(f for files, _ in attacks.properties().values() for f in files if not ranges.is_read_by_all(f))
    told = []
    for content in ("before", "before", "after"):
        monkeypatch.setattr(ranges, "_tree", lambda content=content: {attack: content})
        told += [
            ranges.resumed(name, counted(True), asked)["runs"]
            for name, asked in (("a", {"files": [attack]}), ("b", {}))
        ]
    assert told == [1, 2, 1, 2, 3, 2], "only what runs the attack is run again"


def test_a_range_depends_on_the_tests_that_it_runs(counted: Callable[[bool], Callable[[], ranges.Told]]) -> None:
    runs = [file for files, _ in disclosure.PROPERTIES.values() for file in files]
    alone = next(file for file in runs if file.startswith("tests/generative/") and not ranges.is_read_by_all(file))
    assert ranges.is_read_by_all("tests/generative/disclosure/test_linked_jobs.py"), "another test imports it"
    asked = {"files": [alone, "tests/spec/disclosure"]}
    ranges.resumed("a", counted(True), asked)
    saved = ranges.saved(ranges.figures_folder("a"))
    assert saved is not None
    read = [line.split("\t")[1] for line in saved["asked"]["tests"]]
    assert read[0] == alone
    assert set(read[1:]) > {"tests/spec/disclosure/test_linked_tables.py"}
    assert all(path.startswith("tests/spec/disclosure/") for path in read[1:])


def test_a_range_that_a_proof_makes_itself_depends_on_that_proof(
    counted: Callable[[bool], Callable[[], ranges.Told]],
) -> None:
    figures.lines_of("a", lambda folder: [Line("a", True, {})])
    saved = ranges.saved(ranges.figures_folder("figures a"))
    assert saved is not None
    assert [line.split("\t")[1] for line in saved["asked"]["proof"]] == ["tests/prove/figures.py"]


def test_the_proof_runs_every_file_of_attacks() -> None:
    run = {file for files, _ in attacks.properties().values() for file in files}
    there = {str(p.relative_to(ROOT)) for p in (ROOT / attacks.ATTACKS).glob("test_*.py")}
    assert there <= run


def texts() -> dict[str, str]:
    """Of all tests and what stands beside them, but proofs."""
    return {path: text for path, text in texts_and_proofs().items() if not path.startswith("tests/prove/")}


def texts_and_proofs() -> dict[str, str]:
    return {str(p.relative_to(ROOT)): p.read_text() for p in (ROOT / "tests").rglob("*.py")}


def test_every_size_of_the_proof_is_read_by_a_test() -> None:
    """`os.environ.get("PROOF_X")`, `"PROOF_X" in os.environ`, or `size("X", …)`."""
    read = {
        name
        for text in texts().values()
        for by_name, by_size in re.findall(r'environ\.get\(f?"PROOF_(\w+)"|\bsize\(\s*"(\w+)"', text)
        for name in (by_name or by_size,)
    }
    read |= {name for text in texts().values() for name in re.findall(r'"PROOF_(\w+)" in os\.environ', text)}
    assert [name for name in attacks.SIZES if name.removeprefix("PROOF_") not in read] == []


def test_files_report_every_figure_that_the_proof_names() -> None:
    """By its name, or by what its name begins with: a profile, a runtime or the like may follow."""
    every = texts()
    for title, (files, told) in attacks.properties().items():
        said = "\n".join(every[file] for file in files)
        whole = set(re.findall(r'"(\w+)(?:\.json)?"', said))
        begun = tuple(re.findall(r'f"([a-z_]{4,})\{', said))
        assert [name for name in told if name not in whole and not name.startswith(begun)] == [], title
