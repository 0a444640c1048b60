"""Synthetic people: cohorts, homes, traits and schools, drawn with the dependencies that the marginals state."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from broker.synth import geography as pools
from broker.synth.draws import Array, Rng, opaque, patterned, pick, pick_by_group, stream
from broker.synth.geography import Places, Schools
from broker.synth.marginals import Marginals, marginals, sen_chances, who_is_poor

ETHNIC = tuple(marginals().shares("ethnicity.percent"))
MAJOR = ("WHIT", "MIXD", "ASIA", "BLAC", "CHIN", "AOEG", "UNCL")
MAJOR_OF = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 4, 3, 3, 3, 5, 6, 6])
NEEDS = ("SPLD", "MLD", "SLD", "PMLD", "BESD", "SEMH", "SLCN", "HI", "VI", "MSI", "PD", "ASD", "OTH", "NSA")
# fmt: off
SURNAMES = (
    "Archer", "Bell", "Brook", "Carter", "Clay", "Dale", "Ellis", "Field", "Ford", "Grant", "Hale", "Hill",
    "Holt", "Kaur", "Khan", "Lake", "Lane", "Marsh", "Mills", "Moor", "Nowak", "Okoye", "Park", "Patel",
    "Pike", "Pond", "Reed", "Rivers", "Shaw", "Stone", "Vale", "Wood",
)
# fmt: on
LEAVES = 13
"""The last year group. Year groups count from reception (0); nursery is below."""


@dataclass(frozen=True)
class SyntheticPeople:
    """One element for each person. `reception` is the first calendar year of their reception year."""

    reception: Array
    male: Array
    month: Array
    born: Array
    la: Array
    area: Array
    idaci: Array
    ethnic: Array
    english: Array
    poverty: Array
    """The uniform draw that free meals depend on; `poor` says who would be eligible in the latest year."""
    poor: Array
    sen: Array
    need_plan: Array
    need_support: Array
    ability: Array
    noise: Array
    """One row for each stage (profile, phonics, KS1, KS2, KS4): what a test adds to ability."""
    truancy: Array
    conduct: Array
    hardship: Array
    arrives: Array
    leaves: Array
    stays_on: Array
    moves_at: Array
    school: Array
    """Rows: primary before and after a move, secondary before and after a move, nursery."""
    special: Array
    service: Array
    outside: Array
    """Never in a census (independent schools): exam results without a match."""
    reference: pa.Array
    second_reference: Array
    """Position of a second reference in `reference`, or of the person's own."""
    second_from: Array
    upn: pa.Array
    surname: Array
    edukey: pa.Array

    def references(self, who: Array, year: int) -> pa.Array:
        """The pseudonym of each person in a year: a few get a new one at some time."""
        return self.reference.take(pa.array(np.where(year >= self.second_from[who], self.second_reference[who], who)))

    @property
    def count(self) -> int:
        return len(self.reception)


def make_people(
    seed: int, pupils: int, years: range, places: Places, schools: Schools, known: Marginals
) -> SyntheticPeople:
    """Make the cohorts, from those who are `earnings.oldest` in the first year to those in nursery in the last."""
    rng = stream(seed, "people")
    reception = _cohorts(rng, pupils, years, known)
    n = len(reception)
    la = pick(rng, places.weight, n)
    # Uniform within the authority.
    area = places.area_first[la] + (rng.random(n) * places.area_count[la]).astype(np.int64)
    traits = _traits(rng, known, years[-1], places.area_idaci[area], pick_by_group(rng, places.ethnic_mix, la))
    second, second_from, extra = _second_references(rng, known, reception)
    month = _months(rng, known, n)
    return SyntheticPeople(
        reception=reception,
        month=month,
        born=reception - 5 + (month < 9),  # born before September: a calendar year later
        la=la,
        area=area,
        **traits,
        **_lives(rng, known, n),
        school=_schools(rng, la, area - places.area_first[la], places, schools, traits["special"]),
        reference=opaque(rng, n + extra, 18),
        second_reference=second,
        second_from=second_from,
        upn=patterned(rng, n, "A999999999999"),
        surname=rng.integers(0, len(SURNAMES), n).astype(np.int16),
        edukey=opaque(rng, n, 14),
    )


def _cohorts(rng: Rng, pupils: int, years: range, known: Marginals) -> Array:
    """Everybody's reception year. Cohorts are large enough that about `pupils` are on roll in a year."""
    part = sum(known.number(f"people.{k}") for k in ("nursery_two", "nursery_three", "sixth_form_12", "sixth_form_13"))
    cohorts = np.arange(years[0] - int(known.number("earnings.oldest")) + 4, years[-1] + 3)
    usual = pupils / (12 + part) / known.number("size.on_roll_of_cohort")  # twelve full year groups
    vary = np.clip(1 + 0.02 * rng.standard_normal(len(cohorts)), 0.9, 1.1)
    return np.repeat(cohorts, np.round(usual * vary).astype(int))


