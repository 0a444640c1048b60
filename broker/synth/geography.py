"""Where people live and learn: local authorities, small areas with their deprivation, and the school register."""

import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pyarrow as pa

from broker.synth.delivery import Columns, coded, day, days_of, whole
from broker.synth.draws import Array, Rng, patterned, pick, stream
from broker.synth.marginals import Marginals


@dataclass(frozen=True)
class Places:
    """Authorities by position (0..152), and small areas by position, grouped by authority."""

    codes: Array
    names: tuple[str, ...]
    regions: tuple[str, ...]
    weight: Array
    """Share of all pupils who live in each authority."""
    area_first: Array
    area_count: Array
    area_idaci: Array
    area_names: pa.Array
    ethnic_mix: Array
    """One row for each authority: shares of the minor ethnic groups."""


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
        area_idaci=_idaci(rng, known, la, weight[la] / count[la]),
        area_names=patterned(rng, len(la), "E01999999"),
        ethnic_mix=_ethnic_mix(rng, known, weight),
    )


def _idaci(rng: np.random.Generator, known: Marginals, la: Array, weight: Array) -> Array:
    """Beta quantiles, assigned so that pupils have the stated distribution; within an authority the least deprived area
    first."""
    latent = 0.6 * rng.standard_normal(int(la.max()) + 1)[la] + 0.8 * rng.standard_normal(len(la))
    order = np.argsort(latent, kind="stable")
    reached = np.empty(len(la))
    reached[order] = np.cumsum(weight[order]) - weight[order] / 2
    a, b = known.numbers("deprivation.beta")
    sample = np.sort(rng.beta(a, b, 100_000))
    value = sample[np.clip((reached / weight.sum() * len(sample)).astype(int), 0, len(sample) - 1)]
    return np.asarray(np.round(value[np.lexsort((value, la))], 4))


def _ethnic_mix(rng: np.random.Generator, known: Marginals, weight: Array) -> Array:
    """A Dirichlet draw for each authority, raked until the weighted mean equals the national shares."""
    national = np.array(list(known.shares("ethnicity.percent").values()))
    national = national / national.sum()
    drawn = rng.dirichlet(national * known.number("ethnicity.concentration"), len(weight))
    mix = 0.75 * drawn + 0.25 * national
    for _ in range(60):  # enough rounds for the raking to converge
        mix *= national / (weight[:, None] * mix).sum(axis=0)
        mix /= mix.sum(axis=1, keepdims=True)
    return np.asarray(mix)


PHASES = ("NS", "PS", "SS", "AT", "SP", "PR")
PRIMARY, SECONDARY, SPECIAL, UNIT, NURSERY, INDEPENDENT = range(6)
"""Pools of schools that can take a pupil. An all-through school is in two."""
_PHASE_OF_POOL = (1, 2, 4, 5, 0, 3)
_ESTAB_FROM = (2000, 4000, 7000, 1100, 1000, 6000)


@dataclass(frozen=True)
class SchoolPool:
    """Schools that take one kind of pupil, by authority."""

    school: Array
    edges: Array
    """Authority position plus the cumulative share of its places: increasing, so one search finds a school."""
    serving_la: Array
    """The authority whose schools are used: the nearest code if an authority has none of its own."""

    def choose(self, la: Array, place: Array) -> Array:
        found = np.searchsorted(self.edges, self.serving_la[la] + place, side="right")
        return self.school[np.minimum(found, len(self.school) - 1)]


@dataclass(frozen=True)
class Schools:
    """Schools by position. A converter stays in its position and has a new URN from autumn `converts` on."""

    la: Array
    phase: Array
    urn: Array
    new_urn: Array
    converts: Array
    laestab: Array
    capacity: Array
    opened: Array
    independent: Array
    pools: tuple[SchoolPool, ...]

    def urn_in(self, school: Array, year: int) -> Array:
        return np.where(year >= self.converts[school], self.new_urn[school], self.urn[school])


def make_schools(seed: int, pupils: int, places: Places, known: Marginals) -> Schools:
    rng = stream(seed, "schools")
    counts = _counts(pupils, places, known)
    pool_of = np.concatenate([np.full(int(c.sum()), pool) for pool, c in enumerate(counts)])
    la = np.concatenate([np.repeat(np.arange(len(places.codes)), c) for c in counts])
    phase = np.array(_PHASE_OF_POOL)[pool_of]
    phase[(pool_of == SECONDARY) & (rng.random(len(la)) < 0.04)] = PHASES.index("AT")
    phase[(pool_of == PRIMARY) & (places.codes[la] == 420)] = PHASES.index("AT")
    spread = np.array([known.number(f"size.{k}_log_sd") for k in ("primary", "secondary", "special")] + [0.3] * 3)
    size = np.exp(spread[pool_of] * rng.standard_normal(len(la)))
    urns = 100_000 + np.sort(rng.permutation(49_999)[: 2 * len(la)] + 1)
    shares = [known.number(f"size.{k}_academies") for k in ("primary", "secondary", "special")] + [0.3, 0.0, 0.0]
    converts = np.where(rng.random(len(la)) < np.array(shares)[pool_of], rng.integers(2010, 2024, len(la)), 9999)
    first = np.concatenate(
        [np.arange(n) - np.repeat(np.cumsum(c) - c, c) for c, n in ((c, int(c.sum())) for c in counts)]
    )
    means = [known.number(f"size.{k}_mean") for k in ("primary", "secondary", "special")] + [40.0, 90.0, 200.0]
    return Schools(
        la=la,
        phase=phase,
        urn=rng.permutation(urns[: len(la)]),
        new_urn=rng.permutation(urns[len(la) :]),
        converts=converts,
        laestab=places.codes[la] * 10_000 + np.array(_ESTAB_FROM)[pool_of] + first,
        capacity=np.clip(np.array(means)[pool_of] * size * 1.1, 20, 4000).astype(int),
        opened=rng.integers(days_of(1950, 9, 1), days_of(2000, 9, 1), len(la)),
        independent=pool_of == INDEPENDENT,
        pools=_pools(places, la, pool_of, size, counts, phase),
    )


