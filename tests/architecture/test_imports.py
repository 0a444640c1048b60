"""No module of the package imports itself by way of others, and the graph that says so is right."""

from pathlib import Path

import pytest

from tests.architecture.import_graph import modules_of, package

MOST_FILES = 650


def test_no_modules_import_each_other() -> None:
    assert package().circle() == []


def test_the_package_has_no_more_files_than_a_reader_can_learn() -> None:
    assert len(package().paths) <= MOST_FILES


@pytest.mark.parametrize(
    ("texts", "circle"),
    [
        ({"a": "from p import b", "b": "from p.c import x", "c": ""}, set()),
        ({"a": "from p import b", "b": "from p.c import x", "c": "import p.a"}, {"p.a", "p.b", "p.c"}),
        ({"a": "if TYPE_CHECKING:\n    from p.b import x", "b": "def f():\n    from p.a import y"}, {"p.a", "p.b"}),
        ({"a": "from p.b import x", "b": "from p.b import x"}, set()),
    ],
)
def test_circles_are_found(tmp_path: Path, texts: dict[str, str], circle: set[str]) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    for name, text in {"__init__": "", **texts}.items():
        (folder / f"{name}.py").write_text(text + "\n")
    assert set(modules_of(folder).circle()) == circle
