"""Marginal distributions that the generator reproduces (marginals.toml), and chances derived from them."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from broker.synth.draws import Array


@dataclass(frozen=True)
class Marginals:
    """Named figures, by a path such as `ks4.att8_sd`."""

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
        """A figure from a series with `years`: interpolated between known years, the nearest one outside them."""
        known = self.numbers(path.rpartition(".")[0] + ".years")
        return float(np.interp(year, known, self.numbers(path)))


@cache
def marginals() -> Marginals:
    text = resources.files("broker.synth").joinpath("marginals.toml").read_text(encoding="utf-8")
    return Marginals(tomllib.loads(text))


def sen_chances(known: Marginals, year: int, male: Array, poor: Array) -> tuple[Array, Array]:
    """Each person's chance of a plan and of support, given sex and poverty. The shares of the year are preserved."""
    m, ratio = known.number("people.male"), known.number("sen.poor_ratio")
    share = known.in_year("fsm.share", 2023)
    by_poverty = np.where(poor, ratio, 1.0) / (share * ratio + 1 - share)
    chances = []
    for kind in ("plan", "support"):
        of_male = known.number(f"sen.male_of_{kind}")
        by_sex = np.where(male, of_male / m, (1 - of_male) / (1 - m))
        chances.append(known.in_year(f"sen.{kind}", year) * by_sex * by_poverty)
    return chances[0], chances[1]


def who_is_poor(poverty: Array, idaci: Array, known: Marginals) -> Array:
    """Flags of those eligible for free meals in the latest year if their draw is never renewed."""
    score = fsm_score(poverty, idaci, known)
    return np.asarray(score > np.quantile(score, 1 - known.in_year("fsm.share", 2023)))


def fsm_score(uniform: Array, idaci: Array, known: Marginals) -> Array:
    """Deprivation on the logit scale plus a logistic draw. Free meals start where it passes the year's threshold."""
    clipped = np.clip(uniform, 1e-9, 1 - 1e-9)
    return np.asarray(known.number("deprivation.fsm_slope") * idaci + np.log(clipped / (1 - clipped)))
