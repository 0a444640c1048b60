"""No module of the package imports itself by way of others, and the graph that says so is right."""

from pathlib import Path

import pytest

from tests.architecture.import_graph import modules_of, package

MOST_FILES = 650


def test_no_modules_import_each_other() -> None:
    assert package().circles() == []


def test_the_package_has_no_more_files_than_a_reader_can_learn() -> None:
    assert len(package().paths) <= MOST_FILES


@pytest.mark.parametrize(
    ("texts", "circles"),
    [
        ({"a": "from p import b", "b": "from p.c import x", "c": ""}, []),
        ({"a": "from p import b", "b": "from p.c import x", "c": "import p.a"}, [["p.a", "p.b", "p.c"]]),
        ({"a": "if TYPE_CHECKING:\n    from p.b import x", "b": "def f():\n    from p.a import y"}, [["p.a", "p.b"]]),
        ({"a": "from p.b import x", "b": "from p.b import x"}, []),
        (
            {"a": "from p.b import x", "b": "import p.a", "c": "import p.d", "d": "import p.c"},
            [["p.a", "p.b"], ["p.c", "p.d"]],
        ),
    ],
)  # fmt: skip
def test_circles_are_found(tmp_path: Path, texts: dict[str, str], circles: list[list[str]]) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    for name, text in {"__init__": "", **texts}.items():
        (folder / f"{name}.py").write_text(text + "\n")
    assert sorted(map(sorted, modules_of(folder).circles())) == circles


def test_lines_are_counted_by_their_kind(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        '"""Two\nlines."""\n\nfrom os import (\n    path,\n)\n\nx = 1  # one\n# none\ny = """a\nb"""\n'
    )
    found = modules_of(folder)
    assert (found.all_lines(), found.import_lines(), found.code_lines()) == (11, 3, 6)
