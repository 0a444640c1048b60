"""Suspensions and permanent exclusions, one row an event: few pupils have any, those who do have several."""

import numpy as np

from broker.synth.census import GROUPS
from broker.synth.columns import Columns, coded, day, days_of, flag, number, whole
from broker.synth.defects import blank_keys, untidy
from broker.synth.draws import Array, Rng, pick, stream
from broker.synth.people import ETHNIC
from broker.synth.school_year import SEN, SchoolYear, World

TERMS = ("Autumn", "Spring", "Summer")


def events(world: World, now: SchoolYear) -> tuple[Array, Array, Array]:
    """Who, whether for good, and how many sessions: the same for every table that asks."""
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
    """Relative chances by year group, sex, free meals and special needs; the mean is 1."""
    known, sen = world.known, now.sen[who]
    by_group = np.array([0.0, 0.0, *known.numbers("exclusions.by_year_group")])
    weight = by_group[now.group[who] + 2] * np.where(world.people.male[who], known.number("exclusions.male"), 1)
    weight *= np.where(now.fsm[who], known.number("exclusions.fsm"), 1)
    weight *= np.where(np.isin(sen, [1, 3, 4]), known.number("exclusions.support"), 1)
    weight *= np.where(np.isin(sen, [2, 5]), known.number("exclusions.plan"), 1)
    return np.asarray(weight / weight.mean()) if weight.any() else weight


def _threshold(chance: Array) -> Array:
    """The point that 0.7 U + 0.3 V stays below with a chance: conduct lasts from year to year, but not wholly."""
    small = np.sqrt(2 * 0.7 * 0.3 * np.clip(chance, 0, 1))
    return np.where(small <= 0.3, small, 0.7 * np.clip(chance, 0, 0.9) + 0.15)


def exclusions(world: World, now: SchoolYear, rng: Rng, most: int) -> Columns:
    people = world.people
    who, banned, sessions = events(world, now)
    n = len(who)
    autumn = world.known.number("exclusions.autumn")
    term = pick(rng, [autumn, (1 - autumn) * 0.6, (1 - autumn) * 0.4], n)
    begins = np.array([days_of(now.year, 9, 4), days_of(now.year + 1, 1, 4), days_of(now.year + 1, 4, 17)])
    lunch = ~banned & (rng.random(n) < world.known.number("exclusions.lunchtime"))
    reasons = world.known.shares("exclusions.reasons")
    school = now.school[who]
    return {
        "PupilMatchingRefAnonymous": blank_keys(rng, people.references(who, now.year), 0.004),
        "Term": coded(TERMS, term),
        "StartDate": day(begins[term] + rng.integers(0, 70, n)),
        "Category": untidy(rng, coded(("FIXD", "PERM", "LNCH"), np.where(banned, 1, np.where(lunch, 2, 0)))),
        "Reason": untidy(rng, coded(list(reasons), pick(rng, list(reasons.values()), n))),
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
