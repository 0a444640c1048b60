"""Lets properties import `groups_kit` of the specs and the modules beside them: tests have no packages."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "spec" / "disclosure")]
