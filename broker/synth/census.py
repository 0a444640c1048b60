"""The school census and its addresses, including duplicates by record status and dual registrations."""

import numpy as np

from broker.synth import delivery, geography as pools
from broker.synth.draws import Array, Rng, patterned, pick
from broker.synth.school_year import SEN, SchoolYear, World
from broker.synth.synthetic_people import ETHNIC, MAJOR, MAJOR_OF, NEEDS, SURNAMES

GROUPS = ("N1", "N2", "R", *(str(g) for g in range(1, 15)))
"""Year group codes by year group + 2."""


def spring_census(world: World, now: SchoolYear, rng: Rng, most: int) -> delivery.Columns:
    # No more rows for each pupil than the catalogue allows.
    dual = now.roll[_excluded_from_site(world, now, rng)] if most >= 2 else now.roll[:0]
    base = np.concatenate([now.roll, dual])
    again = delivery.duplicates(rng, len(now.roll), 0.004) if most >= 3 else now.roll[:0]
    who = np.concatenate([base, base[again]])
    status, n = delivery.record_status(rng, len(base), again), len(who)
    subsidiary = (np.arange(n) >= len(now.roll)) & (np.arange(n) < len(base))
    unit = world.schools.pools[pools.UNIT].choose(world.people.la[who], rng.random(n))
    enrol = np.where(subsidiary, 2, np.where(np.isin(who, dual), 1, 0))
    registration = {
        "RecordStatus": delivery.whole(status, status == 0),  # 0: a single row, which has no status
        "OnRoll": delivery.flag((status < 100) & (rng.random(n) > 0.004)),
        "EnrolStatus": delivery.coded(("C", "M", "S", "G"), np.where((enrol == 0) & (rng.random(n) < 0.001), 3, enrol)),
    }
    school = np.where(subsidiary, unit, now.school[who])
    return registration | _person(world, now, who, rng) | _at_school(world, now, who, school, rng)


def _person(world: World, now: SchoolYear, who: Array, rng: Rng) -> delivery.Columns:
    people, n = world.people, len(who)
    ethnic, sen, group, ever6 = people.ethnic[who], now.sen[who], now.group[who], now.ever6[who]
    language = np.where(rng.random(n) < 0.005, 2, np.where(people.english[who], 0, 1))
    service = np.where(people.service[who], 1, pick(rng, [0.98, 0, 0.015, 0.005], n))
    return {
        "PupilMatchingRefAnonymous": delivery.blank_keys(rng, people.references(who, now.year), 0.003),
        "UPN": people.upn.take(who),
        "Surname": delivery.coded(SURNAMES, people.surname[who]),
        "Gender": delivery.untidy(rng, delivery.coded(("F", "M"), people.male[who].astype(np.int8))),
        "YearOfBirth": delivery.whole(people.born[who], people.born[who] < 1985),
        "MonthOfBirth": delivery.whole(people.month[who]),
        "NCyearActual": delivery.coded(GROUPS, group + 2),
        "EthnicGroupMinor": delivery.untidy(rng, delivery.coded(ETHNIC, ethnic)),
        "EthnicGroupMajor": delivery.coded(MAJOR, MAJOR_OF[ethnic]),
        "LanguageGroupMajor": delivery.coded(("1_ENG", "2_OTH", "3_UNCL"), language),
        "FSMeligible": delivery.flag(now.fsm[who]),
        "EVERFSM_6": delivery.flag(ever6),
        "EVERFSM_6_P": delivery.flag(ever6 & (group >= 0) & (group <= 11)),
        "SENprovision": delivery.untidy(rng, delivery.coded(SEN, sen)),
        "PrimarySENtype": delivery.coded(NEEDS, now.need[who]),
        "SENUnitIndicator": delivery.flag((sen > 0) & (rng.random(n) < 0.03)),
        "ServiceChild": delivery.coded(("N", "Y", "U", "R"), service),
    }


def _at_school(world: World, now: SchoolYear, who: Array, school: Array, rng: Rng) -> delivery.Columns:
    people, places, schools, n = world.people, world.places, world.schools, len(who)
    return {
        "IDACIScore": delivery.number(people.idaci[who], 4, rng.random(n) < 0.005),
        "LSOA11": places.area_names.take(people.area[who]),
        "HomeLA": delivery.whole(places.codes[people.la[who]]),
        "URN": delivery.whole(schools.urn_in(school, now.year)),
        "LAEstab": delivery.whole(schools.laestab[school]),
        "LA": delivery.whole(places.codes[schools.la[school]]),
        "PHASE": delivery.coded(pools.PHASES, schools.phase[school]),
        "EntryDate": delivery.day(_entered(world, now, who, rng)),
        "DistCurrSch": delivery.number(np.minimum(rng.lognormal(0.2, 0.9, n) + 1.5 * (now.group[who] > 6), 60.0), 2),
    }


def _excluded_from_site(world: World, now: SchoolYear, rng: Rng) -> Array:
    """Indexes of pupils with a second registration at a pupil referral unit: few, and mostly in Years 8 to 11."""
    group = now.group[now.roll]
    chance = np.where((group >= 8) & (group <= 11), 0.012, np.where(group >= 1, 0.0008, 0.0))
    return np.flatnonzero(rng.random(len(group)) < chance * np.where(world.people.male[now.roll], 1.4, 0.6))


def _entered(world: World, now: SchoolYear, who: Array, rng: Rng) -> Array:
    """Entry dates: the September of the year group in which the pupil joined the school, and a few days later."""
    people, group = world.people, now.group[who]
    start = np.where(group >= 12, 12, np.where(group >= 7, 7, np.where(group >= 0, 0, group)))
    for row in (0, 1):
        moved = people.moves_at[row][who]
        start = np.where((moved <= group) & (moved > start), moved, start)
    start = np.maximum(start, np.where(people.arrives[who] <= group, people.arrives[who], start))
    years = now.year - group + start
    septembers = np.array([delivery.days_of(y, 9, 1) for y in range(now.year - 20, now.year + 1)])
    return np.asarray(septembers[years - now.year + 20] + rng.integers(0, 12, len(who)))


def sc_addresses(world: World, now: SchoolYear, rng: Rng, most: int) -> delivery.Columns:
    """Invented postcodes (no postcode area QQ exists), house numbers and property references."""
    n = len(now.roll)
    return {
        "PupilMatchingRefAnonymous": world.people.references(now.roll, now.year),
        "Postcode": patterned(rng, n, "QQ99 9AA"),
        "PAON": delivery.coded([str(i) for i in range(1, 200)], rng.integers(0, 199, n)),
        "UniquePropertyReferenceNumber": patterned(rng, n, "999999999999"),
    }