def _counts(pupils: int, places: Places, known: Marginals) -> list[Array]:
    """Schools of each pool in each authority: at least one wherever an authority can have one."""
    n = places.weight * pupils
    tiny = np.isin(places.codes, [201, 420])  # City of London and Isles of Scilly
    shares = [(0.50, "primary", 1), (0.45, "secondary", 1), (0.019, "special", 1)]
    counts = [np.maximum(np.round(n * s / known.number(f"size.{k}_mean")), least).astype(int) for s, k, least in shares]
    counts[PRIMARY][tiny] = 1
    for pool in (SECONDARY, SPECIAL):
        counts[pool][tiny] = 0
    units = np.where(tiny, 0, np.maximum(np.round(n / 30_000), 1)).astype(int)
    nurseries = np.round(n / 20_000).astype(int)
    nurseries[np.argsort(-n)[:10]] = np.maximum(nurseries[np.argsort(-n)[:10]], 1)
    independents = np.zeros(len(n), dtype=int)
    independents[np.argsort(-n)[: max(5, min(len(n), pupils // 4_000))]] = 1
    return [*counts, units, nurseries, independents]


def _pools(
    places: Places, la: Array, pool_of: Array, size: Array, counts: list[Array], phase: Array
) -> tuple[SchoolPool, ...]:
    pools = []
    for pool, count in enumerate(counts):
        member = pool_of == pool
        count = count.copy()
        if pool == SECONDARY:  # the one school on the Isles of Scilly is all-through
            member |= (pool_of == PRIMARY) & (phase == PHASES.index("AT"))
            count[places.codes == 420] = 1
        school = np.flatnonzero(member)
        school = school[np.argsort(la[school], kind="stable")]  # by authority, as `edges` requires
        total = np.bincount(la[school], size[school], len(places.codes))
        share = size[school] / total[la[school]]
        of_la = np.bincount(la[school], share, len(total))
        inside = np.cumsum(share) - np.repeat(np.cumsum(of_la) - of_la, count)
        has = np.flatnonzero(count)
        near = has[np.abs(places.codes[:, None] - places.codes[has][None, :]).argmin(axis=1)]
        pools.append(SchoolPool(school, la[school] + np.minimum(inside, 1.0), near))
    return tuple(pools)


def register(schools: Schools, places: Places, rng: Rng) -> Columns:
    """`ref.schools`: a converter has two rows, one closed and one open. Schools never change authority."""
    n = len(schools.la)
    new = np.flatnonzero(schools.converts < 9999)
    row = np.concatenate([np.arange(n), new])
    is_new = np.arange(len(row)) >= n
    closed = ~is_new & (schools.converts[row] < 9999)
    converted = np.where(schools.converts < 9999, schools.converts, 2010)[row]
    september = np.array([days_of(int(year), 9, 1) for year in converted])
    la, phase = schools.la[row], schools.phase[row]
    order = np.argsort(np.where(is_new, schools.new_urn[row], schools.urn[row]))  # by URN
    regions = sorted(set(places.regions))
    region_of = np.array([regions.index(r) for r in places.regions])
    kinds = np.array([7, 1, 1, 1, 7, 14])[phase]
    kinds = np.where(schools.independent[row], 11, np.where(is_new, 34, np.where(phase == 0, 15, kinds)))
    trust = np.where(is_new, 2000 + la * 5 + rng.integers(0, 5, len(row)), 0)
    columns = {
        "URN": whole(np.where(is_new, schools.new_urn[row], schools.urn[row])),
        "LAEstab": whole(schools.laestab[row]),
        "LA": whole(places.codes[la]),
        "SchoolName": pa.array(_names(schools, places)).take(pa.array(row)),
        "Phase": coded(PHASES, phase),
        "TypeOfEstablishment": whole(kinds),
        "Region": coded(regions, region_of[la]),
        "AdmPol": coded(["0", "1", "2"], np.where(phase == 2, pick(rng, [0.1, 0.05, 0.85], len(row)), 0)),
        "OpenDate": day(np.where(is_new, september, schools.opened[row])),
        "CloseDate": day(september - 1, ~closed),
        "Capacity": whole(schools.capacity[row]),
        "TrustID": whole(trust, trust == 0),
        "UrbanRural": coded(
            ["A1", "B1", "C1", "D1", "E1", "F1"], pick(rng, [0.35, 0.04, 0.42, 0.09, 0.06, 0.04], n)[row]
        ),
    }
    return {name: column.take(order) for name, column in columns.items()}


def _names(schools: Schools, places: Places) -> list[str]:
    kinds = ("Nursery School", "Primary School", "High School", "School", "Special School", "Pupil Referral Unit")
    return [
        f"{places.names[la]} {kinds[phase]} {estab % 1000 + 1}"
        for la, phase, estab in zip(schools.la, schools.phase, schools.laestab, strict=True)
    ]
