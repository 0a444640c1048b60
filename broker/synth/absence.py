"""Absence, one row an enrolment: a mixture of two betas by phase, handed out by rank so that groups differ."""

import numpy as np

from broker.synth.census import GROUPS
from broker.synth.columns import Columns, coded, flag, number, whole
from broker.synth.defects import blank_keys, untidy
from broker.synth.draws import Array, Rng, pick
from broker.synth.exclusions import events
from broker.synth.people import ETHNIC, NEEDS
from broker.synth.school_year import SEN, SchoolYear, World

_PHASES = ("primary", "secondary", "special")


def absence(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people, known = world.people, world.known
    base = now.at(*range(12))
    kind = np.where(people.special[base], 2, np.where(now.group[base] >= 7, 1, 0))
    rate = _rates(world, now, base, kind, rng)
    parts = np.minimum(1 + pick(rng, [0.967, 0.031, 0.002], len(base)), most)
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
    excluded = np.minimum(_excluded(world, now)[who] * (place == 0), allowed)
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
    """Rates drawn for each phase and given out in the order of who tends to be away."""
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
        rate[mine[np.argsort(tends[mine], kind="stable")]] = np.sort(drawn) * scale
    return np.clip(rate, 0, 1)


def _excluded(world: World, now: SchoolYear) -> Array:
    """Sessions lost to exclusions, for everyone."""
    who, _, sessions = events(world, now)
    return np.bincount(who, sessions, world.people.count).astype(int)
