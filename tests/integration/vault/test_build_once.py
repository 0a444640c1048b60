"""`build_once`: one process builds a costly folder, once, whole or not at all, and again when a part is missing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.vault.build_once import MANIFEST, build_once
from tests.integration.expected_errors import expect


class Maker:
    """Writes two files, and counts how often."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.times, self.seconds = 0, seconds

    def __call__(self, folder: Path) -> dict[str, object]:
        self.times += 1
        time.sleep(self.seconds)
        (folder / "sealed").mkdir()
        (folder / "sealed" / "a").write_text("12345")
        (folder / "sealed").chmod(0o555)
        (folder / "b").write_text("")
        return {"made": self.times}


def names(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.name != ".x.lock")


def test_a_folder_is_built_once_with_its_builders_manifest(tmp_path):
    make = Maker()
    first, second = build_once(tmp_path / "new" / "root", "x", make), build_once(tmp_path / "new" / "root", "x", make)
    assert (first.fresh, second.fresh, make.times) == (True, False, 1)
    assert first.facts == second.facts == {"made": 1}
    assert (second.folder / "sealed" / "a").read_text() == "12345"


def test_one_of_many_callers_builds_and_the_others_wait(tmp_path):
    make, waited = Maker(0.3), threading.Semaphore(0)
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda n: build_once(tmp_path, "x", make, waited.release), range(4)))
    assert make.times == 1
    assert sorted(made.fresh for made in found) == [False, False, False, True]
    assert [waited.acquire(blocking=False) for _ in range(4)] == [True, True, True, False]


def test_what_fails_leaves_nothing_and_is_made_by_the_next(tmp_path):
    def fails(folder: Path) -> dict[str, object]:
        Maker()(folder)
        raise KeyboardInterrupt

    expect(KeyboardInterrupt, build_once, tmp_path, "x", fails)
    assert names(tmp_path) == []
    assert build_once(tmp_path, "x", Maker()).fresh


def test_half_of_a_killed_maker_is_removed(tmp_path):
    half = tmp_path / ".half-x" / "sealed"
    half.mkdir(parents=True)
    (half / "rest").write_text("of a killed process")
    half.chmod(0o555)
    made = build_once(tmp_path, "x", Maker())
    assert names(tmp_path) == ["x"]
    assert not (made.folder / "sealed" / "rest").exists()


DAMAGE = {
    "a file is gone": lambda folder: (folder / "b").unlink(),
    "a file is shorter": lambda folder: (folder / "sealed" / "a").write_text("1234"),
    "the list is gone": lambda folder: (folder / MANIFEST).unlink(),
    "the list is cut": lambda folder: (folder / MANIFEST).write_text('{"facts": {'),
    "the list is something else": lambda folder: (folder / MANIFEST).write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_is_damaged_is_made_again(damage, tmp_path):
    make = Maker()
    damage(build_once(tmp_path, "x", make).folder)
    again = build_once(tmp_path, "x", make)
    assert (again.fresh, make.times, again.facts) == (True, 2, {"made": 2})
    assert not build_once(tmp_path, "x", make).fresh


def test_a_file_in_its_place_gives_way(tmp_path):
    (tmp_path / "x").write_text("no folder")
    assert build_once(tmp_path, "x", Maker()).fresh
