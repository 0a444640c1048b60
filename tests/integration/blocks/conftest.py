"""Lets tests of blocks import what stands beside them: tests have no packages."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "generative" / "privacy")]
