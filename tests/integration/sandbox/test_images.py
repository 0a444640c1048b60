"""The images themselves: nothing in them helps a job out, and a second build does nothing."""

import json
import os
import stat
from pathlib import Path

import pytest

from broker.domain.errors import Unavailable
from broker.policy.files import load_policies
from broker.sandbox import engine_images, root_filesystem
from broker.sandbox.built_images import IMAGE_NAMES, BuiltImages, build_images
from broker.sandbox.root_filesystem import FORBIDDEN
from tests.integration.expected_errors import expect

pytestmark = [pytest.mark.long, pytest.mark.docker]
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_no_shell_no_compiler_no_pip_nothing_setuid(sandbox_root, name):
    tree = BuiltImages(sandbox_root / "build").tree_of(name)
    for folder, _, files in os.walk(tree):
        for file in files:
            path = os.path.join(folder, file)
            mode = os.lstat(path).st_mode
            assert not mode & (stat.S_ISUID | stat.S_ISGID), path
            assert not (FORBIDDEN.match(file) and folder.endswith("bin")), path
    assert not list(tree.glob("**/site-packages/pip"))
    assert not list(tree.glob("opt/site/pip"))


PACKAGES = {
    "sql": {"duckdb", "pyarrow"},
    "python": {"pandas", "polars", "duckdb", "pyarrow", "statsmodels", "scikit_learn", "scipy", "matplotlib",
               "linearmodels", "lifelines", "acro"},
    "fit": {"statsmodels", "duckdb", "pyarrow"},
    "files": {"pillow", "pyarrow"},
}  # fmt: skip


@pytest.mark.parametrize(("name", "wanted"), PACKAGES.items(), ids=PACKAGES)
def test_sbom_names_packages_and_wheels(sandbox_root, name, wanted):
    listed = json.loads(BuiltImages(sandbox_root / "build").sbom_of(name).read_text())["components"]
    names = {component["name"] for component in listed}
    assert names >= wanted
    assert "libc6" in names
    assert all(component["version"] for component in listed)


def test_the_policy_lists_the_modules_of_the_python_image(sandbox_root):
    """In `policies/service.yaml`; each that this list lacks could be imported, and the static check would deny it."""
    site = BuiltImages(sandbox_root / "build").tree_of("python") / "opt/site"
    modules = [path.name for path in site.iterdir() if path.is_dir() and any(path.rglob("*.py"))]
    modules += [path.stem for path in site.glob("*.py")]
    held = sorted(name for name in modules if name.isidentifier() and not name.startswith("_"))
    assert sorted(load_policies(ROOT / "policies").service.python_modules) == held


def test_a_second_build_does_nothing(sandbox_root):
    said = []
    digests = build_images(sandbox_root / "build", said.append)
    assert said == []
    assert set(digests) == set(IMAGE_NAMES)
    assert digests["sql"] == BuiltImages(sandbox_root / "build").digest_of("sql")


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_code_in_the_image_is_compiled(sandbox_root, name):
    tree = BuiltImages(sandbox_root / "build").tree_of(name)
    for source in [tree / "sandbox/main.py", tree / "opt/site/pyarrow/__init__.py"]:
        assert list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-3*.pyc"))


def test_a_base_image_can_stand_in_for_debian_packages(sandbox_root, tmp_path):
    built = BuiltImages(sandbox_root / "build")
    (tmp_path / "base").write_text(built.digest_of("sql"))
    tree, listed = BuiltImages(tmp_path).layers.base(lambda line: None)
    assert root_filesystem.interpreter_path(tree) == root_filesystem.interpreter_path(built.tree_of("sql"))
    assert [component["name"] for component in listed] == [built.digest_of("sql")]
    assert not list((tree / "opt/site").iterdir())


def test_a_base_that_is_not_here_is_never_fetched(engine, tmp_path):
    (tmp_path / "base").write_text("nowhere/at-all:1")
    expect(Unavailable, BuiltImages(tmp_path).layers.base, lambda line: None, match="never fetched")


def test_an_image_a_day_out_of_use_leaves_the_engine_too(sandbox_root, tmp_path):
    """Else each new recipe would leave a gigabyte in the engine for good."""
    built = BuiltImages(sandbox_root / "build")
    tree = tmp_path / "tiny"
    (tree / "opt").mkdir(parents=True)
    digests = [engine_images.import_folder(tree, f"sql-{name}") for name in ("test-old", "test-young")]
    for name, digest in zip(("old", "young"), digests, strict=True):
        (tmp_path / f"sql-{name}").mkdir()
        (tmp_path / f"sql-{name}.json").write_text(json.dumps({"digest": digest}))
    os.utime(tmp_path / "sql-old", (0, 0))
    BuiltImages(tmp_path)._remove_unused("sql", frozenset())
    assert [engine_images.has_image(digest) for digest in digests] == [False, True]
    assert sorted(path.name for path in tmp_path.glob("sql-*")) == ["sql-young", "sql-young.json"]
    engine_images.remove_image(digests[1])
    assert built.digest_of("sql")