def _months(rng: Rng, known: Marginals, n: int) -> Array:
    season = np.sin(np.arange(12) / 12 * 2 * np.pi - 2.1)
    return (pick(rng, 1 + known.number("people.month_amplitude") * season, n) + 1).astype(np.int8)


def _traits(rng: Rng, known: Marginals, last: int, idaci: Array, ethnic: Array) -> dict[str, Array]:
    """Traits that depend on each other: deprivation, poverty, special needs, ability."""
    n = len(idaci)
    male, poverty, sen = rng.random(n) < known.number("people.male"), rng.random(n), rng.random(n)
    poor = who_is_poor(poverty, idaci, known)
    plan, support = sen_chances(known, last, male, poor)
    stage = np.where(sen < plan, known.number("ability.plan"), 0.0)
    stage += np.where((sen >= plan) & (sen < plan + support), known.number("ability.support"), 0.0)
    return {
        "male": male,
        "idaci": idaci,
        "ethnic": ethnic,
        "english": rng.random(n) < _english(known)[ethnic],
        "poverty": poverty,
        "poor": poor,
        "sen": sen,
        "need_plan": _needs(rng, known.shares("sen.plan_need"), n),
        "need_support": _needs(rng, known.shares("sen.support_need"), n),
        "ability": _ability(rng, known, ethnic, male, poor) + stage.astype(np.float32),
        "special": sen < plan * known.number("sen.special_school_of_plan"),
    }


def _lives(rng: Rng, known: Marginals, n: int) -> dict[str, Array]:
    """Traits that are drawn independently for each person."""
    late, early = rng.random(n) < known.number("people.arrive_late"), rng.random(n) < known.number("people.leave_early")
    arrives = np.where(late, rng.integers(1, 11, n), -3).astype(np.int8)
    leaves = np.where(early, rng.integers(1, 11, n), LEAVES).astype(np.int8)
    return {
        "noise": rng.standard_normal((5, n), dtype=np.float32),
        "truancy": rng.standard_normal(n, dtype=np.float32),
        "conduct": rng.random(n),
        "hardship": rng.random(n),
        "arrives": arrives,
        "leaves": np.maximum(leaves, arrives + 1),  # at least one year
        "stays_on": rng.random(n),
        "moves_at": _moves(rng, known, n),
        "service": rng.random(n) < known.number("people.service_child"),
        "outside": rng.random(n) < known.number("people.no_census_match"),
    }


def _ability(rng: Rng, known: Marginals, ethnic: Array, male: Array, poor: Array) -> Array:
    shift = known.shares("ethnicity.ability")
    value = rng.standard_normal(len(ethnic)) + np.array([shift.get(code, 0.0) for code in ETHNIC])[ethnic]
    value += np.where(poor, known.number("ability.poor"), 0) + np.where(male, 0, known.number("ability.girl"))
    return np.asarray(value, dtype=np.float32)


def _english(known: Marginals) -> Array:
    by_group = known.shares("ethnicity.english")
    return np.array([by_group.get(code, by_group["default"]) for code in ETHNIC])


def _needs(rng: Rng, shares: dict[str, float], n: int) -> Array:
    codes = np.array([NEEDS.index(code) for code in shares])
    return np.asarray(codes[pick(rng, list(shares.values()), n)], dtype=np.int8)


def _moves(rng: Rng, known: Marginals, n: int) -> Array:
    """Row 0: the year group from which a pupil is in a second primary school; row 1: the same for secondary schools."""
    primary = np.where(rng.random(n) < known.number("people.move_primary"), rng.integers(1, 7, n), 99)
    secondary = np.where(rng.random(n) < known.number("people.move_secondary"), rng.integers(8, 12, n), 99)
    return np.stack([primary, secondary]).astype(np.int8)


def _schools(rng: Rng, la: Array, area: Array, places: Places, schools: Schools, special: Array) -> Array:
    """Most pupils go to the school of their area. Areas are ordered by deprivation, so schools differ in it."""
    rows = []
    for pool in (pools.PRIMARY, pools.PRIMARY, pools.SECONDARY, pools.SECONDARY, pools.NURSERY):
        near = (area + rng.random(len(la))) / places.area_count[la]
        place = np.where(rng.random(len(la)) < 0.6, near, rng.random(len(la)))
        away = np.where(rng.random(len(la)) < 0.04, (la + 1) % len(places.codes), la)  # some cross the boundary
        at_special = schools.pools[pools.SPECIAL].choose(la, place)
        rows.append(np.where(special, at_special, schools.pools[pool].choose(away, place)))
    return np.stack(rows).astype(np.int32)


def _second_references(rng: Rng, known: Marginals, reception: Array) -> tuple[Array, Array, int]:
    """A few get a new reference at the start of secondary school. Link tables show that both belong to one person."""
    n = len(reception)
    changed = np.flatnonzero(rng.random(n) < known.number("people.new_reference"))
    second = np.arange(n)
    # Second references follow the first ones of everybody.
    second[changed] = n + np.arange(len(changed))
    since = np.full(n, 9999)
    since[changed] = reception[changed] + 7
    return second, since, len(changed)
