"""Lets properties import `query_kit` of the specs and `query_cases` beside them: tests have no packages."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "spec" / "query")]
