"""Images are known by what goes into them, and one that is not built is never run."""

import shutil

import pytest

from broker.domain.errors import Unavailable
from broker.sandbox.built_images import IMAGE_NAMES, SOURCES, BuiltImages
from broker.sandbox.root_filesystem import FORBIDDEN, UNWANTED


@pytest.fixture
def sources(tmp_path):
    shutil.copytree(SOURCES, tmp_path / "sources")
    return tmp_path / "sources"


@pytest.mark.parametrize(("changed", "image", "is_other"), [
    ("python/requirements.lock", "python", True), ("common/launcher.py", "python", True),
    ("python/npd/__init__.py", "python", True), ("python/main.py", "sql", False),
])  # fmt: skip
def test_the_key_changes_with_lock_and_sources_of_the_image(tmp_path, sources, changed, image, is_other):
    before = BuiltImages(tmp_path, sources=sources).key(image)
    (sources / changed).write_text((sources / changed).read_text() + "\n# changed\n")
    assert (BuiltImages(tmp_path, sources=sources).key(image) != before) is is_other


def test_the_key_changes_with_the_base(tmp_path):
    before = BuiltImages(tmp_path).key("sql")
    (tmp_path / "base").write_text("python:3.13-slim")
    assert BuiltImages(tmp_path).key("sql") != before


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_what_is_not_built_is_not_run(tmp_path, name):
    with pytest.raises(Unavailable, match="not built"):
        BuiltImages(tmp_path, engine=False).digest_of(name)


def test_missing_sources_are_named(tmp_path):
    with pytest.raises(Unavailable, match="sources are not at"):
        BuiltImages(tmp_path, sources=tmp_path / "nowhere").build()


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_locks_hold_every_wheel_to_its_hashes(name):
    lock = (SOURCES / name / "requirements.lock").read_text()
    pins = [line for line in lock.splitlines() if line[:1].isalpha()]
    assert pins
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert "--index-url" not in lock


def test_a_shell_or_a_compiler_never_stays_in_an_image():
    assert all(FORBIDDEN.match(name) for name in ("sh", "bash", "pip3.13", "gcc-14", "perl5.40", "mount", "apt-get"))
    assert not FORBIDDEN.match("python3.13")
    assert UNWANTED.match("debconf")
    assert not UNWANTED.match("libssl3t64")
