"""Where people live: local authorities, small areas with their deprivation, and the ethnic mix of each authority."""

import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pyarrow as pa

from broker.synth.draws import Array, patterned, stream
from broker.synth.marginals import Marginals


@dataclass(frozen=True)
class Places:
    """Authorities by position (0..152) and small areas by position, grouped by authority."""

    codes: Array
    names: tuple[str, ...]
    regions: tuple[str, ...]
    weight: Array
    """Share of the pupils who live in each authority."""
    area_first: Array
    area_count: Array
    area_la: Array
    area_idaci: Array
    area_names: pa.Array
    ethnic_mix: Array
    """One row an authority: shares of the minor groups."""

    def position(self, code: int) -> int:
        return int(np.flatnonzero(self.codes == code)[0])


def make_places(seed: int, pupils: int, known: Marginals) -> Places:
    rng = stream(seed, "places")
    content = tomllib.loads(resources.files("broker.synth").joinpath("places.toml").read_text(encoding="utf-8"))
    regions = content["regions"].items()
    rows = sorted((int(code), name, region) for region, named in regions for code, name in named.items())
    codes = np.array([code for code, _, _ in rows])
    spread = known.number("size.la_log_sd") * rng.standard_normal(len(rows))
    thousands = known.number("size.la_median_thousands") * np.exp(spread)
    for code, value in content["pupils"].items():
        thousands[codes == int(code)] = value
    # a small delivery still has a few pupils everywhere
    weight = np.maximum(thousands / thousands.sum(), 8 / pupils)
    weight /= weight.sum()
    count = np.maximum(np.round(weight * max(600, pupils // 150)), 3).astype(np.int64)
    la = np.repeat(np.arange(len(rows)), count)
    return Places(
        codes=codes,
        names=tuple(name for _, name, _ in rows),
        regions=tuple(region for _, _, region in rows),
        weight=weight,
        area_first=np.cumsum(count) - count,
        area_count=count,
        area_la=la,
        area_idaci=_idaci(rng, known, la, weight[la] / count[la]),
        area_names=patterned(rng, len(la), "E01999999"),
        ethnic_mix=_ethnic_mix(rng, known, weight),
    )


def _idaci(rng: np.random.Generator, known: Marginals, la: Array, weight: Array) -> Array:
    """Beta quantiles, spread so that pupils have the stated distribution; each authority from the richest area."""
    latent = 0.6 * rng.standard_normal(int(la.max()) + 1)[la] + 0.8 * rng.standard_normal(len(la))
    order = np.argsort(latent, kind="stable")
    reached = np.empty(len(la))
    reached[order] = np.cumsum(weight[order]) - weight[order] / 2
    a, b = known.numbers("deprivation.beta")
    sample = np.sort(rng.beta(a, b, 100_000))
    value = sample[np.clip((reached / weight.sum() * len(sample)).astype(int), 0, len(sample) - 1)]
    return np.asarray(np.round(value[np.lexsort((value, la))], 4))


def _ethnic_mix(rng: np.random.Generator, known: Marginals, weight: Array) -> Array:
    """A Dirichlet draw for each authority, raked until the weighted mean is the national one."""
    national = np.array(list(known.shares("ethnicity.percent").values()))
    national = national / national.sum()
    drawn = rng.dirichlet(national * known.number("ethnicity.concentration"), len(weight))
    mix = 0.75 * drawn + 0.25 * national
    for _ in range(60):
        mix *= national / (weight[:, None] * mix).sum(axis=0)
        mix /= mix.sum(axis=1, keepdims=True)
    return np.asarray(mix)
