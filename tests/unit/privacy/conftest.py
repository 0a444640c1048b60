"""Lets the room's tests import the kit of its properties: tests have no packages."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "generative" / "privacy")]
