"""Lets specs, and properties that use them, import the kits beside them: tests are collected without packages."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("query", "disclosure")]
pytest.register_assert_rewrite("little_world")  # it has the tests of drawn tables
