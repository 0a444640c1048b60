"""Lets properties import what stands beside them and the kits of the specs: tests have no packages."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPEC = HERE.parents[1] / "spec"
sys.path[:0] = [str(HERE), str(SPEC / "disclosure"), str(SPEC / "query")]
