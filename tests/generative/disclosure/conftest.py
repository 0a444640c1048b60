"""Lets properties import `groups_kit` of the specs: tests have no packages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "spec" / "disclosure"))
