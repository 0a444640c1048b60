"""Reads the marginal distributions that the generator holds to (marginals.toml). No figure of theirs stands in code."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Marginals:
    """Named figures: a path such as `ks4.att8_sd`."""

    content: dict[str, Any]

    def _at(self, path: str) -> Any:
        found: Any = self.content
        for part in path.split("."):
            found = found[part]
        return found

    def number(self, path: str) -> float:
        return float(self._at(path))

    def numbers(self, path: str) -> list[float]:
        return [float(v) for v in self._at(path)]

    def shares(self, path: str) -> dict[str, float]:
        return {str(k): float(v) for k, v in self._at(path).items()}

    def in_year(self, path: str, year: int) -> float:
        """A figure that has a series beside `years`: between two known years on the line, outside them the nearest."""
        known = self.numbers(path.rpartition(".")[0] + ".years")
        return float(np.interp(year, known, self.numbers(path)))


@cache
def marginals() -> Marginals:
    text = resources.files("broker.synth").joinpath("marginals.toml").read_text(encoding="utf-8")
    return Marginals(tomllib.loads(text))
