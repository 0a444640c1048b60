"""Attendance: absence, one row for each enrolment, and exclusions, one row for each event."""

import numpy as np

from broker.synth.census import GROUPS
from broker.synth.delivery import Columns, blank_keys, coded, day, days_of, drawn_codes, flag, number, untidy, whole
from broker.synth.draws import Array, Rng, pick, stream
from broker.synth.school_year import SEN, SchoolYear, World
from broker.synth.synthetic_people import ETHNIC, NEEDS

TERMS = ("Autumn", "Spring", "Summer")


def events(world: World, now: SchoolYear) -> tuple[Array, Array, Array]:
    """Three arrays, one entry for each event: the person, whether it is permanent, and the sessions. Every table gets
    the same events."""
    rng = stream(world.seed, "events", now.year)
    known, people, who = world.known, world.people, now.roll
    scale, mean = known.in_year("exclusions.scale", now.year), known.number("exclusions.events_per_pupil")
    weight = _weight(world, now, who)
    chance = known.number("exclusions.suspensions_per_100") / 100 * scale / mean * weight
    troubled = who[people.conduct[who] * 0.7 + rng.random(len(who)) * 0.3 < _threshold(chance)]
    repeats = np.minimum(rng.geometric(1 / mean, len(troubled)), 30)
    person = np.repeat(troubled, repeats)
    per_ban = known.number("exclusions.suspensions_per_100") / known.number("exclusions.permanent_per_100")
    banned = troubled[np.argsort(rng.random(len(troubled)) / repeats, kind="stable")[: round(len(person) / per_ban)]]
    sessions = np.concatenate([np.minimum(rng.geometric(0.28, len(person)), 90), np.zeros(len(banned), dtype=int)])
    return np.concatenate([person, banned]), np.arange(len(sessions)) >= len(person), sessions


def _weight(world: World, now: SchoolYear, who: Array) -> Array:
    """Relative chances by year group, sex, free meals and special needs; their mean is 1."""
    known, sen = world.known, now.sen[who]
    by_group = np.array([0.0, 0.0, *known.numbers("exclusions.by_year_group")])
    weight = by_group[now.group[who] + 2] * np.where(world.people.male[who], known.number("exclusions.male"), 1)
    weight *= np.where(now.fsm[who], known.number("exclusions.fsm"), 1)
    weight *= np.where(np.isin(sen, [1, 3, 4]), known.number("exclusions.support"), 1)
    weight *= np.where(np.isin(sen, [2, 5]), known.number("exclusions.plan"), 1)
    return np.asarray(weight / weight.mean()) if weight.any() else weight


def _threshold(chance: Array) -> Array:
    """The threshold that 0.7 U + 0.3 V falls below with the given chance: conduct lasts from year to year, but not
    fully."""
    small = np.sqrt(2 * 0.7 * 0.3 * np.clip(chance, 0, 1))
    # The exact inverse for small chances; a linear approximation beyond.
    return np.where(small <= 0.3, small, 0.7 * np.clip(chance, 0, 0.9) + 0.15)


