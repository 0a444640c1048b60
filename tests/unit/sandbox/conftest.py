"""The code of the images, which is imported where it stands: it has no packages, and leaves with the test."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

IMAGES = Path(__file__).resolve().parents[3] / "sandbox_images"


@pytest.fixture
def image_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """A module of the Python image by its name."""
    for folder in ("common", "python"):
        monkeypatch.syspath_prepend(str(IMAGES / folder))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(IMAGES)):
            del sys.modules[name]