def exclusions(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people = world.people
    who, banned, sessions = events(world, now)
    n = len(who)
    autumn = world.known.number("exclusions.autumn")
    term = pick(rng, [autumn, (1 - autumn) * 0.6, (1 - autumn) * 0.4], n)
    begins = np.array([days_of(now.year, 9, 4), days_of(now.year + 1, 1, 4), days_of(now.year + 1, 4, 17)])
    lunch = ~banned & (rng.random(n) < world.known.number("exclusions.lunchtime"))
    school = now.school[who]
    return {
        "PupilMatchingRefAnonymous": blank_keys(rng, people.references(who, now.year), 0.004),
        "Term": coded(TERMS, term),
        "StartDate": day(begins[term] + rng.integers(0, 70, n)),
        "Category": untidy(rng, coded(("FIXD", "PERM", "LNCH"), np.where(banned, 1, np.where(lunch, 2, 0)))),
        "Reason": untidy(rng, drawn_codes(rng, world.known.shares("exclusions.reasons"), n)),
        "Sessions": whole(np.where(lunch, 1, sessions)),
        "NCYear": coded(GROUPS, now.group[who] + 2),
        "Gender": coded(("F", "M"), people.male[who].astype(np.int8)),
        "EthnicGroupMinor": untidy(rng, coded(ETHNIC, people.ethnic[who])),
        "FSMeligible": flag(now.fsm[who]),
        "SENprovision": coded(SEN, now.sen[who]),
        "IDACIScore_15": number(people.idaci[who], 4),
        "URN": whole(world.schools.urn_in(school, now.year)),
        "LA": whole(world.places.codes[world.schools.la[school]]),
        "PermanentExclusionCount": whole(banned.astype(int)),
    }


_PHASES = ("primary", "secondary", "special")


def absence(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people, known = world.people, world.known
    base = now.at(*range(12))
    kind = np.where(people.special[base], 2, np.where(now.group[base] >= 7, 1, 0))
    rate = _rates(world, now, base, kind, rng)
    parts = np.minimum(1 + pick(rng, [0.967, 0.031, 0.002], len(base)), most)  # enrolments of each pupil
    row = np.repeat(np.arange(len(base)), parts)
    n, who = len(row), base[row]
    place = np.arange(n) - np.repeat(np.cumsum(parts) - parts, parts)
    late = people.arrives[who] == now.group[who]
    full = np.where(late, 190, int(known.number("absence.sessions"))) - rng.integers(0, 9, n)
    possible = np.where(parts[row] > 1, np.round(full * np.array([0.6, 0.25, 0.15])[place]), full)
    missed = np.minimum(rng.binomial(possible.astype(int), rate[row]), possible)
    share = np.array([known.number(f"absence.authorised_share.{p}") for p in _PHASES])[kind][row]
    allowed = rng.binomial(missed.astype(int), np.clip(rng.beta(share * 4, (1 - share) * 4), 0, 1))
    ill = known.number("absence.illness_of_authorised")
    excluded = np.minimum(_excluded(world, now)[who] * (place == 0), allowed)  # once, in the first enrolment
    school = now.school[who]
    return {
        "PupilMatchingRefAnonymous": blank_keys(rng, people.references(who, now.year), 0.003),
        "NCyearActual": coded(GROUPS, now.group[who] + 2),
        "MonthOfBirth": whole(people.month[who]),
        "YearOfBirth": whole(people.born[who], people.born[who] < 1985),
        "EthnicGroupMinor": untidy(rng, coded(ETHNIC, people.ethnic[who])),
        "FSMeligible": flag(now.fsm[who]),
        "SENprovision": coded(SEN, now.sen[who]),
        "SessionsPossible_6HalfTerms": whole(possible),
        "OverallAbsence_6HalfTerms": whole(missed),
        "AuthorisedAbsence_6HalfTerms": whole(allowed),
        "UnauthorisedAbsence_6HalfTerms": whole(missed - allowed),
        "PA10_exact_6HalfTerms": flag(missed >= 0.1 * possible),
        "AnnualReasonI": whole(rng.binomial((allowed - excluded).astype(int), ill)),
        "AnnualReasonE": whole(excluded),
        "IDACI_S_home": number(people.idaci[who], 4),
        "LSOA11": world.places.area_names.take(people.area[who]),
        "URN": whole(world.schools.urn_in(school, now.year)),
        "LA": whole(world.places.codes[world.schools.la[school]]),
    }


def _rates(world: World, now: SchoolYear, who: Array, kind: Array, rng: Rng) -> Array:
    """Rates drawn for each phase and assigned in the order of persons' tendency to be absent."""
    known, people = world.known, world.people
    needs = np.array([known.shares("absence.need_shift").get(code, 0.0) for code in (*NEEDS, "")])
    groups = np.array([known.shares("absence.ethnic_shift").get(code, 0.0) for code in ETHNIC])
    tends = people.truancy[who] + 0.7 * rng.standard_normal(len(who)) + 0.95 * now.fsm[who] + 0.3 * (now.sen[who] > 0)
    tends = tends + needs[now.need[who]] + groups[people.ethnic[who]]
    rate, scale = np.zeros(len(who)), known.in_year("absence.scale", now.year)
    for position, phase in enumerate(_PHASES):
        mine = np.flatnonzero(kind == position)
        w, a1, b1, a2, b2 = known.numbers(f"absence.{phase}")
        drawn = np.where(rng.random(len(mine)) < w, rng.beta(a1, b1, len(mine)), rng.beta(a2, b2, len(mine)))
        # Highest rates to those most likely to be absent; the distribution stays as drawn.
        rate[mine[np.argsort(tends[mine], kind="stable")]] = np.sort(drawn) * scale
    return np.clip(rate, 0, 1)


def _excluded(world: World, now: SchoolYear) -> Array:
    """Sessions lost to exclusions, for everybody."""
    who, _, sessions = events(world, now)
    return np.bincount(who, sessions, world.people.count).astype(int)
